# SPDX-License-Identifier: Apache-2.0
"""What changed from one profile to another: totals, causes, layers, functions, memory, flash.

Differences are `after` minus `before`, in integers. Own cycles of layers and what ran outside them add up to the run's
difference, and so do self cycles of functions, and causes; what symbols do not explain of flash and SRAM is a part of
its own. Two profiles of the same code, board and settings differ in nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mcusim.diff.align import align_functions, align_layers, align_names, executed_code
from mcusim.profile import Profile
from mcusim.profile_memory import Layers, MemoryProfile

SAME, CHANGED, NEW, GONE, RENAMED = "same", "changed", "new", "gone", "renamed"
REST = "of no symbol"


@dataclass(frozen=True)
class Change:
    """A figure before and after, None where the thing does not exist.

    `old_name` is the name before where it was another one. `causes` are differences in cycles by cause, without those
    that stayed, and add up to the difference. `same_code` says that the same instructions ran as often (None: unknown),
    `code_bytes` how much larger a function is that is there before and after.
    """

    name: str
    before: int | None
    after: int | None
    causes: Mapping[str, int] = field(default_factory=dict)
    instructions: int = 0
    old_name: str = ""
    same_code: bool | None = None
    code_bytes: int = 0

    @property
    def difference(self) -> int:
        """After minus before; what does not exist counts as nothing."""
        return (self.after or 0) - (self.before or 0)

    @property
    def percent(self) -> float | None:
        """The difference in percent of before, None where there was nothing."""
        return 100 * self.difference / self.before if self.before else None

    @property
    def state(self) -> str:
        """One of same, changed, new, gone, renamed (and nothing else)."""
        if self.before is None or self.after is None:
            return NEW if self.before is None else GONE
        if self.difference or self.causes or self.instructions or self.code_bytes:
            return CHANGED
        return RENAMED if self.old_name else SAME


@dataclass(frozen=True)
class LayerChange:
    """A layer: own cycles of all its runs, and what a run needs. Numbers are '' where it does not exist.

    `inferences` are those of either profile: means per inference are what compares where they are not the same.
    """

    cycles: Change
    number_before: str
    number_after: str
    inferences: tuple[int, int]
    live_peak: Change
    stack: Change
    flash: Change
    causes_before: Mapping[str, int]
    causes_after: Mapping[str, int]

    @property
    def means(self) -> tuple[float | None, float | None]:
        """Own cycles of an inference before and after."""
        before, after = self.cycles.before, self.cycles.after
        return (
            before / self.inferences[0] if before is not None else None,
            after / self.inferences[1] if after is not None else None,
        )

    @property
    def mean_difference(self) -> float:
        """Own cycles that an inference takes more."""
        before, after = self.means
        return (after or 0) - (before or 0)

    @property
    def mean_causes(self) -> dict[str, float]:
        """The difference by cause, without those that stayed; adds up to `mean_difference`."""
        old, new = self.inferences
        keys = dict.fromkeys((*self.causes_before, *self.causes_after))
        found = {key: self.causes_after.get(key, 0) / new - self.causes_before.get(key, 0) / old for key in keys}
        return {key: value for key, value in found.items() if value}

    @property
    def state(self) -> str:
        """One of same, changed, new, gone, renamed (and nothing else)."""
        others = (self.live_peak, self.stack, self.flash)
        if self.cycles.state in (NEW, GONE):
            return self.cycles.state
        if self.mean_causes or any(each.difference for each in others):
            return CHANGED
        return RENAMED if self.cycles.old_name else SAME


@dataclass(frozen=True)
class Difference:
    """Everything that changed. `layers` and `outside` are empty where one of the profiles has no layers.

    `inference` are mean cycles of an inference, before and after, None without layers. `memory` and `flash` are figures
    in bytes; `variables` and `symbols` are parts of statics and of flash, with what no symbol explains.
    """

    before: Profile
    after: Profile
    cycles: Change
    instructions: Change
    inference: tuple[float, float] | None
    layers: list[LayerChange]
    outside: list[Change]
    functions: list[Change]
    memory: list[Change]
    variables: list[Change]
    flash: list[Change]
    symbols: list[Change]

    @property
    def identical(self) -> bool:
        """Whether nothing changed."""
        flat = [self.cycles, self.instructions, *self.outside, *self.functions, *self.memory, *self.flash]
        states = [each.state for each in (*flat, *self.variables, *self.symbols)]
        states += [each.state for each in self.layers]
        return self.before.totals.time_s == self.after.totals.time_s and set(states) == {SAME}

    @property
    def slower_percent(self) -> float:
        """How much more cycles: of an inference where there are layers, else of the run; 0 where there were none."""
        old, new = self.inference or (self.before.totals.cycles, self.after.totals.cycles)
        return 100 * (new / old - 1) if old else 0.0


def difference(before: Profile, after: Profile) -> Difference:
    """Return what changed from `before` to `after`."""
    layers, outside = _layers(before, after)
    symbols, variables = _symbols(before, after), _variables(before, after)
    old, new = before.totals, after.totals
    return Difference(
        before,
        after,
        Change("cycles", old.cycles, new.cycles, _less(new.causes, old.causes)),
        Change("instructions", old.instructions, new.instructions),
        _inferences(before.layers, after.layers),
        layers,
        outside,
        _functions(before, after),
        _memory(before, after),
        variables,
        [Change("flash", before.image.flash_bytes, after.image.flash_bytes), *_sections(before, after)],
        symbols,
    )


def _less(after: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """Return after minus before, without zeros, in the order of their keys in `before`."""
    keys = dict.fromkeys((*before, *after))
    return {key: after.get(key, 0) - before.get(key, 0) for key in keys if after.get(key, 0) != before.get(key, 0)}


# Layers


def _inferences(before: Layers | None, after: Layers | None) -> tuple[float, float] | None:
    """Return the mean cycles of an inference, by own cycles of all layers."""
    if not both_have_layers(before, after):
        return None
    assert before is not None
    assert after is not None
    old, new = (
        sum(sum(layer.causes.values()) for layer in each.layers) / max(each.inferences, 1) for each in (before, after)
    )
    return old, new


def both_have_layers(before: Layers | None, after: Layers | None) -> bool:
    """Whether there are layers to compare."""
    return bool(before is not None and after is not None and before.layers and after.layers)


def _layers(before: Profile, after: Profile) -> tuple[list[LayerChange], list[Change]]:
    old, new = before.layers, after.layers
    if not both_have_layers(old, new):
        return [], []
    assert old is not None
    assert new is not None
    sides = (_Side(before, old), _Side(after, new))
    inferences = (max(old.inferences, 1), max(new.inferences, 1))
    changes = []
    for i, j in align_layers(old, new):
        (one, another) = (sides[0].layer(i), sides[1].layer(j))
        changes.append(
            LayerChange(
                Change(
                    another.name or one.name,
                    one.cycles,
                    another.cycles,
                    _less(another.causes, one.causes),
                    another.instructions - one.instructions,
                    one.name if one.name != another.name and one.name and another.name else "",
                ),
                one.number,
                another.number,
                inferences,
                Change("live peak", one.live_peak, another.live_peak),
                Change("stack", one.stack, another.stack),
                Change("flash", one.flash, another.flash),
                one.causes,
                another.causes,
            )
        )
    keys = dict.fromkeys((each.kind, each.name) for each in (*new.outside, *old.outside))
    return changes, [_outside(old, new, key) for key in keys]


@dataclass(frozen=True)
class _Figures:
    """One layer's figures; those of no layer are None."""

    name: str = ""
    number: str = ""
    cycles: int | None = None
    instructions: int = 0
    live_peak: int | None = None
    stack: int | None = None
    flash: int | None = None
    causes: Mapping[str, int] = field(default_factory=dict)


