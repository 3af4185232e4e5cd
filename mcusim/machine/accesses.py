# SPDX-License-Identifier: Apache-2.0
"""Which instruction of a block makes a device access, and whether what a load gave decides where control goes.

Inside a block the engine does not tell the program counter; but the registers are as they are at the access, so the
instruction is the one whose address they give.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mcusim.engine.pricing import sets_flags
from mcusim.isa import decode as isa

FRAME_POINTERS = 1 << isa.SP | 1 << 7 | 1 << 11  # what compilers address the stack by
_CORE = 0xFFFF
_CONDITIONAL_BRANCH = isa.CLASS_NUMBER["branch_conditional"]
_COMPARE_BRANCH = isa.CLASS_NUMBER["compare_branch"]
_WORD = 0xFFFF_FFFF

Register = Callable[[int], int]  # number -> value


def address_of_access(op: np.void, register: Register) -> tuple[int, int] | None:
    """Return the range (start, end) that a load or store accesses; None for forms that are not looked into.

    Encodings: Armv7-M ARM A5.2.4 (16-bit), A5.3.5 (multiple), A5.3.6 (pairs, exclusive), A5.3.7 to A5.3.10 (single).
    """
    opcode = int(op["opcode"])
    if op["flags"] & isa.LITERAL:
        return None
    if op["registers"]:
        return _of_many(op, opcode, register)
    if op["size_bytes"] == 2:
        return _span(_narrow(opcode, register), _narrow_bytes(opcode))
    if opcode >> 25 == 0b1111100:
        return _span(_wide(opcode, register), 1 << (opcode >> 21 & 3))
    if opcode >> 20 in (0xE84, 0xE85):  # STREX, LDREX
        return _span(register(opcode >> 16 & 15) + 4 * (opcode & 0xFF), 4)
    return None


def _span(start: int, size_bytes: int) -> tuple[int, int]:
    return start & _WORD, (start & _WORD) + size_bytes


def _narrow(opcode: int, register: Register) -> int:
    if opcode >> 12 == 5:
        return register(opcode >> 3 & 7) + register(opcode >> 6 & 7)
    if opcode >> 12 == 9:
        return register(isa.SP) + 4 * (opcode & 0xFF)
    return register(opcode >> 3 & 7) + (opcode >> 6 & 31) * _narrow_bytes(opcode)


def _narrow_bytes(opcode: int) -> int:
    if opcode >> 12 == 5:
        return (4, 2, 1, 1, 4, 2, 1, 2)[opcode >> 9 & 7]
    return {6: 4, 7: 1, 8: 2, 9: 4}.get(opcode >> 12, 4)


def _wide(opcode: int, register: Register) -> int:
    base = register(opcode >> 16 & 15)
    if opcode >> 23 & 1:
        return base + (opcode & 0xFFF)
    if opcode >> 11 & 1 == 0:
        return base + (register(opcode & 15) << (opcode >> 4 & 3))
    offset = opcode & 0xFF if opcode >> 9 & 1 else -(opcode & 0xFF)
    return base + offset if opcode >> 10 & 1 else base


def _of_many(op: np.void, opcode: int, register: Register) -> tuple[int, int] | None:
    """Return the range of a transfer of several registers, where it goes upwards from its base or is a pair."""
    if op["size_bytes"] == 4 and opcode >> 25 == 0b1110100 and opcode >> 22 & 1:  # LDRD, STRD
        offset = 4 * (opcode & 0xFF) * (1 if opcode >> 23 & 1 else -1)
        return _span(register(opcode >> 16 & 15) + (offset if opcode >> 24 & 1 else 0), 8)
    words = 4 * int(op["registers"])
    if op["size_bytes"] == 2 and opcode >> 12 == 0xC:  # LDM, STM
        return _span(register(opcode >> 8 & 7), words)
    if op["size_bytes"] == 4 and opcode >> 23 == 0b111010001:  # LDM, STM
        return _span(register(opcode >> 16 & 15), words)
    return None


def find_accesses(ops: isa.OpArray, address: int, writes: bool, register: Register) -> list[int]:
    """Return the indices of the instructions of a block that may be making this access."""
    found = []
    for index in np.flatnonzero(ops["flags"] & (isa.STORE if writes else isa.LOAD)):
        span = address_of_access(ops[index], register)
        if span is not None and span[0] <= address < span[1]:
            found.append(int(index))
    if len(found) > 1:
        # A load that overwrites its own base follows a pointer: it has run, and left the device's address there.
        found = [index for index in found if not ops[index]["writes"] & ops[index]["address_reads"]] or found
    return found


YES, NO, NOT_SEEN = "yes", "no", "not seen"


def decides(ops: isa.OpArray, index: int) -> str:
    """Return whether what the load at `index` gives decides where control goes, as far as its block shows.

    'yes': it reaches the condition of a branch or of an IT instruction. 'no': it is overwritten, or only stored (though
    not on the stack). 'not seen': it leaves the block in a register, or on the stack.
    """
    flow = _Flow(ops[index])
    for op in ops[index + 1 :]:
        if flow.step(op):
            return YES
    return flow.end()


class _Flow:
    """What is known to hold (something computed from) the loaded value: registers, flags, stack slots."""

    def __init__(self, load: np.void) -> None:
        base = int(load["address_reads"]) if load["flags"] & isa.WRITEBACK else 0
        self.registers = int(load["writes"]) & ~base & _CORE
        self.flags = self.stored = False
        self.slots: set[tuple[int, int]] = set()

    def step(self, op: np.void) -> bool:
        """Follow one instruction; return whether it goes one way or another by the value."""
        reads, writes, kind = int(op["reads"]), int(op["writes"]), int(op["flags"])
        conditional = bool(kind & isa.CONDITIONAL)
        if self.flags and (conditional or op["klass"] == _CONDITIONAL_BRANCH):
            return True
        holds = bool(reads & self.registers)
        if holds and (op["klass"] == _COMPARE_BRANCH or op["flow"] == isa.FLOW_INDIRECT):
            return True
        if kind & isa.STORE:
            self._store(op, reads, int(op["address_reads"]))
            return False
        if kind & isa.LOAD:
            holds |= self._slot(op) in self.slots
        if sets_flags(op):
            self.flags = holds or (conditional and self.flags)
        if holds:
            self.registers |= writes
        elif not conditional:
            self.registers &= ~writes
        return False

    def _store(self, op: np.void, reads: int, address_reads: int) -> None:
        slot = self._slot(op)
        if reads & ~address_reads & self.registers:
            self.stored |= slot is None
            if slot is not None:
                self.slots.add(slot)
        elif slot is not None and not op["flags"] & isa.CONDITIONAL:
            self.slots.discard(slot)

    def _slot(self, op: np.void) -> tuple[int, int] | None:
        """Return base register and offset of an access to the stack; None for others."""
        base = int(op["address_reads"])
        if not base & FRAME_POINTERS or base & ~FRAME_POINTERS or op["registers"] or op["flags"] & isa.WRITEBACK:
            return None
        span = address_of_access(op, lambda _number: 0)
        return (base, span[0]) if span is not None else None

    def end(self) -> str:
        """Return the answer at the end of the block."""
        if self.flags or self.slots:
            return NOT_SEEN
        return NO if self.stored or not self.registers else NOT_SEEN
