# SPDX-License-Identifier: Apache-2.0
"""Which functions are checked, against which operator, with which sizes: a suite, from TOML, from Python, or from what
the bindings to known libraries find in an image. docs/check.md describes the files.
"""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from mcusim.checking.binding import Binding
from mcusim.checking.bindings import BINDINGS, LIBRARIES
from mcusim.checking.case import Operator
from mcusim.checking.operators import OPERATORS
from mcusim.checking.space import Space, spaces
from mcusim.errors import McusimError, unknown_name
from mcusim.image import Image

CASES = 20
ROUNDINGS = ("double", "single", "float")
PADDINGS = ("any", "half", "none")


@dataclass(frozen=True)
class Target:
    """A function of the firmware, how it is called, the operator it should equal, and the sizes to draw from."""

    binding: Binding
    operator: Operator
    space: Space
    cases: int = CASES

    @property
    def function(self) -> str:
        """The function's name."""
        return self.binding.function

    @property
    def name(self) -> str:
        """What it is called in reports, baselines and options."""
        return self.binding.label


@dataclass(frozen=True)
class Suite:
    """Targets, and how they are checked. Tolerances say how much worse than the baseline a case may get."""

    targets: tuple[Target, ...]
    name: str = "bindings"
    board: str | None = None
    seed: int = 1
    tolerance_cycles_percent: float = 0.0
    tolerance_stack_bytes: int = 0


class _Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    function: str
    name: str = ""
    binding: str | None = None
    operator: str | None = None
    arguments: tuple[Any, ...] | None = None
    rounding: str | None = None
    padding: str | None = None
    cases: int | None = None
    space: dict[str, Any] = {}
    scratch_bytes: int | None = None
    success: int | None = None
    result: str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    board: str | None = None
    cases: int = CASES
    seed: int = 1
    tolerance_cycles_percent: float = 0.0
    tolerance_stack_bytes: int = 0
    target: tuple[_Target, ...] = ()