class _Side:
    """The layers of one profile with the peaks of their runs."""

    def __init__(self, profile: Profile, layers: Layers) -> None:
        self._layers, self._numbers = layers.layers, layers.numbers()
        self._tracked = profile.memory is not None
        self._live: dict[int, int] = {}
        self._stack: dict[int, int] = {}
        for run in layers.activations:
            self._live[run.layer] = max(self._live.get(run.layer, 0), run.live_peak_bytes)
            self._stack[run.layer] = max(self._stack.get(run.layer, 0), run.stack_bytes)

    def layer(self, at: int | None) -> _Figures:
        if at is None:
            return _Figures()
        layer = self._layers[at]
        return _Figures(
            layer.name, self._numbers[at], sum(layer.causes.values()), layer.instructions,
            self._live.get(at) if self._tracked else None, self._stack.get(at),
            layer.code_bytes + layer.constant_bytes if self._tracked else None, layer.causes,
        )  # fmt: skip


def _outside(before: Layers, after: Layers, key: tuple[str, str]) -> Change:
    """Return what ran outside of layers under one root: its cycles by cause."""
    sums = []
    for side in (before, after):
        mine = [each for each in side.outside if (each.kind, each.name) == key]
        causes: Counter[str] = Counter()
        for each in mine:
            causes.update(each.causes)
        cycles = sum(each.self_cycles for each in mine) if mine else None
        sums.append((cycles, dict(causes), sum(each.instructions for each in mine)))
    old, new = sums
    return Change(f"[{'outside' if key[0] == 'thread' else key[0]}] {key[1]}", old[0], new[0], _less(new[1], old[1]),
                  new[2] - old[2])  # fmt: skip


