# SPDX-License-Identifier: Apache-2.0
"""Python values as the bytes of guest types, and back.

int, bool, float, NumPy scalars     numbers; a value that the type cannot hold is an error
None, int, GuestPointer             pointers: null, an address
NumPy arrays, bytes, str            pointers to a copy in guest memory (`str` with its NUL)
dict                                structures by member's name; members left out are zero, as in C
list, tuple                         arrays, or pointers to one
ctypes values                       numbers and structures; `byref(x)` and `pointer(x)` pointers to a copy
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mcusim.calling.ctypes_types import fields_of, type_of
from mcusim.errors import McusimError, unknown_name
from mcusim.image import Array, Base, Pointer, Struct, Type

_FLOATS = {2: "<e", 4: "<f", 8: "<d"}


class GuestMemory(Protocol):
    """What reads and writes guest memory."""

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return bytes; McusimError where there is no memory."""

    def write(self, address: int, data: bytes) -> None:
        """Write bytes; McusimError where there is no memory."""


class GuestPointer(int):
    """An address in guest memory, as the firmware gives it; what it points to is read as it is now."""

    _memory: GuestMemory
    target: Type | None

    @classmethod
    def make(cls, address: int, memory: GuestMemory, target: Type | None = None) -> GuestPointer:
        """Return the pointer; `target` is what it points to, by debug information."""
        pointer = cls(address)
        pointer._memory, pointer.target = memory, target
        return pointer

    def __repr__(self) -> str:
        return f"GuestPointer(0x{int(self):08x})"

    def _check(self) -> None:
        if not self:
            raise McusimError("a null pointer points to nothing: nothing can be read or written there")

    def array(self, dtype: npt.DTypeLike, shape: int | tuple[int, ...]) -> npt.NDArray[Any]:
        """Return a copy of the array that it points to."""
        self._check()
        kind = np.dtype(dtype)
        count = int(np.prod(shape, dtype=np.int64))
        return np.frombuffer(self._memory.read(self, count * kind.itemsize), kind).reshape(shape).copy()

    def write(self, values: npt.NDArray[Any] | bytes) -> None:
        """Write an array or bytes where it points to."""
        self._check()
        self._memory.write(self, values if isinstance(values, bytes) else np.ascontiguousarray(values).tobytes())

    def text(self, limit_bytes: int = 4096) -> str:
        """Return the C string that it points to."""
        self._check()
        data = bytearray()
        while len(data) < limit_bytes and (byte := self._memory.read(int(self) + len(data), 1)) != b"\0":
            data += byte
        return data.decode("utf-8", errors="replace")

    def value(self) -> Any:
        """Return what it points to by debug information: a number, another pointer, a dict for a structure."""
        self._check()
        if self.target is None:
            raise McusimError(f"nothing says what 0x{int(self):08x} points to: read it with array() or text()")
        return decode(self._memory.read(self, self.target.size_bytes), self.target, self._memory)


class Places(Protocol):
    """What puts data into guest memory for a call."""

    def place_array(self, array: npt.NDArray[Any], what: str) -> int:
        """Return the guest address of an array's copy, which is copied back after the call."""

    def place_bytes(self, data: bytes, what: str) -> int:
        """Return the guest address of bytes."""

    def place_object(self, value: Any, kind: Type, what: str) -> int:
        """Return the guest address of a value's copy, which is copied back after the call."""


# to the guest


def encode(value: Any, kind: Type, places: Places, what: str) -> bytes:
    """Return the bytes of a value as a guest type has it. Raises McusimError that names `what` it is for."""
    if isinstance(value, ctypes._SimpleCData):
        value = value.value
    if isinstance(kind, Base):
        return _number(value, kind, what)
    if isinstance(kind, Pointer):
        return _pointer(value, kind, places, what).to_bytes(4, "little")
    if isinstance(kind, Struct):
        return _structure(value, kind, places, what)
    return _array(value, kind, places, what)


