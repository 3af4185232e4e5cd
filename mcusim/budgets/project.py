# SPDX-License-Identifier: Apache-2.0
"""The file of a project, `mcusim.toml` or `[tool.mcusim]` of a `pyproject.toml`: budgets, and defaults of runs.

docs/budgets.md describes it. Names of files in it are relative to its folder. Unknown keys are errors that name the
nearest one.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from mcusim.budgets.amounts import Allowance, parse_allowance
from mcusim.budgets.quantities import QUANTITIES, quantity_of
from mcusim.errors import McusimError, unknown_name

OWN_NAME = "mcusim.toml"
SHARED_NAME = "pyproject.toml"
MAX_FILE_BYTES = 1 << 20
SCOPES = ("run", "inference", "layer", "function")
_Strings = str | tuple[str, ...]


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How large a quantity may be: in itself (`max`), or more than the baseline's by `max_increase` at most."""

    max: int | float | str | None = None
    max_increase: int | float | str | None = None


class RunDefaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `mcusim profile` does unless its words say otherwise: its options, with underscores."""

    board: str | None = None
    base: int | None = None
    until: str | None = None
    max_cycles: int | str | None = None
    timeout: float | None = None
    uart_in: str | None = None
    uart_script: str | None = None
    stub: _Strings = ()
    call: str | None = None
    skip_to: str | None = None
    files: str | None = None
    allow_unknown: bool = False
    device_overlay: _Strings = ()
    svd: str | None = None
    strict_mmio: bool = False
    clock: int | str | None = None
    core: str | None = None
    wait_states: int | None = None
    set: _Strings = ()
    layers: str | None = None
    memory: str | None = None
    arena: _Strings = ()
    sanitize: bool = False


@dataclass(frozen=True)
class Budget:
    """Limits on one thing, or on several that one pattern names.

    `scope` is one of `SCOPES`, `pattern` which layers or functions ('' for the others), `limits` quantity -> what is
    allowed of it. `baseline` is a saved profile, None without. `place` names the budget in messages, `line` is where
    it begins in the file (None where that is not known).
    """

    name: str
    scope: str
    pattern: str
    limits: dict[str, Allowance]
    baseline: Path | None
    place: str
    line: int | None

    @property
    def relative(self) -> bool:
        """Whether a limit needs a baseline."""
        return any(limit.increase is not None for limit in self.limits.values())


@dataclass(frozen=True)
class Project:
    """A project's file, read and checked. `firmware` is None where the file names none."""

    path: Path
    firmware: Path | None
    defaults: RunDefaults
    budgets: tuple[Budget, ...]

    @property
    def folder(self) -> Path:
        """Where relative names in the file start."""
        return self.path.parent


class _BudgetRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str = ""
    per: str | None = None
    layer: str | int | None = None
    function: str | None = None
    baseline: str | None = None


_BUDGET_KEYS = (*_BudgetRow.__struct_fields__, *QUANTITIES)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    firmware: str | None = None
    baseline: str | None = None
    run: RunDefaults = RunDefaults()
    budget: tuple[dict[str, Any], ...] = ()


def find_project(folder: Path) -> Path | None:
    """Return the project's file of `folder` or of the nearest folder above it, None without one.

    The search ends at the top of a git checkout: what lies above belongs to somebody else.
    """
    folder = folder.resolve()
    for place in (folder, *folder.parents):
        own, shared = place / OWN_NAME, place / SHARED_NAME
        if own.is_file():
            return own
        if shared.is_file() and _has_table(shared):
            return shared
        if (place / ".git").exists():
            return None
    return None


def _has_table(path: Path) -> bool:
    """Whether a pyproject.toml has our table; one that cannot be read is somebody else's to mend."""
    try:
        return "mcusim" in tomllib.loads(path.read_text("utf-8")).get("tool", {})
    except (OSError, ValueError, RecursionError, AttributeError):
        return False


