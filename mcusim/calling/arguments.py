# SPDX-License-Identifier: Apache-2.0
"""A call's arguments in guest memory: copied there before it, copied back after it.

Arrays that overlap here (the same array twice, views of one buffer) overlap there as well. Each stretch has a guard on
both sides; a function that writes beside an argument is an error that names it, and so is one that writes into an array
that is read-only.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.calling.room import ARGUMENT_ALIGN_BYTES, GUARD, GUARD_BYTES, Room
from mcusim.calling.values import GuestMemory, decode, encode, referred_to, update
from mcusim.errors import McusimError
from mcusim.image import Location, Type, place_arguments, returned_in_memory

Span = tuple[int, int]


@dataclass
class _Stretch:
    """Guest memory for one argument, or for several that overlap."""

    address: int
    size_bytes: int
    what: str
    host_start: int = -1
    arrays: list[tuple[npt.NDArray[Any], npt.NDArray[Any], str]] = field(default_factory=list)  # given, contiguous
    before: bytes = b""


@dataclass(frozen=True)
class Registers:
    """What a call begins with: registers by name, and the bytes at SP."""

    values: dict[str, int]
    stack: bytes


class Arguments:
    """The arguments of one call. `prepare` puts them into guest memory; `finish` takes them back."""

    def __init__(self, memory: GuestMemory, room: Room, values: Sequence[Any], names: Sequence[str]) -> None:
        self._memory, self._room = memory, room
        self._values, self._names = values, names
        self._stretches: list[_Stretch] = []
        self._objects: dict[int, tuple[Any, int, Type]] = {}  # those passed by reference, by their identity
        self._spans = _merged(_spans_of(values))
        self._result_address = 0
        self.arrays: dict[str, npt.NDArray[Any]] = {}

    # into the guest

    def prepare(self, kinds: Sequence[Type], result: Type | None, hard_float: bool) -> Registers:
        """Copy what is passed into guest memory and return the registers and the stack that the call begins with."""
        registers: dict[str, int] = {}
        stack = bytearray()
        if result is not None and returned_in_memory(result, hard_float):
            self._result_address = registers["r0"] = self.place_bytes(bytes(result.size_bytes), "the result")
        locations = place_arguments(kinds, result, hard_float)
        for value, kind, name, location in zip(self._values, kinds, self._names, locations, strict=True):
            what = f"argument '{name}'"
            data = encode(value, kind, self, what)
            if getattr(kind, "by_reference", False):
                data = self.place_bytes(data, what).to_bytes(4, "little")
            _put(data, kind, location, registers, stack)
        return Registers(registers, bytes(stack))

    def place_array(self, array: npt.NDArray[Any], what: str) -> int:
        """Return the guest address of an array's copy (`values.Places`)."""
        self.arrays[what.split("'")[1] if "'" in what else what] = array
        contiguous = array if array.flags.c_contiguous else np.ascontiguousarray(array)
        if contiguous is not array:
            if any(np.shares_memory(array, other) for stretch in self._stretches for other, _, _ in stretch.arrays):
                raise McusimError(f"{what}: an array with gaps that shares memory with another argument: copy it first")
            stretch = self._new(contiguous.tobytes(), what)
            stretch.arrays.append((array, contiguous, what))
            stretch.host_start = _host(contiguous)
            return stretch.address
        start, size = _host(array), array.nbytes
        for stretch in self._stretches:
            if stretch.host_start <= start and start + size <= stretch.host_start + stretch.size_bytes and size:
                stretch.arrays.append((array, array, what))
                return stretch.address + start - stretch.host_start
        low, high = next((span for span in self._spans if span[0] <= start < span[1]), (start, start + size))
        stretch = self._new((ctypes.c_char * (high - low)).from_address(low).raw if high > low else b"", what)
        stretch.host_start = low
        stretch.arrays.append((array, array, what))
        return stretch.address + start - low

    def place_bytes(self, data: bytes, what: str) -> int:
        """Return the guest address of bytes (`values.Places`)."""
        return self._new(data, what).address

    def place_object(self, value: Any, kind: Type, what: str) -> int:
        """Return the guest address of an object's copy (`values.Places`); one that is passed twice has one copy."""
        if id(value) not in self._objects:
            address = self._new(bytes(kind.size_bytes), what).address
            self._objects[id(value)] = (value, address, kind)
            self._memory.write(address, _contents(value, kind, self, what))
        return self._objects[id(value)][1]

    def _new(self, data: bytes, what: str) -> _Stretch:
        address = self._room.take(len(data), ARGUMENT_ALIGN_BYTES, what)
        self._memory.write(address - GUARD_BYTES, GUARD + data + GUARD)
        stretch = _Stretch(address, len(data), what, before=data)
        self._stretches.append(stretch)
        return stretch

    # back

    def finish(self, function: str) -> tuple[Any, ...]:
        """Copy back what the call has changed and return the arguments as they are now."""
        self._check_guards(function)
        for stretch in self._stretches:
            if stretch.arrays:
                self._take_back(stretch, function)
        return tuple(self._now(value) for value in self._values)

    def result_bytes(self, size_bytes: int) -> bytes:
        """Return the bytes of a result that is returned in memory."""
        return self._memory.read(self._result_address, size_bytes)

    def _now(self, value: Any) -> Any:
        owner = referred_to(value)
        found = self._objects.get(id(value if owner is None else owner))
        if found is None:
            return value
        held, address, kind = found
        new = update(held, self._memory.read(address, kind.size_bytes), kind, self._memory)
        return _with_arrays(new, value) if isinstance(value, dict) else new

    def _check_guards(self, function: str) -> None:
        """Refuse a call that wrote beside an argument.

        A long stray write changes the guards of its neighbours as well: the argument that it most likely left is one
        that it left at its very end, else one that it left at its very start.
        """
        found = []
        for stretch in self._stretches:
            offsets = self._changed(stretch)
            if offsets:
                nearest = stretch.size_bytes if stretch.size_bytes in offsets else offsets[0]
                rank = 0 if nearest == stretch.size_bytes else 1 if -1 in offsets else 2
                found.append((rank, stretch, nearest))
        if found:
            _, stretch, first = min(found, key=lambda row: row[0])
            raise McusimError(
                f"{function} writes outside {stretch.what} ({stretch.size_bytes} bytes), first at offset {first}"
            )

    def _changed(self, stretch: _Stretch) -> list[int]:
        """Return the offsets of changed bytes in a stretch's guards, ascending."""
        end = stretch.address + stretch.size_bytes
        below = self._memory.read(stretch.address - GUARD_BYTES, GUARD_BYTES)
        above = self._memory.read(end, GUARD_BYTES)
        changed = [at - GUARD_BYTES for at in range(GUARD_BYTES) if below[at] != GUARD[at]]
        return changed + [stretch.size_bytes + at for at in range(GUARD_BYTES) if above[at] != GUARD[at]]

    def _take_back(self, stretch: _Stretch, function: str) -> None:
        after = self._memory.read(stretch.address, stretch.size_bytes)
        if after == stretch.before:
            return
        for given, contiguous, what in stretch.arrays:
            offset = _host(contiguous) - stretch.host_start
            piece = after[offset : offset + contiguous.nbytes]
            if piece == stretch.before[offset : offset + contiguous.nbytes]:
                continue
            if not given.flags.writeable:
                raise McusimError(f"{function} writes into {what}, which is a read-only array")
            given[...] = np.frombuffer(piece, given.dtype).reshape(given.shape)


