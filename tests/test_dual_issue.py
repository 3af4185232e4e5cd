# SPDX-License-Identifier: Apache-2.0
"""What must hold for the dual-issue pipeline, whatever its numbers; and a slow twin that must give the same cycles."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from conftest import LONG
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import CODE, Price, assemble, price
from naive_dual_issue import cycles_of
from test_pipeline_properties import instructions

from mcusim.core import Core, load_core
from mcusim.isa import decode as isa
from mcusim.isa.addressing import after_stores
from mcusim.pipelines import PIPELINES
from mcusim.pipelines.causes import CAUSES

CORE = load_core("cortex-m7")
PIPELINE = PIPELINES["dual_issue"]
NOP = "f3af8000"
# Instructions that depend on one another often, of every unit: add, eor, shifted add, mov, lsl, ubfx, rev, uadd8, ldr,
# ldrb, ldr with write-back, str, ldr with index, mul, mla, smlal, cmp, adcs, movw, constant shifted into place, qadd,
# 16-bit add, load, store and compare, ldm, push
DEPENDENT = (
    "eb010002", "ea810200", "eb0000c1", "ea4f0001", "ea4f0041", "f3c00107", "fa90f180", "fa81f042", "f8d30000",
    "f8930000", "f8530b04", "f8c30000", "f8530020", "fb01f002", "fb010002", "fbc10200", "ebb10f00", "eb510100",
    "f2410034", "f50053fe", "fa81f080", "1840", "6818", "6018", "4288", "e8930007", "e92d0007", NOP, "bf00",
)  # fmt: skip


def single_issue() -> Core:
    """Return the core with the second slot closed."""
    rules = {**CORE.file.rule, "dual_issue": msgspec.structs.replace(CORE.file.rule["dual_issue"], value=0)}
    return Core(msgspec.structs.replace(CORE.file, rule=rules))


def instructions_of(text: str) -> int:
    return len(isa.decode_block(assemble(text), CODE)[0])


@st.composite
def texts(draw: st.DrawFn, size: int = 14) -> str:
    """Code of instructions that depend on one another."""
    return " ".join(draw(st.lists(st.sampled_from(DEPENDENT), min_size=1, max_size=size)))


@given(text=texts(), offset=st.sampled_from([0, 2, 4, 6]))
@settings(max_examples=3000 if LONG else 200)
def test_it_gives_what_the_slow_twin_gives(text: str, offset: int) -> None:
    ops, _ = isa.decode_block(assemble(text), CODE + offset)
    assert price(CORE, assemble(text), address=CODE + offset).cycles == cycles_of(ops)


@given(data=st.data())
@settings(max_examples=1000 if LONG else 100)
def test_never_more_than_two_a_cycle(data: st.DataObject) -> None:
    code = data.draw(st.lists(instructions(CORE), min_size=1, max_size=12))
    assert price(CORE, b"".join(code)).cycles >= (len(code) + 1) // 2


@given(text=texts())
def test_a_second_slot_makes_nothing_slower(text: str) -> None:
    assert price(CORE, assemble(text)).cycles <= price(single_issue(), assemble(text)).cycles


@given(text=texts())
def test_a_nop_behind_adds_a_cycle_at_most(text: str) -> None:
    # Two bytes beyond a word of fetch need that word: code that ends four bytes before it adds no wait for it.
    before, after = price(CORE, assemble(text)).cycles, price(CORE, assemble(f"{text} bf00")).cycles
    assert before <= after <= before + 1


@given(text=texts(), count=st.integers(1, 4))
def test_what_it_skips_takes_its_time(text: str, count: int) -> None:
    code = assemble(text)
    skipped = tuple(range(min(count, instructions_of(text))))
    assert price(CORE, code, skipped=skipped).cycles == price(CORE, code).cycles


def test_two_nops_a_cycle_and_two_narrow_ones_too() -> None:
    assert price(CORE, assemble(f"{NOP} " * 40)).cycles == 20  # jnk0le, template
    assert price(CORE, assemble("bf00 " * 40)).cycles == 20


@pytest.mark.parametrize(("offset", "cycles"), [(0, 1), (2, 1), (4, 1), (6, 2)])
def test_a_tight_loop_takes_the_words_that_it_lies_in(offset: int, cycles: int) -> None:
    """`subs; bne`: one cycle a turn, unless it crosses 64 bits (rust-embedded/cortex-m issue 430)."""
    state = None
    for _ in range(8):
        turn = price(CORE, assemble("3901 d1fd"), address=CODE + offset, taken=True, state=state)
        state = turn.state
    assert turn.cycles == cycles


def mispredicted(text: str, taken: bool = True) -> int:
    """Return what the last branch costs more if it was mispredicted."""
    return int(price(CORE, assemble(text), taken=taken).state[PIPELINE.MISPREDICTION])


def test_what_a_misprediction_costs_follows_from_where_the_flags_were_set() -> None:
    assert mispredicted(f"3901 {NOP} {NOP} {NOP} {NOP} d1fe") == 5  # two cycles before
    assert mispredicted(f"3901 {NOP} {NOP} {NOP} {NOP} {NOP} d1fe") == 3  # three
    assert mispredicted("3901 d1fe") == mispredicted("3901 d1fe", taken=False) == 5
    assert mispredicted("b901") == mispredicted("4770") == 5  # CBNZ, BX
    assert mispredicted("e7fe") == 3
    assert mispredicted("3901") == 0


def priced(text: str, banks: dict[int, int]) -> Price:
    """Return the price of code whose instructions access these banks."""
    ops, _ = isa.decode_block(assemble(text), CODE)
    for index, bank in banks.items():
        ops[index]["bank"] = bank
    costs, after = np.zeros((len(ops), len(CAUSES)), np.int32), np.zeros(PIPELINE.STATE_SIZE, np.int64)
    total = PIPELINE.price(
        ops, np.ones(len(ops), np.uint8), False, PIPELINE.reset_state(),
        CORE.class_cycles, CORE.class_register_cycles, CORE.rules, after, costs,
    )  # fmt: skip
    return Price(int(total), costs, after)


@pytest.mark.parametrize(("first", "second", "cycles"), [(1, 2, 1), (2, 1, 1), (1, 1, 2), (2, 2, 2), (0, 1, 2)])
def test_two_loads_pair_in_two_banks(first: int, second: int, cycles: int) -> None:
    assert priced("f8d10000 f8d32000", {0: first, 1: second}).cycles == cycles  # jnk0le; unknown: the table


def test_a_store_of_several_from_the_odd_bank_takes_one_more() -> None:
    assert [priced("e88a000f", {0: bank}).cycles for bank in (1, 2)] == [2, 3]  # jnk0le: r0 to r3
    assert [priced("e88a0007", {0: bank}).cycles for bank in (1, 2)] == [2, 2]


def test_a_load_waits_for_the_store_to_its_word() -> None:
    code = assemble("f8c10004 f8d10004 f8d10000")  # str r0, [r1, #4]; ldr r0, [r1, #4]; ldr r0, [r1]
    ops, _ = isa.decode_block(code, CODE)
    assert after_stores(ops, [0x2000_0004, 0x2000_0004, 0x2000_0000]) == [0, 1, 0]
    assert after_stores(ops, [0x2000_0004, None, 0x2000_0004]) == [0, 0, 2]
    assert after_stores(ops, [None, 0x2000_0004, 0x2000_0004]) == [0, 0, 0]


def test_bytes_of_a_stored_word_are_known_and_several_registers_are_not() -> None:
    code = assemble("f8a10002 f8911003 f8911001 e8910003")  # strh [r1, #2]; ldrb [r1, #3]; ldrb [r1, #1]; ldm
    ops, _ = isa.decode_block(code, CODE)
    assert after_stores(ops, [0x102, 0x103, 0x101, 0x100]) == [0, 1, 2, 0]
