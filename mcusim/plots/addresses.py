# SPDX-License-Identifier: Apache-2.0
"""Addresses as a vertical axis: pieces of memory one above the other, with what lies between them left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_LEAST_GAP_BYTES = 128
_GAP_SHARE = 0.08  # a gap that is larger than this share of what is shown is left out


@dataclass(frozen=True)
class Addresses:
    """Pieces [start, end) from the lowest up. `gap_bytes` is how high a left-out gap is drawn."""

    pieces: tuple[tuple[int, int], ...]
    gap_bytes: int

    @property
    def height_bytes(self) -> int:
        """The height of the axis."""
        return sum(end - start for start, end in self.pieces) + self.gap_bytes * (len(self.pieces) - 1)

    def bottoms(self) -> list[int]:
        """Return where each piece begins on the axis."""
        bottoms, at = [], 0
        for start, end in self.pieces:
            bottoms.append(at)
            at += end - start + self.gap_bytes
        return bottoms

    def y(self, address: int) -> int:
        """Return where an address is on the axis; one in a gap or outside is at the nearest piece's edge."""
        for (start, end), bottom in zip(reversed(self.pieces), reversed(self.bottoms()), strict=True):
            if address >= start:
                return bottom + min(address, end) - start
        return 0


def fold(spans: Iterable[tuple[int, int]]) -> Addresses:
    """Return an axis on which the spans lie, without the large gaps between them."""
    merged: list[list[int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    if not merged:
        return Addresses(((0, 1),), 0)
    used_bytes = sum(end - start for start, end in merged)
    largest = max(_LEAST_GAP_BYTES, int(_GAP_SHARE * used_bytes))
    pieces = [merged[0]]
    for start, end in merged[1:]:
        if start - pieces[-1][1] <= largest:
            pieces[-1][1] = end
        else:
            pieces.append([start, end])
    shown_bytes = sum(end - start for start, end in pieces)
    return Addresses(tuple((start, end) for start, end in pieces), max(1, shown_bytes // 25))
