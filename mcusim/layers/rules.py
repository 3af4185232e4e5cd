# SPDX-License-Identifier: Apache-2.0
"""Which function calls of a firmware are layers: the rule, and how `--layers` names one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from mcusim.errors import McusimError
from mcusim.image import Image
from mcusim.layers.helpers import helpers, is_helper
from mcusim.layers.names import Function, Functions
from mcusim.layers.presets import PRESETS, Found

BEGIN_MARKER, END_MARKER = re.compile("mcusim_layer_begin"), re.compile("mcusim_layer_end")
ARENA_BYTES = 64  # a smaller variable of that name is a pointer to an arena, or its size
RAM = 0x20000000  # where RAM begins, on the chip and beyond it (Armv7-M ARM B3.1)
MAX_NEAR = 5
ON_CMSIS_NN = ("edge-impulse", "tflm", "tvm")  # presets of frameworks that call it


@dataclass(frozen=True)
class LayerRule:
    """Which calls begin layers. Addresses are of functions' first instructions, Thumb bit cleared.

    `helpers` are functions that are never layers: they do not count among the callees of a parent that takes any.
    `details` are kernels whose arguments tell what the layer around them is (`LayerReader.read` at their first call),
    where the layer's own function does not: CMSIS-NN below an operator of TFLite Micro or microTVM.
    """

    preset: str  # a preset's name, callees-of, match, markers
    text: str  # in words, for the report
    starts: frozenset[int] = frozenset()  # every call of one begins a layer, nested ones too
    outermost: frozenset[int] = frozenset()  # so does every call of one, unless one of them is active around it
    parents: Mapping[int, frozenset[int] | None] = field(default_factory=dict)  # callees that begin layers; None: any
    begin_markers: frozenset[int] = frozenset()
    end_markers: frozenset[int] = frozenset()
    arenas: tuple[str, ...] = ()  # names of symbols in the image that are arenas by this framework's custom
    helpers: frozenset[int] = frozenset()
    details: frozenset[int] = frozenset()


def find_rule(text: str, image: Image) -> LayerRule | None:
    """Return the rule that `--layers` names by `text`; None for `none`, and where `auto` recognises nothing.

    `text` is `auto`, `none`, `markers`, a preset's name, `callees-of=SYMBOL[,SYMBOL]` or `match=REGEX`. Raises
    McusimError for a rule that does not exist or matches nothing in the image; the message says what would match.
    """
    kind, equals, argument = text.strip().partition("=")
    functions = Functions(image)
    if equals and kind in ("callees-of", "match"):
        _need_symbols(text, image)
        found = _callees_of(argument, functions) if kind == "callees-of" else _match(argument, functions)
        return _rule(kind, found, functions)
    if text.strip() == "none":
        return None
    if text.strip() == "auto":
        return _auto(functions)
    if text.strip() == "markers":
        _need_symbols(text, image)
        return _markers(functions) or _no_markers(functions)
    preset = PRESETS.get(text.strip())
    if preset is None:
        known = ", ".join(("auto", "none", "markers", *PRESETS, "callees-of=SYMBOL", "match=REGEX"))
        raise McusimError(f"--layers {text}: no such rule: give one of {known}")
    _need_symbols(text, image)
    fit = preset.find(functions)
    if fit is None:
        raise McusimError(
            f"{image.name}: --layers {preset.name} finds nothing: it looks for {preset.looks_for}; "
            f"{_what_fits(functions)}"
        )
    return _rule(preset.name, fit, functions)


def _need_symbols(text: str, image: Image) -> None:
    if not image.functions:
        raise McusimError(f"{image.name}: --layers {text} needs the names of functions, and this file has none: "
                          "give the ELF file, not stripped")  # fmt: skip


def _auto(functions: Functions) -> LayerRule | None:
    """Return the markers' rule where the image has them, else the first preset that fits."""
    marked = _markers(functions)
    if marked is not None:
        return marked
    for name in _fitting(functions):
        found = PRESETS[name].find(functions)
        if found is not None:
            return _rule(name, found, functions)
    return None


def _fitting(functions: Functions) -> list[str]:
    """Return the presets that `auto` would accept, in its order."""
    return [
        preset.name
        for preset in PRESETS.values()
        if (preset.signs is None or functions.has(preset.signs)) and preset.find(functions) is not None
    ]


def _what_fits(functions: Functions) -> str:
    """Return what to do where a rule finds nothing: the presets that would, or how to name the function oneself."""
    fitting = _fitting(functions)
    if _markers(functions) is not None:
        fitting.insert(0, "markers")
    if fitting:
        return f"what fits this firmware: {', '.join(fitting)}"
    return "no preset fits this firmware: name the function that calls the layers, like --layers callees-of=SYMBOL"


def _rule(preset: str, found: Found, functions: Functions) -> LayerRule:
    pattern = PRESETS[preset].arenas if preset in PRESETS else None
    never = helpers(functions)
    if any(callees is None for callees in found.parents.values()):
        never |= _pieces(found.parents, functions)
    return LayerRule(
        preset,
        found.text,
        found.starts,
        found.outermost,
        found.parents,
        arenas=_arenas(functions.image, [pattern] if pattern else [each.arenas for each in PRESETS.values()]),
        helpers=never,
        details=_details(preset, functions),
    )


def _details(preset: str, functions: Functions) -> frozenset[int]:
    """Return the kernels below the operators of frameworks that call CMSIS-NN."""
    found = PRESETS["cmsis-nn"].find(functions) if preset in ON_CMSIS_NN else None
    return found.outermost if found is not None else frozenset()


