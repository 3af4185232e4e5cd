# SPDX-License-Identifier: Apache-2.0
"""Where addresses come from: what an origin says must hold for other registers too. And the guards that rest on it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from machines import assemble, run_code

from mcusim.engine.guard_tables import MAX_GUARDS
from mcusim.engine.places import Places, is_steady
from mcusim.isa import decode as isa
from mcusim.isa.addressing import accesses
from mcusim.isa.pointers import Origin, Traced, traced_accesses

CODE = 0x0800_1000
MASK = 0xFFFF_FFFF
REGISTERS = [0x2000_0000 + 0x1000 * n for n in range(15)]

# fmt: off
BY_HAND: tuple[tuple[str, str, Origin | None], ...] = (
    ("ldr r0, [r1, #4]", "6848", Origin(1, offset=4)),
    ("ldr r0, [r1, r2]", "5888", Origin(1, 2)),
    ("ldr.w r0, [r1, r2, lsl #2]", "f8510022", Origin(1, 2, 2)),
    ("adds r1, #8; ldr r0, [r1, #4]", "3108 6848", Origin(1, offset=12)),
    ("add r1, r2; ldr r0, [r1]", "4411 6808", Origin(1, 2)),
    ("add.w r3, r1, r2, lsl #3; ldr r0, [r3, #4]", "eb0103c2 6858", Origin(1, 2, 3, 4)),
    ("ldr r0, [r1], #4; ldr r0, [r1]", "f8510b04 6808", Origin(1, offset=4)),
    ("ldr r3, [sp, #8]; ldr r0, [r3, #4]", "9b02 6858", Origin(13, offset=4, loads=True, inner_offset=8)),
    ("str r1, [sp, #8]; ldr r3, [sp, #8]; ldr r0, [r3]", "9102 9b02 6818", Origin(1)),
    ("mov r3, r1; ldrb r0, [r3]", "460b 7818", Origin(1)),
    ("sub.w r3, r1, #4; ldr r0, [r3]", "f1a10304 6818", Origin(1, offset=-4)),
    ("mov.w lr, r1; ldr r0, [lr]", "ea4f0e01 f8de0000", Origin(1)),
    ("lsls r3, r2, #2; ldr r0, [r1, r3]", "0093 58c8", Origin(1, 2, 2)),
    ("ands r1, r2; ldr r0, [r1]", "4011 6808", None),
)
# fmt: on


def peek(address: int, size_bytes: int) -> int | None:
    """Memory that holds other numbers everywhere, each an address of ours."""
    return 0x2001_0000 + (address * 2654435761 & 0xFFFC) if size_bytes == 4 else 0


def value_of(origin: Origin, registers: list[int]) -> int:
    """What an origin says, naively."""
    base = registers[origin.base] if origin.base >= 0 else 0
    if origin.loads:
        base = peek(base + origin.inner_offset & MASK, 4) or 0
    index = registers[origin.second] << origin.shift if origin.second >= 0 else 0
    return base + index + origin.offset & MASK


@pytest.mark.parametrize(("code", "origin"), [row[1:] for row in BY_HAND], ids=[row[0] for row in BY_HAND])
def test_origins_by_hand(code: str, origin: Origin | None) -> None:
    ops = isa.decode_block(assemble(code), CODE)[0]
    last = traced_accesses(ops, REGISTERS, peek)[-1]
    found = last.address.origin if last is not None and isinstance(last.address, Traced) else None
    assert found == origin


# An index that nobody knows, here what LDRB or SDIV gives, leaves a sum in the memory of the pointer in it.
@pytest.mark.parametrize(
    ("code", "origin"),
    [
        ("fb92f2f3 fb020100 6808", Origin(0)),  # sdiv r2, r2, r3; mla r1, r2, r0, r0; ldr r0, [r1]
        ("fb92f2f3 18a9 6848", Origin(5)),  # sdiv r2; adds r1, r5, r2; ldr r0, [r1, #4]
        ("fb92f2f3 eb050182 f8516b04 680c", Origin(5)),  # ..; add.w r1, r5, r2, lsl #2; ldr r6, [r1], #4; ldr r4, [r1]
        ("fb92f2f3 eb050182 4609 3108 680c", Origin(5)),  # ..; mov r1, r1; adds r1, #8; ldr r4, [r1]
        ("fb92f2f3 5951", Origin(5)),  # ldr r1, [r2, r5]: the pointer may be the index
        ("fb92f2f3 eb020185 6808", None),  # add.w r1, r2, r5, lsl #2: a pointer is not shifted
        ("fb92f2f3 eb050182 4011 6808", None),  # ands r1, r2
        ("fb92f2f3 18a9 2900 bf08 4619 6808", None),  # cmp r1, #0; it eq; moveq r1, r3
    ],
)
def test_an_unknown_index_stays_in_the_memory_of_its_pointer(code: str, origin: Origin | None) -> None:
    ops = isa.decode_block(assemble(code), CODE)[0]
    last = traced_accesses(ops, REGISTERS, peek)[-1]
    assert (last is None) == (origin is None)
    if last is not None and isinstance(last.address, Traced):
        assert not last.exact
        assert last.address.origin == origin


def test_a_table_of_branches_lies_where_the_code_does() -> None:
    ops = isa.decode_block(assemble("fb92f2f3 e8dff002"), CODE)[0]  # sdiv r2, r2, r3; tbb [pc, r2]
    assert traced_accesses(ops, REGISTERS, peek)[-1] == (CODE + 4 + 4, False)


def test_a_small_number_is_no_pointer() -> None:
    ops = isa.decode_block(assemble("fb92f2f3 18a9 6848"), CODE)[0]
    assert traced_accesses(ops, [12] * 15, peek)[-1] is None


@pytest.mark.parametrize("code", [row[1] for row in BY_HAND if row[2] is not None])
def test_an_origin_holds_for_all_registers(code: str) -> None:
    ops = isa.decode_block(assemble(code), CODE)[0]
    generator = random.Random(1)
    origins = [access.address.origin for access in traced_accesses(ops, REGISTERS, peek) if access is not None]  # type: ignore[attr-defined]
    for _ in range(50):
        registers = [generator.randrange(0x2000_0000, 0x2001_0000, 4) for _ in range(15)]
        found = [access.address & MASK for access in accesses(ops, registers, peek) if access is not None]
        assert found == [value_of(origin, registers) for origin in origins if origin is not None]


class TwoMemories:
    """One memory that is late and one that is not."""

    def place_of(self, address: int) -> int:
        return 1 + (address >= 0x2001_0000)

    def late_cycles(self, address: int) -> int:
        return int(address >= 0x2001_0000)


def test_accesses_by_the_same_registers_share_a_guard() -> None:
    ops = isa.decode_block(assemble("6848 68c8 6810"), CODE)[0]  # ldr r0, [r1, #4]; ldr r0, [r1, #12]; ldr r0, [r2]
    places = Places(TwoMemories(), [0x2000_0000, 0x2001_0000])
    rows = places.find(0, traced_accesses(ops, REGISTERS, peek), (CODE, 6))
    assert rows == [(1, -1, 0, 0, 0, 4, 8), (2, -1, 0, 0, 0, 0, 0)]
    placed = places.placed(0, ops, (2 | 1 << 4) << 6)
    assert placed["place"].tolist() == [2, 2, 1]
    assert placed["late_cycles"].tolist() == [1, 1, 0]
    assert places.find(1, None, (CODE, 6)) == rows  # met again, with other registers
    assert places.find(2, None, (CODE, 8)) == []


def test_a_block_has_no_more_guards_than_its_key_has_room_for() -> None:
    text = "".join(f"f8d{base:x}0000" for base in range(MAX_GUARDS + 2))  # ldr.w r0, [rN]
    ops = isa.decode_block(assemble(" ".join(text[start : start + 8] for start in range(0, len(text), 8))), CODE)[0]
    places = Places(TwoMemories(), [0x2000_0000, 0x2001_0000])
    assert len(places.find(0, traced_accesses(ops, [n << 16 for n in range(15)], peek), (CODE, 32))) == MAX_GUARDS


@pytest.mark.parametrize(
    ("code", "steady"),
    [("f8510b04 3a01", True), ("6808 4619", False), ("9b02 6818", False)],
    ids=["ldr r0, [r1], #4; subs r2, #1", "ldr r0, [r1]; mov r1, r3", "ldr r3, [sp, #8]; ldr r0, [r3]"],
)
def test_pointers_that_move_by_constants_are_steady(code: str, steady: bool) -> None:
    ops = isa.decode_block(assemble(code), CODE)[0]
    places = Places(TwoMemories(), [0x2000_0000, 0x2001_0000])
    assert is_steady(ops, places.find(0, traced_accesses(ops, REGISTERS, peek), (CODE, 4))) == steady


def test_where_memories_answer_alike_there_are_no_guards(tmp_path: Path) -> None:
    assert run_code(tmp_path, "6808 e7fe", board="nucleo-l476rg").machine.tables.guard_count == 0
    assert run_code(tmp_path, "6808 e7fe", board="nucleo-l4r5zi").machine.tables.guard_count > 0
