# SPDX-License-Identifier: Apache-2.0
"""Layers entered and left in every way: the activations that a run has are those that the sources tell.

tests/firmware/layers has a function run_* for each part; here are the activations of each, as a tree in order.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from machines import CODE, firmware_elf, prebuilt, run_loop, run_profile, write_image
from thumb_code import Code

from mcusim.attribution import attribute
from mcusim.board import load_board
from mcusim.image import Image, load
from mcusim.machine import layers
from mcusim.machine.debug import DebugTarget
from mcusim.machine.settings import Settings
from mcusim.machine.stoppable import BREAKPOINT, ENDED
from mcusim.profile import Profile
from mcusim.profile_memory import Activation, Layers

BOARD = "mps2-an386"
RULE = "match=^layer_"
Tree = tuple[str, tuple["Tree", ...]]


def tree(name: str, *children: Tree | str) -> Tree:
    """Return a layer's activation with those in it."""
    return name, tuple(child if isinstance(child, tuple) else (child, ()) for child in children)


LEAF = tree("leaf")
TWO_LEAVES = tree("two_leaves", LEAF, LEAF)
JUMPS = tree("jumps")
WAYS = [
    LEAF, TWO_LEAVES,
    LEAF,  # a tail call into it
    tree("tail_out"), tree("tail_layer", LEAF),
    tree("split"), tree("split", LEAF),
    JUMPS, tree("around_jump", JUMPS), tree("catches", tree("around_jump", JUMPS)),
    tree("recursive", tree("recursive", tree("recursive"))),
    TWO_LEAVES,  # through a pointer
    tree("in_ram"),
]  # fmt: skip
# Handlers' layers are in no other: they come in the order of their starts.
INTERRUPTS = [
    tree("interrupted", LEAF), tree("handled"),
    tree("interrupted", LEAF), LEAF,
    tree("interrupted", LEAF), tree("interrupted_in_handler"), tree("handled"), TWO_LEAVES,
    tree("interrupted", LEAF), TWO_LEAVES,
]  # fmt: skip
TASKS = [tree("switches", LEAF), tree("switches"), LEAF]
REST = [LEAF, LEAF, tree("forever")]


@cache
def image() -> Image:
    """Return the firmware."""
    return load(prebuilt("layers", BOARD))


@cache
def profile(rule: str = RULE, memory: bool = False, until: str | None = None) -> Profile:
    """Return a profile of it."""
    return run_profile(image(), BOARD, layers=rule, memory_tracking=memory, until=until)


def layers_of(found: Profile) -> Layers:
    """Return the layers of a profile, which must have some."""
    assert found.layers is not None
    return found.layers


def names(found: Layers) -> list[str]:
    """Return the name of each activation."""
    return [found.layers[activation.layer].name.removeprefix("layer_") for activation in found.activations]


def trees(found: Layers) -> list[Tree]:
    """Return the activations as trees."""
    named = names(found)

    def below(parent: int) -> tuple[Tree, ...]:
        return tuple((named[n], below(n)) for n, each in enumerate(found.activations) if each.parent == parent)

    return list(below(-1))


def named(found: Layers, name: str) -> list[Activation]:
    """Return the activations of a layer by its name."""
    return [each for each, is_name in zip(found.activations, names(found), strict=True) if is_name == name]


def check_times(found: Layers, end_cycles: int) -> None:
    """Every activation lies within its parent; what it took is what it and those in it took."""
    totals = [activation.self_cycles for activation in found.activations]
    for number in range(len(totals) - 1, -1, -1):
        each = found.activations[number]
        assert each.total_cycles == totals[number]
        assert 0 <= each.start_cycles <= each.end_cycles <= end_cycles
        assert each.total_cycles <= each.end_cycles - each.start_cycles
        if each.parent >= 0:
            around = found.activations[each.parent]
            assert each.parent < number
            assert around.start_cycles <= each.start_cycles <= each.end_cycles <= around.end_cycles
            totals[each.parent] += totals[number]


@pytest.mark.parametrize("memory", [False, True])
def test_every_way_into_a_layer_and_out_of_it(memory: bool) -> None:
    found = layers_of(profile(memory=memory))
    assert trees(found) == [*WAYS, *INTERRUPTS, *TASKS, *REST]
    check_times(found, profile().totals.cycles)


