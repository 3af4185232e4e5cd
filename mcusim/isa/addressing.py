# SPDX-License-Identifier: Apache-2.0
"""Which addresses a run of instructions accesses, as far as the registers before it tell.

Pointers are followed through moves, constants, sums, shifts to the left, base registers that are written back, and
loads from memory that can be looked at. What comes out of other arithmetic is unknown, and so is what is accessed
through it; but the sum of a pointer and an unknown index is taken to stay in the memory that the pointer points to.
Memory is as it was before the first instruction, but for stores whose address is known. Encodings are those of the
Armv7-M ARM (DDI 0403E, A7.7).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mcusim.isa.decode import (
    CLASS_NUMBER,
    CONDITIONAL,
    DOUBLE,
    FP,
    LITERAL,
    LOAD,
    PC,
    REGISTER_OFFSET,
    SP,
    STORE,
    WRITEBACK,
    OpArray,
)
from mcusim.isa.stack import expand_immediate

Peek = Callable[[int, int], int | None]  # (address, size in bytes) -> what memory holds there, None if unknown
MASK = 0xFFFF_FFFF
FIRST_POINTER = 0x1000  # what is less is taken for an index, though some parts have code there
_STORE = CLASS_NUMBER["store"]
_MULTIPLY_ACCUMULATE = CLASS_NUMBER["multiply_accumulate"]


class Access(NamedTuple):
    """Where an instruction accesses memory; not `exact`: somewhere in the memory that holds this address."""

    address: int
    exact: bool


def accesses(ops: OpArray, registers: list[int], peek: Peek) -> list[Access | None]:
    """Return for each instruction the lowest address that it accesses, None where it accesses nothing or is unknown.

    `registers` are r0 to r14 before the first instruction.
    """
    values: list[int | None] = [*registers, None]
    near: dict[int, int] = {}  # register whose value is unknown -> an address in the memory that it points to
    found: list[Access | None] = []
    stored: list[_Stored] = []

    def load(address: int, size_bytes: int) -> int | None:
        for late in reversed(stored):
            if late.address < address + size_bytes and address < late.address + late.size_bytes:
                return late.value if (late.address, late.size_bytes) == (address, size_bytes) else None
        return peek(address, size_bytes)

    for op in ops:
        values[PC] = int(op["address"]) + 4
        is_access = op["flags"] & (LOAD | STORE) and op["address_reads"]
        address = _address(op, values) if is_access else None
        hint = _pointer(_address_parts(op), values, near, peek) if is_access and address is None else None
        found.append(
            Access(address, True) if address is not None else Access(hint, False) if hint is not None else None
        )
        if op["flags"] & STORE and address is not None:
            stored.append(_stored(op, values, address))
        after = {} if op["flags"] & CONDITIONAL else _results(op, values, address, load)
        pointer = None if op["flags"] & CONDITIONAL else _pointer(_summands(op), values, near, peek)
        for register in range(15):
            if op["writes"] >> register & 1:
                values[register] = after.get(register)
                near.pop(register, None)
                if values[register] is None and pointer is not None and register in _sums(op):
                    near[register] = pointer
    return found


class _Stored(NamedTuple):
    """What a store has put into memory; `value` None: unknown."""

    address: int
    size_bytes: int
    value: int | None


def _stored(op: np.void, values: list[int | None], address: int) -> _Stored:
    if op["registers"] or op["flags"] & DOUBLE:
        return _Stored(address, 4 * max(int(op["registers"]), 2), None)
    size_bytes, source = access_bytes(op), int(op["reads"] & ~op["address_reads"])
    is_known = size_bytes == 4 and source and not op["flags"] & (CONDITIONAL | FP) and op["klass"] == _STORE
    return _Stored(address, size_bytes, values[_lowest(source)] if is_known else None)


def _address_parts(op: np.void) -> list[int]:
    """Return the registers whose sum is an access's address, but for one that is shifted: that is an index."""
    if not op["flags"] & REGISTER_OFFSET:
        return [_lowest(int(op["address_reads"]))]
    base, index, shift = _base_and_index(int(op["opcode"]), int(op["size_bytes"]))
    return [base] if shift else [base, index]


def _summands(op: np.void) -> list[int]:
    """Return the registers that an instruction adds to others or to a constant; the base that an access moves."""
    if op["flags"] & (LOAD | STORE):
        return [_lowest(int(op["address_reads"]))] if op["flags"] & WRITEBACK else []
    opcode, kind = int(op["opcode"]), int(op["opcode"]) >> 20
    if op["klass"] == _MULTIPLY_ACCUMULATE:
        return [opcode >> 12 & 15]
    if op["size_bytes"] == 2:
        adds = opcode >> 11 in (0b00011, 0b00110, 0b00111) or opcode >> 8 in (0b01000100, 0b01000110)  # ADD, SUB, MOV
    elif kind & ~1 in (0xEB0, 0xEBA) and opcode & 0x70F0:
        return [opcode >> 16 & 15]  # what is shifted is an index
    else:
        moves = _moves(opcode) and not opcode & 0x70F0
        adds = kind & ~1 in (0xEB0, 0xEBA) or kind & 0xFBE in (0xF10, 0xF1A, 0xF20, 0xF2A) or moves
    return [register for register in range(15) if adds and op["reads"] >> register & 1]


