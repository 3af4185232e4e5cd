# SPDX-License-Identifier: Apache-2.0
"""Faults: which one it is, in words, its status bits, and what is likely behind it (Armv7-M ARM, B1.5.14, B3.2.15)."""

from __future__ import annotations

from dataclasses import dataclass

from mcusim.board import PERIPHERAL_SPACE, Board
from mcusim.engine.engine import FETCH, READ, UNDEFINED, WRITE, EngineFault
from mcusim.machine.exceptions import BUS_FAULT, HARD_FAULT, MEM_MANAGE, USAGE_FAULT

# CFSR (B3.2.15): bit -> (name, what it means)
STATUS_BITS = {
    0: ("IACCVIOL", "instruction fetched from where nothing may be executed"),
    1: ("DACCVIOL", "data access that the MPU forbids"),
    3: ("MUNSTKERR", "unstacking for an exception return failed"),
    4: ("MSTKERR", "stacking for an exception entry failed"),
    7: ("MMARVALID", "MMFAR holds the address"),
    8: ("IBUSERR", "instruction fetched from where nothing is"),
    9: ("PRECISERR", "data access to where nothing is, at the stacked PC"),
    10: ("IMPRECISERR", "buffered write that failed, noticed later"),
    11: ("UNSTKERR", "unstacking for an exception return failed"),
    12: ("STKERR", "stacking for an exception entry failed"),
    15: ("BFARVALID", "BFAR holds the address"),
    16: ("UNDEFINSTR", "undefined instruction"),
    17: ("INVSTATE", "Thumb state was left: the address of a branch was even"),
    18: ("INVPC", "invalid EXC_RETURN"),
    19: ("NOCP", "coprocessor or floating-point unit is not there or not enabled"),
    20: ("STKOF", "stack pointer below its limit"),
    24: ("UNALIGNED", "unaligned access by an instruction that cannot"),
    25: ("DIVBYZERO", "division by zero with DIV_0_TRP set"),
}
HARD_STATUS_BITS = {1: ("VECTTBL", "a vector could not be read"),
                    30: ("FORCED", "its own handler is not enabled, or could not run")}  # fmt: skip
NUMBER = {name: bit for bit, (name, _) in STATUS_BITS.items()}
FORCED, VECTTBL = 1 << 30, 1 << 1
ENGINE_NO_COPROCESSOR = (17, 18)  # the engine's numbers
ENGINE_INVALID_STATE, ENGINE_UNALIGNED, ENGINE_PREFETCH_ABORT, ENGINE_DATA_ABORT = 19, 22, 3, 4
ENGINE_STACK_OVERFLOW, ENGINE_UNDEFINED = 20, 1
NULL_REACH_BYTES = 0x1000  # an access this near to address 0 went through a null pointer, probably
NEAR_BYTES = 0x1_0000


def bits(*names: str) -> int:
    """Return status bits by their names."""
    return sum(1 << NUMBER[name] for name in names)


@dataclass(frozen=True)
class Fault:
    """A synchronous fault: the exception that is asked for, its bits in CFSR, words, and places.

    `pc` is the address that gets stacked: of the instruction, or where a jump went. `address` is that of the data.
    """

    exception: int
    status: int
    words: str
    pc: int
    address: int | None = None


def from_engine(fault: EngineFault, pc: int, thumb: bool, board: Board) -> Fault:
    """Return what a core would raise where the engine could not go on."""
    if fault.kind == UNDEFINED and not thumb:
        return even_jump(pc)
    if fault.kind == FETCH:
        return jump(pc, board)
    if fault.kind in (READ, WRITE) and fault.address is not None:
        return access(fault.address, pc, fault.kind == WRITE, board)
    if fault.kind == UNDEFINED:
        return Fault(USAGE_FAULT, bits("UNDEFINSTR"), "undefined instruction", pc)
    return Fault(HARD_FAULT, 0, fault.words, pc)


