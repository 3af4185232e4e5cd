# SPDX-License-Identifier: Apache-2.0
"""Faults: to the firmware's handler with the right status, or to a report that says what, where and why.

Code is written in assembly in the comments and given in hexadecimal; every vector but those named leads back to reset.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from machines import CODE, assemble, firmware_elf, run_loop, write_image

from mcusim.attribution import attribute
from mcusim.machine.exceptions import BUS_FAULT, HARD_FAULT, MEM_MANAGE, USAGE_FAULT
from mcusim.machine.faulting import shortened
from mcusim.machine.loop import RunLoop
from mcusim.machine.result import make_trace
from mcusim.reports import render
from mcusim.trace import FaultRecord, Place

M4, M0PLUS = "generic-cortex-m4", "generic-cortex-m0plus"
SPIN = "e7fe"
CFSR = "f64e5028 f2ce0000 6804"  # movw r0, #0xed28; movt r0, #0xe000; ldr r4, [r0]: CFSR in r4
R0_NOWHERE = "2003 0700"  # movs r0, #3; lsls r0, r0, #28: 0x30000000
R0_SCS = "f24e0000 f2ce0000"  # movw r0, #0xe000; movt r0, #0xe000
NAMES = {HARD_FAULT: "HardFault", MEM_MANAGE: "MemManage", BUS_FAULT: "BusFault", USAGE_FAULT: "UsageFault"}


def run_with_handlers(
    folder: Path, code: str, handlers: dict[int, str], board: str = M4, names: dict[str, int] | None = None
) -> RunLoop:
    """Run code with handlers behind it, by exception number."""
    data = assemble(code)
    vectors, symbols = {}, {}
    for number, text in handlers.items():
        data += assemble("bf00") * (len(data) % 4 // 2)
        vectors[number] = symbols[f"handler{number}"] = len(data)
        data += assemble(text)
    return run_loop(write_image(folder, firmware_elf(data, vectors, symbols | (names or {}))), board)


def record_of(loop: RunLoop) -> FaultRecord:
    """Return the fault that the run ended in."""
    assert loop.end is not None
    assert loop.end.kind == "fault", loop.end
    record = make_trace(loop, "given").fault
    assert record is not None
    return record


CASES = [
    # code, words, bit, pc - CODE, likely
    (f"{R0_NOWHERE} 2407 6801 {SPIN}", "read from 0x30000000", "PRECISERR", 6, "wild pointer"),
    (f"{R0_NOWHERE} 2407 6001 {SPIN}", "write to 0x30000000", "IMPRECISERR", 6, "wild pointer"),
    (f"2001 06c0 6001 {SPIN}", "write to 0x08000000, read-only", "IMPRECISERR", 4, "constant"),
    (f"{R0_NOWHERE} 3001 4700", "jump to 0x30000000", "IBUSERR", None, "function pointer"),
    ("2001 0780 3001 4700", "jump to 0x40000000, where no code", "IACCVIOL", None, "function pointer"),
    (f"2001 de00 {SPIN}", "undefined instruction", "UNDEFINSTR", 2, "trap that the compiler"),
    (f"2001 f7f0a000 {SPIN}", "undefined instruction", "UNDEFINSTR", 2, ""),
    (f"4678 3004 4700 bf00 {SPIN}", "jump to an even address", "INVSTATE", 8, "says Thumb"),
    ("2000 4780", "jump to an even address, 0x00000000", "INVSTATE", None, "null function pointer"),
    (f"2001 0740 3001 e8900006 {SPIN}", "unaligned access", "UNALIGNED", 6, "aligned"),
    (f"2001 0740 3001 e9d01200 {SPIN}", "unaligned access", "UNALIGNED", 6, "aligned"),
    (f"ee300a00 {SPIN}", "while the unit is off", "NOCP", 0, "CPACR"),
    (f"ee110f10 {SPIN}", "coprocessor", "NOCP", 0, ""),
]


@pytest.mark.parametrize(("code", "words", "bit", "offset", "likely"), CASES, ids=[case[2] for case in CASES])
def test_each_fault_goes_to_hardfault_and_its_report_says_what_it_was(
    tmp_path: Path, code: str, words: str, bit: str, offset: int | None, likely: str
) -> None:
    loop = run_with_handlers(tmp_path, code, {HARD_FAULT: f"{CFSR} {SPIN}"})
    record = record_of(loop)
    assert words in record.words
    names = [name for name, _ in record.status]
    assert bit in names
    assert "FORCED" in names
    assert likely in record.cause
    assert record.exception == "HardFault"
    assert record.outcome == "its handler spins (b .)"
    if offset is not None:
        assert record.pc == CODE + offset
    assert loop.machine.engine.read_register("r4") == loop.machine.system.scb.cfsr != 0


@pytest.mark.parametrize(
    ("bit", "number", "code"),
    [
        (16, MEM_MANAGE, "2001 0780 3001 4700"),
        (17, BUS_FAULT, f"{R0_NOWHERE} 6801"),
        (18, USAGE_FAULT, "de00"),
    ],
)
def test_a_fault_with_a_handler_of_its_own_goes_there(tmp_path: Path, bit: int, number: int, code: str) -> None:
    enable = f"{R0_SCS} 2101 {bit << 6 | 1 << 3 | 1:04x} f8c01d24"  # lsls r1, r1, #bit; SHCSR
    loop = run_with_handlers(tmp_path, f"{enable} {code} {SPIN}", {number: SPIN})
    record = record_of(loop)
    assert record.exception == NAMES[number]
    assert "FORCED" not in dict(record.status)


def test_a_handler_that_steps_over_the_instruction_goes_on(tmp_path: Path) -> None:
    """It adds two to the stacked PC: ldr r0, [sp, #24]; adds r0, #2; str r0, [sp, #24]; bx lr."""
    loop = run_with_handlers(tmp_path, f"2501 de00 3501 {SPIN}", {HARD_FAULT: "9806 3002 9006 4770"})
    assert loop.end is not None
    assert loop.end.kind == "loop"
    assert loop.machine.engine.read_register("r5") == 2
    trace = make_trace(loop, "given")
    assert trace.fault is None
    assert trace.faults_handled == 1


def test_a_fault_in_the_hardfault_handler_is_a_lockup(tmp_path: Path) -> None:
    record = record_of(run_with_handlers(tmp_path, f"de00 {SPIN}", {HARD_FAULT: "de01"}))
    assert record.pc == CODE
    assert "locks up" in record.outcome
    assert "HardFault handler" in record.outcome


def test_no_vector_for_the_fault(tmp_path: Path) -> None:
    elf = firmware_elf(assemble(f"de00 {SPIN}"), {HARD_FAULT: 0x3000_0000 - CODE})
    record = record_of(run_loop(write_image(tmp_path, elf), M4))
    assert record.outcome == "no handler can run: the vector of HardFault (exception 3) is 0x30000001"


def test_division_by_zero_traps_only_when_the_firmware_asks(tmp_path: Path) -> None:
    divide = "2305 2200 fb93f4f2"  # movs r3, #5; movs r2, #0; sdiv r4, r3, r2
    loop = run_with_handlers(tmp_path, f"{divide} {SPIN}", {HARD_FAULT: SPIN})
    assert loop.end is not None
    assert loop.end.kind == "loop"
    assert loop.machine.engine.read_register("r4") == 0
    trap = f"{R0_SCS} 2110 f8c01d14"
    record = record_of(run_with_handlers(tmp_path, f"{trap} {divide} {SPIN}", {HARD_FAULT: SPIN}))
    assert "division by zero" in record.words
    assert "DIVBYZERO" in dict(record.status)
    assert record.pc == CODE + len(assemble(trap)) + 4


def test_the_unit_that_is_switched_on_in_time_does_not_fault(tmp_path: Path) -> None:
    on = f"{R0_SCS} f44f0170 f8c01d88"  # mov r1, #0xf00000; str r1, [r0, #0xd88]
    loop = run_with_handlers(tmp_path, f"{on} ee300a00 {SPIN}", {HARD_FAULT: SPIN})
    assert loop.end is not None
    assert loop.end.kind == "loop"
    off = f"{on} ee300a00 2100 f8c01d88 f3bf8f6f ee300a00 {SPIN}"
    assert "unit is off" in record_of(run_with_handlers(tmp_path, off, {HARD_FAULT: SPIN})).words


def test_armv6m_has_one_fault(tmp_path: Path) -> None:
    record = record_of(run_with_handlers(tmp_path, f"2001 0740 3001 6801 {SPIN}", {HARD_FAULT: SPIN}, M0PLUS))
    assert record.exception == "HardFault"
    assert "unaligned" in record.words
    assert record.status == []


def test_the_backtrace_has_calls_and_interrupted_places(tmp_path: Path) -> None:
    # 0: push {lr}; bl 8; (6: spin)   8: push {lr}; svc 0; spin     handler11: udf
    loop = run_with_handlers(
        tmp_path, f"b500 f000f801 {SPIN} b500 df00 {SPIN}", {HARD_FAULT: SPIN, 11: "de00"}, names={"callee": 8}
    )
    record = record_of(loop)
    assert [place.how for place in record.backtrace] == ["at", "interrupted by SVCall", "call"]
    fault = attribute(make_trace(loop, "given")).fault
    assert fault is not None
    assert [line.function for line in fault.backtrace] == ["handler11", "callee", "Reset_Handler"]
    assert fault.instruction.startswith("udf")


def test_a_smashed_return_address_is_named(tmp_path: Path) -> None:
    # bl 6; spin;   6: push {r4, lr}; movs r0, #3; lsls r0, r0, #28; adds r0, #1; str r0, [sp, #4]; pop {r4, pc}
    code = f"f000f801 {SPIN} b510 {R0_NOWHERE} 3001 9001 bd10"
    record = record_of(run_with_handlers(tmp_path, code, {HARD_FAULT: SPIN}, names={"callee": 6}))
    assert "the return address on the stack was overwritten" in record.cause
    assert [place.how for place in record.backtrace] == ["at", "jump", "call"]


def test_recursion_without_end_is_a_stack_overflow_before_anything_faults(tmp_path: Path) -> None:
    # bl 4;  4: push {r4, lr}; sub sp, #0x100; bl 4
    loop = run_with_handlers(tmp_path, "f000f800 b510 b0c0 f7fffffc", {HARD_FAULT: SPIN}, names={"deeper": 4})
    trace = make_trace(loop, "given")
    assert trace.fault is not None
    assert "stack overflow" in trace.fault.cause
    assert trace.stacks[0].overflow


def test_the_report_shows_the_fault(tmp_path: Path) -> None:
    loop = run_with_handlers(tmp_path, f"{R0_NOWHERE} 2407 6801 {SPIN}", {HARD_FAULT: SPIN})
    profile = attribute(make_trace(loop, "given"))
    for format_name in ("text", "markdown"):
        report = render(profile, format_name)
        for part in ("HardFault", "read from 0x30000000", "ldr", "wild pointer", "Backtrace", "Reset"):
            assert part in report, (format_name, part)


def test_an_instruction_that_is_looked_at_once_may_run_often_before_that_is_undone(tmp_path: Path) -> None:
    """LDMIA whose base its own block sets, met late in a loop whose other blocks are known; then a new block."""
    code = assemble("f2400000 f2c20000 2306 3b01 2b03 dcfc 1d01 e8910060 2b00 d1f7 bf00 e7fe")
    loop = run_loop(write_image(tmp_path, firmware_elf(code)))
    assert loop.end is not None
    assert loop.end.kind == "loop"


def test_a_long_backtrace_shows_both_ends() -> None:
    runaway = [Place(0x100, "at"), *[Place(0x104, "call")] * 2000, Place(0x200, "call")]
    assert shortened(runaway) == [Place(0x100, "at"), Place(0x104, "call x 2000"), Place(0x200, "call")]
    varied = [Place(address, "call") for address in range(0, 2000, 2)]
    lines = shortened(varied)
    assert len(lines) == 65
    assert (lines[0], lines[-1]) == (varied[0], varied[-1])
    assert lines[32].how == "... 936 lines left out, from"
