# SPDX-License-Identifier: Apache-2.0
"""Who called whom, how often, and what it cost: against counts known by hand, and against a tracer that is not ours."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from machines import assemble, firmware_elf, prebuilt, run_profile, write_image
from tracer import Traced, Tracer
from unicorn import unicorn_const

from mcusim import profile_io
from mcusim.attribution import attribute
from mcusim.board import load_board
from mcusim.image import load
from mcusim.isa import decode as isa
from mcusim.machine import Settings
from mcusim.machine.loop import RunLoop
from mcusim.machine.result import make_trace
from mcusim.profile import FunctionCost, Profile, TreeNode

MPS2, NUCLEO = "mps2-an386", "nucleo-l4r5zi"
LPUART_ISR = 0x4000_801C
TXE_AND_TC = 1 << 7 | 1 << 6
RCC_CR, MSI_READY = 0x4002_1000, 1 << 1


def profile_of(name: str, board: str, **settings: object) -> Profile:
    return run_profile(load(prebuilt(name, board)), board, **settings)


@pytest.fixture(scope="module")
def calls() -> Profile:
    """The profile of the zoo of calls."""
    return profile_of("calls", MPS2)


@pytest.fixture(scope="module")
def interrupts() -> Profile:
    """The profile of the zoo of interrupts."""
    return profile_of("interrupts", MPS2)


def function(profile: Profile, name: str) -> FunctionCost:
    """Return a function by its name, without the file that tells statics apart."""
    (found,) = [f for f in profile.functions if f.name.partition(" (")[0] == name]
    return found


def nodes_of(profile: Profile, name: str) -> list[TreeNode]:
    return [node for node in profile.tree if profile.functions[node.function] is function(profile, name)]


def caller(profile: Profile, node: TreeNode) -> str:
    return "" if node.parent < 0 else profile.functions[profile.tree[node.parent].function].name.partition(" (")[0]


def self_sum(profile: Profile) -> int:
    return sum(function.self_cycles for function in profile.functions)


# fibonacci(7) makes 2 F(8) - 1 calls; is_even(9) and is_odd take turns from 9 to 0; deep(1500) nests.
# Six of split's and dispatch's entries come back or leave by a jump: tail calls count as entries of the target.
ENTRIES = {
    "level1": 5 + 4,
    "level2": 5 + 4,
    "level3": 2 * (5 + 4) + 4 + 1 + 3,
    "fibonacci": 41,
    "is_even": 5,
    "is_odd": 5,
    "deep": 1501,
    "tail_first": 2 + 4,
    "tail_second": 2 + 4 + 2,
    "tail_in_c": 1,
    "call_computed": 1,
    "catch": 3,
    "throw": 4 + 1 + 3,
    "save_here": 3,
    "jump_back": 3,
    "split": 4,
    "split.cold": 2,
    "dispatch": 8,
    "show": 9,
    "main": 1,
}


@pytest.mark.parametrize("name", ENTRIES)
def test_calls_are_counted_exactly(calls: Profile, name: str) -> None:
    assert function(calls, name).calls == ENTRIES[name]


def test_recursion_is_counted_once_in_totals(calls: Profile) -> None:
    for name in ("fibonacci", "deep", "is_even"):
        outermost = [node for node in nodes_of(calls, name) if caller(calls, node) == "main"]
        assert function(calls, name).total_cycles == sum(node.total_cycles for node in outermost)
    fibonacci = function(calls, "fibonacci")
    assert fibonacci.total_cycles == fibonacci.self_cycles  # it calls nothing but itself
    both = function(calls, "is_even").self_cycles + function(calls, "is_odd").self_cycles
    assert function(calls, "is_even").total_cycles == both


def test_recursion_nests_as_deep_as_it_ran(calls: Profile) -> None:
    depth = max(_depth(calls, node) for node in nodes_of(calls, "deep"))
    assert depth == 2 + 1500  # below Reset_Handler and main


def _depth(profile: Profile, node: TreeNode) -> int:
    depth = 0
    while node.parent >= 0:
        node, depth = profile.tree[node.parent], depth + 1
    return depth


def test_a_tail_call_is_below_the_function_that_made_it(calls: Profile) -> None:
    assert {caller(calls, node) for node in nodes_of(calls, "tail_second")} == {"tail_first", "dispatch"}
    assert "tail_in_c" in {caller(calls, node) for node in nodes_of(calls, "level3")}


def test_after_a_tail_call_control_returns_to_the_first_caller(calls: Profile) -> None:
    assert {caller(calls, node) for node in nodes_of(calls, "call_computed")} == {"main"}
    assert {caller(calls, node) for node in nodes_of(calls, "show")} == {"main"}


def test_a_cold_part_that_jumps_back_is_no_new_call(calls: Profile) -> None:
    (split,) = nodes_of(calls, "split")
    assert split.calls == 4
    assert {caller(calls, node) for node in nodes_of(calls, "split.cold")} == {"split"}


def test_a_longjmp_unwinds(calls: Profile) -> None:
    assert {caller(calls, node) for node in nodes_of(calls, "catch")} == {"main"}
    assert {caller(calls, node) for node in nodes_of(calls, "throw")} == {"catch", "throw"}
    assert "catch" in {caller(calls, node) for node in nodes_of(calls, "level3")}


def test_computed_calls_are_calls(calls: Profile) -> None:
    below = {calls.functions[node.function].name.partition(" (")[0]: node.calls for node in calls.tree
             if caller(calls, node) == "call_computed"}  # fmt: skip
    assert below == {"level1": 4, "level3": 4, "tail_first": 4}


def test_handlers_are_roots(interrupts: Profile) -> None:
    roots = {interrupts.functions[node.function].name: node for node in interrupts.tree if node.parent < 0}
    assert {name: node.kind for name, node in roots.items()} == {
        "Reset_Handler": "thread", "External_Handler": "handler", "PendSV_Handler": "handler",
        "SVC_Handler": "handler", "SysTick_Handler": "handler",
    }  # fmt: skip
    assert {name: node.calls for name, node in roots.items()} == {
        "Reset_Handler": 1, "External_Handler": 4 + 2 + 3 + 2, "PendSV_Handler": 2, "SVC_Handler": 2,
        "SysTick_Handler": 5,
    }  # fmt: skip


def test_what_handlers_call_is_below_them_and_interrupted_code_goes_on_where_it_was(interrupts: Profile) -> None:
    assert {caller(interrupts, node) for node in nodes_of(interrupts, "tick_work")} == {"SysTick_Handler"}
    assert {caller(interrupts, node) for node in nodes_of(interrupts, "busy")} == {"main", "busy"}
    (outermost,) = [node for node in nodes_of(interrupts, "busy") if caller(interrupts, node) == "main"]
    assert function(interrupts, "busy").calls == 21 * outermost.calls


def test_thread_and_handlers_add_up_to_the_whole(interrupts: Profile) -> None:
    roots = [node for node in interrupts.tree if node.parent < 0]
    assert sum(node.total_cycles for node in roots) == interrupts.totals.cycles


@pytest.mark.parametrize(
    ("name", "board"),
    [("calls", MPS2), ("interrupts", MPS2), ("timing", NUCLEO), ("overlays", NUCLEO), ("sleep", NUCLEO),
     ("m0plus", "generic-cortex-m0plus")],
)  # fmt: skip
def test_sums_and_repeats(name: str, board: str, tmp_path: Path) -> None:
    """Everything adds up to the clock, a saved profile loads unchanged, and the same run gives the same bytes."""
    profile = profile_of(name, board)
    assert self_sum(profile) == profile.totals.cycles
    assert sum(profile.totals.causes.values()) == profile.totals.cycles
    assert sum(node.self_cycles for node in profile.tree) == profile.totals.cycles
    assert sum(row.count for row in profile.instructions) == profile.totals.instructions
    assert sum(function.instructions for function in profile.functions) == profile.totals.instructions
    for found in profile.functions:
        assert sum(found.causes.values()) == found.self_cycles
    for row in profile.instructions:
        assert sum(row.causes.values()) == row.cycles
    data = profile_io.dumps(profile)
    assert profile_io.loads(data) == profile
    assert profile_io.dumps(profile_of(name, board)) == data


def trace(name: str, board: str, limit: int) -> Traced:
    """Run a firmware in the tracer."""
    answers = {LPUART_ISR: TXE_AND_TC, RCC_CR: MSI_READY}
    return Tracer(load(prebuilt(name, board)), load_board(board), answers).run(limit)


def counts(profile: Profile) -> Counter[int]:
    """Return how often each address ran, whichever function it was charged to."""
    found: Counter[int] = Counter()
    for row in profile.instructions:
        found[row.address] += row.count
    return found


def test_every_instruction_of_the_zoo_is_counted_as_the_tracer_counts(calls: Profile) -> None:
    traced = trace("calls", MPS2, 1_000_000)
    assert traced.output.decode() == calls.output
    assert counts(calls) == traced.counts
    assert calls.totals.instructions == traced.instructions
    assert traced.deepest > 1500


def test_every_function_of_the_zoo_is_entered_as_the_tracer_says(calls: Profile) -> None:
    traced = trace("calls", MPS2, 1_000_000)
    entered = {f.name: f.calls for f in calls.functions}
    # The naive tracer takes the ways back from the cold part, and from jump_back, for entries.
    traced.entries["split"] -= 2
    traced.entries["catch"] -= 3
    assert entered == dict(traced.entries)


def test_hello_is_counted_as_the_tracer_counts() -> None:
    """But for waiting on the UART, which the tracer does not, and for printing the cycles, which are 0 there."""
    profile = profile_of("hello", NUCLEO)
    traced = trace("hello", NUCLEO, 1_050_000)
    assert traced.output == b""  # the UART is a register that takes everything
    for name in ("count_down", "main", "Reset_Handler"):
        found = function(profile, name)
        addresses = range(found.address, found.address + found.size_bytes)
        ours = {address: count for address, count in counts(profile).items() if address in addresses}
        assert ours == {address: count for address, count in traced.counts.items() if address in addresses}
    assert function(profile, "count_down").instructions == 1_000_001


def test_keyword_spotting_is_counted_as_the_tracer_counts() -> None:
    """Its start: the tracer is slow."""
    board = load_board(MPS2)
    image = load(prebuilt("keyword_spotting", MPS2))
    profile = run_profile(image, MPS2, max_cycles=600_000)
    traced = Tracer(image, board).run(profile.totals.instructions)
    assert traced.instructions == profile.totals.instructions
    assert counts(profile) == traced.counts


def test_interrupts_change_no_count() -> None:
    """Counted in the machine's own engine by a hook on every instruction; it does not tell of what IT skips."""
    loop = RunLoop(load(prebuilt("interrupts", MPS2)), load_board(MPS2), Settings(), None, None)
    machine, seen = loop.machine, Counter[int]()

    def count(_uc: object, address: int, _size: int, _data: object) -> None:
        seen[address] += machine.exact.place != address  # else: the second attempt at an access

    machine.engine._uc.hook_add(unicorn_const.UC_HOOK_CODE, count)
    loop.run()
    assert loop.handlers.entered > 15
    trace = make_trace(loop, "given")
    governed = {
        int(op["address"]) for block in trace.pricer.decoded for op in block.ops if op["flags"] & isa.CONDITIONAL
    }
    ours = counts(attribute(trace))
    assert {a: n for a, n in ours.items() if a not in governed} == {a: n for a, n in seen.items() if a not in governed}
    assert all(ours[address] >= seen[address] for address in governed)


def test_a_call_to_the_next_instruction_and_an_unsized_function(tmp_path: Path) -> None:
    # bl next; next: pop/bx pattern as assembly uses it to read PC; then a called function that has no symbol
    code = assemble("b510 f000f800 f000f802 b000 bd10 4770")
    profile = run_profile(write_image(tmp_path, firmware_elf(code + assemble("e7fe"))), NUCLEO, max_cycles=1000)
    assert self_sum(profile) == profile.totals.cycles