def from_interrupt(number: int, pc: int, thumb: bool, board: Board) -> Fault:
    """Return what a core would raise for an exception of the engine, by the engine's number."""
    if number == ENGINE_INVALID_STATE or (number == ENGINE_UNDEFINED and not thumb):
        return even_jump(pc)
    if number in ENGINE_NO_COPROCESSOR:
        return Fault(USAGE_FAULT, bits("NOCP"), "coprocessor instruction, and the core has no such coprocessor", pc)
    if number == ENGINE_PREFETCH_ABORT:
        return jump(pc, board)
    if number in (ENGINE_DATA_ABORT, ENGINE_UNALIGNED):
        return Fault(USAGE_FAULT, bits("UNALIGNED"), "unaligned access", pc)
    if number == ENGINE_STACK_OVERFLOW:
        return Fault(USAGE_FAULT, bits("STKOF"), "stack pointer below its limit register", pc)
    if number == ENGINE_UNDEFINED:
        return Fault(USAGE_FAULT, bits("UNDEFINSTR"), "undefined instruction", pc)
    return Fault(HARD_FAULT, 0, f"exception {number} of the engine", pc)


def even_jump(pc: int) -> Fault:
    """Return the fault of a branch to an even address."""
    return Fault(USAGE_FAULT, bits("INVSTATE"), f"jump to an even address, 0x{pc & ~1:08x}", pc & ~1)


def jump(pc: int, board: Board) -> Fault:
    """Return the fault of executing where nothing can be."""
    never_executable = pc in PERIPHERAL_SPACE or pc >= 0xA000_0000  # XN by default (B3.1, table B3-1)
    if never_executable:
        words = f"jump to 0x{pc:08x}, where no code can be ({nearest(pc, board)})"
        return Fault(MEM_MANAGE, bits("IACCVIOL"), words, pc)
    return Fault(BUS_FAULT, bits("IBUSERR"), f"jump to 0x{pc:08x}, where nothing is ({nearest(pc, board)})", pc)


def access(address: int, pc: int, writes: bool, board: Board) -> Fault:
    """Return the fault of a data access that no memory answers."""
    read_only = any(low <= address < high for r in board.region if not r.writable for low, high in r.ranges)
    if writes and read_only:
        words = f"write to 0x{address:08x}, read-only memory ({nearest(address, board)})"
    else:
        words = f"{'write to' if writes else 'read from'} 0x{address:08x}, where nothing is ({nearest(address, board)})"
    # Stores go through a write buffer: the core hears of the error later, and does not know the address (B3.2.15).
    status = bits("IMPRECISERR") if writes else bits("PRECISERR", "BFARVALID")
    return Fault(BUS_FAULT, status, words, pc, address)


def nearest(address: int, board: Board) -> str:
    """Say in words how an address lies to the board's memory."""
    spans = [(low, high, region.name) for region in board.region for low, high in region.ranges]
    for low, high, name in spans:
        if low <= address < high:
            return f"in {name}"
    below = [(address - high, name) for low, high, name in spans if high <= address]
    above = [(low - address, name) for low, high, name in spans if low > address]
    near = [
        (d, f"{d} bytes past the end of {name}" if d else f"just past the end of {name}")
        for d, name in below
        if d < NEAR_BYTES
    ]
    near += [(d, f"{d} bytes below {name}") for d, name in above if d < NEAR_BYTES]
    if near:
        return min(near)[1]
    return "the peripherals' space" if address in PERIPHERAL_SPACE else "far from any memory"


def status_words(cfsr: int, hfsr: int) -> list[tuple[str, str]]:
    """Return (name, meaning) of the status bits that are set."""
    found = [STATUS_BITS[bit] for bit in STATUS_BITS if cfsr >> bit & 1]
    return found + [HARD_STATUS_BITS[bit] for bit in HARD_STATUS_BITS if hfsr >> bit & 1]