def _moves(opcode: int) -> bool:
    """Return whether a 32-bit instruction is MOV of a register, shifted or not."""
    return opcode >> 16 & ~0x10 == 0xEA4F


def _sums(op: np.void) -> list[int]:
    """Return the registers that `_summands` says how they come about."""
    written = op["address_reads"] if op["flags"] & (LOAD | STORE) else op["writes"]
    return [register for register in range(15) if written >> register & 1]


def _pointer(registers: list[int], values: list[int | None], near: dict[int, int], peek: Peek) -> int | None:
    """Return where in memory the pointer among some registers that are added up points, if any: the highest."""
    known = [near.get(register) if values[register] is None else values[register] for register in registers]
    pointers = [value for value in known if value is not None and value >= FIRST_POINTER and peek(value, 1) is not None]
    return max(pointers, default=None)


def access_bytes(op: np.void) -> int:
    """Return the size of a single load or store: 1, 2 or 4 bytes; several words count as 4."""
    opcode = int(op["opcode"])
    if op["size_bytes"] == 4:
        if opcode >> 21 == 0xE8C >> 1:  # exclusive of a byte or halfword, TBB, TBH; Armv8-M: acquire and release
            return 1 << (opcode >> 4 & 3)
        return 1 << (opcode >> 21 & 3) if opcode >> 25 == 0b1111100 else 4
    top = opcode >> 12
    if top == 0b0101:
        return (4, 2, 1, 1, 4, 2, 1, 2)[opcode >> 9 & 7]
    return {0b0110: 4, 0b0111: 1, 0b1000: 2}.get(top, 4)


def after_stores(ops: OpArray, addresses: list[int | None]) -> list[int]:
    """Return for each load how many instructions before it the same word was stored to last, 0 where it was not.

    `addresses` are the lowest ones of each access, None where unknown. Up to 255 instructions back; transfers of
    several registers do not count.
    """
    distances = [0] * len(ops)
    stored: dict[int, int] = {}  # number of a word of memory -> the instruction that stored there last
    for index, address in enumerate(addresses):
        if address is None or ops[index]["registers"]:
            continue
        size_bytes = 8 if ops[index]["flags"] & DOUBLE else access_bytes(ops[index])
        parts = range(int(address) >> 2, (int(address) + size_bytes - 1 >> 2) + 1)
        if ops[index]["flags"] & LOAD:
            last = max((stored[part] for part in parts if part in stored), default=None)
            distances[index] = index - last if last is not None and index - last < 256 else 0
        if ops[index]["flags"] & STORE:
            stored.update(dict.fromkeys(parts, index))
    return distances


def further_transfers(address: int, size_bytes: int) -> int:
    """Return the bus transfers of an access beyond its first: halves of a word, or byte, halfword and byte."""
    low = address % size_bytes
    return 0 if low == 0 else 1 if size_bytes == 2 or low == 2 else 2


def may_be_unaligned(op: np.void) -> bool:
    """Return whether this is a load of one word or halfword whose address the core does not make a multiple."""
    if not op["flags"] & LOAD or op["flags"] & (LITERAL | STORE) or op["registers"]:
        return False
    narrow_or_single = op["size_bytes"] == 2 or int(op["opcode"]) >> 25 == 0b1111100
    return bool(narrow_or_single and op["address_reads"] and access_bytes(op) > 1)


class EndAddress(NamedTuple):
    """The address of an access by the registers as they are when its block has ended; `index_register` -1: none."""

    base: int
    index_register: int
    shift: int
    offset: int
    steady: bool  # all that moves its base, and its offset, are multiples of its size


def end_address(ops: OpArray, number: int) -> EndAddress | None:
    """Return how the address of a load shows at the end of its block; None where its registers are gone by then."""
    op, size = ops[number], access_bytes(ops[number])
    if op["flags"] & REGISTER_OFFSET:
        base, index, shift = _base_and_index(int(op["opcode"]), int(op["size_bytes"]))
        gone = int(np.bitwise_or.reduce(ops["writes"][number:]))
        return None if gone >> base & 1 or gone >> index & 1 else EndAddress(base, index, shift, 0, True)
    base = _lowest(int(op["address_reads"]))
    offset = 0 if op["flags"] & WRITEBACK and not _is_pre_indexed(op) else _immediate(op)
    steady = offset % size == 0
    for later in ops[number:]:
        if not later["writes"] >> base & 1:
            continue
        step = constant_step(later, base)
        if step is None:
            return None
        offset -= step
        steady &= step % size == 0
    return EndAddress(base, -1, 0, offset, steady)


