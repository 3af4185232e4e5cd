# SPDX-License-Identifier: Apache-2.0
"""Which function an address belongs to: by symbol, and where there is none, by the calls that reach it."""

from __future__ import annotations

from collections.abc import Callable

from mcusim.image.model import Image
from mcusim.trace import Function


class Functions:
    """Numbers functions as they are met, so that native tables can hold them."""

    def __init__(self, image: Image, note_new: Callable[[int, int], None]) -> None:
        self._image = image
        self._note_new = note_new  # told the number and address of each function that is met, before anything calls it
        self._by_address: dict[int, int] = {}
        self.list: list[Function] = []

    def _add(self, function: Function) -> int:
        self._by_address[function.address] = len(self.list)
        self.list.append(function)
        number = len(self.list) - 1
        self._note_new(number, function.address)
        return number

    def number_at(self, address: int, *, called: bool, current: int | None) -> int:
        """Return the number of the function that code at `address` belongs to.

        Where no symbol covers the address, a call starts a new function named by its address, and a jump stays in
        `current` if that is such a function too.
        """
        symbol = self._image.function_at(address)
        if symbol is not None:
            known = self._by_address.get(symbol.address)
            if known is not None:
                return known
            return self._add(Function(symbol.name, symbol.file, symbol.address, symbol.size_bytes))
        if address in self._by_address:
            return self._by_address[address]
        if not called and current is not None and self.list[current].size_bytes == 0:
            return current
        return self._add(Function(f"sub_{address:08x}", None, address, 0))

    def describe(self, address: int) -> str:
        """Return `function+0x12` for an address, or the address alone."""
        symbol = self._image.function_at(address)
        if symbol is None:
            return f"0x{address:08x}"
        offset = address - symbol.address
        return f"{symbol.name}+0x{offset:x}" if offset else symbol.name
