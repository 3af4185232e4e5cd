# SPDX-License-Identifier: Apache-2.0
"""What the dual-issue pipeline asks of an opcode: the unit that executes it, the operands that it reads first.

The encodings are those of the Armv7-M Architecture Reference Manual (DDI 0403E, A5). All functions take a row of
`OP_DTYPE` and are compiled.
"""

from __future__ import annotations

from typing import Any

from mcusim.isa import decode as isa
from mcusim.jit import njit

_NUMBER = isa.CLASS_NUMBER
_ALU, _DSP, _DSP_MULTIPLY = _NUMBER["alu"], _NUMBER["dsp"], _NUMBER["dsp_multiply"]

# Which unit makes the result of an instruction of the classes alu and dsp.
NOT_ALU = 0
PLAIN = 1  # any ALU, late
ADDS = 2  # ADD, SUB, MOV of a register, a small constant or a pattern of bytes: early, if it is the older one
SHIFTS = 3  # shift or rotate alone: the shifter of the first stage or that of the second
LATE_SHIFT = 4  # RRX: the shifter of the second stage
INLINE = 5  # the second operand is a shifted register, or a byte shifted into place: the shifter of the first stage
DSP = 6  # from the older slot: extend, parallel, select, count leading zeros
BITS = 7  # the same, with the shifter of the first stage: bit fields, extend and add, pack
REVERSES = 8  # the same, with a result that the late ALUs can have at once
SATURATES = 9  # the older slot, and a result one cycle later: saturating sums, sums of differences
CLIPS = 10  # the same, with the shifter of the first stage: SSAT, USAT, QDADD, QDSUB


@njit
def _of_narrow(opcode: int) -> int:
    if opcode < 0x1800:  # shift by a constant; LSLS #0 is MOVS
        return SHIFTS if opcode >> 6 else ADDS
    if opcode < 0x4000:
        return PLAIN if opcode >> 11 == 0b00101 else ADDS  # CMP
    if opcode < 0x4400:
        number = opcode >> 6 & 15
        return SHIFTS if number in (2, 3, 4, 7) else PLAIN
    if opcode < 0x4700:
        return PLAIN if opcode >> 8 == 0x45 else ADDS  # CMP
    if opcode >> 8 == 0xB2:
        return DSP  # SXT, UXT
    return REVERSES if opcode >> 8 == 0xBA else ADDS  # ADR, ADD to SP


@njit
def _of_shifted_register(opcode: int) -> int:
    number, shift = opcode >> 21 & 15, opcode & 0x70F0
    if number == 6:
        return BITS  # PKHBT, PKHTB
    if number == 2 and opcode >> 16 & 15 == 15:  # MOV
        if shift == 0:
            return ADDS
        return LATE_SHIFT if shift == 0x30 else SHIFTS
    if shift:
        return INLINE
    return ADDS if number in (8, 13) else PLAIN


@njit
def _of_constant(opcode: int) -> int:
    number = opcode >> 21 & 15
    if opcode & 0x0400_4000:
        return INLINE
    if number == 2:
        return ADDS if opcode >> 16 & 15 == 15 else PLAIN
    return ADDS if number in (8, 13) else PLAIN


@njit
def _of_plain_constant(opcode: int) -> int:
    number = opcode >> 20 & 31
    if number in (0, 10, 4):
        return ADDS  # ADDW, SUBW, ADR, MOVW
    if number == 12:
        return PLAIN  # MOVT
    return BITS if number in (20, 22, 28) else CLIPS  # SBFX, BFI, UBFX; SSAT, USAT


@njit
def _of_registers(opcode: int) -> int:
    """Return the unit of data processing with registers (A5.3.12)."""
    if opcode & 0xFF80_F0F0 == 0xFA00_F000:
        return SHIFTS
    if opcode & 0xFF80_F080 == 0xFA00_F080:
        return DSP if opcode >> 16 & 15 == 15 else BITS
    if opcode & 0xFFF0_F0C0 == 0xFA90_F080:
        return REVERSES
    if opcode & 0xFF80_F080 == 0xFA80_F000:
        return SATURATES if opcode >> 4 & 3 == 1 else DSP  # QADD16 and kin; the others
    if opcode & 0xFFF0_F0C0 == 0xFA80_F080:
        return CLIPS if opcode & 0x10 else SATURATES  # QDADD, QDSUB; QADD, QSUB
    return DSP  # SEL, CLZ


@njit
def sums_differences(op: Any) -> bool:
    """Return whether this is USAD8 or USADA8, which are among the multiplies by their encoding only."""
    return op.klass == _DSP_MULTIPLY and op.opcode >> 20 == 0xFB7


@njit
def unit_of(op: Any) -> int:
    """Return which unit makes the result: one of the constants above."""
    if sums_differences(op):
        return SATURATES
    if op.klass != _ALU and op.klass != _DSP:
        return NOT_ALU
    opcode = op.opcode
    if op.size_bytes == 2:
        return _of_narrow(opcode)
    if opcode & 0xFE00_0000 == 0xEA00_0000:
        return _of_shifted_register(opcode)
    if opcode & 0xFA00_8000 == 0xF000_0000:
        return _of_constant(opcode)
    if opcode & 0xFA00_8000 == 0xF200_0000:
        return _of_plain_constant(opcode)
    return _of_registers(opcode)


@njit
def shifted_reads(op: Any, unit: int) -> int:
    """Return the core registers, as a mask, that are read in the first stage because the shifter there takes them."""
    opcode = op.opcode
    if unit == INLINE:
        return 1 << (opcode & 15) if opcode >> 25 == 0xEA >> 1 else 0
    if unit in (REVERSES, CLIPS, LATE_SHIFT):
        return op.reads
    if unit != BITS:
        return 0
    if opcode >> 24 == 0xF3:  # bit fields: the register that the field is taken from
        return 0 if opcode >> 16 & 15 == 15 else 1 << (opcode >> 16 & 15)
    packs_top = opcode >> 24 == 0xEA and opcode & 0x20 != 0
    return op.reads if packs_top else 1 << (opcode & 15)


@njit
def is_narrow_load(op: Any) -> bool:
    """Return whether a load of one register brings a byte or a halfword."""
    opcode = op.opcode
    if op.size_bytes == 4:
        if opcode >> 25 == 0b1111100:
            return (opcode >> 21 & 3) < 2
        return opcode >> 20 == 0xE8D  # exclusive of a byte or halfword
    top = opcode >> 12
    if top == 5:
        return opcode >> 9 & 7 not in (0, 4)
    return top == 7 or top == 8
