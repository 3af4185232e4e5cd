# SPDX-License-Identifier: Apache-2.0
"""What a pipeline with two execute stages asks of an opcode: which stage makes the result, which one reads an operand.

The encodings are those of the Armv8-M Architecture Reference Manual (Arm DDI 0553, C2.3), which for these instructions
are Armv7-M's. All functions take a row of `OP_DTYPE` and are compiled.
"""

from __future__ import annotations

from typing import Any

from mcusim.isa import decode as isa
from mcusim.jit import njit

NO_ACCUMULATOR = 0

_NUMBER = isa.CLASS_NUMBER
_ALU, _MULTIPLY = _NUMBER["alu"], _NUMBER["multiply"]
_MULTIPLY_ACCUMULATE, _MULTIPLY_LONG = _NUMBER["multiply_accumulate"], _NUMBER["multiply_long"]
_DSP_MULTIPLY, _FP_STATUS = _NUMBER["dsp_multiply"], _NUMBER["fp_status"]

_FLAG_SETTING_NARROW = 0x4400  # 16-bit encodings below set the flags outside IT blocks
_SETS_FLAGS = 1 << 20  # the S bit of 32-bit data processing


@njit
def _is_shifted_register_form(op: Any) -> bool:
    return op.klass == _ALU and op.size_bytes == 4 and op.opcode & 0xFE00_0000 == 0xEA00_0000


@njit
def _is_constant_form(op: Any) -> bool:
    return op.klass == _ALU and op.size_bytes == 4 and op.opcode & 0xFA00_8000 == 0xF000_0000


@njit
def shifts_register(op: Any) -> bool:
    """Return whether the second operand is a register that the instruction shifts. A MOV is but the shift itself."""
    is_move = op.opcode & 0x01EF_0000 == 0x004F_0000
    return _is_shifted_register_form(op) and op.opcode & 0x70F0 != 0 and not is_move and not _packs(op)


@njit
def _packs(op: Any) -> bool:
    return op.opcode & 0xFFF0_0000 == 0xEAC0_0000


@njit
def is_simd_alu(op: Any) -> bool:
    """Return whether an instruction of class alu is one of the DSP extension: PKHBT, PKHTB, SSAT, USAT."""
    saturates = op.opcode & 0xFF50_8000 == 0xF300_0000
    return op.klass == _ALU and op.size_bytes == 4 and (_packs(op) or saturates)


@njit
def _shifts_constant(op: Any) -> bool:
    """Return whether the second operand is a byte shifted into place, not a small constant or a pattern of bytes."""
    is_move = op.opcode & 0x01CF_0000 == 0x004F_0000  # MOV, MVN
    return _is_constant_form(op) and op.opcode & 0x0400_4000 != 0 and not is_move


@njit
def _extends_and_adds(op: Any) -> bool:
    return op.size_bytes == 4 and op.opcode & 0xFF80_F080 == 0xFA00_F080 and op.opcode >> 16 & 15 != 15


@njit
def is_two_stage_alu(op: Any) -> bool:
    """Return whether the result comes from the second execute stage, where accumulators are read too."""
    return op.klass == _ALU and (shifts_register(op) or _shifts_constant(op) or _extends_and_adds(op))


@njit
def takes_two_for_flags(op: Any) -> bool:
    """Return whether the instruction takes a cycle more because its flags come from the second execute stage."""
    if op.klass == _MULTIPLY and op.size_bytes == 2:
        return not op.flags & isa.IN_IT
    return _shifts_constant(op) and op.opcode & _SETS_FLAGS != 0


@njit
def makes_flags(op: Any) -> bool:
    """Return whether the instruction changes N, Z, C or V."""
    opcode = op.opcode
    if op.size_bytes == 2:
        compares = opcode & 0xFF00 == 0x4500 or opcode & 0xF800 == 0x2800
        compares = compares or opcode & 0xFFC0 in (0x4200, 0x4280, 0x42C0)
        return compares or (opcode < _FLAG_SETTING_NARROW and not op.flags & isa.IN_IT)
    if op.klass == _FP_STATUS:
        return opcode & 0xFFF0_F000 == 0xEEF0_F000
    shifts_by_register = opcode & 0xFF80_F0F0 == 0xFA00_F000
    return (_is_constant_form(op) or _is_shifted_register_form(op) or shifts_by_register) and opcode & _SETS_FLAGS != 0


@njit
def reads_carry(op: Any) -> bool:
    """Return whether the instruction adds or subtracts with carry."""
    if op.size_bytes == 2:
        return op.opcode & 0xFFC0 == 0x4140 or op.opcode & 0xFFC0 == 0x4180
    number = op.opcode >> 21 & 15
    return (_is_constant_form(op) or _is_shifted_register_form(op)) and (number == 10 or number == 11)


@njit
def accumulator_of(op: Any) -> int:
    """Return the core registers, as a mask, that are read in the second execute stage to be added to."""
    opcode = op.opcode
    if op.klass == _ALU:
        return 1 << (opcode >> 16 & 15) if _extends_and_adds(op) else NO_ACCUMULATOR
    if op.klass == _MULTIPLY_ACCUMULATE:
        return 1 << (opcode >> 12 & 15)
    if op.klass == _MULTIPLY_LONG:
        return (1 << (opcode >> 12 & 15) | 1 << (opcode >> 8 & 15)) if opcode & 1 << 22 else NO_ACCUMULATOR
    if op.klass == _DSP_MULTIPLY:
        if opcode & 1 << 23:
            return 1 << (opcode >> 12 & 15) | 1 << (opcode >> 8 & 15)
        return 1 << (opcode >> 12 & 15) if opcode >> 12 & 15 != 15 else NO_ACCUMULATOR
    return NO_ACCUMULATOR


@njit
def multiplicands_of(op: Any) -> int:
    """Return the core registers, as a mask, that an instruction with an accumulator reads in the first stage."""
    last = 1 << (op.opcode & 15)
    return last if op.klass == _ALU else last | 1 << (op.opcode >> 16 & 15)