def load_suite(path: Path) -> Suite:
    """Return the suite in a file: TOML, or Python that makes one and calls it SUITE. Raises McusimError."""
    if path.suffix == ".py":
        return _from_python(path)
    try:
        text = tomllib.loads(path.read_text("utf-8"))
        _refuse_unknown_keys(path, text)
        file = msgspec.convert(text, _File)
    except OSError as error:
        raise McusimError(f"{path}: cannot read the suite: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise McusimError(f"{path}: {error}") from None
    if not file.target:
        raise McusimError(f"{path}: no [[target]]: name a function and its operator")
    targets = tuple(_target(row, file.cases, f"{path.name}: {row.function}") for row in file.target)
    names = [target.name for target in targets]
    for name in names:
        if names.count(name) > 1:
            raise McusimError(
                f"{path.name}: {names.count(name)} targets are called '{name}': give each a name = of its own"
            )
    return Suite(targets, path.name, file.board, file.seed, file.tolerance_cycles_percent, file.tolerance_stack_bytes)


def _refuse_unknown_keys(path: Path, text: dict[str, Any]) -> None:
    """Raise McusimError for a key that a suite, or a target of it, does not have, with the nearest that it has."""
    targets = text.get("target", ())
    rows = targets if isinstance(targets, list) else []
    for place, row, known in (("", text, _File), *((f"target {n + 1}, ", row, _Target) for n, row in enumerate(rows))):
        for key in row if isinstance(row, dict) else ():
            if key not in known.__struct_fields__:
                raise McusimError(f"{path}: {place}{unknown_name('key', key, known.__struct_fields__)}")


def _from_python(path: Path) -> Suite:
    spec = importlib.util.spec_from_file_location(f"mcusim_suite_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise McusimError(f"{path}: cannot read the suite")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except McusimError:
        raise
    except Exception as error:
        raise McusimError(f"{path}: {type(error).__name__}: {error}") from error
    suite = getattr(module, "SUITE", None)
    if not isinstance(suite, Suite):
        raise McusimError(f"{path}: makes no SUITE: it must be a mcusim.checking.Suite")
    return suite


def make_target(binding: Binding, *, cases: int = CASES, operator: Operator | None = None, where: str = "") -> Target:
    """Return the target of a binding; `operator` where it is not one of ours. Raises McusimError."""
    where = where or binding.label
    if operator is None:
        if binding.operator not in OPERATORS:
            raise unknown_name(f"operator ({where})", binding.operator, OPERATORS)
        operator = OPERATORS[binding.operator]
    if binding.style.rounding not in ROUNDINGS:
        raise unknown_name(f"rounding ({where})", binding.style.rounding, ROUNDINGS)
    if binding.style.padding not in PADDINGS:
        raise unknown_name(f"padding ({where})", binding.style.padding, PADDINGS)
    if cases < 1:
        raise McusimError(f"{where}: {cases} cases check nothing")
    return Target(binding, operator, spaces(binding.space, operator.space, f"{where}, space"), cases)


def _target(row: _Target, cases: int, where: str) -> Target:
    binding = _binding(row, where)
    style = binding.style
    if row.rounding is not None:
        style = replace(style, rounding=row.rounding)
    if row.padding is not None:
        style = replace(style, padding=row.padding)
    changes: dict[str, Any] = {"style": style, "space": {**binding.space, **row.space}, "name": row.name}
    if row.scratch_bytes is not None:
        changes["scratch"] = row.scratch_bytes
    if row.success is not None:
        changes["success"] = row.success
    if row.result is not None:
        changes["result"] = row.result
    return make_target(replace(binding, **changes), cases=row.cases or cases, where=where)


def _binding(row: _Target, where: str) -> Binding:
    if row.arguments is not None:
        if row.operator is None:
            raise McusimError(f"{where}: arguments need an operator: {', '.join(OPERATORS)}")
        return Binding(row.function, row.operator, row.arguments)
    like = row.binding or row.function
    if like not in BINDINGS:
        known = f"{len(BINDINGS)} functions of {', '.join(LIBRARIES)} are known"
        raise McusimError(f"{where}: no binding '{like}' ({known}): say operator and arguments")
    binding = BINDINGS[like]
    if row.operator not in (None, binding.operator):
        raise McusimError(f"{where}: {like} is {binding.operator}, not {row.operator}: give arguments of your own")
    return replace(binding, function=row.function)


def suite_of_bindings(image: Image, *, cases: int = CASES, seed: int = 1) -> Suite:
    """Return a suite of all functions of an image that bindings know. Raises McusimError where there is none."""
    present = {name for symbol in image.functions for name in (symbol.name, symbol.raw_name, *symbol.aliases)}
    found = [each for each in BINDINGS.values() if each.function in present]
    found = [each for each in found if any(name.startswith(each.beside) for name in present)]
    targets = tuple(make_target(binding, cases=cases) for binding in found)
    if not targets:
        names = ", ".join(LIBRARIES)
        raise McusimError(f"{image.name}: has no function that the bindings ({names}) know: give a --suite")
    return Suite(targets, seed=seed)


def chosen(suite: Suite, names: Sequence[str]) -> Suite:
    """Return a suite with only the targets whose functions are named."""
    known = [name for target in suite.targets for name in {target.function, target.name}]
    for name in names:
        if name not in known:
            raise unknown_name("target of the suite", name, known)
    wanted = set(names)
    return replace(suite, targets=tuple(each for each in suite.targets if {each.function, each.name} & wanted))


def changed(suite: Suite, *, cases: int | None = None, seed: int | None = None, rounding: str | None = None) -> Suite:
    """Return a suite with another number of cases, another seed, another rounding of integers; None: as it is."""
    targets = suite.targets
    if rounding is not None:
        targets = tuple(
            target if target.binding.style.rounding == "float" else _rounded(target, rounding) for target in targets
        )
    if cases is not None:
        targets = tuple(replace(target, cases=cases) for target in targets)
    return replace(suite, targets=targets, seed=suite.seed if seed is None else seed)


def _rounded(target: Target, rounding: str) -> Target:
    style = replace(target.binding.style, rounding=rounding)
    return replace(target, binding=replace(target.binding, style=style))
