# SPDX-License-Identifier: Apache-2.0
"""Buffers: neighbouring bytes that one activation wrote and another one read last, and who reserves them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import numpy as np

from mcusim.access_trace import AccessTrace
from mcusim.layer_trace import HeapBlock
from mcusim.profile_memory import Buffer
from mcusim.trace import Trace

Piece = tuple[int, int, str, str]  # start, end, zone, owner


class Owners:
    """Who reserves an address of SRAM, at a time: a variable, an allocation, a stack."""

    def __init__(self, trace: Trace) -> None:
        arenas = {symbol.address for symbol in trace.arenas}
        # Stacks that are variables belong to the stack; sorted by start, none overlaps another.
        stacks = [(use.limit, use.top, "stack", use.name) for use in trace.stacks if use.limit]
        spans = [
            (symbol.address, symbol.end, "arena" if symbol.address in arenas else "statics", symbol.name)
            for symbol in trace.image.symbols
            if symbol.kind == "object"
            and symbol.size_bytes
            and not any(low < symbol.end and symbol.address < high for low, high, *_ in stacks)
        ]
        self._spans = sorted([*spans, *stacks])
        self._starts = [start for start, *_ in self._spans]
        blocks = trace.heap.blocks if trace.heap is not None else []
        self._blocks = sorted(blocks, key=lambda block: (block.address, block.start_cycles))
        self._block_starts = [block.address for block in self._blocks]
        self._largest = max((block.size_bytes for block in blocks), default=0)
        reserved = (trace.heap.reserved_start, trace.heap.reserved_end) if trace.heap is not None else (0, 0)
        self._reserved = range(*reserved)

    def pieces(self, start: int, end: int, cycles: int) -> Iterator[Piece]:
        """Yield the parts of [start, end) that one owner reserves at a time."""
        while start < end:
            block, stop = self._block_at(start, end, cycles)
            if block is not None:
                yield start, stop, "heap", f"{block.size_bytes} bytes at 0x{block.address:08x}"
            else:
                _, stop, *_ = piece = self._span_piece(start, stop)
                yield piece
            start = stop

    def _span_piece(self, start: int, end: int) -> Piece:
        index = bisect_right(self._starts, start) - 1
        if index >= 0 and start < self._spans[index][1]:
            _, high, zone, name = self._spans[index]
            return start, min(end, high), zone, name
        following = self._starts[index + 1] if index + 1 < len(self._starts) else end
        bounds = [bound for bound in (following, self._reserved.start, self._reserved.stop) if bound > start]
        return start, min(end, *bounds), "heap" if start in self._reserved else "other", ""

    def _block_at(self, start: int, end: int, cycles: int) -> tuple[HeapBlock | None, int]:
        """Return the allocation that holds an address, and where it ends or, without one, where the next one begins."""
        index = bisect_right(self._block_starts, start)
        while index > 0 and self._blocks[index - 1].address > start - self._largest:
            index -= 1
        while index < len(self._blocks) and (block := self._blocks[index]).address < end:
            index += 1
            if not block.start_cycles <= cycles <= (block.end_cycles if block.end_cycles >= 0 else cycles):
                continue
            if block.address > start:
                return None, block.address
            if start < block.address + block.size_bytes:
                return block, min(end, block.address + block.size_bytes)
        return None, end


def _all(access: AccessTrace, owners: Owners, end_cycles: int, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> Iterator[Buffer]:  # fmt: skip
    stretches = access.stretches
    starts = np.append(stretches["start_cycles"], end_cycles)
    for row in access.intervals[chosen]:
        writer, reader = int(row["writer"]), int(row["reader"])
        first, last = int(starts[writer]), int(starts[reader + 1])
        for low, high, zone, owner in owners.pieces(int(row["start"]), int(row["end"]), int(starts[writer + 1]) - 1):
            yield Buffer(
                low, high, zone, owner, int(stretches["activation"][writer]), int(stretches["activation"][reader]),
                first, last,
            )  # fmt: skip


def find_buffers(access: AccessTrace, owners: Owners, end_cycles: int) -> list[Buffer]:
    """Return what lived across stretches, but for stacks."""
    every = np.ones(len(access.intervals), np.bool_)
    return [buffer for buffer in _all(access, owners, end_cycles, every) if buffer.zone != "stack"]


def buffers_at(access: AccessTrace, owners: Owners, stretch: int, end_cycles: int) -> list[Buffer]:
    """Return what was live in a stretch and longer, stacks too, largest first; neighbours of one story are one."""
    rows = access.intervals
    chosen = (rows["writer"] <= stretch) & (rows["reader"] >= stretch)
    found = sorted(_all(access, owners, end_cycles, chosen), key=lambda each: (_story(each), each.start))
    merged: list[Buffer] = []
    for buffer in found:
        if merged and _story(merged[-1]) == _story(buffer) and merged[-1].end == buffer.start:
            merged[-1].end = buffer.end
            merged[-1].first_cycles = min(merged[-1].first_cycles, buffer.first_cycles)
            merged[-1].last_cycles = max(merged[-1].last_cycles, buffer.last_cycles)
        else:
            merged.append(buffer)
    return sorted(merged, key=lambda each: (each.start - each.end, each.start))


def _story(buffer: Buffer) -> tuple[str, str, int, int]:
    return buffer.zone, buffer.owner, buffer.writer, buffer.reader
