# SPDX-License-Identifier: Apache-2.0
"""Cycles and stack of every case, kept in a file and compared with: a kernel must not get slower unnoticed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcusim.checking.run import ERROR, TargetOutcome
from mcusim.errors import McusimError

FORMAT = "mcusim check baseline 1"
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
        outcome.target.function: {
            case.name: {"cycles": case.cycles, "stack_bytes": case.stack_bytes}
            for case in outcome.cases
            if case.status != ERROR
        }
        for outcome in outcomes
    }


def baseline_bytes(figures: Figures, board: str) -> bytes:
    """Return the file's contents."""
    text = json.dumps({"format": FORMAT, "board": board, "targets": figures}, indent=1)
    return text.encode() + b"\n"


def load_baseline(path: Path, board: str) -> Figures:
    """Return the figures in a file. Raises McusimError where it is none, or of another board."""
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
    if data["board"] != board:
        raise McusimError(f"{path}: is of board {data['board']}, not {board}: give each board a baseline of its own")
    try:
        return {
            str(function): {
                str(case): {key: int(row[key]) for key in ("cycles", "stack_bytes")} for case, row in cases.items()
            }
            for function, cases in data["targets"].items()
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        raise McusimError(f"{path}: damaged baseline: make it again with --update-baseline") from None


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
