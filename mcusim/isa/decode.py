# SPDX-License-Identifier: Apache-2.0
"""Decode Thumb code into what timing needs: class, registers read and written, how control leaves.

`decode(opcode, size_bytes)` knows one instruction and nothing of its address; it is cached, since programs repeat
themselves. `decode_block` walks a block of memory, follows IT, and returns columns for the pipeline functions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

from mcusim.isa.encodings import NARROW, WIDE

SP, LR, PC = 13, 14, 15
ALWAYS = 14

# The timing classes, in the order of their numbers. A core table gives each of them its cycles.
CLASSES: tuple[str, ...] = (
    "undefined", *sorted({row[1] for row in (*NARROW, *WIDE)} - {"undefined"}),
)  # fmt: skip
CLASS_NUMBER = {name: number for number, name in enumerate(CLASSES)}

# How control leaves an instruction.
FLOW_NEXT, FLOW_JUMP, FLOW_CALL, FLOW_INDIRECT = 0, 1, 2, 3

# Flags of an instruction for the pipeline functions.
LOAD = 1 << 0  # reads data memory
STORE = 1 << 1  # writes data memory
REGISTER_OFFSET = 1 << 2  # address is the sum of two registers
WRITEBACK = 1 << 3  # changes its base register
LITERAL = 1 << 4  # address is relative to PC
WRITES_PC = 1 << 5
FP = 1 << 6  # executes in the floating-point unit
CONDITIONAL = 1 << 7  # in an IT block: may be skipped
IN_IT = 1 << 10  # in an IT block, with condition AL too: 16-bit arithmetic leaves the flags alone
WIDE_OPCODE = 1 << 8  # 32-bit encoding
DOUBLE = 1 << 9  # floating-point registers are double

SYSTEM_SPACE = 0x2000_0000  # from here on code and data come over one bus, below over two (DDI 0337E 14.3 to 14.5)

OP_DTYPE = np.dtype(
    [
        ("address", np.uint32),
        ("opcode", np.uint32),
        ("klass", np.uint8),
        ("size_bytes", np.uint8),
        ("condition", np.uint8),
        ("flow", np.uint8),
        ("registers", np.uint16),  # how many registers a multiple transfer moves, in words
        ("flags", np.uint16),
        ("reads", np.uint16),  # core registers, bit per register, addresses included
        ("writes", np.uint16),
        ("address_reads", np.uint16),
        ("fp_reads", np.uint32),  # single registers, bit per register
        ("fp_writes", np.uint32),
        ("fp_addend", np.uint32),
        ("place", np.uint8),  # memory block that it accesses, numbered by who knows the memory map; 0: none, or unknown
        ("late_cycles", np.uint8),  # of its memory, for an access that does not follow another closely
        ("further_transfers", np.uint8),  # that an unaligned access takes beyond its first
        ("bank", np.uint8),  # 1: an access whose first word has an even number, 2: odd; 0: none, or unknown
        ("after_store", np.uint8),  # for a load, how many instructions before it its word was stored to; 0: not
        ("beside_fetch", np.uint8),  # 1: an access over the bus that the instruction itself is fetched by
        ("fetch_late_cycles", np.uint8),  # of the memory that the instruction is in, as `late_cycles`
    ],
    align=True,
)
OpArray = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Decoded:
    """One instruction. Register sets are bit masks; `condition` is the branch's own (`decode_block` applies IT)."""

    mnemonic: str
    klass: int
    size_bytes: int
    flow: int = FLOW_NEXT
    condition: int = ALWAYS
    registers: int = 0
    flags: int = 0
    reads: int = 0
    writes: int = 0
    address_reads: int = 0
    fp_reads: int = 0
    fp_writes: int = 0
    fp_addend: int = 0


@dataclass(frozen=True)
class _Row:
    mnemonic: str
    klass: int
    mask: int
    value: int
    fields: dict[str, tuple[tuple[int, int], ...]]  # letter -> ((shift, width), ...) from the most significant piece
    roles: tuple[tuple[str, str], ...]

    def take(self, opcode: int, letter: str) -> int:
        """Return the value of a field, its pieces joined; 0 where the row has no such field."""
        value = 0
        for shift, width in self.fields.get(letter, ()):
            value = value << width | opcode >> shift & (1 << width) - 1
        return value


def _pieces(bits: str) -> dict[str, tuple[tuple[int, int], ...]]:
    pieces: dict[str, list[tuple[int, int]]] = {}
    position = 0
    while position < len(bits):
        letter, start = bits[position], position
        while position < len(bits) and bits[position] == letter:
            position += 1
        if letter not in "01x":
            pieces.setdefault(letter, []).append((len(bits) - position, position - start))
    return {letter: tuple(found) for letter, found in pieces.items()}


