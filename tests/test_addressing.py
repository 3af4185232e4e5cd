# SPDX-License-Identifier: Apache-2.0
"""Addresses of loads and stores as decoded beforehand, held against the engine's and against encodings made by hand."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from machines import assemble
from random_code import STACK_OFFSET, USUAL_MEMORY, WINDOW_BYTES, WINDOW_OFFSET, Generator, Item, lay_out
from random_values import random_word
from unicorn import Uc, arm_const, unicorn_const

from mcusim.isa import decode as isa
from mcusim.isa.addressing import (
    Access,
    EndAddress,
    access_bytes,
    accesses,
    end_address,
    further_transfers,
    may_be_unaligned,
)

CODE, RAM = USUAL_MEMORY[0] + 0x1000, USUAL_MEMORY[1]
WINDOW = RAM + WINDOW_OFFSET
MAPPED_BYTES = 0x1_0000
NAMES = [*(getattr(arm_const, f"UC_ARM_REG_R{n}") for n in range(13)), arm_const.UC_ARM_REG_SP, arm_const.UC_ARM_REG_LR]
REGISTERS = [0x1000 * (n + 1) for n in range(15)]
MEMORY = {0x2000: 0x5000, 0x2004: 0x6000, CODE + 8: 0x7000}


def peek(address: int, _size_bytes: int) -> int | None:
    return MEMORY.get(address)


def block(text: str) -> isa.OpArray:
    return isa.decode_block(assemble(text), CODE)[0]


def exact(*addresses: int | None) -> list[Access | None]:
    return [None if address is None else Access(address, True) for address in addresses]


# by hand

# fmt: off
BY_HAND = (
    ("ldr r0, [r1, #4]", "6848", exact(0x2004)),
    ("strb r0, [r1, #3]; ldrh r0, [r1, #6]", "70c8 88c8", exact(0x2003, 0x2006)),
    ("str r0, [sp, #8]", "9002", exact(0xE008)),
    ("ldr r0, [r1, r2]", "5888", exact(0x5000)),
    ("ldr.w r0, [r1, r2, lsl #2]", "f8510022", exact(0x2000 + 4 * 0x3000)),
    ("ldr.w r0, [r1, #-4]", "f8510c04", exact(0x1FFC)),
    ("ldr.w r0, [r1, #4095]", "f8d10fff", exact(0x2FFF)),
    ("ldr r0, [r1, #4]!; ldr r2, [r1]", "f8510f04 680a", exact(0x2004, 0x2004)),
    ("ldr r0, [r1], #-8; ldr r2, [r1]", "f8510908 680a", exact(0x2000, 0x1FF8)),
    ("push {r0, lr}; pop {r1, r2}", "b501 bc06", exact(0xDFF8, 0xDFF8)),
    ("ldmia r1!, {r2, r3}; ldr r0, [r1]", "c90c 6808", exact(0x2000, 0x2008)),
    ("stmdb r1!, {r2, r3}; ldr r0, [r1]", "e921000c 6808", exact(0x1FF8, 0x1FF8)),
    ("ldrd r2, r3, [r1, #-8]", "e9512302", exact(0x1FF8)),
    ("ldrd r2, r3, [r1], #8; ldr r0, [r1]", "e8f12302 6808", exact(0x2000, 0x2008)),
    ("vldr s0, [r1, #-4]", "ed110a01", exact(0x1FFC)),
    ("vpush {d8}; vpop {d8}", "ed2d8b02 ecbd8b02", exact(0xDFF8, 0xDFF8)),
    ("vstmia r1!, {s0, s1}; ldr r0, [r1]", "eca10a02 6808", exact(0x2000, 0x2008)),
    ("ldr r0, [pc, #4]; ldr r1, [r0]", "4801 6801", exact(CODE + 8, 0x7000)),
    ("ldr.w r0, [pc, #-4]", "f85f0004", exact(CODE)),
    ("ldr r0, [r1]; ldr r2, [r0, #4]", "6808 6842", exact(0x2000, 0x5004)),
    ("ldr r0, [r3]; ldr r2, [r0]", "6818 6802", exact(0x4000, None)),  # memory that cannot be looked at
    ("mov r0, r9; adds r0, #4; ldr r2, [r0]", "4648 3004 6802", exact(None, None, 0xA004)),
    ("add r0, sp, #8; ldr r2, [r0]", "a802 6802", exact(None, 0xE008)),
    ("sub sp, #16; ldr r2, [sp]", "b084 9a00", exact(None, 0xDFF0)),
    ("movw r0, #0x1234; movt r0, #0x2000; ldr r2, [r0]", "f2412034 f2c20000 6802", exact(None, None, 0x2000_1234)),
    ("add.w r0, r1, r2, lsl #1; ldr r3, [r0]", "eb010042 6803", exact(None, 0x2000 + 2 * 0x3000)),
    ("subw r0, r1, #4; ldr r3, [r0]", "f2a10004 6803", exact(None, 0x1FFC)),
    ("ldrsb r0, [r1, r5]; ldr r2, [r0]", "5748 6802", exact(0x2000 + 0x6000, None)),
    ("ldrexb r0, [r1]; ldrex r2, [r1, #4]", "e8d10f4f e8512f01", exact(0x2000, 0x2004)),
    ("tbb [pc, r4]", "e8dff004", exact(CODE + 4 + 0x5000)),
    ("muls r1, r0, r1; ldr r2, [r1]", "4341 680a", exact(None, None)),  # a product is not followed
    ("mov r1, pc; ldr r2, [r1]", "4679 680a", exact(None, CODE + 4)),
    ("muls r2, r0, r2; ldr r3, [r1, r2]", "4342 588b", [None, Access(0x2000, False)]),  # somewhere in that table
    ("str r2, [r1]; ldr r0, [r1]; ldr r3, [r0]", "600a 6808 6803", exact(0x2000, 0x2000, 0x3000)),
    ("strh r2, [r1, #2]; ldr r0, [r1]; ldr r3, [r0]", "804a 6808 6803", exact(0x2002, 0x2000, None)),  # has changed
    ("push {r0-r3}; ldr r3, [sp]; ldr r3, [r3]", "b40f 9b00 681b", exact(0xDFF0, 0xDFF0, None)),
    ("it eq; moveq r1, r2; ldr r0, [r1]", "bf08 4611 6808", exact(None, None, None)),  # which of the two, depends
    ("movs r0, #0; nop", "2000 bf00", exact(None, None)),
)
# fmt: on


@pytest.mark.parametrize(("code", "expected"), [pytest.param(*row[1:], id=row[0]) for row in BY_HAND])
def test_accesses_by_hand(code: str, expected: list[Access | None]) -> None:
    assert accesses(block(code), REGISTERS, peek) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("6848", EndAddress(1, -1, 0, 4, True)),  # ldr r0, [r1, #4]
        ("f8d10001", EndAddress(1, -1, 0, 1, False)),  # ldr.w r0, [r1, #1]
        ("6848 3104", EndAddress(1, -1, 0, 0, True)),  # then adds r1, #4
        ("6848 3102", EndAddress(1, -1, 0, 2, False)),  # then adds r1, #2
        ("f8510b04", EndAddress(1, -1, 0, -4, True)),  # ldr r0, [r1], #4
        ("f8510f04", EndAddress(1, -1, 0, 0, True)),  # ldr r0, [r1, #4]!
        ("f8310b02 f8310b02", EndAddress(1, -1, 0, -4, True)),  # ldrh r0, [r1], #2, twice
        ("6809", None),  # ldr r1, [r1]
        ("6848 4611", None),  # then mov r1, r2
        ("6848 bf08 3104", None),  # then it eq; addeq r1, #4
        ("6848 f2c20100", None),  # then movt r1, #0x2000: reads and writes r1 alone, and is no step
        ("f8510022", EndAddress(1, 2, 2, 0, True)),  # ldr.w r0, [r1, r2, lsl #2]
        ("f8510022 3201", None),  # then adds r2, #1
    ],
)
def test_end_addresses_by_hand(code: str, expected: EndAddress | None) -> None:
    assert end_address(block(code), 0) == expected


@pytest.mark.parametrize(
    ("code", "size_bytes", "unaligned"),
    [
        ("6848", 4, True), ("8848", 2, True), ("7848", 1, False), ("5888", 4, True), ("5a88", 2, True),
        ("5688", 1, False), ("5e88", 2, True), ("9801", 4, True), ("4801", 4, False), ("6048", 4, False),
        ("f8d10004", 4, True), ("f8b10004", 2, True), ("f9910004", 1, False), ("f8510022", 4, True),
        ("e8d1f002", 1, False), ("e8d1f012", 2, False), ("e8d10f4f", 1, False), ("e9d10200", 4, False),
        ("c90c", 4, False), ("ed910a00", 4, False), ("2000", 4, False),
    ],
)  # fmt: skip
def test_sizes_and_which_loads_may_be_unaligned(code: str, size_bytes: int, unaligned: bool) -> None:
    op = block(code)[0]
    assert may_be_unaligned(op) == unaligned
    if op["flags"] & (isa.LOAD | isa.STORE):
        assert access_bytes(op) == size_bytes


def test_further_transfers() -> None:
    assert [further_transfers(address, 4) for address in range(4, 8)] == [0, 2, 1, 2]  # DDI 0439D 3.3.2
    assert [further_transfers(address, 2) for address in range(4, 8)] == [0, 1, 0, 1]


# against the engine


Writes = list[tuple[int, int, int]]  # (address of the instruction, address, size in bytes)


@dataclass
class Met:
    """A block as the engine ran it: what was known before, and the lowest address of each instruction's accesses."""

    ops: isa.OpArray
    before: list[int]
    ram: bytes
    code: bytes
    touched: dict[int, int] = field(default_factory=dict)  # address of an instruction -> lowest address
    writes: Writes = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    peeked: list[tuple[int, int]] = field(default_factory=list)

    def peek(self, address: int, size_bytes: int) -> int | None:
        """Return what memory held before the block."""
        self.peeked.append((address, size_bytes))
        for start, content in ((0, self.code), (RAM, self.ram)):
            if start <= address <= start + len(content) - size_bytes:
                return int.from_bytes(content[address - start :][:size_bytes], "little")
        return None