def constant_step(op: np.void, register: int) -> int | None:
    """Return by how much an instruction moves a register, if by a constant."""
    if op["flags"] & CONDITIONAL:
        return None
    values: list[int | None] = [None] * 16
    values[register] = middle = 1 << 31
    if op["flags"] & (LOAD | STORE):
        only_base = op["flags"] & WRITEBACK and _lowest(int(op["address_reads"])) == register
        after = _written_back(op, middle) if only_base else None
    else:
        after = _computed(op, values) if op["reads"] == op["writes"] == 1 << register else None
    # MOVT reads its register too, and changes it by more than any sum does.
    return None if after is None or abs(after - middle) >= 1 << 16 else after - middle


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _address(op: np.void, values: list[int | None]) -> int | None:
    """Return the address of a load or store; of several words, the lowest."""
    if op["flags"] & REGISTER_OFFSET:
        base, index, shift = _base_and_index(int(op["opcode"]), int(op["size_bytes"]))
        first, second = values[base], values[index]
        return None if first is None or second is None else first + (second << shift) & MASK
    if op["flags"] & LITERAL:
        return (int(op["address"]) + 4 & ~3) + _immediate(op) & MASK
    start = values[_lowest(int(op["address_reads"]))]
    if start is None:
        return None
    if op["flags"] & WRITEBACK and not _is_pre_indexed(op):
        return start
    return start + _immediate(op) & MASK


def _base_and_index(opcode: int, size_bytes: int) -> tuple[int, int, int]:
    if size_bytes == 2:
        return opcode >> 3 & 7, opcode >> 6 & 7, 0
    is_table = opcode >> 20 & 0xFF == 0x8D and opcode >> 28 == 0xE  # TBB, TBH
    return opcode >> 16 & 15, opcode & 15, opcode >> 4 & 1 if is_table else opcode >> 4 & 3


def _is_pre_indexed(op: np.void) -> bool:
    """Return whether an access that writes back its base uses the new address."""
    opcode = int(op["opcode"])
    if op["size_bytes"] == 2:
        return opcode >> 9 == 0b1011010  # PUSH; POP, LDM and STM go upwards from the base
    if opcode >> 25 == 0b1111100:
        return bool(opcode >> 10 & 1)
    return bool(opcode >> 24 & 1)  # LDRD, STRD, and LDMDB, STMDB, VPUSH, which go down first


def _immediate(op: np.void) -> int:
    """Return what an access adds to its base, in bytes: negative where it goes down."""
    opcode = int(op["opcode"])
    if op["size_bytes"] == 2:
        top = opcode >> 11
        if top in (0b01001, 0b10010, 0b10011):
            return 4 * (opcode & 0xFF)
        if opcode >> 9 == 0b1011010:
            return -4 * (opcode & 0x1FF).bit_count()
        scale = {0b01100: 4, 0b01101: 4, 0b01110: 1, 0b01111: 1, 0b10000: 2, 0b10001: 2}.get(top, 0)
        return scale * (opcode >> 6 & 31)
    if opcode >> 25 == 0b1111100:
        if op["flags"] & LITERAL or opcode >> 23 & 1:
            return (opcode & 0xFFF) * (1 if opcode >> 23 & 1 else -1)
        return (opcode & 0xFF) * (1 if opcode >> 9 & 1 else -1)
    if opcode >> 28 == 0xE and opcode >> 25 & 7 == 0b100:
        if opcode >> 22 & 1:  # double, exclusive
            if opcode >> 24 & 1 == 0 and opcode >> 21 & 1 == 0:
                return 0 if opcode >> 23 & 1 else 4 * (opcode & 0xFF)  # only LDREX and STREX have an offset
            return 4 * (opcode & 0xFF) * (1 if opcode >> 23 & 1 else -1)
        return 0 if opcode >> 23 & 1 else -4 * (opcode & 0xFFFF).bit_count()
    multiple = not opcode >> 24 & 1 or opcode >> 21 & 1  # VLDM and VSTM; VLDR and VSTR are P = 1, W = 0
    if multiple and opcode >> 23 & 1:
        return 0
    return 4 * (opcode & 0xFF) * (1 if opcode >> 23 & 1 else -1)


