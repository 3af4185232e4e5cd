# SPDX-License-Identifier: Apache-2.0
"""The functions of an image by their plain names: without parameters, clones, veneers and what made them unique.

GCC decorates names: `.constprop.0`, `.isra.0`, `.part.0`, `.cold`, `.lto_priv.0` follow a dot, and in a demangled name
stand in brackets. GNU ld names the veneer of a far call `__NAME_veneer`. None of that changes what the function is for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from mcusim.image import Image, Symbol
from mcusim.image.names import demangle

_CLONE = re.compile(r" \[clone (\.[^\]]*)\]")
_VENEER = re.compile(r"__(.+)_(?:veneer|from_thumb|from_arm)")
_ANONYMOUS = "(anonymous namespace)"
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class Name:
    """A name of a function, taken apart.

    `plain` is the qualified name (`tflite::(anonymous namespace)::ConvEval`), `base` its last part, `parameters` the
    parameter list as C++ spells it ('' for C), `clone` what GCC added ('' for nothing). `veneer` is true for a jump
    that the linker put in between; its other parts are the target's.
    """

    plain: str
    base: str
    parameters: str
    clone: str
    veneer: bool

    @property
    def is_part(self) -> bool:
        """True for a piece that GCC cut out of a function: no call of the function itself."""
        return ".part" in self.clone or ".cold" in self.clone


def take_apart(raw_name: str, readable: str | None = None) -> Name:
    """Return the parts of a raw name; `readable` is its demangled form where that is known."""
    veneer = _VENEER.fullmatch(raw_name)
    if veneer:
        inner = take_apart(veneer.group(1))
        return Name(inner.plain, inner.base, inner.parameters, inner.clone, True)
    if not raw_name.startswith("_Z"):
        plain, dot, clone = raw_name.partition(".")
        return Name(plain or raw_name, plain or raw_name, "", dot + clone if plain else "", False)
    text = demangle(raw_name) if readable is None else readable
    marks = _CLONE.search(text)
    start = _parameters_start(text)
    plain = _without_result(text[:start]) if start >= 0 else text.partition(" ")[0]
    end = text.find(")", start) if start >= 0 else -1
    for position in range(end, len(text)) if end >= 0 else ():
        if text[start : position + 1].count("(") == text[start : position + 1].count(")"):
            end = position
            break
    parameters = text[start : end + 1] if start >= 0 else ""
    return Name(plain, _base(plain), parameters, marks.group(1) if marks else "", False)


def _parameters_start(text: str) -> int:
    """Return where the parameter list of a demangled name begins, or -1: the first bracket outside templates."""
    depth = 0
    position = 0
    while position < len(text):
        if text.startswith(_ANONYMOUS, position):
            position += len(_ANONYMOUS)
            continue
        if text.startswith("operator()", position):
            position += len("operator()")
            continue
        letter = text[position]
        if letter == "<":
            depth += 1
        elif letter == ">":
            depth -= 1
        elif letter == "(" and depth <= 0:
            return position
        position += 1
    return -1


def _without_result(text: str) -> str:
    """Return a qualified name without the result's type, which a demangled template begins with."""
    depth = 0
    start = 0
    for position, letter in enumerate(text):
        depth += letter in "<("
        depth -= letter in ">)"
        if letter == " " and depth <= 0 and not text.endswith("operator", 0, position):
            start = position + 1
    return text[start:]


def _base(plain: str) -> str:
    """Return the last part of a qualified name, without template arguments."""
    depth = 0
    start = 0
    for position, letter in enumerate(plain):
        if letter == "<":
            depth += 1
        elif letter == ">":
            depth -= 1
        elif letter == ":" and not depth:
            start = position + 1
    return plain[start:].partition("<")[0] or plain


def snake(name: str) -> str:
    """Return a name in lower case with underscores: DepthwiseConvEval is depthwise_conv_eval."""
    return _CAMEL.sub("_", name).lower()


@dataclass(frozen=True)
class Function:
    """A function of the image and its names: the primary one first, then the other names of its address."""

    symbol: Symbol
    names: tuple[Name, ...]

    @property
    def address(self) -> int:
        """Address of the first instruction, Thumb bit cleared."""
        return self.symbol.address

    def is_named(self, pattern: re.Pattern[str]) -> bool:
        """Return whether a pattern is the whole plain name (or one of the names) of this function."""
        return any(pattern.fullmatch(name.plain) for name in self.names)


class Functions:
    """The functions of an image by name."""

    def __init__(self, image: Image) -> None:
        self.image = image

    @cached_property
    def all(self) -> tuple[Function, ...]:
        """Every function, by address."""
        return tuple(Function(symbol, names_of(symbol)) for symbol in self.image.functions)

    def __iter__(self) -> Iterator[Function]:
        return iter(self.all)

    def named(self, pattern: re.Pattern[str]) -> list[Function]:
        """Return the functions of which a pattern is the whole plain name, without the pieces GCC cut out of them."""
        return [each for each in self.all if not each.names[0].is_part and each.is_named(pattern)]

    def has(self, pattern: re.Pattern[str]) -> bool:
        """Return whether any function has such a name."""
        return any(each.is_named(pattern) for each in self.all)


def names_of(symbol: Symbol) -> tuple[Name, ...]:
    """Return the names of a symbol, taken apart, the primary one first."""
    first = take_apart(symbol.raw_name, symbol.name if symbol.raw_name.startswith("_Z") else None)
    return (first, *(take_apart(alias) for alias in symbol.aliases))
