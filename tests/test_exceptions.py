# SPDX-License-Identifier: Apache-2.0
"""Exceptions: priorities, masks, frames, the registers of NVIC and SCB (Armv7-M ARM, DDI 0403E, B1.5, B3.2, B3.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import CODE, assemble, firmware_elf, run_code, run_loop, run_profile, write_image
from test_counters import FakeClock

from mcusim.devices.base import Host
from mcusim.machine.exceptions import (
    FIRST_EXTERNAL,
    HARD_FAULT,
    NMI,
    PENDSV,
    SVCALL,
    SYSTICK,
    XPSR_THUMB,
    Exceptions,
    exception_name,
)  # fmt: skip
from mcusim.machine.loop import RunLoop
from mcusim.machine.result import make_trace
from mcusim.machine.system import SystemControl

IRQ0, IRQ1 = FIRST_EXTERNAL, FIRST_EXTERNAL + 1
ISER, ICER, ISPR, ICPR, IABR, IPR = 0x100, 0x180, 0x200, 0x280, 0x300, 0x400
ICSR, VTOR, AIRCR, SHPR2, SHPR3, STIR = 0xD04, 0xD08, 0xD0C, 0xD1C, 0xD20, 0xF00


@dataclass
class FakeEngine:
    """Registers in a dictionary."""

    registers: dict[str, int] = field(default_factory=dict)

    def read_register(self, name: str) -> int:
        return self.registers.get(name, 0)

    def write_register(self, name: str, value: int) -> None:
        self.registers[name] = value & 0xFFFF_FFFF
        if name == "sp":
            self.registers["msp"] = value  # these tests run on the main stack


@dataclass
class FakeMemory:
    """Bytes in a dictionary."""

    data: dict[int, int] = field(default_factory=dict)

    def write(self, address: int, data: bytes) -> None:
        self.data.update({address + index: byte for index, byte in enumerate(data)})

    def read(self, address: int, size_bytes: int) -> bytes:
        return bytes(self.data.get(address + index, 0) for index in range(size_bytes))

    def read_word(self, address: int) -> int:
        return int.from_bytes(self.read(address, 4), "little")

    def peek(self, address: int, size_bytes: int) -> int:
        return int.from_bytes(self.read(address, size_bytes), "little")

    def holds(self, address: int) -> bool:
        return True

    def writable(self, address: int, size_bytes: int) -> bool:
        return True


def make(has_fpu: bool = True) -> Exceptions:
    engine = FakeEngine({"sp": 0x2000_1000, "msp": 0x2000_1000, "xpsr": XPSR_THUMB, "lr": 0x1235})
    return Exceptions(engine, FakeMemory(), has_fpu, True, 0)  # type: ignore[arg-type]


def make_system() -> tuple[SystemControl, Exceptions]:
    exceptions = make()
    host = Host(FakeClock(), lambda data: None, lambda number, level: None)
    return SystemControl(host, exceptions, "cortex-m4"), exceptions


def test_the_lowest_priority_number_wins_and_then_the_lowest_exception_number() -> None:
    exceptions = make()
    exceptions.enabled |= {IRQ0, IRQ1}
    exceptions.pending |= {IRQ0, IRQ1, PENDSV}
    assert exceptions.next_taken() == PENDSV
    exceptions.priority |= {PENDSV: 0x20, IRQ0: 0x20, IRQ1: 0x10}
    assert exceptions.next_taken() == IRQ1
    exceptions.pending.add(NMI)
    assert exceptions.next_taken() == NMI


def test_a_pending_interrupt_that_is_disabled_is_not_taken() -> None:
    exceptions = make()
    exceptions.pending.add(IRQ0)
    assert exceptions.next_taken() is None
    assert not exceptions.would_wake()


def test_only_a_higher_priority_preempts() -> None:
    exceptions = make()
    exceptions.enabled |= {IRQ0, IRQ1}
    exceptions.priority |= {IRQ0: 0x40, IRQ1: 0x40}
    exceptions.active.append(IRQ0)
    exceptions.pending.add(IRQ1)
    assert exceptions.next_taken() is None
    exceptions.priority[IRQ1] = 0x20
    assert exceptions.next_taken() == IRQ1


@pytest.mark.parametrize(("shift", "taken"), [(0, True), (3, True), (4, True), (5, False), (6, False)])
def test_bits_below_the_group_do_not_preempt(shift: int, taken: bool) -> None:
    exceptions = make()
    exceptions.enabled |= {IRQ0, IRQ1}
    exceptions.priority |= {IRQ0: 0x40, IRQ1: 0x60}
    exceptions.group_shift = shift
    exceptions.active.append(IRQ1)
    exceptions.pending.add(IRQ0)
    assert (exceptions.next_taken() == IRQ0) is taken


@pytest.mark.parametrize(
    ("mask", "value", "taken"),
    [
        ("primask", 1, {NMI, HARD_FAULT}),
        ("faultmask", 1, {NMI}),
        ("basepri", 0x40, {NMI, HARD_FAULT, SYSTICK}),
        ("basepri", 0x20, {NMI, HARD_FAULT}),
        ("basepri", 0, {NMI, HARD_FAULT, SYSTICK, PENDSV}),
    ],
)
def test_masks_hold_back_what_is_not_urgent_enough(mask: str, value: int, taken: set[int]) -> None:
    exceptions = make()
    exceptions.priority |= {SYSTICK: 0x20, PENDSV: 0x40}
    exceptions.engine.write_register(mask, value)
    found = set()
    for number in (NMI, HARD_FAULT, SYSTICK, PENDSV):
        exceptions.pending = {number}
        if exceptions.next_taken() == number:
            found.add(number)
    assert found == taken


def test_wfi_wakes_for_what_primask_alone_holds_back_and_not_for_what_basepri_does() -> None:
    """B1.5.19: what would preempt if PRIMASK were 0."""
    exceptions = make()
    exceptions.priority[SYSTICK] = 0x80
    exceptions.pending.add(SYSTICK)
    exceptions.engine.write_register("primask", 1)
    assert exceptions.would_wake()
    exceptions.engine.write_register("basepri", 0x40)
    assert not exceptions.would_wake()


@given(
    sp=st.integers(0x2000_0400, 0x2000_2000).map(lambda value: value & ~3),
    registers=st.lists(st.integers(0, 2**32 - 1), min_size=6, max_size=6),
    flags=st.integers(0, 31), with_fp=st.booleans(), return_address=st.integers(0, 2**31).map(lambda value: value & ~1),
)  # fmt: skip
def test_what_entry_stacks_return_restores(
    sp: int, registers: list[int], flags: int, with_fp: bool, return_address: int
) -> None:
    exceptions = make()
    engine = exceptions.engine
    names = ("r0", "r1", "r2", "r3", "r12", "lr")
    engine.write_register("sp", sp)
    for name, value in zip(names, registers, strict=True):
        engine.write_register(name, value)
    engine.write_register("xpsr", XPSR_THUMB | flags << 27)
    engine.write_register("control", 4 if with_fp else 0)
    engine.write_register("s15", 77)
    exceptions.memory.write(4 * SYSTICK, (0x0800_0101).to_bytes(4, "little"))
    assert exceptions.enter(SYSTICK, return_address) == 0x0800_0101
    frame = engine.read_register("sp")
    assert frame % 8 == 0
    assert sp - frame in ((0x68, 0x6C) if with_fp else (0x20, 0x24))
    assert engine.read_register("xpsr") & 0x1FF == SYSTICK
    link = engine.read_register("lr")
    assert link == (0xFFFF_FFE9 if with_fp else 0xFFFF_FFF9)
    for name in (*names, "s15"):
        engine.write_register(name, 0xDEAD)
    exceptions.deactivate()
    assert exceptions.unstack(link) == return_address
    assert [engine.read_register(name) for name in names] == registers
    assert engine.read_register("msp") == sp
    assert engine.read_register("xpsr") == XPSR_THUMB | flags << 27
    assert engine.read_register("s15") == (77 if with_fp else 0xDEAD)
    assert not exceptions.active


def test_a_level_keeps_an_interrupt_pending_and_letting_go_ends_it() -> None:
    exceptions = make()
    exceptions.enabled.add(IRQ0)
    exceptions.set_line(0, True)
    exceptions.vector(IRQ0, 0xFFFF_FFF9)
    exceptions.set_line(0, False)
    exceptions.deactivate()
    assert IRQ0 not in exceptions.pending
    exceptions.set_line(0, True)
    exceptions.vector(IRQ0, 0xFFFF_FFF9)
    exceptions.deactivate()
    assert exceptions.next_taken() == IRQ0


def test_names() -> None:
    assert [exception_name(number) for number in (2, 3, 11, 14, 15, 16, 86)] == [
        "NMI", "HardFault", "SVCall", "PendSV", "SysTick", "IRQ0", "IRQ70",
    ]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from([ISER, ICER, ISPR, ICPR]), st.integers(0, 7), st.integers(0, 2**32 - 1))))
def test_nvic_bits_are_set_and_cleared_by_ones(writes: list[tuple[int, int, int]]) -> None:
    system, _ = make_system()
    wanted = {ISER: [0] * 8, ISPR: [0] * 8}
    for offset, word, value in writes:
        system.write(offset + 4 * word, 4, value)
        bits = wanted[ISER if offset < 0x200 else ISPR]
        bits[word] = bits[word] & ~value if offset & 0x80 else bits[word] | value
    mask = [0xFFFF_FFFF] * 7 + [0xFFFF]  # 240 interrupts
    for set_offset, bits in wanted.items():
        for clear in (0, 0x80):
            found = [system.read(set_offset + clear + 4 * word, 4) & mask[word] for word in range(8)]
            assert found == [value & m for value, m in zip(bits, mask, strict=True)]


def test_active_bits_and_the_interrupt_control_register() -> None:
    system, exceptions = make_system()
    assert system.read(ICSR, 4) & 0x1FF == 0
    exceptions.active += [PENDSV, IRQ1]
    exceptions.enabled.add(IRQ0)
    exceptions.pending |= {IRQ0, SYSTICK}
    value = system.read(ICSR, 4)
    assert value & 0x1FF == IRQ1
    assert value >> 12 & 0x1FF == SYSTICK
    assert value >> 26 & 1
    assert not value >> 11 & 1  # more than one is active
    assert system.read(IABR, 4) == 2


def test_pending_by_the_interrupt_control_register() -> None:
    system, exceptions = make_system()
    system.write(ICSR, 4, 1 << 28 | 1 << 26 | 1 << 31)
    assert exceptions.pending == {PENDSV, SYSTICK, NMI}
    system.write(ICSR, 4, 1 << 27)
    assert exceptions.pending == {SYSTICK, NMI}
    system.write(ICSR, 4, 1 << 25)
    assert exceptions.pending == {NMI}


def test_an_interrupt_is_triggered_by_its_number() -> None:
    system, exceptions = make_system()
    system.write(STIR, 4, 5)
    assert exceptions.pending == {FIRST_EXTERNAL + 5}


@pytest.mark.parametrize(("size", "offset", "value"), [(1, IPR + 5, 0x40), (4, IPR + 4, 0x4000), (2, IPR + 4, 0x4000)])
def test_priorities_by_byte_halfword_and_word(size: int, offset: int, value: int) -> None:
    system, exceptions = make_system()
    system.write(offset, size, value)
    assert exceptions.priority[FIRST_EXTERNAL + 5] == 0x40
    assert system.read(IPR + 5, 1) == 0x40


def test_priorities_of_system_handlers() -> None:
    system, exceptions = make_system()
    system.write(SHPR2 + 3, 1, 0x30)
    system.write(SHPR3, 4, 0x10200000)
    assert (exceptions.priority[SVCALL], exceptions.priority[PENDSV], exceptions.priority[SYSTICK]) == (
        0x30,
        0x20,
        0x10,
    )


def test_writes_to_the_control_register_need_the_key() -> None:
    system, exceptions = make_system()
    system.write(AIRCR, 4, 0x0000_0504)
    assert (exceptions.group_shift, system.scb.reset_requested) == (0, False)
    system.write(AIRCR, 4, 0x05FA_0500)
    assert (exceptions.group_shift, system.scb.reset_requested) == (5, False)
    assert system.read(AIRCR, 4) == 0xFA05_0500
    system.write(AIRCR, 4, 0x05FA_0004)
    assert system.scb.reset_requested


def test_the_vector_table_moves_and_the_id_does_not() -> None:
    system, exceptions = make_system()
    system.write(VTOR, 4, 0x2000_0FFF)
    assert exceptions.vector_table == system.read(VTOR, 4) == 0x2000_0F80
    system.write(0xD00, 4, 0)
    assert system.read(0xD00, 4) == 0x410F_C241


# On the machine. Registers: r4 = ISPR/ISER base 0xE000E100, r5 counts.

ENABLE_IRQ0 = "f24e1400 f2ce0400 2001 6020"  # movw r4, #0xe100; movt r4, #0xe000; movs r0, #1; str r0, [r4]
PEND_IRQ0 = "f8c40100"  # str r0, [r4, #0x100]


def run_with_handler(folder: Path, code: str, handler: str, number: int = IRQ0) -> RunLoop:
    """Run code that goes on to `b .`, with a handler behind it."""
    main = assemble(f"{code} e7fe")
    main += assemble("bf00") * (len(main) % 4 // 2)
    elf = firmware_elf(main + assemble(handler), {number: len(main)}, {"handler": len(main)})
    return run_loop(write_image(folder, elf))


def register(loop: RunLoop, name: str) -> int:
    return loop.machine.engine.read_register(name)


def test_an_interrupt_comes_at_the_end_of_the_block_that_made_it_pending(tmp_path: Path) -> None:
    loop = run_with_handler(
        tmp_path, f"{ENABLE_IRQ0} 2500 {PEND_IRQ0} e7ff", "3507 4770"
    )  # handler: adds r5, #7; bx lr
    assert register(loop, "r5") == 7
    assert loop.handlers.entered == 1
    (root,) = [node for node in make_trace(loop, "given").nodes if node["kind"] == 2]
    assert root["calls"] == 1


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_the_block_that_made_an_interrupt_pending_is_charged_before_it_comes(tmp_path: Path, turns: int) -> None:
    """Also when its price has still to be found: it belongs to what was interrupted, and so does its call."""
    # r1 = 0xE000ED04 (ICSR), r0 = PENDSVSET, r2 = turns; (2:) str r0, [r1]; bl callee; subs r2, #1; bne 2b; wfi
    code = bytearray(0x40)
    code[:28] = assemble(f"f64e5104 f2ce0100 2001 0700 22{turns:02x} 6008 f000f806 3a01 d1fa bf30 bf00")
    code[0x20:0x26] = assemble("bf00 bf00 4770")  # callee
    code[0x30:0x34] = assemble("bf00 4770")  # handler
    image = write_image(tmp_path, firmware_elf(bytes(code), {PENDSV: 0x30}, {"callee": 0x20, "handler": 0x30}))
    profile = run_profile(image, "nucleo-l4r5zi")
    names = [profile.functions[node.function].name for node in profile.tree]
    assert [(name, node.kind, node.calls) for name, node in zip(names, profile.tree, strict=True)] == [
        ("Reset_Handler", "thread", 1),
        ("handler", "handler", turns),
        ("callee", "call", turns),
    ]


@pytest.mark.parametrize("padding", range(6))
def test_an_interrupt_inside_an_if_then_block_resumes_it(tmp_path: Path, padding: int) -> None:
    """The engine ends blocks at pages of 1 KB: the interrupt arrives there, in the middle of an IT block.

    cmp r0, r0; itete eq; four moves: r1 = 1, r2 skipped, r3 = 3, r6 skipped. The handler changes the flags.
    """
    before = f"{ENABLE_IRQ0} 2100 2200 2300 2600"
    moves = "2101 2202 2303 2604"
    start = len(assemble(before))
    room = 1024 - 128 - start - 2 * padding  # the code starts 128 bytes into its page
    filler = assemble("bf00") * ((room - 4) // 2)
    code = assemble(before) + filler + assemble(f"{PEND_IRQ0} 4280 bf0b {moves} e7fe")
    code += assemble("bf00") * (len(code) % 4 // 2)
    handler = assemble("2001 2802 4770")  # movs r0, #1; cmp r0, #2; bx lr
    loop = run_loop(write_image(tmp_path, firmware_elf(code + handler, {IRQ0: len(code)})))
    assert [register(loop, name) for name in ("r1", "r2", "r3", "r6")] == [1, 0, 3, 0]
    assert loop.handlers.entered == 1


@pytest.mark.parametrize("position", range(4))
def test_an_exact_access_inside_an_if_then_block(tmp_path: Path, position: int) -> None:
    """Reading CYCCNT splits the block there; what IT governs afterwards must still be governed."""
    start = "f2410700 f2ce0700 2001 6038 2100 2200 2300 2600"  # r7 = DWT; CTRL = 1; r1, r2, r3, r6 = 0
    moves = ["2101", "2202", "2303", "2604"]
    moves[position] = "687d"  # ldr r5, [r7, #4]
    loop = run_code(tmp_path, f"{start} 4280 bf0b {' '.join(moves)} e7fe")  # cmp r0, r0; itete eq
    wanted = [1, 0, 3, 0]
    wanted[position] = 0
    assert [register(loop, name) for name in ("r1", "r2", "r3", "r6")] == wanted
    assert (register(loop, "r5") > 0) == (position in (0, 2))


def test_supervisor_call_inside_an_if_then_block(tmp_path: Path) -> None:
    """cmp r0, r0; itee eq; svceq 0; movne r1, #1; movne r2, #2."""
    loop = run_with_handler(tmp_path, "2100 2200 4280 bf0e df00 2101 2202", "2505 2d00 4770", SVCALL)
    assert [register(loop, name) for name in ("r1", "r2", "r5")] == [0, 0, 5]


