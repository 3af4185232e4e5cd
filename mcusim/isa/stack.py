# SPDX-License-Identifier: Apache-2.0
"""How far a run of instructions lowers SP, read from its encodings (Armv7-M ARM, DDI 0403E, A7.7)."""

from __future__ import annotations

import numpy as np

from mcusim.isa.decode import SP, OpArray

# (mask, value) of encodings that take from the stack.
PUSH = (0xFE00, 0xB400)
SUB_SP = (0xFF80, 0xB080)
STMDB_SP = (0xFFFF_0000, 0xE92D_0000)
STR_SP = (0xFFFF_0F00, 0xF84D_0D00)  # pre-indexed, downwards
STRD_SP = (0xFFFF_0000, 0xE96D_0000)
VPUSH_SINGLE, VPUSH_DOUBLE = (0xFFBF_0F00, 0xED2D_0A00), (0xFFBF_0F00, 0xED2D_0B00)
SUB_SP_MODIFIED = (0xFBEF_8F00, 0xF1AD_0D00)
SUBW_SP = (0xFBFF_8F00, 0xF2AD_0D00)


def stack_bytes(ops: OpArray) -> int:
    """Return what instructions, executed in a row, take from the stack at most, in bytes. What adds to SP ends it."""
    taken = deepest = 0
    for op in ops:
        if not op["writes"] >> SP & 1:
            continue
        size = _taken(op)
        if size is None:
            break
        taken += size
        deepest = max(deepest, taken)
    return deepest


def _taken(op: np.void) -> int | None:
    """Return what one instruction takes from the stack; None if it gives back, or sets SP otherwise."""
    opcode = int(op["opcode"])

    def matches(pattern: tuple[int, int]) -> bool:
        return opcode & pattern[0] == pattern[1]

    if op["size_bytes"] == 2:
        if matches(PUSH):
            return 4 * (opcode & 0x1FF).bit_count()
        return 4 * (opcode & 0x7F) if matches(SUB_SP) else None
    if matches(STMDB_SP):
        return 4 * (opcode & 0xFFFF).bit_count()
    if matches(STR_SP):
        return opcode & 0xFF
    if matches(STRD_SP) or matches(VPUSH_SINGLE) or matches(VPUSH_DOUBLE):
        return 4 * (opcode & 0xFF)
    immediate = opcode >> 26 << 11 & 0x800 | opcode >> 4 & 0x700 | opcode & 0xFF
    if matches(SUBW_SP):
        return immediate
    return expand_immediate(immediate) if matches(SUB_SP_MODIFIED) else None


def expand_immediate(immediate: int) -> int:
    """Return the constant that a modified immediate of 12 bits stands for (ThumbExpandImm, A5.3.2)."""
    low = immediate & 0xFF
    if immediate >> 10 == 0:
        return (low, low << 16 | low, low << 24 | low << 8, low * 0x0101_0101)[immediate >> 8 & 3]
    value, rotation = 0x80 | immediate & 0x7F, immediate >> 7
    return (value >> rotation | value << 32 - rotation) & 0xFFFF_FFFF