def _compile(row: tuple[str, str, str, str], width: int) -> _Row:
    mnemonic, klass, pattern, roles = row
    bits = pattern.replace(" ", "").replace("|", "")
    if len(bits) != width:
        raise AssertionError(f"encoding row {mnemonic} {pattern!r} has {len(bits)} bits, not {width}")
    mask = int("".join("1" if bit in "01" else "0" for bit in bits), 2)
    value = int("".join(bit if bit in "01" else "0" for bit in bits), 2)
    pairs = []
    for role in roles.split():
        kind, _, operand = role.replace(".", ":.").partition(":")
        pairs.append((kind, operand))
    return _Row(mnemonic, CLASS_NUMBER[klass], mask, value, _pieces(bits), tuple(pairs))


@cache
def _tables() -> tuple[list[list[_Row]], list[list[_Row]]]:
    """Return the rows of the narrow and of the wide table, each indexed by the opcode's top seven bits."""
    tables = []
    for rows, width in ((NARROW, 16), (WIDE, 32)):
        compiled = [_compile(row, width) for row in rows]
        shift = width - 7
        tables.append([
            [row for row in compiled if (top << shift ^ row.value) & row.mask & (127 << shift) == 0]
            for top in range(128)
        ])  # fmt: skip
    return tables[0], tables[1]


def is_wide(first_halfword: int) -> bool:
    """Return whether a 32-bit instruction starts with this halfword (A5.1)."""
    return first_halfword >= 0xE800


_NAMED = {".SP": SP, ".LR": LR, ".PC": PC}


@dataclass
class _Builder:
    """Collects the register sets of one instruction while its roles are read."""

    row: _Row
    opcode: int
    flags: int = 0
    registers: int = 0
    reads: int = 0
    writes: int = 0
    address_reads: int = 0
    fp_reads: int = 0
    fp_writes: int = 0
    fp_addend: int = 0
    double: bool = field(init=False)

    def __post_init__(self) -> None:
        self.double = bool(self.row.take(self.opcode, "z"))

    def core_mask(self, operand: str) -> int:
        """Return the mask of core registers that the operand's letters name."""
        if operand in _NAMED:
            return 1 << _NAMED[operand]
        mask = 0
        for letter in operand:
            number = self.row.take(self.opcode, letter)
            # Only the 16-bit hi-register forms have a lone upper bit for `d` (floating-point rows never use this path).
            if letter == "d" and "D" in self.row.fields:
                number |= self.row.take(self.opcode, "D") << 3
            mask |= 1 << number
        return mask

    def fp_mask(self, operand: str, singles: int = 1) -> int:
        """Return the mask of single registers that the operand's letters name; `singles` asks for a run of them."""
        mask = 0
        for letter in operand:
            number = self.row.take(self.opcode, letter)
            high = self.row.take(self.opcode, letter.upper())
            first = (high << 4 | number) * 2 if self.double else number << 1 | high
            mask |= ((1 << max(singles, 2 if self.double else 1)) - 1) << first
        return mask & 0xFFFF_FFFF

    def list_mask(self) -> int:
        """Return the mask of a core register list, PC and LR bits of the 16-bit forms included."""
        take = self.row.take
        return take(self.opcode, "l") | take(self.opcode, "P") << PC | take(self.opcode, "M") << LR

    def apply(self, kind: str, operand: str) -> None:
        """Add one role to the register sets."""
        if kind == "W":
            self.writes |= self.core_mask(operand)
        elif kind == "R":
            self.reads |= self.core_mask(operand)
        elif kind in ("A", "B"):
            self.address_reads |= self.core_mask(operand)
            if kind == "A" and len(operand) == 2:
                self.flags |= REGISTER_OFFSET
            if kind == "B" and ("w" not in self.row.fields or self.row.take(self.opcode, "w")):
                self.writes |= self.core_mask(operand)
                self.flags |= WRITEBACK
        elif kind in ("WL", "RL"):
            mask = self.list_mask()
            self.registers = mask.bit_count()
            if kind == "WL":
                self.writes |= mask
            else:
                self.reads |= mask
        elif kind in ("VL", "FL"):
            self.registers = self.row.take(self.opcode, "i")
            mask = self.fp_mask("d", self.registers)
            if kind == "VL":
                self.fp_writes |= mask
            else:
                self.fp_reads |= mask
        else:
            self.apply_fp(kind, operand)

    def apply_fp(self, kind: str, operand: str) -> None:
        """Add a floating-point role."""
        mask = self.fp_mask(operand, 2 if kind.endswith("2") else 1)
        if kind.startswith("V") or kind == "C":
            self.fp_writes |= mask
        if kind.startswith("F"):
            self.fp_reads |= mask
        if kind == "C":
            self.fp_addend |= mask