def test_tail_chaining_takes_no_return_between(tmp_path: Path) -> None:
    """PendSV and IRQ0 pend together under PRIMASK: one entry, one chain, one return."""
    code = f"b672 {ENABLE_IRQ0} f24e5304 f2ce0300 f04f5280 {PEND_IRQ0} b662 bf00 e7fe"
    main = assemble(code)
    main += assemble("bf00") * (len(main) % 4 // 2)
    elf = firmware_elf(main + assemble("3501 4770"), {IRQ0: len(main), PENDSV: len(main)})
    loop = run_loop(write_image(tmp_path, elf))
    assert loop.handlers.entered == 1
    core = loop.machine.core
    cycles = sum(value for (_, cause), value in loop.machine.extra_cycles.items() if cause == "exception")
    assert cycles == core.exception_cycles("entry_cycles") + core.exception_cycles("return_cycles")


def test_nested_handlers_return_in_turn(tmp_path: Path) -> None:
    """IRQ0's handler makes a supervisor call."""
    handler = "b500 df00 3510 bd00"  # push {lr}; svc 0; adds r5, #16; pop {pc}
    svc = "3501 4770"
    # SVCall keeps priority 0, IRQ0 gets 0x80: strb r3, [r4, #0x300]
    main = assemble(f"{ENABLE_IRQ0} 2500 2380 f8843300 {PEND_IRQ0} e7ff e7fe")
    main += assemble("bf00") * (len(main) % 4 // 2)
    code = main + assemble(handler) + assemble(svc)
    elf = firmware_elf(code, {IRQ0: len(main), SVCALL: len(main) + len(assemble(handler))})
    loop = run_loop(write_image(tmp_path, elf))
    assert register(loop, "r5") == 17
    assert loop.handlers.entered == 2
    assert not loop.machine.exceptions.active
    assert register(loop, "sp") == 0x2003_0000


def test_a_vector_outside_memory_is_an_error_with_its_number(tmp_path: Path) -> None:
    elf = firmware_elf(assemble("df00 e7fe"), {SVCALL: 0x3000_0000 - CODE})
    loop = run_loop(write_image(tmp_path, elf))
    assert loop.end is not None
    assert loop.end.kind == "fault"


def test_a_stack_outside_memory_is_an_error(tmp_path: Path) -> None:
    loop = run_code(tmp_path, "2000 4685 df00 e7fe")  # movs r0, #0; mov sp, r0; svc 0
    record = make_trace(loop, "given").fault
    assert record is not None
    assert "no handler can run" in record.outcome
    assert "SP is 0x00000000" in record.cause