class Recorder:
    """Runs code in the bare engine and records each block."""

    def __init__(self, code: bytes, source: random.Random) -> None:
        make: Any = Uc  # untyped
        self.uc: Any = make(unicorn_const.UC_ARCH_ARM, unicorn_const.UC_MODE_THUMB, arm_const.UC_CPU_ARM_CORTEX_M4)
        for start in (USUAL_MEMORY[0], RAM):
            self.uc.mem_map(start, MAPPED_BYTES)
        self.uc.mem_write(CODE, code)
        self.uc.mem_write(WINDOW, source.randbytes(WINDOW_BYTES))
        for number, name in enumerate(NAMES):
            self.uc.reg_write(name, WINDOW + STACK_OFFSET if number == isa.SP else random_word(source))
        self.met: list[Met] = []
        self.pending: tuple[int, ...] = ()
        self.at = 0  # the instruction that runs: to ask the engine for PC would disturb its IT state
        self.expected = self.end = CODE + len(code)
        self.uc.hook_add(unicorn_const.UC_HOOK_BLOCK, self._on_block)
        self.uc.hook_add(unicorn_const.UC_HOOK_CODE, self._on_instruction)
        self.uc.hook_add(unicorn_const.UC_HOOK_MEM_READ | unicorn_const.UC_HOOK_MEM_WRITE, self._on_access)

    def registers(self) -> list[int]:
        return [self.uc.reg_read(name) for name in NAMES]

    def run(self) -> list[Met]:
        self.uc.emu_start(CODE | 1, self.end)
        self.met[-1].after = self.registers()
        return self.met

    def _on_block(self, _uc: Any, address: int, size: int, _user: Any) -> None:
        if self.met:
            self.met[-1].after = self.registers()
        pending = self.pending if address == self.expected else ()
        ops, self.pending = isa.decode_block(bytes(self.uc.mem_read(address, size)), address, pending)
        self.expected = address + size
        content = (bytes(self.uc.mem_read(start, MAPPED_BYTES)) for start in (RAM, USUAL_MEMORY[0]))
        self.met.append(Met(ops, self.registers(), *content))

    def _on_instruction(self, _uc: Any, address: int, _size: int, _user: Any) -> None:
        self.at = address

    def _on_access(self, _uc: Any, kind: int, address: int, size: int, _value: int, _user: Any) -> None:
        at, met = self.at, self.met[-1]
        met.touched[at] = min(met.touched.get(at, address), address)
        if kind == unicorn_const.UC_MEM_WRITE:
            met.writes.append((at, address, size))


