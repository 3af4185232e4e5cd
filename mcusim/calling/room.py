# SPDX-License-Identifier: Apache-2.0
"""Where in guest memory a call's stack and its arguments are: RAM that the program leaves free.

The stack starts where the vector table says, or, in an image without one, at the end of the largest free stretch of
the RAM that holds its variables. Arguments go from the top of a free stretch downwards, below what is kept for the
stack, so that a heap that grows upwards from the variables' end meets them last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mcusim.board import Board, Region
from mcusim.errors import McusimError, unknown_name
from mcusim.image import Image

ARGUMENT_ALIGN_BYTES = 16  # what allocators of TFLite Micro and TinyEngine give tensors
STACK_BYTES = 16 * 1024  # kept for the stack, but no more than a quarter of what is free where it is
GUARD_BYTES = 32  # on each side of an argument, to see what is written beside it
GUARD = bytes([0xA5]) * GUARD_BYTES
Span = tuple[int, int]


def free_spans(image: Image, regions: list[Region]) -> list[Span]:
    """Return the stretches [start, end) of these regions that nothing of the image occupies, ascending."""
    used = sorted((segment.run_address, segment.run_address + segment.size_bytes) for segment in image.segments) + [
        (segment.load_address, segment.load_address + len(segment.data)) for segment in image.segments
    ]
    return [span for region in regions for span in _without((region.start, region.end), sorted(used))]


def _without(span: Span, used: list[Span]) -> Iterator[Span]:
    """Yield what is left of a stretch."""
    start, end = span
    for low, high in used:
        if low < end and start < high:
            if start < low:
                yield start, low
            start = max(start, high)
    if start < end:
        yield start, end


def stack_top(image: Image, board: Board) -> int:
    """Return where the stack starts in an image without a vector table."""
    regions = [region for region in board.region if region.writable]
    homes = [
        region
        for region in regions
        for s in image.segments
        if s.writable and region.start <= s.run_address < region.end
    ]
    spans = free_spans(image, homes[:1] or [max(regions, key=lambda region: region.size_bytes)])
    if not spans:
        raise McusimError(f"{image.name}: its variables leave no RAM free for a stack on {board.name}")
    return max(spans, key=lambda span: span[1] - span[0])[1] & ~7


@dataclass
class Room:
    """Free stretches of RAM, handed out from the top of each. `take` is undone by `release`."""

    board: Board
    spans: list[Span]
    ends: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ends = self.ends or [end for _, end in self.spans]

    def take(self, size_bytes: int, align_bytes: int, what: str) -> int:
        """Return the address of so many bytes with a guard on each side. Raises McusimError where they do not fit."""
        for index, (start, _) in enumerate(self.spans):
            address = (self.ends[index] - GUARD_BYTES - size_bytes) & -align_bytes
            if address - GUARD_BYTES >= start:
                self.ends[index] = address - GUARD_BYTES
                return address
        left = max((end - start for (start, _), end in zip(self.spans, self.ends, strict=True)), default=0)
        raise McusimError(
            f"{what}: {size_bytes} bytes do not fit: {left} bytes of RAM are free on {self.board.name}: "
            "take a board with more memory (board=...)"
        )

    def mark(self) -> list[int]:
        """Return what `release` goes back to."""
        return list(self.ends)

    def release(self, mark: list[int]) -> None:
        """Give back what was taken since."""
        self.ends = list(mark)


def stack_room(image: Image, board: Board) -> int:
    """Return how many bytes below the stack's top are kept for it where nobody says: see STACK_BYTES."""
    top = image.vectors.initial_sp
    spans = free_spans(image, [region for region in board.region if region.writable])
    free = next((top - start for start, end in spans if start < top <= end), STACK_BYTES)
    return min(STACK_BYTES, free // 4 & ~7)


def make_room(image: Image, board: Board, stack_bytes: int, region_name: str | None) -> Room:
    """Return the room for arguments: free RAM without the `stack_bytes` below the stack's top.

    Stretches of the named region, or of memories that answer without delay before the others, the largest first.
    """
    regions = [region for region in board.region if region.writable]
    if region_name is not None:
        if region_name not in [region.name for region in regions]:
            raise unknown_name(f"RAM of board {board.name}", region_name, [region.name for region in regions])
        regions = [region for region in regions if region.name == region_name]
    top = image.vectors.initial_sp
    spans = []
    for region in regions:
        for start, end in free_spans(image, [region]):
            kept = (top - stack_bytes, top)
            spans += [(region.late_cycles.value, span) for span in _without((start, end), [kept])]
    spans.sort(key=lambda row: (row[0], row[1][0] - row[1][1]))
    return Room(board, [span for _, span in spans])
