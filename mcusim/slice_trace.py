# SPDX-License-Identifier: Apache-2.0
"""What a traced run keeps of calls over time: its slices, their tracks, and counters that were sampled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class SliceTrack:
    """Where slices stand in a row: those of an exception by its number, or of a thread (0: reset's, below: tasks).

    `root` is a thread's in the call tree; -1 for an exception, whose handler may change.
    """

    number: int
    root: int


@dataclass
class Samples:
    """Counters of the run as they were at times: `cycles` and each column are of one length, ascending."""

    cycles: npt.NDArray[np.int64]
    columns: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)


@dataclass
class SliceTrace:
    """Rows of `mcusim.engine.slice_tables.SLICE`, in the order in which they ended, and what was left out.

    Calls with no multiple of `call_tick_cycles` in (start, end] are left out; for roots of the call tree and for pieces
    of threads it is `handler_tick_cycles`; 0: none. `Trace.nodes` counts them by node, `runs_left_out` the pieces.
    """

    rows: npt.NDArray[Any]
    tracks: list[SliceTrack]
    call_tick_cycles: int
    handler_tick_cycles: int
    runs_left_out: int
    samples: Samples
