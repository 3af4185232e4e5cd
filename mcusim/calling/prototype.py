# SPDX-License-Identifier: Apache-2.0
"""What a function takes and returns: by debug information, by what the caller says, or by the values passed."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcusim.calling.ctypes_types import is_ctypes, type_of
from mcusim.calling.values import described, referred_to
from mcusim.errors import McusimError
from mcusim.image import Array, Base, Pointer, Signature, Struct, Type

UNKNOWN: Any = type("Unknown", (), {"__repr__": lambda self: "UNKNOWN"})()  # nobody says what a function returns
_NUMPY_TYPES: dict[str, Base] = {
    "f": Base("float", 4, True, True), "d": Base("double", 8, True, True), "e": Base("_Float16", 2, True, True),
}  # fmt: skip
_WORD = Base("int", 4, True)


@dataclass(frozen=True)
class Prototype:
    """Names and types of the parameters; `result` is None for void and UNKNOWN where nobody says.

    `restype` is what the caller gave for it, if anything.
    """

    names: tuple[str, ...]
    kinds: tuple[Type, ...]
    result: Any
    restype: Any = None


def guest_type(given: Any, what: str) -> Type:
    """Return the guest type that a caller's word for one means: ctypes, NumPy scalar types, int, float, bool."""
    if isinstance(given, (Base, Pointer, Struct, Array)):
        return given
    if is_ctypes(given):
        return type_of(given)
    if given is int:
        return _WORD
    if given is bool:
        return Base("_Bool", 1)
    if isinstance(given, np.dtype) or (isinstance(given, type) and issubclass(given, np.generic)):
        return _of_dtype(np.dtype(given), what)
    if given is float:
        raise McusimError(f"{what}: float may be float or double in C: say numpy.float32 or numpy.float64")
    raise McusimError(f"{what}: {given!r} is no type: take a ctypes or NumPy type, such as ctypes.c_int32")


def _of_dtype(kind: np.dtype[Any], what: str) -> Base:
    if kind.kind == "f" and kind.char in _NUMPY_TYPES:
        return _NUMPY_TYPES[kind.char]
    if kind.kind == "b":
        return Base("_Bool", 1)
    if kind.kind not in "iu":
        raise McusimError(f"{what}: {kind} is no number that C has")
    return Base(kind.name, kind.itemsize, kind.kind == "i")


def type_of_value(value: Any, what: str) -> Type:
    """Return the guest type of a value where nothing else says it; McusimError where it could be several."""
    if value is None or isinstance(value, (np.ndarray, bytes, bytearray, memoryview, str)):
        return Pointer()
    if isinstance(value, ctypes._SimpleCData):
        return type_of(type(value))
    if isinstance(value, (np.generic, np.bool_)):
        return _of_dtype(value.dtype, what)
    if isinstance(value, int):
        if -(1 << 31) <= value < 1 << 32:
            return _WORD if value < 1 << 31 else Base("unsigned int", 4)
        return Base("long long", 8, value < 0 or value < 1 << 63)
    if isinstance(value, ctypes.Structure):
        return type_of(type(value))
    if referred_to(value) is not None:
        return Pointer()
    hint = "say numpy.float32(...) or numpy.float64(...)" if isinstance(value, float) else "give argtypes="
    raise McusimError(f"{what}: no debug information says what type {described(value)} is to have: {hint}")


def resolve(
    function: str, signature: Signature | None, values: Sequence[Any], argtypes: Sequence[Any] | None, restype: Any
) -> Prototype:
    """Return the prototype that a call with these values uses.

    `argtypes` and `restype` (UNKNOWN: not given; None: void) go before debug information.
    """
    names = [parameter.name or str(n) for n, parameter in enumerate(signature.parameters)] if signature else []
    names += [str(number) for number in range(len(names), len(values))]
    result = signature.result if signature is not None else UNKNOWN
    if restype is not UNKNOWN:
        result = None if restype is None else guest_type(restype, f"restype of {function}")
    if argtypes is not None:
        if len(values) != len(argtypes):
            raise McusimError(f"{function}: {len(values)} arguments, and argtypes has {len(argtypes)}")
        kinds = [guest_type(each, f"argtypes of {function}") for each in argtypes]
        return Prototype(tuple(names[: len(kinds)]), tuple(kinds), result, restype)
    if signature is None:
        kinds = [type_of_value(value, f"{function}, argument {n}") for n, value in enumerate(values)]
        return Prototype(tuple(names), tuple(kinds), result, restype)
    wanted = signature.parameters
    if len(values) != len(wanted):
        raise McusimError(
            f"{function}: {len(values)} arguments, it takes {len(wanted)}: {spelled(function, signature)}"
        )
    unknown = [parameter.name for parameter in wanted if parameter.type is None]
    if unknown:
        raise McusimError(f"{function}: debug information does not say the type of '{unknown[0]}': give argtypes=")
    return Prototype(tuple(names[: len(wanted)]), tuple(p.type for p in wanted if p.type is not None), result, restype)


def spelled(function: str, signature: Signature) -> str:
    """Return a function's prototype in words."""
    inside = ", ".join(f"{type_name(each.type)} {each.name}".strip() for each in signature.parameters)
    return f"{type_name(signature.result) if signature.result else 'void'} {function}({inside or 'void'})"


def type_name(kind: Type | None) -> str:
    """Return a type in words."""
    if kind is None:
        return "void"
    if isinstance(kind, Pointer):
        return f"{type_name(kind.target)} *"
    if isinstance(kind, Array):
        return f"{type_name(kind.element)}[{kind.count}]"
    return kind.name or ("struct" if isinstance(kind, Struct) else "int")
