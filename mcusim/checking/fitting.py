# SPDX-License-Identifier: Apache-2.0
"""A binding held against what debug information says of the function: number and kinds of its arguments.

A pointer wants an array, a structure, or a number written in the binding (an address, 0 for none); a number wants a
number. Elements of arrays have as many bytes as what the pointer points to, and structures as many as the firmware's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mcusim.calling.prototype import spelled, type_name
from mcusim.errors import McusimError
from mcusim.image import Array, Base, Pointer, Signature, Struct, Type


def fit(
    function: str, signature: Signature | None, specs: Sequence[Any], values: Sequence[Any], kinds: Sequence[Type]
) -> list[Type]:
    """Return the types of a call's arguments: numbers as the function has them, where debug information says that.

    `kinds` are the types that the values have by themselves. Raises McusimError where they do not fit the function.
    """
    if signature is None:
        return list(kinds)
    wanted = signature.parameters
    if len(values) != len(wanted):
        count = f"{len(values)} argument{'s' if len(values) != 1 else ''}"
        raise McusimError(
            f"{function}: the binding passes {count}, it takes {len(wanted)}: {spelled(function, signature)}"
        )
    found: list[Type] = []
    for number, (spec, value, kind, parameter) in enumerate(zip(specs, values, kinds, wanted, strict=True)):
        if parameter.type is not None:
            problem = _problem(spec, value, kind, parameter.type)
            if problem:
                raise McusimError(
                    f"{function}, argument {number} ('{parameter.name}', {type_name(parameter.type)}): {problem}: "
                    "change the binding's arguments"
                )
        is_number = isinstance(parameter.type, Base) and isinstance(kind, Base)
        found.append(parameter.type if is_number and parameter.type is not None else kind)
    return found


def _problem(spec: Any, value: Any, kind: Type, wanted: Type) -> str:
    """Return what is wrong with a value for a parameter; "" where it fits."""
    if isinstance(wanted, Base):
        if not isinstance(kind, Base):
            return f"{_shown(spec)} is {_what(value)}, not a number"
        whole = not wanted.floating and kind.floating
        return f"{_shown(spec)} is a float, not an integer" if whole else ""
    if not isinstance(wanted, Pointer):
        return f"{_shown(spec)} is {_what(value)}, not a structure by value" if isinstance(kind, Base) else ""
    if isinstance(kind, Base):
        return "" if isinstance(spec, int) else f"{_shown(spec)} is a number, not an array or a structure"
    target = wanted.target
    while isinstance(target, Array):
        target = target.element
    if isinstance(value, dict):
        assert isinstance(kind, Pointer)
        own = kind.target
        if isinstance(target, Base):
            return "a structure is passed"
        if isinstance(target, Struct) and own is not None and own.size_bytes != target.size_bytes:
            return f"the binding's structure has {own.size_bytes} bytes, the firmware's {target.size_bytes}"
        return ""
    if isinstance(value, np.ndarray) and isinstance(target, Base):
        if isinstance(spec, str) and spec.endswith("scratch"):
            return ""  # memory without a type
        same = value.itemsize == target.size_bytes and (value.dtype.kind == "f") == target.floating
        return "" if same else f"{_shown(spec)} has elements of {value.dtype}"
    return f"{_shown(spec)} is no structure" if isinstance(target, Struct) else ""


def _shown(spec: Any) -> str:
    return f"'{spec}'" if isinstance(spec, (str, int)) else "a structure"


def _what(value: Any) -> str:
    return "a structure" if isinstance(value, dict) else "an array"