def _pieces(parents: Iterable[int], functions: Functions) -> frozenset[int]:
    """Return what GCC cut out of the parents themselves: what such a piece calls is the parent's callee."""
    named = {each.names[0].plain for each in functions if each.address in set(parents)}
    return frozenset(each.address for each in functions if each.names[0].is_part and each.names[0].plain in named)


def _arenas(image: Image, patterns: Iterable[re.Pattern[str]]) -> tuple[str, ...]:
    """Return the names of the arrays in RAM whose plain names match."""
    found = []
    for symbol in image.symbols:
        if symbol.kind != "object" or symbol.address < RAM or symbol.size_bytes < ARENA_BYTES:
            continue
        base = re.split(r"[ .(]", symbol.name.replace("(anonymous namespace)::", "").rpartition("::")[2], maxsplit=1)[0]
        if any(pattern.fullmatch(base) for pattern in patterns):
            found.append(symbol.name)
    return tuple(found)


# What the user names


def _split(text: str) -> list[str]:
    """Return names separated by commas, but for those within brackets: C++ names have parameters."""
    parts = [""]
    depth = 0
    for letter in text:
        depth += letter in "(<"
        depth -= letter in ")>"
        if letter == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def _callees_of(argument: str, functions: Functions) -> Found:
    names = _split(argument)
    if not names:
        raise McusimError("--layers callees-of= needs a function: give one, or several separated by commas")
    parents: dict[int, frozenset[int] | None] = {}
    for name in names:
        matching = _called(name, functions)
        if not matching:
            raise McusimError(
                f"{functions.image.name}: --layers callees-of={name}: no such function: {_near(name, functions)}"
            )
        parents.update({each.address: None for each in matching})
    return Found(f"callees-of: the functions called by {', '.join(names)}", parents=parents)


def _called(name: str, functions: Functions) -> list[Function]:
    """Return the functions a user means by a name: exactly that one, else all of that plain or last name."""
    symbol = functions.image.find_symbol(name)
    exact = [each for each in functions if symbol is not None and each.symbol is symbol]
    plain = [
        each
        for each in functions
        if any(part.plain == name or part.base == name for part in each.names) and not each.names[0].veneer
    ]
    return exact if exact and name not in {each.names[0].plain for each in exact} else plain or exact


def _match(argument: str, functions: Functions) -> Found:
    try:
        pattern = re.compile(argument)
    except re.error as error:
        raise McusimError(f"--layers match={argument}: not a regular expression: {error}") from None
    if not argument:
        raise McusimError("--layers match= needs a regular expression, like match=^conv")
    matching = [each for each in functions if _is_meant(each, pattern)]
    whole = {each.names[0].plain for each in matching if not each.names[0].is_part}
    # A piece that GCC cut out of a function is part of its call, unless the rest of it is inlined everywhere.
    matching = [each for each in matching if not each.names[0].is_part or each.names[0].plain not in whole]
    if not matching:
        raise McusimError(
            f"{functions.image.name}: --layers match={argument}: no function matches: {_near(argument, functions)}"
        )
    return Found(f"match: every call of a function whose name matches {argument}", starts=frozenset(
        each.address for each in matching))  # fmt: skip


def _is_meant(function: Function, pattern: re.Pattern[str]) -> bool:
    if ".cold" in function.names[0].clone or function.names[0].veneer:
        return False
    symbol = function.symbol
    if pattern.search(symbol.name) or pattern.search(symbol.raw_name):
        return True
    return any(pattern.search(name.plain) for name in function.names)


def _near(wanted: str, functions: Functions) -> str:
    """Return which names come near, or which presets fit, for the end of a message."""
    letters = re.sub(r"[^\w:]+", "", wanted)
    names = list(dict.fromkeys(name for each in functions if not is_helper(each) for name in _spellings(each)))
    holding = next((some for some in _beginnings(letters, names) if some), [])
    near = [*get_close_matches(letters, names, n=MAX_NEAR, cutoff=0.6), *holding[:MAX_NEAR]]
    near = list(dict.fromkeys(near))[:MAX_NEAR]
    return f"did you mean {', '.join(near)}?" if near else _what_fits(functions)


def _beginnings(wanted: str, names: list[str]) -> Iterator[list[str]]:
    """Yield the names that hold `wanted`, then those that hold ever shorter beginnings of it."""
    for length in range(len(wanted), 3, -1):
        yield [name for name in names if wanted[:length].lower() in name.lower()]


def _spellings(function: Function) -> list[str]:
    return [name.plain for name in function.names]


# Markers


def _markers(functions: Functions) -> LayerRule | None:
    begin = frozenset(each.address for each in functions if _is_marker(each, BEGIN_MARKER))
    end = frozenset(each.address for each in functions if _is_marker(each, END_MARKER))
    if not begin or not end:
        return None
    arenas = _arenas(functions.image, [each.arenas for each in PRESETS.values()])
    text = "markers: from mcusim_layer_begin to mcusim_layer_end"
    return LayerRule("markers", text, begin_markers=begin, end_markers=end, arenas=arenas)


def _is_marker(function: Function, pattern: re.Pattern[str]) -> bool:
    return not function.names[0].veneer and any(pattern.fullmatch(name.base) for name in function.names)


def _no_markers(functions: Functions) -> LayerRule:
    raise McusimError(
        f"{functions.image.name}: --layers markers finds nothing: the firmware has no mcusim_layer_begin and "
        f"mcusim_layer_end (mcusim.h); {_what_fits(functions)}"
    )