def _number(value: Any, kind: Base, what: str) -> bytes:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if kind.floating:
        if not isinstance(value, (int, float, np.integer, np.floating)):
            raise McusimError(f"{what}: a {kind.name} is wanted, not {described(value)}")
        try:
            return struct.pack(_FLOATS[kind.size_bytes], float(value))
        except OverflowError:
            raise McusimError(f"{what}: {value} does not fit a {kind.name}") from None
    if isinstance(value, bytes) and len(value) == 1 == kind.size_bytes:
        return value
    if not isinstance(value, (int, np.integer, np.bool_)):
        raise McusimError(f"{what}: a {kind.name or 'number'} is wanted, not {described(value)}")
    number, bits = int(value), 8 * kind.size_bytes
    low, high = (-(1 << bits - 1), 1 << bits - 1) if kind.signed else (0, 1 << bits)
    if not low <= number < high:
        raise McusimError(f"{what}: {number} does not fit a {kind.name or f'number of {bits} bits'}")
    return (number & (1 << bits) - 1).to_bytes(kind.size_bytes, "little")


def _pointer(value: Any, kind: Pointer, places: Places, what: str) -> int:
    if value is None:
        return 0
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        if not 0 <= int(value) < 1 << 32:
            raise McusimError(f"{what}: {int(value)} is no address")
        return int(value)
    if isinstance(value, np.ndarray):
        _check_elements(value, kind.target, what)
        return places.place_array(value, what)
    if isinstance(value, str):
        return places.place_bytes(value.encode() + b"\0", what)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return places.place_bytes(bytes(value), what)
    target = kind.target
    if isinstance(value, ctypes._Pointer) and value and issubclass(value._type_, ctypes._SimpleCData):
        raise McusimError(f"{what}: a ctypes pointer does not say how many elements there are: pass the array itself")
    referred = referred_to(value)
    if referred is not None:
        _check_same_size(type_of(type(referred)), target, what)
        return places.place_object(referred, type_of(type(referred)), what)
    if isinstance(value, dict):
        if not isinstance(target, Struct):
            raise McusimError(f"{what}: a dict needs debug information of a structure, or give argtypes=")
        return places.place_object(value, target, what)
    if isinstance(value, (list, tuple)):
        if target is None:
            raise McusimError(f"{what}: nothing says what the elements of a list are: give a NumPy array")
        return places.place_object(value, Array(target, len(value)), what)
    raise McusimError(f"{what}: a pointer is wanted (an array, bytes, an address, None), not {described(value)}")


def referred_to(value: Any) -> Any:
    """Return what `byref(x)`, `pointer(x)`, a ctypes structure or a ctypes array passes the address of; else None."""
    if isinstance(value, (ctypes.Structure, ctypes.Array)):
        return value
    if isinstance(value, ctypes._Pointer):
        return value.contents if value else None
    return getattr(value, "_obj", None) if type(value).__name__ == "CArgObject" else None


def _check_elements(array: npt.NDArray[Any], target: Type | None, what: str) -> None:
    """Refuse an array whose elements are not what a pointer points to."""
    kind = array.dtype
    if kind.hasobject or kind.byteorder == ">":
        raise McusimError(f"{what}: an array of {kind} cannot be passed: take little-endian numbers")
    while isinstance(target, Array):
        target = target.element
    if not isinstance(target, Base) or kind.names is not None:
        return
    same_kind = (kind.kind == "f") == target.floating and (kind.kind == "i") == (target.signed and not target.floating)
    loose = target.size_bytes == 1 and (kind.kind == "b" or target.name == "char")
    if kind.itemsize != target.size_bytes or not (same_kind or loose):
        raise McusimError(
            f"{what}: it points to {target.name or 'an enumeration'}, the array has {kind}: "
            "convert it, or pass array.view(...) where the bytes are meant"
        )


def _check_same_size(given: Type, wanted: Type | None, what: str) -> None:
    if isinstance(wanted, Struct) and isinstance(given, Struct) and wanted.size_bytes != given.size_bytes:
        raise McusimError(
            f"{what}: {given.name} has {given.size_bytes} bytes, the firmware's {wanted.name or 'structure'} "
            f"{wanted.size_bytes}: compare their members"
        )


