# SPDX-License-Identifier: Apache-2.0
"""What a profile says of layers and memory equals the ground truth of the examples, to the byte.

A profile may cut a layer into several stretches. Then the most that was live in one of them lies between the most at
one moment and the distinct bytes of the whole layer; across its ends, and who wrote and read which bytes, is exact.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache

import pytest
from conftest import LONG
from heap_truth import HEAP_FUNCTIONS, heap
from liveness import Buffer
from machines import prebuilt, run_loop, run_profile
from memory_truth import (
    KEYWORD_FUNCTIONS,
    KEYWORD_MACS,
    MEMORY_PLAN_FUNCTIONS,
    MEMORY_PLAN_MACS,
    PATCHES_FUNCTIONS,
    PATCHES_SIZES,
    Truth,
    keyword_spotting,
    memory_plan,
    patches,
)  # fmt: skip
from naive_liveness import observe

from mcusim.board import load_board
from mcusim.image import Image, load
from mcusim.machine.result import make_trace
from mcusim.profile import Profile

# True as soon as runs track memory (`Settings.memory_tracking`) and profiles have `memory`.
MEMORY_LANDED = True
# True as soon as a layer's stack holds the frames of its own function, and those that are made after a first branch.
STACK_LANDED = True
MEMORY = pytest.mark.skipif(not MEMORY_LANDED, reason="profiles do not say anything of memory yet")
STACK = pytest.mark.skipif(not STACK_LANDED, reason="frames are looked at in the first block of a call only")

NUCLEO = "nucleo-l4r5zi"
CALLEES = "callees-of=run_network"


@cache
def image_of(name: str) -> Image:
    """Return a committed image."""
    return load(prebuilt(name, NUCLEO))


def base(name: str, array: str) -> int:
    """Return the address of an array of an image."""
    symbol = image_of(name).find_symbol(array)
    assert symbol is not None
    return symbol.address


@cache
def profile_of(name: str, layers: str) -> Profile:
    """Return the profile of an image, with memory, and with the layers that a rule finds."""
    return run_profile(image_of(name), NUCLEO, layers=layers, **({"memory_tracking": True} if MEMORY_LANDED else {}))


def patches_bases() -> dict[str, int]:
    """Return where the arrays of the image are."""
    return {array: base("patches", array) for array in PATCHES_SIZES}


# Image, rule, and how the truth is had.
CASES: dict[str, tuple[str, str, Callable[[], Truth]]] = {
    "bad plan": ("memory_plan_bad", CALLEES, lambda: memory_plan("bad", base("memory_plan_bad", "arena"))),
    "good plan": ("memory_plan_good", CALLEES, lambda: memory_plan("good", base("memory_plan_good", "arena"))),
    "patches": ("patches", "auto", lambda: patches(patches_bases())),
    "patches, functions": (
        "patches",
        "match=^(first|second)_convolution$",
        lambda: patches(patches_bases(), "function"),
    ),
    "keyword spotting": ("keyword_spotting", "auto", lambda: keyword_spotting(base("keyword_spotting", "arena"))),
}
FUNCTIONS = {
    "bad plan": MEMORY_PLAN_FUNCTIONS,
    "good plan": MEMORY_PLAN_FUNCTIONS,
    "patches": (),
    "patches, functions": PATCHES_FUNCTIONS,
    "keyword spotting": KEYWORD_FUNCTIONS,
}
CASE = pytest.mark.parametrize("case", CASES)


@cache
def truth_of(case: str) -> Truth:
    """Return the truth of a case."""
    return CASES[case][2]()


def layers_of(profile: Profile) -> list[tuple[str, int]]:
    """Return name and parent of each activation: the function's, or the marker's."""
    assert profile.layers is not None
    layers = profile.layers.layers
    named = [profile.functions[each.function].name if each.function >= 0 else each.name for each in layers]
    return [(named[each.layer], each.parent) for each in profile.layers.activations]


@CASE
def test_layers_are_those_of_the_firmware_in_order(case: str) -> None:
    name, rule, _ = CASES[case]
    profile = profile_of(name, rule)
    assert profile.layers is not None
    assert layers_of(profile) == [(each.name, each.parent) for each in truth_of(case).liveness.activations]
    assert profile.layers.left_out == 0


@CASE
def test_cycles_of_layers_and_outside_add_up(case: str) -> None:
    name, rule, _ = CASES[case]
    profile = profile_of(name, rule)
    layers = profile.layers
    assert layers is not None
    outside = sum(each.self_cycles for each in layers.outside)
    assert sum(each.self_cycles for each in layers.activations) + outside == profile.totals.cycles


@pytest.mark.parametrize(
    ("case", "macs"), [("good plan", MEMORY_PLAN_MACS), ("keyword spotting", KEYWORD_MACS)], ids=["plan", "keywords"]
)
def test_multiply_accumulates(case: str, macs: tuple[int | None, ...]) -> None:
    name, rule, _ = CASES[case]
    layers = profile_of(name, rule).layers
    assert layers is not None
    assert tuple(layers.layers[each.layer].macs for each in layers.activations) == macs


@STACK
@CASE
def test_stack_of_each_layer(case: str) -> None:
    name, rule, _ = CASES[case]
    profile = profile_of(name, rule)
    assert profile.layers is not None
    wanted = [each.stack_bytes for each in truth_of(case).liveness.activations]
    assert [each.stack_bytes for each in profile.layers.activations] == wanted


def rows_by_stretch(profile: Profile) -> list[list[int]]:
    """Return the rows of the timeline that make up each stretch of the truth: neighbours of one activation."""
    assert profile.memory is not None
    activation = profile.memory.timeline.activation
    return [list(rows) for _, rows in itertools.groupby(range(len(activation)), key=activation.__getitem__)]


@MEMORY
@CASE
def test_live_bytes_of_arenas_over_time(case: str) -> None:
    name, rule, _ = CASES[case]
    profile, truth = profile_of(name, rule), truth_of(case)
    assert profile.memory is not None
    timeline = profile.memory.timeline
    rows = rows_by_stretch(profile)
    assert [timeline.activation[first] for first, *_ in rows] == truth.liveness.stretches
    arenas = [where for array, where in truth.arrays.items() if "arena" in array]
    whole = [
        sum(column) for column in zip(*(truth.liveness.within(*where).live_bytes() for where in arenas), strict=True)
    ]
    least = [sum(column) for column in zip(*(truth.tape.most_at_once(*where) for where in arenas), strict=True)]
    for stretch, numbers in enumerate(rows):
        most = max(timeline.live_by_zone["arena"][row] for row in numbers)
        if len(numbers) == 1:
            assert most == whole[stretch], stretch
        elif len(arenas) == 1:
            assert least[stretch] <= most <= whole[stretch], stretch
        else:
            assert most <= whole[stretch], stretch


@MEMORY
@CASE
def test_rectangles_of_arenas(case: str) -> None:
    name, rule, _ = CASES[case]
    profile, truth = profile_of(name, rule), truth_of(case)
    assert profile.memory is not None
    for array, (start, end) in truth.arrays.items():
        found = [
            Buffer(each.start, each.end, each.writer, each.reader)
            for each in profile.memory.buffers
            if each.start < end and start < each.end
        ]
        assert sorted(found) == truth.liveness.within(start, end).buffers(), array
    assert profile.memory.buffers_left_out == 0


@MEMORY
@CASE
def test_arenas_are_recognised_and_measured(case: str) -> None:
    name, rule, _ = CASES[case]
    profile, truth = profile_of(name, rule), truth_of(case)
    assert profile.memory is not None
    found = {each.name: each for each in profile.memory.arenas}
    for array, (start, end) in truth.arrays.items():
        if "arena" not in array:
            continue
        arena = found[array]
        assert (arena.start, arena.size_bytes) == (start, end - start)
        assert max(truth.tape.most_at_once(start, end)) <= arena.live_peak_bytes
        assert arena.live_peak_bytes <= max(truth.liveness.within(start, end).live_bytes())


@MEMORY
@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case == "good plan" or LONG else pytest.mark.skip("slow")) for case in CASES],
)
def test_all_of_sram_across_the_ends_of_layers(case: str) -> None:
    """Stack, variables and arenas together, as a run with Python at every access has them."""
    name, rule, _ = CASES[case]
    profile = profile_of(name, rule)
    assert profile.memory is not None
    seen = observe(image_of(name), load_board(NUCLEO), FUNCTIONS[case], markers=not FUNCTIONS[case])
    ends = [profile.memory.timeline.end_live_bytes[rows[-1]] for rows in rows_by_stretch(profile)]
    assert ends == seen.end_live_bytes()


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case == "patches" or LONG else pytest.mark.skip("slow")) for case in CASES],
)
def test_tracked_accesses_are_those_of_a_naive_run(case: str) -> None:
    """The trace itself: all of SRAM over time, and the intervals of the arrays."""
    name, rule, _ = CASES[case]
    loop = run_loop(image_of(name), NUCLEO, layers=rule, memory_tracking=True)
    access = make_trace(loop, "given").access
    assert access is not None
    seen = observe(image_of(name), load_board(NUCLEO), FUNCTIONS[case], markers=not FUNCTIONS[case])
    activation = [int(each) for each in access.stretches["activation"]]
    rows = [list(group) for _, group in itertools.groupby(range(len(activation)), key=activation.__getitem__)]
    assert [activation[first] for first, *_ in rows] == seen.stretches
    assert [int(access.end_live[numbers[-1]]) for numbers in rows] == seen.end_live_bytes()
    live = access.live.sum(axis=0)
    for numbers, whole in zip(rows, seen.live_bytes(), strict=True):
        most = max(int(live[row]) for row in numbers)
        assert most == whole if len(numbers) == 1 else most <= whole
    for start, end in truth_of(case).arrays.values():
        found = [
            Buffer(int(each["start"]), int(each["end"]), activation[each["writer"]], activation[each["reader"]])
            for each in access.intervals
            if each["start"] < end and start < each["end"]
        ]
        assert sorted(found) == truth_of(case).liveness.within(start, end).buffers()


# The heap


@STACK
def test_stack_of_the_layers_with_a_heap() -> None:
    profile = profile_of("heap", CALLEES)
    assert profile.layers is not None
    assert [each.stack_bytes for each in profile.layers.activations] == list(heap().stack_bytes)


@MEMORY
def test_heap_in_each_layer() -> None:
    profile = profile_of("heap", CALLEES)
    assert profile.memory is not None
    assert profile.layers is not None
    assert [name for name, _ in layers_of(profile)] == list(HEAP_FUNCTIONS)
    timeline, rows = profile.memory.timeline, rows_by_stretch(profile)
    most = [max(timeline.heap_bytes[row] for row in numbers) for numbers in rows]
    assert [timeline.activation[first] for first, *_ in rows] == [-1, 0, -1, 1, -1, 2, -1, 3, -1, 4, -1]
    assert most[1::2] == [layer.peak_bytes for layer in heap().layers]
    assert most[2:-1:2] == [layer.after_bytes for layer in heap().layers[:-1]]  # between layers nothing happens


@MEMORY
def test_heap_as_a_whole() -> None:
    profile, truth = profile_of("heap", CALLEES), heap()
    assert profile.memory is not None
    assert profile.layers is not None
    found = profile.memory.heap
    assert found is not None
    assert (found.peak_bytes, found.end_bytes, found.failed) == (truth.peak_bytes, truth.end_bytes, truth.failed)
    (activation,) = [
        number for number, each in enumerate(profile.layers.activations)
        if each.start_cycles <= found.peak_cycles < each.end_cycles
    ]  # fmt: skip
    assert layers_of(profile)[activation][0] == truth.peak_layer
    assert found.allocations - found.frees == 1  # a reallocation counts as both, or as neither
    assert found.allocations in (truth.allocations, truth.allocations + truth.reallocations)


@MEMORY
def test_heap_by_who_allocated() -> None:
    profile, truth = profile_of("heap", CALLEES), heap()
    assert profile.memory is not None
    assert profile.memory.heap is not None
    allocated = dict.fromkeys(truth.allocated_bytes, 0)
    leaked = dict.fromkeys(truth.allocated_bytes, (0, 0))
    for site in profile.memory.heap.sites:
        caller = [name for name in site.path if name in allocated][-1]
        allocated[caller] += site.allocated_bytes
        blocks, size = leaked[caller]
        leaked[caller] = (blocks + site.leaked_blocks, size + site.leaked_bytes)
    assert allocated == truth.allocated_bytes
    assert {name: both for name, both in leaked.items() if both != (0, 0)} == truth.leaks
