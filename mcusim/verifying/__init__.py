# SPDX-License-Identifier: Apache-2.0
"""A firmware's layers against the model that it was made from: which operator each one is, and where they first differ.

run with `Capture` ──► layers ──match──► operators of the model ──► first difference, report
                                          ▲ mcusim.kernels.run_model on the same input
"""

from __future__ import annotations

from mcusim.verifying.otherwise import with_other_roundings
from mcusim.verifying.verify import ROUNDINGS, Compared, Verification, load_input, load_model, longest, verify

__all__ = [
    "ROUNDINGS",
    "Compared",
    "Verification",
    "load_input",
    "load_model",
    "longest",
    "verify",
    "with_other_roundings",
]