def load_project(path: Path) -> Project:
    """Read and check a project's file. Raises `McusimError` with the file, the key and what is wrong."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise McusimError(f"{path}: more than {MAX_FILE_BYTES} bytes: not a project's file")
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise McusimError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise McusimError(f"{str(path)!r}: not a text file in UTF-8") from None
    return parse_project(text, path)


def parse_project(text: str, path: Path) -> Project:
    """Return the project that TOML `text` describes; `path` is where it stands."""
    try:
        table: Any = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "tables nested too deep" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise McusimError(f"{path}: not TOML: {reason}") from None
    shared = path.name == SHARED_NAME
    if shared:
        tool = table.get("tool")
        table = tool.get("mcusim") if isinstance(tool, dict) else None
        if not isinstance(table, dict):
            raise McusimError(f"{path}: has no table [tool.mcusim]")
    file = _convert(table, _File, tuple(_File.__struct_fields__), str(path))
    lines = _budget_lines(text, len(file.budget), shared=shared)
    budgets = tuple(_budget(row, number, file, path, lines) for number, row in enumerate(file.budget, 1))
    firmware = path.parent / file.firmware if file.firmware is not None else None
    return Project(path, firmware, file.run, budgets)


def _budget(row: dict[str, Any], number: int, file: _File, path: Path, lines: list[int | None]) -> Budget:
    title = row.get("name")
    place = f"{path.name}: budget {number}" + (f" '{title}'" if isinstance(title, str) and title else "")
    for key in row:
        if key not in _BUDGET_KEYS:
            raise McusimError(f"{place}: {unknown_name('key', key, _BUDGET_KEYS)}")
    head = _convert({key: row[key] for key in row if key in _BudgetRow.__struct_fields__}, _BudgetRow, _BUDGET_KEYS,
                    place)  # fmt: skip
    scope, pattern = _scope(head, place)
    limits = {key: _allowance(value, key, scope, place) for key, value in row.items() if key in QUANTITIES}
    if not limits:
        raise McusimError(f"{place}: limits nothing: give one of {', '.join(_of_scope(scope))}")
    name = head.baseline if head.baseline is not None else file.baseline
    baseline = path.parent / name if name is not None else None
    return Budget(head.name, scope, pattern, limits, baseline, place, lines[number - 1])


def _scope(head: _BudgetRow, place: str) -> tuple[str, str]:
    """Return what a budget is of, and which of them."""
    given = [key for key in ("per", "layer", "function") if getattr(head, key) is not None]
    if len(given) > 1:
        raise McusimError(f"{place}: {given[0]} and {given[1]} exclude each other: make two budgets of it")
    if head.per is not None:
        if head.per not in ("run", "inference"):
            raise McusimError(f"{place}: per: {unknown_name('scope', head.per, ('run', 'inference'))}")
        return head.per, ""
    for scope, pattern in (("layer", head.layer), ("function", head.function)):
        if pattern is not None:
            if isinstance(pattern, str) and not pattern.strip():
                raise McusimError(f"{place}: {scope}: is empty: give a name, a pattern such as '*' or a number")
            return scope, str(pattern)
    return "run", ""


def _of_scope(scope: str) -> list[str]:
    return [key for key, quantity in QUANTITIES.items() if scope in quantity.scopes]


def _allowance(value: object, key: str, scope: str, place: str) -> Allowance:
    """Return what is allowed: `key = 100`, `key = { max = 100, max_increase = "2%" }`."""
    quantity = quantity_of(key, scope, place)
    where = f"{place}: {key}"
    if isinstance(value, dict):
        limit = _convert(value, Limit, Limit.__struct_fields__, where)
    elif isinstance(value, (int, float, str)) and not isinstance(value, bool):
        limit = Limit(max=value)
    else:
        raise McusimError(f'{where}: give a number, or a table such as {{ max_increase = "2%" }}')
    if limit == Limit():
        raise McusimError(f"{where}: limits nothing: give max, max_increase or both")
    return parse_allowance(limit.max, limit.max_increase, quantity.unit, where)


def _budget_lines(text: str, count: int, *, shared: bool) -> list[int | None]:
    """Return the line of each budget's header, counted from 1; None where they are not written as headers."""
    title = r"tool\s*\.\s*mcusim\s*\.\s*budget" if shared else "budget"
    header = re.compile(rf"\s*\[\[\s*{title}\s*\]\]")
    lines: list[int | None] = [n for n, line in enumerate(text.splitlines(), 1) if header.match(line)]
    return lines if len(lines) == count else [None] * count


def _convert(table: object, kind: Any, known: tuple[str, ...], where: str) -> Any:
    """Return the table as a record of `kind`. Raises `McusimError` in our words."""
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `")
        key = path.rstrip("`").removeprefix("$").removeprefix(".")
        found = re.match(r"Object contains unknown field `(.*)`", text)
        if found:
            names = RunDefaults.__struct_fields__ if key == "run" else known
            text = str(unknown_name("key", found[1], names))
        text = text.replace(" | null", "").replace("`", "'")
        text = f"{text[:1].lower()}{text[1:]}"
        raise McusimError(f"{where}: {key}: {text}" if key else f"{where}: {text}") from None