def is_stale(met: Met, found: dict[int, Access | None]) -> bool:
    """Return whether a store to an unknown address changed what was looked at, which nobody could know."""
    unknown = [(address, size) for at, address, size in met.writes if (access := found[at]) is None or not access.exact]
    return any(a < b + n and b < a + m for a, m in unknown for b, n in met.peeked)


def accesses_in_it(unit: list[Item]) -> bool:
    """Return whether an IT instruction governs a load or store: hooks on those leave IT state behind in the engine."""
    flags = [isa.decode(item.opcode, item.size_bytes).flags for item in unit]
    return any(item.row == "it" for item in unit) and any(flag & (isa.LOAD | isa.STORE) for flag in flags)


def blocks_of(seed: int) -> Iterator[Met]:
    """Run random code; pointers are followed through what it loads and computes."""
    generator = Generator("cortex-m3", seed)  # all that has no FPU, which takes a whole machine to be on
    units = [[] if accesses_in_it(unit) else unit for unit in generator.sequence(60)]
    for item in (item for unit in units for item in unit if item.row.removesuffix(".w") in ("yield", "wfe")):
        item.opcode = 0xBF00 if item.size_bytes == 2 else 0xF3AF_8000  # NOP: the bare engine would end the run
    code, _ = lay_out(units, CODE, lambda _at: b"\x00\xbf\x00\xbf")
    yield from Recorder(code, random.Random(seed)).run()