def test_a_handler_within_a_layer_is_not_of_the_layer() -> None:
    found = layers_of(profile())
    interrupted = named(found, "interrupted")
    assert len({each.self_cycles for each in interrupted}) == 1, "whatever the handler does"
    assert len({each.end_cycles - each.start_cycles for each in interrupted}) > 1
    assert {each.total_cycles - each.self_cycles for each in interrupted} == {named(found, "leaf")[0].self_cycles}


def test_a_layer_that_a_handler_jumps_to_ends_with_the_handler() -> None:
    found = layers_of(profile())
    second = named(found, "interrupted")[1]
    inside = [each for each in found.activations if second.start_cycles < each.start_cycles < second.end_cycles]
    jumped_to, leaf = inside
    assert jumped_to.parent == -1
    assert jumped_to.end_cycles <= leaf.start_cycles
    assert jumped_to.self_cycles == jumped_to.end_cycles - jumped_to.start_cycles


def test_layers_of_two_tasks_interleave() -> None:
    found = layers_of(profile())
    first, second = named(found, "switches")
    assert first.start_cycles < second.start_cycles < first.end_cycles < second.end_cycles
    assert second.end_cycles == profile().totals.cycles, "it is never resumed"
    assert {row.name for row in found.outside if row.kind == "task"} == {"first_task", "second_task"}


def test_a_layer_on_one_stack_is_not_as_deep_as_a_handler_on_another() -> None:
    for each in named(layers_of(profile()), "switches"):
        assert each.stack_bytes < 128, "a frame of its own, and the registers of the exception"


def test_a_layer_that_never_returns_ends_with_the_run() -> None:
    found = profile()
    assert found.end.kind == "loop"
    assert named(layers_of(found), "forever")[0].end_cycles == found.totals.cycles


# Markers


def test_markers_nest_and_unbalanced_ones_do_no_harm() -> None:
    found = profile("markers")
    assert trees(layers_of(found)) == [
        tree("outer", "inner"), tree("left open"), tree("closed below"), tree("beside it"), tree("(no name)"),
    ]  # fmt: skip
    check_times(layers_of(found), found.totals.cycles)


def test_an_end_without_a_beginning_is_noted() -> None:
    notes = [note for note in profile("markers").notes if "mcusim_layer_end" in note.text]
    assert [(note.kind, note.count) for note in notes] == [("assumed", 1)]
    assert not [note for note in profile().notes if "mcusim_layer_end" in note.text]


# What calls layers


@pytest.mark.parametrize(
    ("parent", "callees"),
    [
        ("main", ["run_ways", "run_interrupts", "run_tasks", "run_markers", "run_allocator", "forever"]),
        ("layer_two_leaves", ["leaf", "work", "leaf"] * 4),
        ("External_Handler", ["handle", "leaf", "handle", "handle", "handle", "handle"]),
        ("tail_into", ["leaf"]),
        ("first_task", ["switches", "leaf", "switch_to"]),
    ],
)
def test_callees_of(parent: str, callees: list[str]) -> None:
    found = layers_of(profile(f"callees-of={parent}"))
    assert names(found) == callees
    check_times(found, profile().totals.cycles)


def test_callees_of_the_reset_handler() -> None:
    assert names(layers_of(profile("callees-of=Reset_Handler")))[-1] == "main"


# Runs that end early, or go round


def test_a_run_that_ends_inside_a_layer() -> None:
    found = profile(until="jump_back")
    assert trees(layers_of(found)) == [*WAYS[:7], JUMPS]
    assert layers_of(found).activations[-1].end_cycles == found.totals.cycles


def test_a_run_that_is_cut_inside_a_layer() -> None:
    whole = layers_of(profile())
    inside = named(whole, "recursive")[2]
    found = run_profile(image(), BOARD, layers=RULE, max_cycles=inside.start_cycles + 1)
    cut = layers_of(found)
    assert cut.activations[-1].start_cycles == inside.start_cycles
    assert {each.end_cycles for each in cut.activations if each.parent >= 0 or each is cut.activations[-1]} >= {
        found.totals.cycles
    }
    check_times(cut, found.totals.cycles)


def test_a_layer_called_in_the_place_of_main() -> None:
    found = run_profile(image(), BOARD, layers=RULE, call="layer_two_leaves")
    assert trees(layers_of(found)) == [TWO_LEAVES]
    check_times(layers_of(found), found.totals.cycles)


