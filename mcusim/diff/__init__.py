# SPDX-License-Identifier: Apache-2.0
"""Two profiles, one from the other: what changed, where, and why.

`align` finds out which layer and function is which, `changes` takes the differences; sums of parts equal the whole.
docs/diff.md is for users.
"""

from mcusim.diff.changes import Change, Difference, LayerChange, difference

__all__ = ["Change", "Difference", "LayerChange", "difference"]
