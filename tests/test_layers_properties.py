# SPDX-License-Identifier: Apache-2.0
"""What must hold of the layers and the memory of any firmware, by whatever rule; on all prebuilt images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import pytest
from conftest import LONG
from machines import EXAMPLES, FIRMWARE, run_profile
from test_layers_run import check_times

from mcusim.errors import McusimError
from mcusim.image import load
from mcusim.profile import Profile
from mcusim.profile_io import dumps, loads
from mcusim.profile_memory import Layer, Outside

MAX_CYCLES = 100_000
RULES = ("match=.", "callees-of=main", "callees-of=Reset_Handler", "auto")
SKIPPED = {
    "bindings",
    "bootrom",
    "callable",
    "kernel_tests",
    "target_kernels",
    "training_kernels",
}  # do nothing by themselves
ALIKE = {"selftest", "mps2", "kernel_speed", "training", "vww"}  # one image of many


def images() -> list[Path]:
    """Return the prebuilt ELFs that run: of those that there are for many boards, a few."""
    found = []
    for folder in (EXAMPLES, FIRMWARE):
        for path in sorted(folder.glob("*/*.elf")):
            if path.parent.name in ALIKE and not path.stem.endswith(("nucleo-f072rb", "mps2-an386", "nucleo-h743zi")):
                continue
            if path.parent.name not in SKIPPED:
                found.append(path)
    return found


def board_of(path: Path) -> str:
    """Return the board that an image's name ends in."""
    return path.stem.partition("-")[2]


@cache
def profile(path: Path, rule: str, memory: bool) -> Profile | None:
    """Return a profile of the first cycles of an image; None where the rule finds nothing in it."""
    try:
        return run_profile(load(path), board_of(path), layers=rule, memory_tracking=memory, max_cycles=MAX_CYCLES)
    except McusimError as error:
        if "--layers" in str(error):
            return None
        raise


def added(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return sums by key, those that are not zero."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return {key: value for key, value in total.items() if value}


# Rules, each with memory tracked or not; a long run has them all.
OBSERVED = (
    [(rule, memory) for rule in RULES for memory in (False, True)] if LONG else [("match=.", True), (RULES[1], False)]
)


@pytest.mark.parametrize(("rule", "memory"), OBSERVED)
@pytest.mark.parametrize("path", images(), ids=lambda path: path.stem)
def test_everything_adds_up(path: Path, rule: str, memory: bool) -> None:
    found, bare = profile(path, rule, memory), profile(path, "none", False)
    assert bare is not None
    if found is None:
        pytest.skip("the rule finds nothing")
    changes_nothing(found, bare)
    if found.layers is None:
        return
    everyone: list[Layer | Outside] = [*found.layers.layers, *found.layers.outside]
    cycles = sum(row.self_cycles for row in found.layers.activations)
    assert cycles + sum(row.self_cycles for row in found.layers.outside) == found.totals.cycles
    assert added(row.causes for row in everyone) == {key: n for key, n in found.totals.causes.items() if n}
    assert sum(row.instructions for row in everyone) == found.totals.instructions
    check_times(found.layers, found.totals.cycles)
    by_layer = Counter[int]()
    for row in found.layers.activations:
        by_layer[row.layer] += row.self_cycles
    assert by_layer == Counter({n: sum(row.causes.values()) for n, row in enumerate(found.layers.layers)})
    if memory:
        assert found.memory is not None
        for read, regions in (
            (added(row.read_bytes for row in everyone), {each.name: each.read_bytes for each in found.memory.regions}),
            (added(row.written_bytes for row in everyone),
             {each.name: each.written_bytes for each in found.memory.regions}),
        ):  # fmt: skip
            assert read == {name: count for name, count in regions.items() if count}


def changes_nothing(found: Profile, bare: Profile) -> None:
    """What is not of layers and memory is as it is without them."""
    for name in ("totals", "end", "output", "functions", "tree", "instructions", "fault", "guessed", "tasks"):
        assert getattr(found, name) == getattr(bare, name), name
    # The marks of stacks are finer where somebody looks at them more often: never less deep.
    for with_layers, without in zip(found.stacks, bare.stacks, strict=True):
        assert with_layers.name == without.name
        assert with_layers.used_bytes >= without.used_bytes


@pytest.mark.parametrize("path", images(), ids=lambda path: path.stem)
def test_a_saved_profile_is_equal_and_repeatable(path: Path) -> None:
    first = profile(path, "match=.", True)
    assert first is not None
    assert loads(dumps(first), "run.json") == first
    again = profile.__wrapped__(path, "match=.", True)
    assert again is not None
    assert dumps(again) == dumps(first)