@pytest.mark.parametrize("first_seed", range(0, 160, 20))
def test_addresses_are_those_of_the_engine(first_seed: int) -> None:
    checked = ends = 0
    for met in (met for seed in range(first_seed, first_seed + 20) for met in blocks_of(seed)):
        found = dict(zip(map(int, met.ops["address"]), accesses(met.ops, met.before, met.peek), strict=True))
        stale = is_stale(met, found)
        for index, op in enumerate(met.ops):
            at = int(op["address"])
            if at not in met.touched:
                continue  # skipped by IT, or an exclusive store that failed
            access, text = found[at], f"{int(op['opcode']):0{2 * op['size_bytes']}x} at 0x{at:x}"
            if access is not None and access.exact and not stale:
                assert access.address == met.touched[at], text
                checked += 1
            if may_be_unaligned(op) and not op["flags"] & isa.CONDITIONAL:
                shown = end_address(met.ops, index)
                if shown is not None:
                    assert address_at_end(shown, met.after) == met.touched[at], text
                    ends += 1
    assert checked > 100
    assert ends > 20


def address_at_end(shown: EndAddress, registers: list[int]) -> int:
    offset = 0 if shown.index_register < 0 else registers[shown.index_register] << shown.shift
    return registers[shown.base] + offset + shown.offset & 0xFFFF_FFFF
