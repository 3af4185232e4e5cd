# SPDX-License-Identifier: Apache-2.0
"""Addresses that remember which registers, as they are when a block starts, they come from.

`Traced` is a number with its origin: a sum of at most two registers and a constant, or a word of memory at such a sum
and a constant. `mcusim.isa.addressing` computes with it as with any number, so the address of an access tells how to
find it again the next time the block is entered.
"""

from __future__ import annotations

from typing import NamedTuple

from mcusim.isa.addressing import Access, Peek, accesses
from mcusim.isa.decode import OpArray

NO_REGISTER = -1
MASK = 0xFFFF_FFFF


class Origin(NamedTuple):
    """How an address follows from the registers: base + (second << shift) + offset.

    With `loads`, the base is not a register's value but the word at register + `inner_offset`.
    """

    base: int
    second: int = NO_REGISTER
    shift: int = 0
    offset: int = 0
    loads: bool = False
    inner_offset: int = 0


class Traced(int):
    """A number that remembers its origin; `None`: that is no such sum."""

    origin: Origin | None

    def __new__(cls, value: int, origin: Origin | None) -> Traced:
        """Make one of a value, which is taken modulo 2^32 only by those who use it."""
        made = super().__new__(cls, value)
        made.origin = origin
        return made

    def __add__(self, other: int) -> Traced:
        """Add a constant, or another traced number."""
        return Traced(int(self) + int(other), _sum(self, other))

    def __radd__(self, other: int) -> Traced:
        """Add to a constant."""
        return self + other

    def __sub__(self, other: int) -> Traced:
        """Subtract a constant."""
        return self + -int(other)

    def __and__(self, other: int) -> int:
        """Cut to 32 bits; any other mask gives a number without origin."""
        value = int(self) & other
        return Traced(value, self.origin if other == MASK else None)

    def __xor__(self, other: int) -> int:
        """Give a number without origin."""
        return Traced(int(self) ^ other, None)

    def __ror__(self, other: int) -> int:
        """Give a number without origin."""
        return Traced(int(self) | other, None)

    def __lshift__(self, other: int) -> Traced:
        """Shift one register to the left."""
        origin, value = self.origin, int(self) << other
        if origin is None or other == 0:
            return Traced(value, origin)
        alone = not origin.loads and origin.second == NO_REGISTER
        shifted = Origin(NO_REGISTER, origin.base, other, _signed(origin.offset << other)) if alone else None
        return Traced(value, shifted)


def _signed(offset: int) -> int:
    return (offset + (1 << 31) & MASK) - (1 << 31)


def _sum(first: Traced, second: int) -> Origin | None:
    """Return the origin of a sum. Where it is no sum of two registers, the part that is an address stands for it."""
    one = first.origin
    if not isinstance(second, Traced):
        return one._replace(offset=_signed(one.offset + second)) if one is not None else None
    two = second.origin
    if one is not None and two is not None and not one.loads and not two.loads:
        parts = [(origin.base, 0) for origin in (one, two) if origin.base != NO_REGISTER]
        parts += [(origin.second, origin.shift) for origin in (one, two) if origin.second != NO_REGISTER]
        parts.sort(key=lambda part: part[1])
        if len(parts) == 2 and parts[0][1] == 0:
            return Origin(parts[0][0], *parts[1], _signed(one.offset + two.offset))
    return one if int(first) & MASK >= int(second) & MASK else two  # an index is less than an address


def traced_accesses(ops: OpArray, registers: list[int], peek: Peek) -> list[Access | None]:
    """Return what `accesses` does, with addresses that are `Traced` where they follow from the registers."""

    def peek_traced(address: int, size_bytes: int) -> int | None:
        value = peek(int(address), size_bytes)
        if value is None or not isinstance(address, Traced):
            return value
        origin = address.origin
        if size_bytes != 4 or origin is None or origin.loads or origin.second != NO_REGISTER:
            return Traced(value, None)
        return Traced(value, Origin(origin.base, loads=True, inner_offset=origin.offset))

    traced: list[int] = [Traced(value, Origin(number)) for number, value in enumerate(registers)]
    return accesses(ops, traced, peek_traced)
