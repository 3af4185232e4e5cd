# SPDX-License-Identifier: Apache-2.0
"""Buffers of two layers that overlap while both are live, as far as accesses tell.

A byte of an arena or of the heap that layer A wrote, that nobody has read, and that layer B overwrites, is *lost*. That
alone is common and right: outputs that nobody needs, buffers that are cleared first, ends of rows that are padding. It
is a finding only if all of this holds:

- the lost bytes are not all the same value, as those of a buffer that was initialised are;
- the byte beside them was written by A too, in the same function, and was still there;
- a third layer, C, reads that byte after B has overwritten its neighbour;
- what B or a later layer puts in place of the lost bytes is read by C or after it.

So C takes bytes for A's that are not. Layers that hold one another are no two layers, and a layer may do in its own
input what it likes: B is not C.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcusim.access_trace import AccessTrace


@dataclass(frozen=True)
class Overlap:
    """Bytes [start, end) that `writer` wrote and `activation` overwrote, while `reader` reads those beside them."""

    start: int
    end: int
    writer: int
    writer_pc: int
    activation: int
    pc: int
    node: int
    cycles: int
    reader: int


def find_overlaps(access: AccessTrace, parents: Sequence[int], function_of: Callable[[int], str]) -> Iterator[Overlap]:
    """Yield one overlap for each two activations. `parents` are the activations around each, -1 at the top."""
    seen: set[tuple[int, int]] = set()
    for row in _joined(access.lost):
        parties = (int(row["writer"]), int(row["activation"]))
        if parties in seen or row["low"] == row["high"] or _one_holds_the_other(*parties, parents):
            continue
        reader = _reader(access, row, function_of)
        if reader >= 0:
            seen.add(parties)
            yield Overlap(
                int(row["start"]), int(row["end"]), parties[0], int(row["writer_pc"]), parties[1], int(row["pc"]),
                int(row["node"]), int(row["cycles"]), reader,
            )  # fmt: skip


def _joined(lost: Any) -> Iterator[Any]:
    """Yield the rows, those of the same two activations that touch as one."""
    last: Any = None
    for row in lost[np.lexsort((lost["start"], lost["activation"], lost["writer"]))]:
        same = last is not None and all(last[name] == row[name] for name in ("writer", "activation"))
        if same and row["start"] <= last["end"]:
            if row["end"] >= last["end"]:
                last["end"], last["above_pc"] = row["end"], row["above_pc"]
            last["low"], last["high"] = min(last["low"], row["low"]), max(last["high"], row["high"])
            last["cycles"] = min(last["cycles"], row["cycles"])
            continue
        if last is not None:
            yield last
        last = row.copy()
    if last is not None:
        yield last


def _one_holds_the_other(one: int, other: int, parents: Sequence[int]) -> bool:
    def around(number: int) -> Iterator[int]:
        while number >= 0:
            yield number
            number = parents[number]

    return one in around(other) or other in around(one)


def _reader(access: AccessTrace, row: Any, function_of: Callable[[int], str]) -> int:
    """Return the activation that reads what is left of the writer's value beside the lost bytes, too late; or -1."""
    for place, stored_by in ((int(row["start"]) - 1, int(row["below_pc"])), (int(row["end"]), int(row["above_pc"]))):
        if stored_by and function_of(stored_by) == function_of(int(row["writer_pc"])):
            reader = _late_reader(access, row, place)
            if reader >= 0:
                return reader
    return -1


def _late_reader(access: AccessTrace, row: Any, place: int) -> int:
    rows, stretches = access.intervals, access.stretches
    starts, owners = stretches["start_cycles"], stretches["activation"]
    here = rows[(rows["start"] <= place) & (place < rows["end"])]
    here = here[(owners[here["writer"]] == row["writer"]) & (starts[here["reader"]] > row["cycles"])]
    here = here[starts[here["writer"]] <= row["cycles"]]
    for each in here:
        reader = int(owners[each["reader"]])
        if reader < 0 or reader in (int(row["writer"]), int(row["activation"])):
            continue
        instead = rows[(rows["start"] < row["end"]) & (rows["end"] > row["start"])]
        after = np.append(starts, np.iinfo(np.int64).max)[instead["writer"] + 1] > row["cycles"]
        instead = instead[after & (owners[instead["writer"]] != row["writer"])]
        first_read = np.flatnonzero(owners == reader)[0]
        if (instead["reader"] >= first_read).any():
            return reader
    return -1
