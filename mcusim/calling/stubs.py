# SPDX-License-Identifier: Apache-2.0
"""Python functions in the place of the firmware's: arguments out of registers, the result back into them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from mcusim.calling.prototype import UNKNOWN, guest_type
from mcusim.calling.values import decode, encode
from mcusim.errors import McusimError
from mcusim.image import (
    Base,
    Location,
    Pointer,
    Signature,
    Struct,
    Type,
    place_arguments,
    place_result,
    returned_in_memory,
)
from mcusim.machine.callable import CallLoop

_WORD = Base("unsigned int", 4)
_MAX_WORDS = 4  # of a stub that nothing describes: what registers hold


class Stub:
    """A Python function that a function of the firmware is replaced by."""

    def __init__(
        self,
        name: str,
        address: int,
        function: Callable[..., Any],
        signature: Signature | None,
        argtypes: Sequence[Any] | None,
        restype: Any,
        hard_float: bool,
    ) -> None:
        self.name, self._address, self._function, self._hard_float = name, address, function, hard_float
        self._result: Any = signature.result if signature is not None else UNKNOWN
        if restype is not UNKNOWN:
            self._result = None if restype is None else guest_type(restype, f"restype of the stub for {name}")
        self._kinds = self._kinds_of(signature, argtypes)
        self._remove: Callable[[], None] | None = None

    def _kinds_of(self, signature: Signature | None, argtypes: Sequence[Any] | None) -> list[Type]:
        if argtypes is not None:
            return [guest_type(each, f"argtypes of the stub for {self.name}") for each in argtypes]
        if signature is not None:
            kinds = [parameter.type for parameter in signature.parameters if parameter.type is not None]
            if len(kinds) == len(signature.parameters):
                return kinds
        wanted = [
            each for each in inspect.signature(self._function).parameters.values()
            if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
        ]  # fmt: skip
        if len(wanted) > _MAX_WORDS:
            raise McusimError(f"the stub for {self.name} takes {len(wanted)} arguments: give argtypes=")
        return [_WORD] * len(wanted)

    def install(self, loop: CallLoop) -> None:
        """Put it in its place in a machine."""
        self._remove = loop.add_stub(self._address, lambda: self._act(loop))

    def remove(self) -> None:
        """Take it out again."""
        if self._remove is not None:
            self._remove()
            self._remove = None

    def _act(self, loop: CallLoop) -> None:
        memory = loop.machine.memory
        result = None if self._result is UNKNOWN else self._result
        locations = place_arguments(self._kinds, result, self._hard_float)
        values = []
        for kind, location in zip(self._kinds, locations, strict=True):
            data = loop.read_location(location)
            if isinstance(kind, Struct) and kind.by_reference:
                pointer = decode(data, Pointer(), memory)
                data = memory.read(pointer, kind.size_bytes)
            values.append(decode(data, kind, memory))
        home = loop.read_location(Location((0,)))  # where a large result goes, before anything changes r0
        answer = self._function(*values)
        if self._result is None or (self._result is UNKNOWN and answer is None):
            return
        kind = self._result if self._result is not UNKNOWN else Base("int", 4, isinstance(answer, int) and answer < 0)
        data = encode(answer, kind, _NoPlaces(), f"the stub for {self.name}, its result")
        if returned_in_memory(kind, self._hard_float):
            memory.write(int.from_bytes(home, "little"), data)
        else:
            loop.write_location(place_result(kind, self._hard_float), _extended(data, kind))


def _extended(data: bytes, kind: Type) -> bytes:
    """Return a small integer as the word that a register holds."""
    negative = isinstance(kind, Base) and kind.signed and not kind.floating and bool(data and data[-1] & 0x80)
    return data + (b"\xff" if negative else b"\0") * (-len(data) % 4)


class _NoPlaces:
    """A stub's result can point only to what is in guest memory already."""

    def place_array(self, _array: Any, what: str) -> int:
        """Refuse."""
        raise McusimError(f"{what}: a pointer is wanted: write into memory of the firmware and return its address")

    def place_bytes(self, _data: bytes, what: str) -> int:
        """Refuse."""
        return self.place_array(None, what)

    def place_object(self, _value: Any, _kind: Type, what: str) -> int:
        """Refuse."""
        return self.place_array(None, what)
