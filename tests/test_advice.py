# SPDX-License-Identifier: Apache-2.0
"""Each rule of advice: a made-up run in which it has something to say, and one in which it has not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from fakes import make_profile
from fakes_memory import make_network_profile

from mcusim.advice import RULES, SLOW_FETCH_FROM_SRAM, advise
from mcusim.core import core_names, load_core
from mcusim.profile import Profile
from mcusim.profile_memory import Arena, Buffer, FlashSymbol
from mcusim.reports import RenderOptions, render


def quiet() -> Profile:
    """Return a run with layers and memory of which nothing stands out."""
    profile = make_network_profile(layers=10)
    memory, layers = profile.memory, profile.layers
    assert memory is not None
    assert layers is not None
    profile.totals.causes = {"issue": profile.totals.cycles}
    for function in profile.functions:
        function.causes = {"issue": function.self_cycles}
    for layer in layers.layers:
        layer.causes, layer.macs = {"issue": 500_000}, 500_000
    for run in layers.activations:
        run.live_peak_bytes = 4000
    memory.peak_bytes = 9000
    memory.arenas, memory.statics, memory.buffers, memory.flash_symbols = [], [], [], []
    memory.budget = replace(memory.budget, statics_bytes=9000, stack_bytes=500, heap_bytes=0)
    return profile


def waits(cause: str, percent: int) -> Callable[[Profile], None]:
    """Return what makes one cause so many percent of a run, all of it in the first function."""

    def change(profile: Profile) -> None:
        cycles = profile.totals.cycles * percent // 100
        profile.totals.causes = {"issue": profile.totals.cycles - cycles, cause: cycles}
        profile.functions[0].causes = {cause: cycles}

    return change


def called(name: str, percent: int) -> Callable[[Profile], None]:
    """Return what makes a function of the library so many percent of a run."""

    def change(profile: Profile) -> None:
        function = profile.functions[0]
        function.name, function.self_cycles = name, profile.totals.cycles * percent // 100

    return change


def slow(factor: float) -> Callable[[Profile], None]:
    """Return what makes the second layer so many times as slow as the others of its operator."""

    def change(profile: Profile) -> None:
        assert profile.layers is not None
        first, second = profile.layers.layers[:2]
        first.kind = second.kind = "conv2d"
        second.causes = {"issue": round(factor * 500_000)}

    return change


def missing(percent: int) -> Callable[[Profile], None]:
    """Return what makes the second layer a tenth of the run, so much of it behind the data cache."""

    def change(profile: Profile) -> None:
        assert profile.layers is not None
        cycles = profile.totals.cycles // 10
        lost = cycles * percent // 100
        profile.layers.layers[1].causes = {"issue": cycles - lost, "dcache": lost}

    return change


def peak(bytes_of_second: int) -> Callable[[Profile], None]:
    """Return what gives one layer a peak of 8000 bytes and every other one so many."""

    def change(profile: Profile) -> None:
        assert profile.layers is not None
        for run in profile.layers.activations:
            run.live_peak_bytes = 8000 if run.layer == 3 else bytes_of_second

    return change


def reserved(size_bytes: int) -> Callable[[Profile], None]:
    """Return what reserves an arena of so many bytes, of which 9000 are live."""

    def change(profile: Profile) -> None:
        assert profile.memory is not None
        profile.memory.budget = replace(profile.memory.budget, statics_bytes=size_bytes, stack_bytes=0)
        profile.memory.arenas = [Arena("tensors", 0x20000000, size_bytes, 12_000, 9000)]
        profile.memory.buffers = []

    return change


def planned(*tensors: tuple[int, int, int, int], live_bytes: int) -> Callable[[Profile], None]:
    """Return what has tensors (offset, bytes, first and last cycle) in an arena of 20,000 bytes, all of it used."""

    def change(profile: Profile) -> None:
        memory = profile.memory
        assert memory is not None
        memory.arenas = [Arena("tensors", 0x20000000, 20_000, 20_000, live_bytes)]
        memory.timeline.live_by_zone = {"arena": [0, live_bytes], "statics": [9_000, 9_000]}
        memory.buffers = [
            Buffer(0x20000000 + at, 0x20000000 + at + size, "arena", "tensors", 0, 1, first, last)
            for at, size, first, last in tensors
        ]

    return change


def unused(size_bytes: int) -> Callable[[Profile], None]:
    """Return what leaves so many bytes of code unused, besides one function that ran."""

    def change(profile: Profile) -> None:
        assert profile.memory is not None
        profile.memory.flash_symbols = [
            FlashSymbol("softmax", 0x08000000, size_bytes, "code", 0, []),
            FlashSymbol("main", 0x08010000, 30_000, "code", 30_000, []),
        ]

    return change


@pytest.mark.parametrize(
    ("kind", "fires", "evidence", "does_not"),
    [
        ("flash-waits", waits("flash-data", 30), "30.0% of all cycles wait for flash", waits("flash-data", 15)),
        ("flash-waits", waits("flash-fetch", 25), "25.0% for instruction fetch", waits("sleep", 80)),
        ("cache-misses", waits("dcache", 21), "21.0% for loads and stores", waits("dcache", 19)),
        ("cache-misses", waits("bus", 40), "40.0% for memory that is not cached", waits("icache", 10)),
        ("layer-misses", missing(30), "layer 1 ", missing(15)),
        ("layer-misses", missing(30), "waits behind the caches for 30.0% of its cycles", waits("dcache", 30)),
        ("slow-layer", slow(3.0), "3.00 cycles per MAC, layer 0 ", slow(1.9)),
        ("soft-float", called("__aeabi_fmul", 6), "floating point in software: __aeabi_fmul", called("fmul", 60)),
        ("soft-float", called("__adddf3", 6), "__adddf3", called("__aeabi_memcpy", 60)),
        ("division", called("__aeabi_uidiv", 7), "7.0% of all cycles are division", called("__aeabi_uidiv", 4)),
        ("division", waits("division", 8), "8.0% of all cycles division takes", waits("division", 3)),
        ("loop-alignment", waits("fetch", 9), "9.0% of all cycles are lost", waits("fetch", 2)),
        ("code-in-sram", waits("sram-fetch", 9), "9.0% of all cycles wait for code in SRAM", waits("sram-fetch", 2)),
        ("unaligned-data", waits("unaligned", 9), "9.0% of all cycles are further transfers", waits("load", 50)),
        ("peak-layer", peak(5000), "8,000 bytes live, no other layer more than 5,000", peak(7900)),
        ("reserved", reserved(20_000), "8,000 of 20,000 bytes of arenas", reserved(13_000)),
        ("plan", planned((0, 10_000, 0, 50), (10_000, 10_000, 50, 90), live_bytes=10_000), "no more than 10,000 live",
         planned((0, 10_000, 0, 51), (10_000, 10_000, 50, 90), live_bytes=20_000)),
        ("in-place", planned((0, 10_000, 0, 51), (10_000, 10_000, 50, 90), live_bytes=11_000), "20,000 bytes, of",
         planned((0, 10_000, 0, 51), (10_000, 10_000, 50, 90), live_bytes=14_000)),
        ("unused-flash", unused(12_000), "most in softmax (12,000)", unused(1_000)),
    ],
)  # fmt: skip
def test_rule(kind: str, fires: Callable[[Profile], None], evidence: str, does_not: Callable[[Profile], None]) -> None:
    profile = quiet()
    fires(profile)
    found = [advice for advice in advise(profile) if advice.kind == kind]
    assert len(found) == 1
    assert evidence in found[0].evidence
    assert found[0].action
    profile = quiet()
    does_not(profile)
    assert kind not in {advice.kind for advice in advise(profile)}


@pytest.mark.parametrize(
    ("cause", "on", "says", "never"),
    [
        ("flash-data", None, "or turn on the flash's data cache", "a stride"),
        ("flash-data", "", "or turn on the flash's data cache", "a stride"),
        ("flash-data", "dcache", "data cache is on, and a stride defeats it", "turn on"),
        ("flash-literal", "dcache", "load fewer literals", "turn on"),
        ("flash-fetch", "icache", "turn on the flash's prefetch", "instruction cache"),
        ("flash-fetch", "icache prefetch", "hottest functions", "turn on"),
    ],
)
def test_what_is_on_is_not_to_be_turned_on(cause: str, on: str | None, says: str, never: str) -> None:
    profile = quiet()
    waits(cause, 30)(profile)
    parts = ("icache", "dcache", "prefetch")
    profile.flash_on = None if on is None else {part: part in on.split() for part in parts}
    (advice,) = advise(profile)
    assert says in advice.action
    assert never not in advice.action


@pytest.mark.parametrize(("core", "says"), [("cortex-m4", "two cycles"), ("cortex-m33", "run the hottest")])
def test_sram_is_no_remedy_where_code_comes_slowly_from_it(core: str, says: str) -> None:
    profile = quiet()
    waits("flash-fetch", 30)(profile)
    profile.board.core = core
    profile.flash_on = dict.fromkeys(("icache", "dcache", "prefetch"), True)
    (advice,) = advise(profile)
    assert says in advice.action


def test_the_cores_that_fetch_slowly_from_sram_are_those_of_the_tables() -> None:
    rules = {name: load_core(name).file.rule for name in core_names()}
    slow = {name for name, rule in rules.items() if "system_fetch_cycles" in rule and rule["system_fetch_cycles"].value}
    assert slow == set(SLOW_FETCH_FROM_SRAM)


def test_functions_with_hardly_any_of_a_cause_are_not_named() -> None:
    profile = quiet()
    waits("fetch", 9)(profile)
    profile.functions[1].causes = {"fetch": profile.totals.causes["fetch"] // 20}
    (advice,) = advise(profile)
    assert profile.functions[0].name in advice.evidence
    assert profile.functions[1].name not in advice.evidence


def test_nothing_without_a_figure() -> None:
    assert advise(quiet()) == []
    plain = make_profile()
    plain.totals.causes = {}
    for rule in RULES:
        list(rule(plain))  # a run without layers, memory, causes is no trouble
    assert "Nothing stands out." in render(quiet(), options=RenderOptions(show=("advice",)))
    assert "Advice" not in render(quiet())


def test_reports_have_it() -> None:
    profile = quiet()
    waits("flash-data", 30)(profile)
    text = render(profile, options=RenderOptions(width=200))
    assert "flash waits" in text[text.index("Advice: where to look first") :]
    assert "| flash waits | 30.0% of all cycles" in render(profile, "markdown")
    head, row = render(profile, "csv", options=RenderOptions(show=("advice",))).splitlines()
    assert head == "kind,share_percent,evidence,action"
    assert row.startswith("flash-waits,30.0000,")