def _results(op: np.void, values: list[int | None], address: int | None, peek: Peek) -> dict[int, int | None]:
    """Return what registers hold after an instruction, as far as it is known; those left out are unknown."""
    after: dict[int, int | None] = {}
    flags, writes = int(op["flags"]), int(op["writes"])
    if flags & (LOAD | STORE):
        if flags & WRITEBACK:
            base = _lowest(int(op["address_reads"]))
            after[base] = _written_back(op, values[base])
            writes &= ~(1 << base)
        if flags & LOAD and address is not None and not op["registers"] and writes.bit_count() == 1:
            after[_lowest(writes)] = _extended(op, peek(address, access_bytes(op)))
        return after
    if writes.bit_count() == 1 and writes < 1 << PC:
        after[_lowest(writes)] = _computed(op, values)
    return after


def _extended(op: np.void, value: int | None) -> int | None:
    """Return what a load makes of a byte or halfword: LDRSB and LDRSH repeat its sign."""
    opcode, sign = int(op["opcode"]), 1 << 8 * access_bytes(op) - 1
    signed = opcode >> 24 == 0xF9 if op["size_bytes"] == 4 else opcode >> 9 in (0b0101011, 0b0101111)
    return value if value is None or not signed else (value ^ sign) - sign & MASK


def _written_back(op: np.void, before: int | None) -> int | None:
    if before is None:
        return None
    step, opcode = _immediate(op), int(op["opcode"])
    if op["registers"] and not (op["size_bytes"] == 4 and opcode >> 22 & 1 and opcode >> 25 == 0b1110100):
        moved = 4 * int(op["registers"])
        return before + (-moved if step < 0 else moved) & MASK
    return before + step & MASK


def _computed(op: np.void, values: list[int | None]) -> int | None:
    """Return the result of a move, a constant, or a sum with a constant or of two registers."""
    opcode, source = int(op["opcode"]), int(op["reads"])
    if op["size_bytes"] == 2:
        return _computed_narrow(opcode, values)
    first = values[opcode >> 16 & 15] if opcode >> 16 & 15 != PC else int(op["address"]) + 4 & ~3
    plain = opcode >> 26 << 11 & 0x800 | opcode >> 4 & 0x700 | opcode & 0xFF
    kind = opcode >> 20 & 0xFBF
    if kind in (0xF24, 0xF2C):  # MOVW, MOVT
        constant = opcode >> 4 & 0xF000 | plain
        low = values[opcode >> 8 & 15]
        return constant if kind == 0xF24 else None if low is None else constant << 16 | low & 0xFFFF
    if kind & ~1 == 0xF04 and source == 0:
        return expand_immediate(plain)  # MOV
    shift = opcode >> 10 & 0x1C | opcode >> 6 & 3
    second = values[opcode & 15] if opcode & 15 != PC and opcode >> 4 & 3 == 0 else None  # else shifted to the right
    if _moves(opcode):
        return None if second is None else second << shift & MASK  # MOV, LSL
    if first is None:
        return None
    if kind in (0xF20, 0xF2A):  # ADDW, SUBW
        return first + (plain if kind == 0xF20 else -plain) & MASK
    if kind & ~1 in (0xF10, 0xF1A):  # ADD, SUB
        return first + expand_immediate(plain) * (1 if kind & ~1 == 0xF10 else -1) & MASK
    if opcode >> 20 & ~1 == 0xEB0 and second is not None:
        return first + (second << shift) & MASK  # ADD
    return None


def _computed_narrow(opcode: int, values: list[int | None]) -> int | None:
    top = opcode >> 11
    if top == 0b00100:
        return opcode & 0xFF  # MOV
    if top == 0:
        source = values[opcode >> 3 & 7]
        return None if source is None else source << (opcode >> 6 & 31) & MASK  # MOVS, LSLS
    if opcode >> 8 == 0b01000110:
        return values[opcode >> 3 & 15]  # MOV, any registers
    parts: tuple[int | None, int | None] = (None, None)
    if top in (0b00110, 0b00111):
        parts = values[opcode >> 8 & 7], (opcode & 0xFF) * (1 if top == 0b00110 else -1)
    elif opcode >> 10 == 0b000111:
        parts = values[opcode >> 3 & 7], (opcode >> 6 & 7) * (-1 if opcode >> 9 & 1 else 1)
    elif opcode >> 9 == 0b0001100:
        parts = values[opcode >> 3 & 7], values[opcode >> 6 & 7]
    elif opcode >> 8 == 0b01000100:
        parts = values[opcode >> 4 & 8 | opcode & 7], values[opcode >> 3 & 15]
    elif top == 0b10101:
        parts = values[SP], 4 * (opcode & 0xFF)
    elif opcode >> 8 == 0b10110000:
        parts = values[SP], 4 * (opcode & 0x7F) * (-1 if opcode >> 7 & 1 else 1)
    return None if parts[0] is None or parts[1] is None else parts[0] + parts[1] & MASK
