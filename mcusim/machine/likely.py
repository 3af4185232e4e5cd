# SPDX-License-Identifier: Apache-2.0
"""What is likely behind a fault: one phrase, from what the machine looks like when it happens. A guess, and said so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcusim.isa import decode as isa
from mcusim.machine.faults import NULL_REACH_BYTES, Fault, bits, nearest

if TYPE_CHECKING:
    from mcusim.machine.loop import RunLoop

ERASED_HALFWORD = 0xFFFF
BX_LR = 0x4770
TRAP_OPCODES = range(0xDE00, 0xDF00)  # UDF, which compilers put where control must not come


def likely_cause(fault: Fault, loop: RunLoop) -> str:
    """Return the likely cause in words, empty where nothing points to one."""
    return (
        _stack(loop)
        or (_of_jump(fault, loop) if fault.status & bits("IBUSERR", "IACCVIOL", "INVSTATE") else "")
        or (_of_access(fault, loop) if fault.address is not None else "")
        or (_of_instruction(fault, loop) if fault.status & bits("UNDEFINSTR") else "")
        or _by_status(fault)
    )


def _stack(loop: RunLoop) -> str:
    machine = loop.machine
    stack, sp = machine.stacks.current, machine.engine.read_register("sp")
    if stack.overflow_sp is not None:
        return (
            f"stack overflow: '{stack.name}' went {stack.limit - stack.overflow_sp} bytes below its limit "
            f"0x{stack.limit:08x}, first in {stack.overflow_place}"
        )
    if not machine.memory.holds((sp - 4) & 0xFFFF_FFFF):
        return f"stack overflow, or a stack pointer that was never set: SP is 0x{sp:08x}"
    if stack.limit and sp < stack.limit <= stack.top:
        return f"stack overflow: SP 0x{sp:08x} is {stack.limit - sp} bytes below the limit of '{stack.name}'"
    return ""


def _of_jump(fault: Fault, loop: RunLoop) -> str:
    machine = loop.machine
    op = loop.last_op()
    popped = op is not None and bool(op["flags"] & isa.LOAD) and bool(op["flags"] & isa.WRITES_PC)
    depth = int(machine.tables.m["depth"])
    frame = machine.tables.arrays["frames"][depth - 1] if depth else None
    if popped and frame is not None and not frame["is_exception"]:
        expected = int(frame["return_address"])
        if expected != fault.pc:
            return (
                f"the return address on the stack was overwritten (it was 0x{expected:08x}, in "
                f"{machine.functions.describe(expected)}): a local array written past its end?"
            )
    if frame is None and not loop.handlers and op is not None and int(op["opcode"]) == BX_LR:
        return "main came back to start-up code that has nowhere to go"
    if fault.pc < NULL_REACH_BYTES:
        return "a call through a null function pointer"
    if fault.status & bits("INVSTATE"):
        if machine.functions.describe(fault.pc).startswith("0x"):
            return "a function pointer that does not point to code"
        return "a code address without its lowest bit, which says Thumb: a function pointer or vector made by hand"
    return "a function pointer that was never set, or was overwritten"


def _of_access(fault: Fault, loop: RunLoop) -> str:
    assert fault.address is not None
    address = fault.address
    if address < NULL_REACH_BYTES:
        return "a null pointer"
    where = nearest(address, loop.machine.board)
    if "past the end" in where or "below" in where:
        return f"an array or stack that reaches beyond its memory ({where})"
    if where.startswith("in "):
        return f"a write to a constant, or flash programming, which is not modelled ({where})"
    return "a wild pointer: not initialised, overwritten, or of a device on another part"


def _of_instruction(fault: Fault, loop: RunLoop) -> str:
    machine = loop.machine
    if not machine.memory.holds(fault.pc):
        return ""
    opcode = int.from_bytes(machine.memory.read(fault.pc, 2), "little")
    if opcode == ERASED_HALFWORD:
        return "execution ran into erased flash"
    if opcode in TRAP_OPCODES:
        return "a trap that the compiler or the program put there (__builtin_trap, unreachable code, an assertion)"
    if machine.memory.writable(fault.pc, 2):
        return "data is executed: control went to RAM that holds no code"
    if machine.functions.describe(fault.pc).startswith("0x"):
        return "data is executed: no function is here"
    return "code for another core, or data between functions"


def _by_status(fault: Fault) -> str:
    if fault.status & bits("NOCP"):
        return "start-up code that does not enable the floating-point unit: SCB->CPACR |= 0xF << 20 comes first"
    if fault.status & bits("UNALIGNED"):
        return "a pointer cast to a wider type: use memcpy, or keep the data aligned"
    if fault.status & bits("DIVBYZERO"):
        return "a divisor of zero"
    if fault.status & bits("INVPC"):
        return "LR or the stacked EXC_RETURN was overwritten in a handler"
    if fault.status & bits("UNSTKERR", "MUNSTKERR"):
        return "the stack pointer of the thread that a handler returns to is wrong"
    return ""