def _flow(mnemonic: str, klass: str, writes: int) -> int:
    if klass == "branch_link" or mnemonic == "blx":
        return FLOW_CALL
    if klass in ("branch", "branch_conditional", "compare_branch"):
        return FLOW_JUMP
    return FLOW_INDIRECT if writes >> PC & 1 else FLOW_NEXT


def _class_flags(klass: str) -> int:
    flags = 0
    if "load" in klass or klass == "table_branch":
        flags |= LOAD
    if "store" in klass:
        flags |= STORE
    if klass.startswith("fp_"):
        flags |= FP
    return flags


@lru_cache(maxsize=1 << 16)
def decode(opcode: int, size_bytes: int) -> Decoded:
    """Decode one instruction.

    `opcode` is the halfword, or for 32-bit encodings the first halfword << 16 | the second. What no row matches is of
    class "undefined".
    """
    narrow, wide = _tables()
    rows = narrow[opcode >> 9] if size_bytes == 2 else wide[opcode >> 25]
    for row in rows:
        if opcode & row.mask == row.value:
            break
    else:
        return Decoded("undefined", CLASS_NUMBER["undefined"], size_bytes)
    build = _Builder(row, opcode)
    for kind, operand in row.roles:
        build.apply(kind, operand)
    klass = CLASSES[row.klass]
    flags = build.flags | _class_flags(klass)
    if size_bytes == 4:
        flags |= WIDE_OPCODE
    if build.double:
        flags |= DOUBLE
    if build.writes >> PC & 1:
        flags |= WRITES_PC
    if flags & LOAD and build.address_reads >> PC & 1:
        flags |= LITERAL
    registers = 2 if klass in ("load_pair", "store_pair") else build.registers
    condition = row.take(opcode, "c") if "c" in row.fields else ALWAYS
    return Decoded(
        row.mnemonic, row.klass, size_bytes, _flow(row.mnemonic, klass, build.writes), condition,
        registers, flags,
        build.reads | build.address_reads, build.writes, build.address_reads,
        build.fp_reads, build.fp_writes, build.fp_addend,
    )  # fmt: skip


def fetch(code: bytes, offset: int) -> tuple[int, int]:
    """Return opcode and size in bytes of the instruction at `offset`; size 0 where the code ends in its middle."""
    first = int.from_bytes(code[offset : offset + 2], "little")
    if offset + 2 > len(code):
        return 0, 0
    if not is_wide(first):
        return first, 2
    if offset + 4 > len(code):
        return 0, 0
    return first << 16 | int.from_bytes(code[offset + 2 : offset + 4], "little"), 4


def _it_conditions(opcode: int) -> list[int]:
    """Return the conditions of the instructions that an IT opcode governs (A7.7.38)."""
    first, mask = opcode >> 4 & 15, opcode & 15
    length = 4 - ((mask & -mask).bit_length() - 1)
    conditions = [first]
    for index in range(1, length):
        conditions.append(first & 14 | mask >> (4 - index) & 1)
    return conditions


def decode_block(code: bytes, address: int, pending_it: tuple[int, ...] = ()) -> tuple[OpArray, tuple[int, ...]]:
    """Decode `code`, which starts at `address`, into columns.

    `pending_it` are the conditions that an IT instruction before the block still governs. Returns the columns
    (`OP_DTYPE`, one row an instruction) and the conditions still pending after the block.
    """
    rows = []
    conditions = list(pending_it)
    offset = 0
    while offset < len(code):
        opcode, size = fetch(code, offset)
        if size == 0:
            break
        op = decode(opcode, size)
        condition, flags = op.condition, op.flags
        if conditions:
            condition = conditions.pop(0)
            flags |= IN_IT | CONDITIONAL if condition < ALWAYS else IN_IT
        elif op.mnemonic == "it":
            conditions = _it_conditions(opcode)
        rows.append(
            (address + offset, opcode, op.klass, size, condition, op.flow, op.registers, flags,
             op.reads, op.writes, op.address_reads, op.fp_reads, op.fp_writes, op.fp_addend, 0, 0, 0, 0, 0, 0, 0)
        )  # fmt: skip
        offset += size
    return np.array(rows, dtype=OP_DTYPE), tuple(conditions)
