# SPDX-License-Identifier: Apache-2.0
"""Cycles and stack of every case, kept in a file and compared with: a kernel must not get slower unnoticed.

A file says under which conditions its figures were made; under others it is refused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mcusim.checking.run import TargetOutcome
from mcusim.errors import McusimError

FORMAT = "mcusim check baseline 3"  # 3: other cases are drawn than for 2
Figures = dict[str, dict[str, dict[str, int]]]  # function -> case -> cycles, stack_bytes


@dataclass(frozen=True)
class Regression:
    """A case that takes more than the baseline, and tolerances, allow."""

    function: str
    case: str
    text: str


@dataclass(frozen=True)
class Comparison:
    """What a baseline says: what got worse, and how many cases got better, stayed, or are not in it."""

    regressions: tuple[Regression, ...]
    better: int
    same: int
    unknown: int


def figures_of(outcomes: Sequence[TargetOutcome]) -> Figures:
    """Return what is kept of a run: cases that gave a result, wrong or right."""
    return {
        outcome.target.name: {
            case.name: {"cycles": case.cycles, "stack_bytes": case.stack_bytes}
            for case in outcome.cases
            if case.measured
        }
        for outcome in outcomes
    }


@dataclass(frozen=True)
class Conditions:
    """What figures depend on, beside the firmware: compared with those of a baseline by name.

    `wait_states` is None where they are the firmware's own, or none; `memory` are the parts that --set fixes.
    """

    board: str
    seed: int = 1
    wait_states: int | None = None
    memory: tuple[str, ...] = ()
    boot: bool = False


# By the members of `Conditions`: what a message calls them, and how another value is asked for.
_NAMES = {
    "board": ("board", "--board"), "seed": ("seed", "--seed"), "wait_states": ("wait states", "--wait-states"),
    "memory": ("memory", "--set"), "boot": ("start-up code", "--boot"),
}  # fmt: skip


def baseline_bytes(figures: Figures, conditions: Conditions) -> bytes:
    """Return the file's contents."""
    text = json.dumps({"format": FORMAT, "conditions": asdict(conditions), "targets": figures}, indent=1)
    return text.encode() + b"\n"


def load_baseline(path: Path, conditions: Conditions) -> Figures:
    """Return the figures in a file. Raises McusimError where it is none, or was made under other conditions."""
    try:
        data: Any = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise McusimError(
            f"{path}: cannot read the baseline: {error.strerror}: make it with --update-baseline"
        ) from None
    except ValueError as error:
        raise McusimError(f"{path}: no baseline: {error}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise McusimError(f"{path}: no baseline of this version: make it again with --update-baseline")
    _check_conditions(path, data.get("conditions"), conditions)
    try:
        return {
            str(function): {
                str(case): {key: int(row[key]) for key in ("cycles", "stack_bytes")} for case, row in cases.items()
            }
            for function, cases in data["targets"].items()
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        raise McusimError(f"{path}: damaged baseline: make it again with --update-baseline") from None


def _check_conditions(path: Path, given: Any, now: Conditions) -> None:
    if not isinstance(given, dict) or set(given) != set(_NAMES):
        raise McusimError(f"{path}: damaged baseline: make it again with --update-baseline")
    for key, (name, option) in _NAMES.items():
        here = asdict(now)[key]
        here = list(here) if isinstance(here, tuple) else here
        if given[key] != here:
            raise McusimError(
                f"{path}: was made with {name} {_worded(given[key])}, not {_worded(here)} ({option}): "
                "give each way to run a baseline of its own"
            )


def _worded(value: Any) -> str:
    """Return a condition in words."""
    if isinstance(value, bool):
        return "run" if value else "left out"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "as it is"
    return "none" if value is None else str(value)


def compare(new: Figures, old: Figures, cycles_percent: float, stack_bytes: int) -> Comparison:
    """Compare two runs case by case; tolerances are what a case may take more."""
    worse: list[Regression] = []
    better = same = unknown = 0
    for function, cases in new.items():
        for name, row in cases.items():
            before = old.get(function, {}).get(name)
            if before is None:
                unknown += 1
                continue
            texts = []
            if row["cycles"] > before["cycles"] * (1 + cycles_percent / 100):
                more = 100 * (row["cycles"] / before["cycles"] - 1) if before["cycles"] else float("inf")
                texts.append(f"{row['cycles']:,} cycles, baseline {before['cycles']:,} ({more:+.1f} %)")
            if row["stack_bytes"] > before["stack_bytes"] + stack_bytes:
                texts.append(f"{row['stack_bytes']} bytes of stack, baseline {before['stack_bytes']}")
            if texts:
                worse.append(Regression(function, name, "; ".join(texts)))
            elif row == before:
                same += 1
            else:
                better += row["cycles"] < before["cycles"] or row["stack_bytes"] < before["stack_bytes"]
    return Comparison(tuple(worse), better, same, unknown)