def _structure(value: Any, kind: Struct, places: Places, what: str) -> bytes:
    if isinstance(value, ctypes.Structure):
        own = type_of(type(value))
        _check_same_size(own, kind, what)
        assert isinstance(own, Struct)
        members = {name: getattr(value, name) for name, _ in fields_of(type(value))}
        kind = own
    elif isinstance(value, dict):
        members = value
    else:
        raise McusimError(f"{what}: a structure is wanted (a dict or a ctypes Structure), not {described(value)}")
    known = {member.name: member for member in kind.members}
    data = bytearray(kind.size_bytes)
    for name, inner in members.items():
        if name not in known:
            raise unknown_name(f"member of {kind.name or 'the structure'} ({what})", str(name), known)
        member = known[name]
        data[member.offset : member.offset + member.type.size_bytes] = encode(
            inner, member.type, places, inside(what, f".{name}")
        )
    return bytes(data)


def _array(value: Any, kind: Array, places: Places, what: str) -> bytes:
    """Return the bytes of an array inside a structure."""
    if isinstance(value, str):
        value = value.encode() + b"\0"
    if isinstance(value, bytes) and len(value) <= kind.size_bytes:
        return value + bytes(kind.size_bytes - len(value))
    if isinstance(value, np.ndarray):
        _check_elements(value, kind, what)
        if value.nbytes == kind.size_bytes:
            return value.tobytes()
    elif isinstance(value, (list, tuple, ctypes.Array)) and len(value) == kind.count:
        return b"".join(encode(each, kind.element, places, inside(what, f"[{n}]")) for n, each in enumerate(value))
    raise McusimError(f"{what}: {kind.count} elements are wanted, not {described(value)}")


def inside(what: str, part: str) -> str:
    """Return the name of a part: "argument 'ctx.buf'" for the part ".buf" of "argument 'ctx'"."""
    return f"{what[:-1]}{part}'" if what.endswith("'") else what + part


def described(value: Any) -> str:
    """Return a value in words."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}, {value.size} elements"
    return f"{type(value).__name__} {value!r:.40}"


# from the guest


def decode(data: bytes, kind: Type, memory: GuestMemory) -> Any:
    """Return what bytes of a guest type mean."""
    if isinstance(kind, Base):
        if kind.floating:
            return struct.unpack(_FLOATS[kind.size_bytes], data[: kind.size_bytes])[0]
        number = int.from_bytes(data[: kind.size_bytes], "little", signed=kind.signed)
        return bool(number) if kind.name in ("_Bool", "bool") else number
    if isinstance(kind, Pointer):
        return GuestPointer.make(int.from_bytes(data[:4], "little"), memory, kind.target)
    if isinstance(kind, Struct):
        return {
            member.name: decode(data[member.offset : member.offset + member.type.size_bytes], member.type, memory)
            for member in kind.members
        }
    size = kind.element.size_bytes
    return [decode(data[size * n : size * (n + 1)], kind.element, memory) for n in range(kind.count)]


def update(value: Any, data: bytes, kind: Type, memory: GuestMemory) -> Any:
    """Return a value that was passed, as the call left it; ctypes objects and lists are changed in place."""
    if isinstance(value, ctypes.Structure) and isinstance(kind, Struct):
        for member in kind.members:
            inner = data[member.offset : member.offset + member.type.size_bytes]
            _set_field(value, member.name, inner, member.type, memory)
        return value
    if isinstance(value, ctypes.Array) and isinstance(kind, Array):
        size = kind.element.size_bytes
        for number in range(kind.count):
            _set_item(value, number, data[size * number : size * (number + 1)], kind.element, memory)
        return value
    if isinstance(value, ctypes._SimpleCData):
        value.value = decode(data, kind, memory)
        return value
    new = decode(data, kind, memory)
    if isinstance(value, list) and isinstance(new, list):
        value[:] = new
        return value
    return new


def _set_field(holder: ctypes.Structure, name: str, data: bytes, kind: Type, memory: GuestMemory) -> None:
    inner = getattr(holder, name)
    if isinstance(inner, (ctypes.Structure, ctypes.Array)):
        update(inner, data, kind, memory)
    elif not isinstance(kind, Pointer):  # an address of the guest is none of this computer
        setattr(holder, name, decode(data, kind, memory))


def _set_item(holder: Any, number: int, data: bytes, kind: Type, memory: GuestMemory) -> None:
    inner = holder[number]
    if isinstance(inner, (ctypes.Structure, ctypes.Array)):
        update(inner, data, kind, memory)
    elif not isinstance(kind, Pointer):
        holder[number] = decode(data, kind, memory)