# Functions


def _functions(before: Profile, after: Profile) -> list[Change]:
    code_before, code_after = executed_code(before), executed_code(after)
    changes = []
    for i, j in align_functions(before, after):
        old = before.functions[i] if i is not None else None
        new = after.functions[j] if j is not None else None
        name = new.name if new is not None else old.name if old is not None else ""
        same = None
        if i is not None and j is not None and before.instructions and after.instructions:
            same = code_before[i] == code_after[j]
        changes.append(
            Change(
                name,
                old.self_cycles if old is not None else None,
                new.self_cycles if new is not None else None,
                _less(new.causes if new is not None else {}, old.causes if old is not None else {}),
                (new.instructions if new is not None else 0) - (old.instructions if old is not None else 0),
                old.name if old is not None and new is not None and old.name != new.name else "",
                same,
                new.size_bytes - old.size_bytes if old is not None and new is not None else 0,
            )
        )
    return changes


# Memory and flash


def _memory(before: Profile, after: Profile) -> list[Change]:
    """Return SRAM: what was live, what is reserved and for what; stacks by name."""
    old, new = before.memory, after.memory
    changes = []
    if old is not None and new is not None:
        rows = [_reserved(old), _reserved(new)]
        changes += [Change(key, rows[0][key], rows[1][key]) for key in rows[0]]
    changes.append(Change("statics", before.image.sram_bytes, after.image.sram_bytes))
    stacks = [{stack.name: stack.used_bytes for stack in each.stacks} for each in (before, after)]
    return [*changes, *_by_key("stack ", *stacks)]
    return changes


def _reserved(memory: MemoryProfile) -> dict[str, int]:
    budget = memory.budget
    return {
        "live peak": memory.peak_bytes,
        "reserved": budget.statics_bytes + budget.stack_bytes + budget.heap_bytes,
        "heap": memory.heap.peak_bytes if memory.heap is not None else 0,
    }


def _by_key(prefix: str, before: Mapping[str, int], after: Mapping[str, int]) -> list[Change]:
    keys = dict.fromkeys((*before, *after))
    return [Change(f"{prefix}{key}", before.get(key), after.get(key)) for key in keys]


def _sections(before: Profile, after: Profile) -> list[Change]:
    """Return the bytes in flash of each section that has some, by name."""
    sums: list[dict[str, int]] = []
    for profile in (before, after):
        found: Counter[str] = Counter()
        for section in profile.image.sections:
            if section.flash_bytes:
                found[section.name] += section.flash_bytes
        sums.append(dict(found))
    return _by_key("section ", *sums)


def _symbols(before: Profile, after: Profile) -> list[Change]:
    """Return the functions and constants in flash, and what is of none of them; none where one side has no list."""
    if before.memory is None or after.memory is None:
        return []
    sides = [[(s.name, s.address, s.size_bytes) for s in m.flash_symbols] for m in (before.memory, after.memory)]
    return _parts(sides, (before.image.flash_bytes, after.image.flash_bytes))


def _variables(before: Profile, after: Profile) -> list[Change]:
    """Return the variables in SRAM, and what is of none of them; none where one side has no list."""
    if before.memory is None or after.memory is None:
        return []
    sides = [[(s.name, s.address, s.size_bytes) for s in m.statics] for m in (before.memory, after.memory)]
    return _parts(sides, (before.image.sram_bytes, after.image.sram_bytes))


def _parts(sides: Sequence[Sequence[tuple[str, int, int]]], wholes: tuple[int, int]) -> list[Change]:
    """Return named parts of two wholes, matched, and the rest, so that they add up to the wholes' difference."""
    before, after = sides
    changes = []
    for i, j in align_names([(name, at) for name, at, _ in before], [(name, at) for name, at, _ in after]):
        old, new = before[i] if i is not None else None, after[j] if j is not None else None
        name = new[0] if new is not None else old[0] if old is not None else ""
        renamed = old[0] if old is not None and new is not None and old[0] != new[0] else ""
        sizes = [each[2] if each is not None else None for each in (old, new)]
        changes.append(Change(name, sizes[0], sizes[1], old_name=renamed))
    rests = [whole - sum(size for _, _, size in side) for whole, side in zip(wholes, sides, strict=True)]
    return [*changes, Change(REST, rests[0], rests[1])]


def added(changes: Iterable[Change]) -> int:
    """Return the sum of differences."""
    return sum(change.difference for change in changes)
