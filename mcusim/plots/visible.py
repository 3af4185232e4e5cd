# SPDX-License-Identifier: Apache-2.0
"""What can be seen of rectangles that are drawn one over the other: where a label has a place of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """A rectangle [left, right) by [bottom, top), in points."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def width(self) -> float:
        """How wide it is."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """How high it is."""
        return self.top - self.bottom

    def overlaps(self, other: Box) -> bool:
        """Return whether the two share any area."""
        across = self.left < other.right and other.left < self.right
        return across and self.bottom < other.top and other.bottom < self.top

    def without(self, other: Box) -> Box:
        """Return the largest rectangle of this one that the other does not cover; it may have no area."""
        if not self.overlaps(other):
            return self
        rests = (
            Box(self.left, self.bottom, min(self.right, max(self.left, other.left)), self.top),
            Box(max(self.left, min(self.right, other.right)), self.bottom, self.right, self.top),
            Box(self.left, self.bottom, self.right, min(self.top, max(self.bottom, other.bottom))),
            Box(self.left, max(self.bottom, min(self.top, other.top)), self.right, self.top),
        )
        return max(rests, key=lambda rest: rest.width * rest.height)


def uncovered(boxes: Sequence[Box], least_width: float, least_height: float) -> list[Box | None]:
    """Return, of each box, a rectangle that no later box covers, None where none is at least so large.

    Two of them never overlap: the earlier one leaves out all of the later box. It need not be the largest there is.
    """
    found: list[Box | None] = []
    for at, box in enumerate(boxes):
        rest = box
        for later in range(at + 1, len(boxes)):
            if rest.width < least_width or rest.height < least_height:
                break
            rest = rest.without(boxes[later])
        found.append(rest if rest.width >= least_width and rest.height >= least_height else None)
    return found
