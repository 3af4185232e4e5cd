# SPDX-License-Identifier: Apache-2.0
"""The layout of what native code keeps of calls over time, while a run is traced (`mcusim.engine.slices`).

A *slice* is one activation of a node of the call tree: from its entry to its end, whatever interrupts it. A *track* is
a stack of slices: that of an exception (its number), or of a thread (0 and below).
"""

from __future__ import annotations

import numpy as np

# Kinds of slices.
CALL = 0
RUN = 1  # a track has the core, without a break
CUT = 2  # the run ended within it

SLICE = np.dtype(
    [
        ("start_cycles", np.int64),
        ("end_cycles", np.int64),
        ("self_cycles", np.int64),  # spent in it while it ran and nothing that it called did
        ("total_cycles", np.int64),  # with what it called; without what interrupted it
        ("node", np.int32),
        ("track", np.int32),
        ("kind", np.int32),
    ],
    align=True,
)
OPEN_SLICE = np.dtype(
    [
        ("start_cycles", np.int64),
        ("self_cycles", np.int64),
        ("called_cycles", np.int64),  # by what it called and is over
        ("node", np.int32),
        ("parent", np.int32),  # the open slice that it is in; of one that is not in use, the next such one
    ],
    align=True,
)
# What the machine's record holds of it.
SLICE_FIELDS = (
    ("slices", np.uint64),  # those that are over and kept; 0: the run is not traced
    ("slice_capacity", np.int64),
    ("slice_count", np.int64),
    ("open_slices", np.uint64),
    ("open_slice_capacity", np.int64),
    ("slice", np.int64),  # the open slice of what runs now, -1: none
    ("free_slice", np.int64),  # the first open slice that is not in use, -1: none
    ("free_slices", np.int64),  # how many are not in use
    ("track", np.int64),  # that runs now
    ("track_since_cycles", np.int64),
    # What no tick falls into is left out; 0: nothing is.
    ("call_tick_cycles", np.int64),
    ("handler_tick_cycles", np.int64),  # of roots of the call tree and of runs; not more than that of calls
    ("runs_left_out", np.int64),
)
