# SPDX-License-Identifier: Apache-2.0
"""Budgets held against a profile: each with its value, its limit, and how far that is.

A budget that names nothing, or limits what the profile does not have, is an error: a typing mistake must not pass.
A run that was cut passes no budget, since its figures are of a part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from mcusim.budgets.amounts import Allowance
from mcusim.budgets.clones import heads, with_clones_summed
from mcusim.budgets.project import Budget
from mcusim.budgets.quantities import QUANTITIES, MissingError, layers_of
from mcusim.diff.align import align_functions, align_layers
from mcusim.errors import McusimError
from mcusim.profile import Profile
from mcusim.profile_io import load_profile

HOLDS, BROKEN, NEW = "holds", "broken", "not in the baseline"
# What to do about ends that leave a run in its middle (`EndInfo.cut`).
_ADVICE = {
    "max-cycles": "end it with --until SYMBOL:N, or raise --max-cycles",
    "timeout": "raise --timeout, or end it with --until SYMBOL:N or --max-cycles",
    "interrupted": "let it run to its end",
    "fault": "mend the fault first",
}


@dataclass(frozen=True)
class Outcome:
    """One quantity of one thing, against its limit.

    `limit` is None where there is only a baseline that does not have the thing. `rule` says where the limit comes
    from, in words. `file` and `line` are where to look: of a function its source, else None.
    """

    budget: Budget
    subject: str
    quantity: str
    value: float
    limit: float | None
    baseline: float | None
    rule: str
    status: str
    file: str | None = None
    line: int | None = None

    @property
    def margin(self) -> float | None:
        """What is left of the limit; negative where it is broken."""
        return None if self.limit is None else self.limit - self.value


@dataclass(frozen=True)
class Verdict:
    """What budgets say of a run. `cut` is why none can hold, '' for a whole run; `remarks` is what else to know."""

    outcomes: tuple[Outcome, ...]
    cut: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def broken(self) -> tuple[Outcome, ...]:
        """The limits that are broken."""
        return tuple(outcome for outcome in self.outcomes if outcome.status == BROKEN)

    @property
    def passed(self) -> bool:
        """Whether a CI job may go on."""
        return not self.cut and not self.broken


def tracked(budgets: Iterable[Budget]) -> bool:
    """Whether a limit needs a run whose memory is tracked."""
    return any(QUANTITIES[key].tracked for budget in budgets for key in budget.limits)


def load_baselines(budgets: Iterable[Budget]) -> dict[Path, Profile]:
    """Return the profiles that budgets are relative to. Raises `McusimError` where one is missing or unreadable."""
    profiles: dict[Path, Profile] = {}
    for budget in budgets:
        if not budget.relative:
            continue
        if budget.baseline is None:
            raise McusimError(
                f'{budget.place}: max_increase needs a baseline: add baseline = "run.json" or give --baseline FILE'
            )
        if not budget.baseline.exists():
            raise McusimError(
                f"{budget.place}: there is no baseline {budget.baseline}: make it with 'mcusim profile -o' of the code "
                "to compare with"
            )
        if budget.baseline not in profiles:
            profiles[budget.baseline] = load_profile(budget.baseline)
    return profiles


def check_budgets(profile: Profile, budgets: Iterable[Budget], profiles: Mapping[Path, Profile]) -> Verdict:
    """Hold `profile` against `budgets`; `profiles` are those of `load_baselines`.

    Raises `McusimError` where a budget names nothing, limits what a profile lacks, or where a baseline is no run of the
    same board that came to its end. A run that was cut fails as such: it may not have come to what a budget names.
    """
    baselines = {path: _Baseline(path, base, profile) for path, base in profiles.items()}
    outcomes: list[Outcome] = []
    remarks = [remark for base in baselines.values() for remark in base.remarks]
    cut = _cut(profile)
    for budget in budgets:
        base = baselines[budget.baseline] if budget.relative and budget.baseline is not None else None
        try:
            outcomes += _outcomes(profile, budget, base)
        except McusimError as error:
            if not cut:
                raise
            remarks.append(f"Not looked at, since the run was cut: {error}.")
    return Verdict(tuple(outcomes), cut, tuple(remarks))


def _outcomes(profile: Profile, budget: Budget, base: _Baseline | None) -> list[Outcome]:
    """Return the outcomes of one budget; of a function with its clones, unless a clone is named."""
    if budget.scope == "function":
        summed = with_clones_summed(profile)
        if any(_matches(budget.pattern, summed.functions[at].name) for at in heads(profile)):
            profile, base = summed, base.summed if base is not None else None
    return [
        _outcome(profile, budget, index, subject, key, allowed, base)
        for index, subject in _subjects(profile, budget)
        for key, allowed in budget.limits.items()
    ]


def _cut(profile: Profile) -> str:
    if not profile.end.cut:
        return ""
    text = f"the run did not come to its end ({profile.end.text}), so its figures are of a part"
    return f"{text}: {_ADVICE[profile.end.kind]}"


class _Baseline:
    """A baseline and which of its layers and functions are which of the run's."""

    def __init__(self, path: Path, profile: Profile, run: Profile) -> None:
        if (profile.board.name, profile.board.core) != (run.board.name, run.board.core):
            raise McusimError(
                f"{path}: is of {profile.board.name} ({profile.board.core}), the run of {run.board.name} "
                f"({run.board.core}): give each board a baseline of its own"
            )
        if _cut(profile):
            raise McusimError(f"{path}: is of a run that did not come to its end ({profile.end.text}): make it again")
        self.path, self.profile = path, profile
        self.remarks = []
        if profile.settings != run.settings:
            keys = sorted(profile.settings.keys() | run.settings.keys())
            other = [key for key in keys if profile.settings.get(key) != run.settings.get(key)]
            if profile.memory is not None and run.memory is not None:
                other = [key for key in other if key != "memory"]  # tracked in both, whatever the option said
        else:
            other = []
        if other:
            self.remarks.append(f"The baseline {path.name} was run with other settings: {', '.join(other)}.")
        counts = tuple(each.layers.inferences if each.layers is not None else 0 for each in (profile, run))
        if counts[0] != counts[1]:
            self.remarks.append(
                f"The baseline {path.name} has {counts[0]} inferences, the run {counts[1]}: figures of the whole run "
                "do not compare; those per inference and layer do."
            )
        self._run = run
        self._layers: dict[int, int] | None = None
        self._functions: dict[int, int] | None = None

    @cached_property
    def summed(self) -> _Baseline:
        """The baseline with functions and their clones as one."""
        return _Baseline(self.path, with_clones_summed(self.profile), self._run)

    def index(self, scope: str, index: int, run: Profile) -> int | None:
        """Return the baseline's index of a layer or function of the run, None where it has none."""
        if scope == "layer":
            if self._layers is None:
                pairs = align_layers(layers_of(self.profile), layers_of(run))
                self._layers = {new: old for old, new in pairs if old is not None and new is not None}
            return self._layers.get(index)
        if scope == "function":
            if self._functions is None:
                pairs = align_functions(self.profile, run)
                self._functions = {new: old for old, new in pairs if old is not None and new is not None}
            return self._functions.get(index)
        return 0


