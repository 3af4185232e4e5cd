# SPDX-License-Identifier: Apache-2.0
"""How a function of the firmware is called for an operator: its arguments in words of a case's vocabulary.

An argument is a word ("input", "-input_zero_point", "stride_w"), a number, or a table of members for a pointer to a
structure; members that are tables are structures inside it. All integers of structures have 32 bits, which is what
CMSIS-NN's and most others' have. Numbers that are passed are as debug information says, or have 32 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcusim.calling import Firmware
from mcusim.checking.case import Array, Style, Values
from mcusim.checking.fitting import fit
from mcusim.errors import McusimError, unknown_name
from mcusim.image import Base, Member, Pointer, Struct, Type

Spec = str | int | Mapping[str, Any]
_WORD = Base("int32_t", 4, True)


@dataclass(frozen=True)
class Deviation:
    """What a library is known to do otherwise than the reference: which cases, in words, and with what outcome.

    `status` is failed (another result) or error (no result, or one with writes beside the arguments).
    """

    words: str
    applies: Callable[[Values], bool]
    status: str = "failed"


@dataclass(frozen=True)
class Binding:
    """A function, the operator that it is, and how it is called.

    `scratch` is a number of bytes, or the function that returns it with its arguments; `scratch_limit` gives the bytes
    where that function is not in the image. `success` is what the function returns when all is well, None where it
    returns nothing of interest. `result` is the array that holds the output: "output", or "input" for what works in
    place. `prepare` adds words to the vocabulary (weights in another order). `more` are other arrays that the function
    changes (a state), each with what gives its contents after the call. `before` gives what the output holds before
    the call, where that matters. `name` tells bindings of the same function apart. `deviations` are differences that
    are known: cases that show them are told, and are no failure. `beside` says how names of other functions of the
    library begin, where the function's own is a common word: without one of them it is taken for another's.

    The function may write into its result, `more`, and words that end in "scratch"; all other arrays are read-only.
    """

    function: str
    operator: str
    arguments: tuple[Spec, ...]
    library: str = ""
    style: Style = field(default_factory=Style)
    space: Mapping[str, Any] = field(default_factory=dict)
    scratch: int | tuple[str, tuple[Spec, ...]] = 0
    scratch_limit: Callable[[Values], int] = lambda _values: 0
    success: int | None = None
    result: str = "output"
    prepare: Callable[[Values], Values] | None = None
    more: Mapping[str, Callable[[Values], Array]] = field(default_factory=dict)
    before: Callable[[Values], Array] | None = None
    name: str = ""
    deviations: tuple[Deviation, ...] = ()
    beside: str = ""

    @property
    def label(self) -> str:
        """What it is called in reports and baselines: its name, or that of the function."""
        return self.name or self.function

    def writes(self, word: str) -> bool:
        """Return whether the function may write into the array of this name."""
        return word in ("output", self.result, *self.more) or word.endswith("scratch")


def built(spec: Spec, values: Values, where: str) -> Any:
    """Return what an argument's words mean. Raises McusimError for words that the vocabulary lacks."""
    if isinstance(spec, Mapping):
        return {name: built(inner, values, f"{where}.{name}") for name, inner in spec.items()}
    if isinstance(spec, int):
        return spec
    name = spec.removeprefix("-")
    if name not in values:
        raise unknown_name(f"word ({where})", name, values)
    value = values[name]
    if name != spec and not isinstance(value, (int, float, np.number)):
        raise McusimError(f"{where}: '{spec}': only a number can be negated")
    return value if name == spec else -value


def type_of_built(value: Any) -> Type:
    """Return the type of an argument where no debug information says it."""
    if isinstance(value, dict):
        structure = structure_of(value)
        return Pointer(lambda: structure)
    if value is None or isinstance(value, (np.ndarray, bytes)):
        return Pointer()
    return Base("float", 4, True, True) if isinstance(value, (float, np.floating)) else _WORD


def structure_of(members: Mapping[str, Any]) -> Struct:
    """Return the structure with these members, in order, each a word: integers, pointers, structures of them."""
    found, offset = [], 0
    for name, value in members.items():
        kind: Type = structure_of(value) if isinstance(value, dict) else type_of_built(value)
        found.append(Member(name, offset, kind))
        offset += kind.size_bytes
    rows = tuple(found)
    return Struct("struct", offset, False, lambda: rows)


def call_arguments(
    binding: Binding, firmware: Firmware, values: Values, function: str, specs: Sequence[Spec]
) -> dict[str, Any]:
    """Return `values` and `argtypes` of a call. Raises McusimError where they do not fit the function."""
    made = [built(spec, values, f"{binding.label}, argument {n}") for n, spec in enumerate(specs)]
    symbol = firmware.image.find_symbol(function)
    signature = firmware.image.signature_at(symbol.address) if symbol is not None else None
    kinds = [type_of_built(value) for value in made]
    kinds = fit(function, signature, specs, made, kinds, by_name=not binding.library)
    return {"values": made, "argtypes": kinds}


def check_binding(binding: Binding, firmware: Firmware, values: Values) -> None:
    """Raise McusimError where a binding's words are not in the vocabulary, or do not fit what it calls."""
    if binding.result not in values:
        raise unknown_name(f"word ({binding.label}, result)", binding.result, values)
    symbol = firmware.image.find_symbol(binding.function)
    signature = firmware.image.signature_at(symbol.address) if symbol is not None else None
    if binding.success is not None and signature is not None and signature.result is None:
        raise McusimError(f"{binding.function}: returns nothing (void), so success = {binding.success} cannot be held")
    values = values | {"scratch": np.zeros(1, np.int8), "scratch_bytes": 1}
    call_arguments(binding, firmware, values, binding.function, binding.arguments)
    if not isinstance(binding.scratch, int) and firmware.image.find_symbol(binding.scratch[0]) is not None:
        call_arguments(binding, firmware, values, *binding.scratch)


def scratch_bytes(binding: Binding, firmware: Firmware, values: Values) -> int:
    """Return how much scratch memory a call needs, by what the library says."""
    if isinstance(binding.scratch, int):
        return max(binding.scratch, binding.scratch_limit(values))
    name, specs = binding.scratch
    if firmware.image.find_symbol(name) is None:
        return binding.scratch_limit(values)
    made = call_arguments(binding, firmware, values, name, specs)
    result = firmware.call(name, *made["values"], argtypes=made["argtypes"], restype=np.int32)
    if result.value < 0:
        raise McusimError(f"{name} returns {result.value}, which is no size")
    return int(result.value)
