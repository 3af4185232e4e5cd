# SPDX-License-Identifier: Apache-2.0
"""What the bytes of SRAM are reserved for, by what the image says: arenas, statics, the stack of reset.

The heap's zone follows the allocator while the firmware runs (`mcusim.machine.heap`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from mcusim.board import Board
from mcusim.errors import unknown_name
from mcusim.image.model import Image, Symbol
from mcusim.layers import LayerRule
from mcusim.machine.stacks import Stack
from mcusim.profile_memory import ZONES

ARENA, STATICS, HEAP, STACK, OTHER = (ZONES.index(name) for name in ("arena", "statics", "heap", "stack", "other"))


class Tracker(Protocol):
    """What is told of zones."""

    def set_zone(self, start: int, end: int, zone: int) -> None:
        """The bytes [start, end) are reserved for this."""


def arenas(image: Image, rule: LayerRule | None, named: Iterable[str]) -> list[Symbol]:
    """Return the arrays that tensors are planned into: those that the user names, or that the rule's framework has.

    Raises McusimError for a name that is no variable of the image.
    """
    named = tuple(named)
    for name in named:
        symbol = image.find_symbol(name)
        if symbol is None or symbol.kind != "object":
            names = [symbol.name for symbol in image.symbols if symbol.kind == "object"]
            raise unknown_name("variable (--arena)", name, names)
    wanted = set(named or (rule.arenas if rule is not None else ()))
    return [symbol for symbol in image.symbols if symbol.kind == "object" and wanted & {symbol.name, symbol.raw_name}]


def set_zones(tracker: Tracker, image: Image, board: Board, found: list[Symbol], stack: Stack) -> None:
    """Tell what each byte is reserved for."""
    if stack.limit:
        tracker.set_zone(stack.limit, stack.top, STACK)
    for start, end in statics(image, board):
        tracker.set_zone(start, end, STATICS)
    for symbol in found:
        tracker.set_zone(symbol.address, symbol.end, ARENA)


def statics(image: Image, board: Board) -> Iterator[tuple[int, int]]:
    """Yield the ranges of SRAM that sections of the image occupy, but those that only reserve room for a stack."""
    ram = [span for region in board.region if region.writable for span in region.ranges]
    for section in image.sections:
        start, end = section.run_address, section.run_address + section.size_bytes
        if section.kind != "stack" and any(low <= start < high for low, high in ram):
            yield start, end