def test_a_layer_that_is_stubbed_ends_at_once() -> None:
    found = run_profile(image(), BOARD, layers=RULE, stubs=("layer_two_leaves",), until="run_interrupts")
    expected = [tree("two_leaves") if each == TWO_LEAVES else each for each in WAYS]
    assert trees(layers_of(found)) == expected
    assert {each.self_cycles for each in named(layers_of(found), "two_leaves")} == {0}


@pytest.mark.parametrize("steps", [0, 20])
def test_a_debugger_changes_nothing(steps: int) -> None:
    target = DebugTarget(image(), load_board(BOARD), Settings(layers=RULE, memory_tracking=True, max_cycles=1_000_000))
    for name in ("layer_leaf", "malloc", "jump_back"):
        symbol = image().find_symbol(name)
        assert symbol is not None
        target.set_breakpoint(symbol.address)
    stops = 0
    while (stop := target.resume()).reason == BREAKPOINT:
        stops += 1
        if stops % 5 == 0:
            for _ in range(steps):
                target.step()
    assert stop.reason == ENDED
    assert stops > 20
    found = attribute(target.finish("given"))
    assert trees(layers_of(found)) == trees(layers_of(profile()))
    if not steps:  # steps cut blocks, so that interrupts come sooner
        assert found.totals == profile().totals
    assert found.memory is not None
    heap, expected = found.memory.heap, profile(memory=True).memory
    assert expected is not None
    assert heap is not None
    assert expected.heap is not None
    assert heap.sites == expected.heap.sites


# Too many


@pytest.mark.parametrize("rule", [RULE, "markers", "callees-of=main"])
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_too_many_activations_are_counted_and_belong_to_those_around_them(
    rule: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = layers_of(profile(rule))
    monkeypatch.setattr(layers, "MAX_ACTIVATIONS", limit)
    found = layers_of(run_profile(image(), BOARD, layers=rule))
    assert names(found) == names(whole)[:limit]
    assert found.left_out == len(whole.activations) - limit
    for before, after in zip(whole.activations, found.activations, strict=False):
        assert (before.start_cycles, before.end_cycles) == (after.start_cycles, after.end_cycles)
        assert before.self_cycles <= after.self_cycles
    check_times(found, profile().totals.cycles)


def test_too_many_activations_stop_native_code_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = layers_of(profile())
    monkeypatch.setattr(layers, "MAX_ACTIVATIONS", 1)
    entered = 0
    real = layers.LayerRun.entered

    def counting(self: layers.LayerRun, node: int) -> None:
        nonlocal entered
        entered += 1
        real(self, node)

    monkeypatch.setattr(layers.LayerRun, "entered", counting)
    loop = run_loop(image(), BOARD, layers=RULE)
    assert entered == 1
    assert loop.machine.tables.m["layers_left_out"] == len(whole.activations) - 1


# The heap in odd ways: run_allocator


def test_the_heap_survives_jumps_and_tail_calls() -> None:
    memory = profile(memory=True).memory
    assert memory is not None
    heap = memory.heap
    assert heap is not None
    assert (heap.allocations, heap.frees, heap.failed) == (3, 2, 2)  # 10, 20 and 7; too many, and the one that jumped
    assert (heap.peak_bytes, heap.end_bytes) == (30, 7)
    assert {site.path[-1]: (site.allocated_bytes, site.leaked_bytes) for site in heap.sites} == {
        "allocate": (10, 0), "run_allocator": (27, 7),
    }  # fmt: skip


# Faults


def test_a_fault_within_a_layer_ends_it_with_the_run(tmp_path: Path) -> None:
    code = Code()
    code.branch_wide("f", link=True)
    code.label("end")
    code.branch("end")
    code.label("f")
    code.hex("b510 bf00 de00")  # push {r4, lr}; nop; udf #0
    code.align()
    code.label("HardFault_Handler")
    code.branch("HardFault_Handler")
    code.align()
    labels = code.labels
    elf = firmware_elf(code.build(CODE), {3: labels["HardFault_Handler"]}, labels)
    found = run_profile(write_image(tmp_path, elf), "nucleo-l4r5zi", layers="match=^f$")
    assert found.end.kind == "fault"
    assert names(layers_of(found)) == ["f"]
    check_times(layers_of(found), found.totals.cycles)
    assert layers_of(found).activations[0].end_cycles == found.totals.cycles
