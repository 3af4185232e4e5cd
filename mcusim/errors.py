# SPDX-License-Identifier: Apache-2.0
"""The one error that a user sees.

Everything that is wrong with what the user gave us (a file, a name, a board, a firmware that crashes) is raised as
`McusimError` with one line that says what is wrong, where, and what to do. The command line prints it and exits with
status 2; anything else that escapes is a bug in mcusim.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class McusimError(Exception):
    """Bad input: the message is one line for the user (what, where, what to do)."""


def unknown_name(kind: str, wanted: str, known: Iterable[str]) -> McusimError:
    """Return the error for a name that does not exist, with the nearest names or all of them."""
    names = sorted(known)
    near = get_close_matches(wanted, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"
    return McusimError(f"unknown {kind} '{wanted}': {hint}")
