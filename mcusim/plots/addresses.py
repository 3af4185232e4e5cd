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


def merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the addresses that lie in at least one span, as few spans [start, end) from the lowest up."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def fold(spans: Iterable[tuple[int, int]]) -> Addresses:
    """Return an axis on which the spans lie, without the large gaps between them."""
    used = merged(spans)
    if not used:
        return Addresses(((0, 1),), 0)
    used_bytes = sum(end - start for start, end in used)
    largest = max(_LEAST_GAP_BYTES, int(_GAP_SHARE * used_bytes))
    pieces = [used[0]]
    for start, end in used[1:]:
        if start - pieces[-1][1] <= largest:
            pieces[-1] = (pieces[-1][0], end)
        else:
            pieces.append((start, end))
    shown_bytes = sum(end - start for start, end in pieces)
    return Addresses(tuple(pieces), max(1, shown_bytes // 25))
