# SPDX-License-Identifier: Apache-2.0
"""The layout of what tells where a block accesses memory; `mcusim.engine.places` says how it is used."""

from __future__ import annotations

import numpy as np

MAX_GUARDS = 6  # of a block; what goes beyond stays as it was met
PLACE_BITS = 4
FIRST_PLACE_BIT = 6  # behind the IT groups in an entry's key (records.MAX_PREDICATES)
PREDICATE_MASK = (1 << FIRST_PLACE_BIT) - 1
MAX_WINDOWS = (1 << PLACE_BITS) - 1
NO_GUARD = -1

WINDOW = np.dtype(
    [("start", np.uint32), ("size_bytes", np.uint32), ("host_address", np.uint64)], align=True
)  # a piece of the memory map that answers in one way; numbered from 1
GUARD = np.dtype(
    [
        ("base", np.int32),  # registers; -1: none
        ("index", np.int32),
        ("shift", np.int32),
        ("loads", np.int32),  # the base is the word at register + inner_offset
        ("inner_offset", np.int32),
        ("offset", np.int32),
        ("start", np.uint32),  # of an entry's guards: where the address must be
        ("size_bytes", np.uint32),  # 0: it never holds; of a block's guards: how far its accesses reach beyond it
        ("is_last", np.int32),
    ],
    align=True,
)
GUARD_FIELDS = (
    ("windows", np.uint64),
    ("window_count", np.int64),
    ("guards", np.uint64),
    ("guard_capacity", np.int64),
)