def _outcome(
    profile: Profile, budget: Budget, index: int, subject: str, key: str, allowed: Allowance, base: _Baseline | None
) -> Outcome:
    figure = QUANTITIES[key].scopes[budget.scope]
    value = _value(figure, profile, index, f"{budget.place}: {subject}: {key}")
    limits: list[tuple[float, str]] = [(allowed.most, "budget")] if allowed.most is not None else []
    before = None
    if allowed.increase is not None:
        assert base is not None
        old = base.index(budget.scope, index, profile)
        if old is not None:
            before = _value(figure, base.profile, old, f"{budget.baseline}: {subject}: {key}")
            limits.append((allowed.increase.limit(before), f"baseline {allowed.increase.text}"))
    file, line = _source(profile, index) if budget.scope == "function" else (None, None)
    if not limits:
        return Outcome(budget, subject, key, value, None, None, "baseline", NEW, file, line)
    limit, rule = min(limits)
    status = BROKEN if value > limit else HOLDS
    return Outcome(budget, subject, key, value, limit, before, rule, status, file, line)


def _value(figure: Callable[[Profile, int], float], profile: Profile, index: int, where: str) -> float:
    try:
        return figure(profile, index)
    except MissingError as why:
        raise McusimError(f"{where}: {why}") from None


def _source(profile: Profile, function: int) -> tuple[str | None, int | None]:
    """Return where a function begins in its source: the line of its first instruction that has one."""
    for instruction in profile.instructions:
        if instruction.function == function and instruction.file is not None:
            return instruction.file, instruction.line
    return profile.functions[function].file, None


def _subjects(profile: Profile, budget: Budget) -> list[tuple[int, str]]:
    """Return index and name of what a budget is of."""
    if budget.scope == "layer":
        try:
            layers = layers_of(profile)
        except MissingError as why:
            raise McusimError(f"{budget.place}: layer '{budget.pattern}': {why}") from None
        names = [f"{number} {layer.name}" for number, layer in zip(layers.numbers(), layers.layers, strict=True)]
        ran = {run.layer for run in layers.activations}
        found = [at for at, name in enumerate(names) if at in ran and matches_layer(budget.pattern, name)]
        plain = [name.partition(" ")[2] for name in names]
        return _known(found, names, plain, budget, "layer")
    if budget.scope == "function":
        names = [function.name for function in profile.functions]
        wanted = sorted(heads(profile))
        if not any(_matches(budget.pattern, names[at]) for at in wanted):
            wanted = list(range(len(names)))  # a clone by its own name
        found = [at for at in wanted if _matches(budget.pattern, names[at])]
        return _known(found, names, names, budget, "function")
    if budget.scope == "inference":
        return [(0, "each inference")]
    return [(0, "run")]


def matches_layer(pattern: str, label: str) -> bool:
    """Whether a pattern names a layer: by its number ('0.2'), its name, a glob on it, or both ('2 conv2d')."""
    number, _, name = label.partition(" ")
    if re.fullmatch(r"\d+(\.\d+)*", pattern):
        return pattern == number
    return _matches(pattern, name) or _matches(pattern, label)


def _matches(pattern: str, name: str) -> bool:
    """Whether a name is a pattern, exactly, without its file, or by its glob."""
    return pattern == name or name.startswith(f"{pattern} (") or fnmatchcase(name, pattern)


def _known(found: list[int], names: list[str], words: list[str], budget: Budget, kind: str) -> list[tuple[int, str]]:
    """Return what was found with names; raise the error that says what is near where nothing was."""
    if found:
        return [(at, names[at]) for at in found]
    known = sorted(set(words))
    near = get_close_matches(budget.pattern, known, n=3, cutoff=0.5)
    near = near or get_close_matches(budget.pattern, names, n=3, cutoff=0.5)  # '3 conv2d'
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {_some(words)}"
    ran = " that ran" if kind == "function" else ""
    raise McusimError(f"{budget.place}: no {kind}{ran} matches '{budget.pattern}': {hint}")


def _some(words: list[str], most: int = 8) -> str:
    known = list(dict.fromkeys(words))
    return ", ".join(known[:most]) + (f" and {len(known) - most} more" if len(known) > most else "")
