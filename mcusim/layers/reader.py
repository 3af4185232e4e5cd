# SPDX-License-Identifier: Apache-2.0
"""What a layer is, read as its function is about to begin: name and kind by symbols, shape and MACs by arguments."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from mcusim.image import Image, Symbol
from mcusim.layers.arguments import View, read_arguments
from mcusim.layers.kinds import kind_of
from mcusim.layers.names import Name, names_of, snake
from mcusim.layers.operands import UNKNOWN, Operands, operands_of
from mcusim.layers.rules import LayerRule
from mcusim.layers.shapes import facts, output_elements
from mcusim.layers.tensors import (
    Interpreter,
    interpreter_of,
    is_operator,
    node_operands,
    node_shapes,
    operator_facts,
)
from mcusim.layers.values import Path, Values, values_of

MAX_MARKER_BYTES = 64  # of a marker's text; longer ones are cut
# Names that say nothing alone: every operator of TFLite Micro has one of these, its file tells which it is.
_NAMELESS = re.compile(r"(?:eval|invoke)(?:_(?:u?int\d*|int\d+x\d+|float\d*|quantized|per_channel|hybrid))*")
_PREFIXES = re.compile(r"^(?:tvmgen_[a-z0-9]+_|forward_lite_|forward_(?=\w))")


@lru_cache(maxsize=4096)
def _facts(kind: str, function: str, values: tuple[tuple[Path, int], ...]) -> tuple[tuple[str, int | None], int | None]:
    """Return what `facts` and `output_elements` say: a layer is met again and again with the same arguments."""
    found = Values(dict(values))
    return facts(kind, function, found), output_elements(kind, found)


@dataclass(frozen=True)
class LayerFacts:
    """What is known of a layer. `kind` and `shape` are '' and `macs` None where nothing tells them."""

    name: str
    kind: str
    shape: str
    macs: int | None
    operands: Operands = UNKNOWN

    def completed_by(self, kernel: LayerFacts) -> LayerFacts:
        """Return these facts with what they lack from those of a kernel below (`LayerRule.details`); the name stays."""
        kind = self.kind or kernel.kind
        operands = self.operands.completed_by(kernel.operands)
        if self.shape or not kernel.shape:
            return LayerFacts(self.name, kind, self.shape, self.macs, operands)
        return LayerFacts(self.name, kind, kernel.shape, kernel.macs, operands)


@dataclass(frozen=True)
class _Kernel:
    """What the symbols say of a function, found once."""

    name: str
    kind: str
    plain: str  # in lower case, for sizes in the name
    address: int  # of the function itself: a veneer's target
    trusted: bool  # takes its arguments as the calling convention says


class LayerReader:
    """Reads layers' facts in one image."""

    def __init__(self, image: Image, rule: LayerRule) -> None:
        self._image = image
        self._rule = rule
        self._kernels: dict[int, _Kernel] = {}
        self._hard_float = image.cpu.hard_float

    def read(
        self, address: int, register: Callable[[int], int], memory: Callable[[int, int], bytes | None]
    ) -> LayerFacts:
        """Return the facts of the layer that begins with the function at an address.

        The function is about to execute its first instruction. `register` gives r0 to r15 by number, `memory` the
        bytes at an address, or None outside memory. For a marker the name is the text that it was given.
        """
        if address in self._rule.begin_markers:
            text = text_at(register(0), memory)
            return LayerFacts(text, kind_of(text), "", None)
        kernel = self._kernels.get(address)
        if kernel is None:
            kernel = self._kernels[address] = self._find(address)
        arguments = self._arguments(kernel, register, memory)
        if is_operator(arguments):
            (_, context), (_, node) = arguments
            shape, macs = operator_facts(kernel.kind, *node_shapes(context, node, self._interpreter))
            operands = node_operands(context, node, self._interpreter)
        else:
            (shape, macs), elements = _facts(kernel.kind, kernel.plain, tuple(values_of(arguments).items()))
            operands = operands_of(kernel.plain, arguments, elements)
        return LayerFacts(kernel.name, kernel.kind, shape, macs, operands)

    @cached_property
    def _interpreter(self) -> Interpreter | None:
        return interpreter_of(self._image)

    def _arguments(
        self, kernel: _Kernel, register: Callable[[int], int], memory: Callable[[int, int], bytes | None]
    ) -> list[tuple[str, View]]:
        signature = self._image.signature_at(kernel.address)
        if signature is None:
            return []
        return read_arguments(signature, self._hard_float, kernel.trusted, register, memory)

    def _find(self, address: int) -> _Kernel:
        symbol = self._image.function_at(address)
        if symbol is None:
            return _Kernel(f"sub_{address:08x}", "", "", address, True)
        names = names_of(symbol)
        name = names[0]
        target = self._image.find_symbol(name.plain) if name.veneer else None
        described = target or symbol
        kind = next(filter(None, (_kind(each, described.file) for each in names)), "")
        trusted = not re.search(r"\.(?:constprop|isra|part|cold)", name.clone)
        return _Kernel(_short(name, described), kind, snake(name.base), described.address, trusted)


def _kind(name: Name, file: str | None) -> str:
    """Return the kind by a function's name; by the namespace around it and its file where that says nothing."""
    return kind_of(name.base, file) or kind_of(_space(name))


def _space(name: Name) -> str:
    """Return the innermost namespace or class around a function that says something, '' for none."""
    spaces = [part for part in name.plain.split("::")[:-1] if part != "tflite" and "anonymous" not in part]
    return spaces[-1] if spaces else ""


def _short(name: Name, symbol: Symbol) -> str:
    """Return a layer's name for a table."""
    base = name.base
    stem = re.split(r"[/\\]", symbol.file)[-1].partition(".")[0] if symbol.file else ""
    if _NAMELESS.fullmatch(snake(base)):
        return f"{stem or _space(name)} {base}".strip()
    return _PREFIXES.sub("", base) or base


def text_at(address: int, memory: Callable[[int, int], bytes | None]) -> str:
    """Return the zero-terminated text at an address, '' where there is none; what does not print becomes a '?'."""
    data = bytearray()
    while len(data) < MAX_MARKER_BYTES:
        byte = memory((address + len(data)) & 0xFFFFFFFF, 1)
        if not byte or byte == b"\0":
            break
        data += byte
    text = data.decode("utf-8", errors="replace").replace("\N{REPLACEMENT CHARACTER}", "?")
    return "".join(letter if letter.isprintable() else "?" for letter in text)
