# SPDX-License-Identifier: Apache-2.0
"""Buffers: neighbouring bytes that one activation wrote and another one read last, and who reserves them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import numpy as np

from mcusim.access_trace import AccessTrace
from mcusim.layer_trace import HeapBlock
from mcusim.profile_memory import ZONES, Buffer
from mcusim.trace import Trace

Piece = tuple[int, int, str, str]  # start, end, zone, owner
Story = tuple[str, int, int]  # zone, writer, reader
MOST_OWNERS = 2  # named in one row


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
    """Return what was live in a stretch and longer, stacks too: one row for each writer, last reader and zone.

    A row spans all bytes of that story that lived around the stretch; how many of them were live in it is counted.
    """
    rows = access.intervals
    chosen = (rows["writer"] <= stretch) & (rows["reader"] >= stretch)
    stories: dict[Story, list[Buffer]] = {}
    for buffer in _all(access, owners, end_cycles, chosen):
        stories.setdefault((buffer.zone, buffer.writer, buffer.reader), []).append(buffer)
    found = []
    for story, live_bytes in _live_at(access, stretch).items():
        pieces = stories.get(story, [])
        if live_bytes > 0 and pieces:
            found.append(_as_one(pieces, live_bytes))
    return sorted(found, key=lambda each: (-each.live_bytes, each.start))


def _live_at(access: AccessTrace, stretch: int) -> dict[Story, int]:
    """Return the bytes of each story that were live in a stretch."""
    changes = access.pairs
    here = np.where(changes["bytes"] > 0, changes["stretch"] <= stretch, changes["stretch"] < stretch)
    live: dict[Story, int] = {}
    for row in changes[here]:
        story = (ZONES[int(row["zone"])], max(int(row["writer"]), -1), max(int(row["reader"]), -1))
        live[story] = live.get(story, 0) + int(row["bytes"])
    return live


def _as_one(pieces: list[Buffer], live_bytes: int) -> Buffer:
    """Return one buffer that spans all pieces, reserved by the owners of them, the largest first."""
    sizes: dict[str, int] = {}
    for piece in pieces:
        sizes[piece.owner] = sizes.get(piece.owner, 0) + piece.end - piece.start
    names = sorted((name for name in sizes if name), key=lambda name: (-sizes[name], name))
    owner = ", ".join(names[:MOST_OWNERS]) + (
        f" and {len(names) - MOST_OWNERS} more" if len(names) > MOST_OWNERS else ""
    )
    return Buffer(
        min(piece.start for piece in pieces), max(piece.end for piece in pieces), pieces[0].zone, owner,
        pieces[0].writer, pieces[0].reader, min(piece.first_cycles for piece in pieces),
        max(piece.last_cycles for piece in pieces), min(live_bytes, _covered(pieces)),
    )  # fmt: skip


def _covered(pieces: list[Buffer]) -> int:
    """Return how many bytes the pieces cover: one that lived twice around the stretch counts once."""
    covered = end = 0
    for piece in sorted(pieces, key=lambda each: each.start):
        covered += max(piece.end - max(piece.start, end), 0)
        end = max(end, piece.end)
    return covered
