# SPDX-License-Identifier: Apache-2.0
"""Which variables a function knows by address: the constants in its code, from literal pools and MOVW/MOVT pairs."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import pairwise

from mcusim.image.model import Image, Symbol


class References:
    """The constants in the functions of an image, found when they are asked for."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._constants: dict[int, frozenset[int]] = {}

    def knows(self, functions: Iterable[int], symbol: Symbol) -> bool:
        """Return whether code of one of these functions, by address, holds an address of the symbol's."""
        return any(
            symbol.address <= value < symbol.end for address in functions for value in self.constants_of(address)
        )

    def constants_of(self, address: int) -> frozenset[int]:
        """Return the words of a function's code that may be addresses."""
        if address not in self._constants:
            symbol = self._image.function_at(address)
            code = self._code(symbol.address, symbol.end) if symbol is not None else b""
            self._constants[address] = frozenset(_constants(code, symbol.address & 3 if symbol is not None else 0))
        return self._constants[address]

    def _code(self, start: int, end: int) -> bytes:
        for segment in self._image.segments:
            for base in (segment.load_address, segment.run_address):
                if base <= start and end <= base + len(segment.data):
                    return segment.data[start - base : end - base]
        return b""


def _constants(code: bytes, misalignment: int) -> Iterable[int]:
    skipped = -misalignment % 4
    words = (len(code) - skipped) // 4
    if words > 0:
        yield from struct.unpack_from(f"<{words}I", code, skipped)
    halves = struct.unpack(f"<{len(code) // 2}H", code[: len(code) // 2 * 2])
    low: dict[int, int] = {}
    for first, second in pairwise(halves):
        move = first & 0xFBF0
        if move not in (0xF240, 0xF2C0) or second & 0x8000:  # MOVW, MOVT (Armv7-M ARM A7.7.76 T3, A7.7.79 T1)
            continue
        value = (first & 15) << 12 | (first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | second & 0xFF
        register = second >> 8 & 15
        if move == 0xF240:
            low[register] = value
        else:
            yield value << 16 | low.get(register, 0)
