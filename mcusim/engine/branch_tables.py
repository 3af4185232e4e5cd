# SPDX-License-Identifier: Apache-2.0
"""Records of a branch predictor: what native code and Python share of it. `mcusim.engine.branches` says how it works.

A *branch* is an instruction by its address, however many blocks end in it. It is *present* while it has an entry in
the predictor's cache of branch targets, which holds a counter and a target for each.
"""

from __future__ import annotations

import numpy as np

from mcusim.isa import decode as isa

# Kinds of branches, BRANCH.kind.
CONDITIONAL = 1 << 0
DIRECT = 1 << 1  # the instruction holds its target: the decoder knows it
BACKWARD = 1 << 2

ABSENT = -1  # a counter of a branch that has no entry
NO_BRANCH = -1

BRANCH = np.dtype(
    [
        # Going this way is what is predicted, and changes nothing: the hot path looks no further.
        ("quiet_not_taken", np.uint8),
        ("quiet_taken", np.uint8),
        ("kind", np.uint8),
        ("counter", np.int8),  # of its entry; ABSENT where it has none
        ("target", np.uint32),  # of its entry
        ("address", np.uint32),
        ("mispredictions", np.int64),  # it went elsewhere than predicted
        ("redirects", np.int64),  # predicted by the decoder alone, and taken
        ("extra_cycles", np.int64),  # of both
    ],
    align=True,
)
# What the machine's record holds of it.
BRANCH_FIELDS = (
    ("branches", np.uint64),
    ("branch_capacity", np.int64),
    ("btac", np.uint64),  # int32: the branch that has each entry, or NO_BRANCH
    ("btac_entries", np.int64),
    ("btac_next", np.int64),  # the entry that is replaced next
    ("btac_reads", np.int64),  # 0: only the decoder predicts
    ("btac_allocates", np.int64),  # 0: no branch gets an entry that has none
    ("counter_highest", np.int64),  # counters go from 0 to this; the upper half predicts taken
    ("counter_first", np.int64),  # of a conditional branch that gets an entry
    ("redirect_cycles", np.int64),  # what a branch costs more that only the decoder predicts, and that is taken
)
_CLASSES = isa.CLASS_NUMBER
_DIRECT = tuple(_CLASSES[name] for name in ("branch", "branch_conditional", "compare_branch", "branch_link"))
_CONDITIONAL = tuple(_CLASSES[name] for name in ("branch_conditional", "compare_branch"))
# Sign bit of the offset, by size: B<c> T1 bit 7, B T2 bit 10, B.W and BL bit 26 (Armv7-M ARM A7.7.12, A7.7.18).
_SIGN_SHORT, _SIGN_LONG, _SIGN_WIDE = 7, 10, 26


def branch_kind(op: np.void) -> int:
    """Return the kind of a branch (one row of `isa.OPS`). CBZ and CBNZ only go forward (A7.7.21)."""
    klass, opcode = int(op["klass"]), int(op["opcode"])
    kind = CONDITIONAL if klass in _CONDITIONAL or op["flags"] & isa.CONDITIONAL else 0
    if klass not in _DIRECT or op["flow"] == isa.FLOW_INDIRECT:
        return kind
    sign = _SIGN_WIDE if op["size_bytes"] == 4 else _SIGN_SHORT if klass == _CONDITIONAL[0] else _SIGN_LONG
    backward = klass != _CONDITIONAL[1] and opcode >> sign & 1
    return kind | DIRECT | (BACKWARD if backward else 0)
