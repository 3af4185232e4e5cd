# SPDX-License-Identifier: Apache-2.0
"""What a run leaves behind of its memory: live bytes over time, intervals, traffic, readers of flash, findings.

A *stretch* is a part of the run; here stretches are numbered from 0, as they stand in `stretches`. docs/memory.md says
what counts as live.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

STRETCH = np.dtype(
    [
        ("start_cycles", np.int64),
        ("activation", np.int64),  # of a layer, -1: outside every layer
        ("stack_bytes", np.int64),  # at its deepest, as the machine was told
        ("heap_bytes", np.int64),
    ]
)
# Bytes [start, end) that were written from stretch `writer` on and read last in stretch `reader`, a later one.
INTERVAL = np.dtype([("start", np.uint32), ("end", np.uint32), ("writer", np.int64), ("reader", np.int64)])
# kind: one of `mcusim.engine.access_tables` (unwritten, freed read, freed written, misaligned).
EVENT = np.dtype([(name, np.int64) for name in ("kind", "pc", "address", "size_bytes", "layer", "cycles", "count")])


@dataclass
class AccessTrace:
    """Lists by region are in the board's order; None where a region is not of that kind.

    `live` (zone x stretch) are distinct bytes that were live at some time within a stretch, `end_live` those that were
    live across its end. `intervals` are sorted by writer, reader and address: neighbours that one activation wrote and
    one activation read last are one (outside layers: that were written and read at times that overlap).
    """

    stretches: npt.NDArray[Any]  # STRETCH
    live: npt.NDArray[np.int64]
    end_live: npt.NDArray[np.int64]
    intervals: npt.NDArray[Any]  # INTERVAL
    pairs: npt.NDArray[Any]  # `mcusim.machine.pairs.CHANGE`; a party below 0 is a time outside every layer
    traffic: npt.NDArray[np.int64]  # regions x (bytes read, bytes written)
    touched: list[npt.NDArray[np.bool_] | None]  # by byte of SRAM: was it ever read or written?
    lived: list[npt.NDArray[np.bool_] | None]  # by byte of SRAM: was it live once, or written by a layer last?
    flash_sets: list[npt.NDArray[np.uint16] | None]  # by byte of flash: who has read it, an index into `layer_sets`
    layer_sets: list[frozenset[int]]  # layers (0: outside); the first one is empty
    tick_cycles: int  # where a stretch ends if no layer's boundary ends it before
    events: npt.NDArray[Any]  # EVENT, in the order of their first time
    # What was left out, 0 as a rule.
    boundaries_left_out: int  # layers' boundaries at which no stretch could begin
    interval_bytes_left_out: int
    crowded_flash_bytes: int  # that were read by layers for which there was no set left: their set is empty
    events_left_out: int

    @property
    def touched_bytes(self) -> list[int | None]:
        """Return the distinct bytes of each region that were read or written, None for flash."""
        return [None if touched is None else int(touched.sum()) for touched in self.touched]