def _contents(value: Any, kind: Type, places: Arguments, what: str) -> bytes:
    if isinstance(value, ctypes._SimpleCData):
        value = value.value
    return encode(value, kind, places, what)


def _with_arrays(new: Any, given: dict[str, Any]) -> Any:
    """Return a structure read back, its arrays (which were pointers there) as the caller gave them."""
    return {name: given[name] if isinstance(given.get(name), np.ndarray) else value for name, value in new.items()}


def _put(data: bytes, kind: Type, location: Location, registers: dict[str, int], stack: bytearray) -> None:
    """Put an argument's bytes where the calling convention wants them."""
    padded = data + bytes(-len(data) % 4)
    if len(data) < 4 and getattr(kind, "signed", False) and not getattr(kind, "floating", False) and data[-1] & 0x80:
        padded = data + b"\xff" * (4 - len(data))  # B.2, C.2: extended to a word
    words = [int.from_bytes(padded[at : at + 4], "little") for at in range(0, len(padded), 4)]
    for number in location.float_registers:
        registers[f"s{number}"] = words.pop(0)
    for number in location.registers:
        registers[f"r{number}"] = words.pop(0)
    if location.stack_bytes:
        stack.extend(bytes(max(0, location.stack_offset + location.stack_bytes - len(stack))))
        rest = b"".join(word.to_bytes(4, "little") for word in words)
        stack[location.stack_offset : location.stack_offset + len(rest)] = rest


def _host(array: npt.NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])


def _spans_of(values: Iterable[Any]) -> Iterator[Span]:
    """Yield where the contiguous arrays among the values lie in this computer's memory."""
    for value in values:
        if isinstance(value, np.ndarray):
            if value.flags.c_contiguous and value.nbytes:
                yield _host(value), _host(value) + value.nbytes
        elif isinstance(value, dict):
            yield from _spans_of(value.values())
        elif isinstance(value, (list, tuple)):
            yield from _spans_of(value)


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Return the spans, those that overlap as one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def result_of(data: bytes, kind: Type, restype: Any, memory: GuestMemory) -> Any:
    """Return a call's result as Python has it: an instance of `restype` where that is a ctypes structure."""
    if isinstance(restype, type) and issubclass(restype, ctypes.Structure):
        return update(restype(), data, kind, memory)
    return decode(data, kind, memory)
