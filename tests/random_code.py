# SPDX-License-Identifier: Apache-2.0
"""Random sequences of instructions that are well defined: no UNPREDICTABLE forms, every access inside a window.

A sequence is a list of units. A unit is one random instruction with what it needs (its base register is made to point
into the window by MOVW and MOVT), an IT block, a branch to a later unit, a counted loop, or an idiom (table branch,
exclusive pair, loads of PC). Branches go to the start of units only, so a prefix of a sequence is a sequence too.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from random_values import random_fpscr, random_word
from thumb_code import encode_wide_branch, encode_wide_conditional, move_half
from thumb_table import FEATURES, ROWS, Row

from mcusim.isa.decode import decode

# Where code and RAM lie. The core of the AN505 starts in the secure world, whose addresses have bit 28 set.
MEMORY = {"cortex-m33": (0x1000_0000, 0x3000_0000)}
USUAL_MEMORY = (0, 0x2000_0000)
WINDOW_OFFSET = 0x400  # of the window, in RAM
WINDOW_BYTES = 768
DATA_BYTES = 256  # of the window, for loads and stores
STACK_OFFSET = (
    560  # of the window: where SP starts; the record of the results goes below, SP-relative loads reach above
)
STACK_BUDGET_BYTES = 64  # how far SP may move up, and how far down
SP, LR, PC = 13, 14, 15
MAX_BRANCH_UNITS = 6
ROUNDING = 0x00C0_0000  # FPSCR.RMode
# CPS is UNPREDICTABLE there (B5.2.1), ISB is in the table of differences in test_qemu_differential.
NOT_IN_IT = ("cps", "isb")
GENERAL = (*range(13), LR)

Values = dict[str, int]


@dataclass
class Item:
    """An instruction, or two bytes of data (`row` is then empty). `fix` completes it when addresses are known."""

    opcode: int
    size_bytes: int
    row: str = ""
    fix: Callable[[Layout, int], int] | None = None


@dataclass
class Layout:
    """Where the units of a sequence lie."""

    starts: list[int]
    pool: int
    literals: list[int] = field(default_factory=list)

    def target(self, unit: int) -> int:
        """Return a unit's address; units that are cut off are where the sequence ends."""
        return self.starts[min(unit, len(self.starts) - 1)]

    def literal(self, value: int) -> int:
        """Return the address of a constant in the pool."""
        if value not in self.literals:
            self.literals.append(value)
        return self.pool + 4 * self.literals.index(value)


def take(row: Row, source: random.Random) -> Values:
    """Return random fields of a row, core registers as they may be; its check holds."""
    core = set() if row.needs in ("fp5", "dp") else set("denmatu")
    while True:
        values: Values = {}
        for letter in row.fields:
            width = 4 if row.kind == "twice" and letter == "m" else row.width(letter)
            value = source.getrandbits(width)
            if letter in core and width == 4:
                value = source.choice(GENERAL)
                if letter == "n" and row.kind == "plain sp" and source.random() < 0.1:
                    value = SP
            elif letter in "l" and source.random() < 0.5:
                value &= source.getrandbits(width)
            values[letter] = value
        if row.kind == "twice":
            values["m"] |= values["m"] << 4
        if row.kind == "hi" and values["m"] == SP and row.name != "mov hi":
            continue
        names = values if "D" not in values else {**values, "S": (values["D"] & 15) * 2 + (values["D"] >> 4)}
        if row.code is None or eval(row.code, {}, names):
            return values


def writes_of(item: Item) -> int:
    """Return the mask of core registers that an instruction writes."""
    return decode(item.opcode, item.size_bytes).writes


class Generator:
    """Makes sequences for one core from one seed."""

    def __init__(self, core: str, seed: int, only: str = "") -> None:
        features = FEATURES[core]
        self.source = random.Random(f"{core} {seed}")
        self.armv7, self.armv8 = "7" in features, "8" in features
        self.window = MEMORY.get(core, USUAL_MEMORY)[1] + WINDOW_OFFSET
        self.rows = [row for row in ROWS if row.needs in features and only in row.name]
        self.quiet = [row for row in self.rows if row.kind in ("plain", "plain sp", "twice")]
        self.turn: list[Row] = []
        self.down = self.up = 0
        self.unit = 0

    def sequence(self, units: int) -> list[list[Item]]:
        """Return a sequence."""
        self.down = self.up = STACK_BUDGET_BYTES
        made = []
        for self.unit in range(units):
            made.append(self._unit())
        return made

    def _unit(self) -> list[Item]:
        chance = self.source.random()
        if chance < 0.72:
            return self._several()
        if chance < 0.84 and self.armv7:
            return self._it_block()
        if chance < 0.94:
            return self._branch()
        if chance < 0.97:
            return self._loop()
        return self._idiom()

    # single instructions

    def _several(self) -> list[Item]:
        """Return an instruction and what it needs, maybe with others between."""
        if not self.turn:
            self.turn = self.source.sample(self.rows, len(self.rows))  # all rows in turn, so that none is forgotten
        setup, main, reserved = self._instruction(self.turn.pop())
        between = []
        if setup and self.source.random() < 0.3:
            between = [self._quiet(reserved) for _ in range(self.source.randrange(1, 3))]
        return [*setup, *between, *main]

    def _quiet(self, reserved: int, it: bool = False) -> Item:
        """Return an instruction that needs nothing and leaves the reserved registers alone."""
        while True:
            row = self.source.choice(self.quiet)
            item = self._plain(row)
            if not writes_of(item) & reserved and not (it and row.name.startswith(NOT_IN_IT)):
                return item

    def _plain(self, row: Row) -> Item:
        return Item(row.encode(take(row, self.source)), row.size_bytes, row.name)

    def _instruction(self, row: Row) -> tuple[list[Item], list[Item], int]:
        """Return set-up, the instruction, and the mask of registers that the set-up has prepared."""
        kind, *numbers = row.kind.split()
        if kind in ("plain", "twice", "never", "hi"):
            return [], [self._plain(row)], 0
        if kind in ("push", "pop", "sp"):
            return [], self._stack(row), 0
        if kind == "nearest":
            # FPSCR.RMode would not matter on silicon: see the table of differences in test_qemu_differential.
            values, register = take(row, self.source), self.source.choice(GENERAL)
            setup = self._constant(register, random_fpscr(self.source) & ~ROUNDING)
            setup.append(Item(0xEEE1_0A10 | register << 12, 4, "vmsr"))
            return setup, [Item(row.encode(values), row.size_bytes, row.name)], 0
        if kind == "fpscr":
            values = take(row, self.source)
            setup = self._constant(values["t"], random_fpscr(self.source))
            return setup, [Item(row.encode(values), row.size_bytes, row.name)], 1 << values["t"]
        return self._access(row, take(row, self.source), kind, numbers)

    def _access(self, row: Row, values: Values, kind: str, numbers: list[str]) -> tuple[list[Item], list[Item], int]:
        source, setup, reserved = self.source, [], 1 << values["n"]
        if kind == "exact":  # no offset, and aligned
            base = self._place(int(numbers[0]), None)
        elif kind in ("offset", "pre", "post"):
            size, scale = int(numbers[0]), int(numbers[1])
            offset = values["i"] * scale
            if "w" in values and not values["w"]:
                offset = -offset
            base = self._place(size, row) - (0 if kind == "post" else offset)
        elif kind == "index":
            index = random_word(source)
            setup = self._constant(values["m"], index)
            reserved |= 1 << values["m"]
            base = self._place(int(numbers[0]), row) - (index << values.get("j", 0))
        else:
            count = values["i"] if kind == "vector" else values["l"].bit_count()
            base = self._place(4 * count, None) + (4 * count if numbers[0] == "db" else 0)
        setup += self._constant(values["n"], base & 0xFFFF_FFFF)
        return setup, [Item(row.encode(values), row.size_bytes, row.name)], reserved

    def _place(self, size: int, row: Row | None) -> int:
        """Return an address in the window for so many bytes; unaligned where that may be."""
        start = self.source.randrange(DATA_BYTES - size + 1)
        single = row is not None and self.armv7 and size <= 4 and not row.name.startswith("v")
        unaligned = single and self.source.random() < 0.3
        return self.window + (start if unaligned else start & -min(size, 4))

    def _constant(self, register: int, value: int) -> list[Item]:
        if self.armv7:
            low, high = move_half(0xF240_0000, register, value & 0xFFFF), move_half(0xF2C0_0000, register, value >> 16)
            return [Item(low, 4, "movw"), Item(high, 4, "movt")]
        return [self._literal(register, lambda _layout: value)]

    def _literal(self, register: int, value: Callable[[Layout], int]) -> Item:
        def fix(layout: Layout, address: int) -> int:
            return 0x4800 | register << 8 | layout.literal(value(layout)) - (address + 4 & ~3) >> 2

        return Item(0x4800 | register << 8, 2, "ldr literal", fix)

    def _stack(self, row: Row) -> list[Item]:
        """Return an instruction that moves SP, if there is room for it."""
        for _ in range(4):
            values = take(row, self.source)
            if row.kind in ("push", "pop"):
                size = 4 * (values["l"].bit_count() + values.get("w", 0))
            elif row.kind.endswith("one"):
                size = 4
            else:
                size = 4 * values["i"]
            down = row.kind in ("push", "sp down", "sp down one")
            if size > (self.down if down else self.up):
                continue
            self.down -= size if down else 0
            self.up -= 0 if down else size
            return [Item(row.encode(values), row.size_bytes, row.name)]
        return [self._quiet(0)]

    # IT blocks

    def _it_block(self) -> list[Item]:
        source = self.source
        length = source.randrange(1, 5)
        condition = source.randrange(15)
        mask = source.getrandbits(length - 1) if condition != 14 else 0
        # Each further condition is `condition` with its last bit from the mask.
        bits = 0
        for index in range(length - 1):
            bits = bits << 1 | (mask >> index & 1 ^ condition & 1 if condition != 14 else 0)
        it = Item(0xBF00 | condition << 4 | (bits << 1 | 1) << 4 - length, 2, "it")
        body: list[Item] = []
        setup: list[Item] = []
        reserved = 0
        special = source.randrange(length)
        while True:
            row = source.choice(self.rows)
            if row.kind != "never in it" and not row.name.startswith(NOT_IN_IT):
                break
        setup, main, reserved = self._instruction(row)
        for index in range(length):
            body += main if index == special else [self._quiet(reserved, it=True)]
        if source.random() < 0.15 and special != length - 1:
            body[-1] = self._jump_in_it()
        return [*setup, it, *body]

    def _jump_in_it(self) -> Item:
        target = self._later()
        if self.source.random() < 0.5:
            return Item(0xE000, 2, "b t2", lambda layout, at: 0xE000 | layout.target(target) - at - 4 >> 1 & 0x7FF)
        return Item(
            0xF000_9000, 4, "b t4", lambda layout, at: encode_wide_branch(0xF000_9000, layout.target(target) - at - 4)
        )

    # branches

    def _later(self) -> int:
        return self.unit + self.source.randrange(1, MAX_BRANCH_UNITS + 1)

    def _branch(self) -> list[Item]:
        source = self.source
        target, condition = self._later(), source.randrange(14)
        narrow = [
            lambda: Item(0xD000, 2, "b t1",
                         lambda layout, at: 0xD000 | condition << 8 | _short(layout, target, at, 254)),
            lambda: self._jump_in_it(),
            lambda: Item(0xF000_D000, 4, "bl",
                         lambda layout, at: encode_wide_branch(0xF000_D000, layout.target(target) - at - 4)),
        ]  # fmt: skip
        if not self.armv7:
            item = source.choice(narrow)()
            return [item] if item.row != "b t4" else [Item(0xE000, 2, "b t2", _jump(target))]
        register = source.randrange(8)
        flag = source.getrandbits(1)
        wide = [
            lambda: Item(0xF000_8000, 4, "b t3",
                         lambda layout, at: encode_wide_conditional(condition, layout.target(target) - at - 4)),
            lambda: Item(0xB100, 2, "cbz", lambda layout, at: _compare_branch(layout, target, at, register, flag)),
        ]  # fmt: skip
        return [source.choice(narrow + wide)()]

    def _loop(self) -> list[Item]:
        """Return a loop that counts down."""
        counter = self.source.randrange(8)
        body = [self._quiet(1 << counter) for _ in range(self.source.randrange(1, 6))]
        size = sum(item.size_bytes for item in body) + 2
        back = Item(0xD100 | (-(size + 4) >> 1 & 0xFF), 2, "b t1")
        return [
            Item(0x2000 | counter << 8 | self.source.randrange(1, 6), 2, "movs imm8"), *body,
            Item(0x3801 | counter << 8, 2, "subs imm8"), back,
        ]  # fmt: skip

    # idioms

    def _idiom(self) -> list[Item]:
        both = [self._jump_to_register, self._pop_pc, self._event]
        return self.source.choice(both + [self._table_branch, self._exclusive, self._load_pc] * self.armv7)()

    def _address_of(self, register: int, target: int) -> list[Item]:
        """Load a unit's address with the Thumb bit."""
        if not self.armv7:
            return [self._literal(register, lambda layout: layout.target(target) | 1)]
        return [
            Item(0xF240_0000, 4, "movw",
                 lambda layout, _at: move_half(0xF240_0000, register, (layout.target(target) | 1) & 0xFFFF)),
            Item(0xF2C0_0000, 4, "movt",
                 lambda layout, _at: move_half(0xF2C0_0000, register, (layout.target(target) | 1) >> 16)),
        ]  # fmt: skip

    def _jump_to_register(self) -> list[Item]:
        register = self.source.randrange(8)
        opcode, name = self.source.choice(((0x4700, "bx"), (0x4780, "blx"), (0x4687, "mov pc")))
        return [*self._address_of(register, self._later()), Item(opcode | register << 3, 2, name)]

    def _pop_pc(self) -> list[Item]:
        if self.down < 8:
            return [self._quiet(0)]
        self.down -= 8
        register, other = self.source.sample(range(7), 2)
        low, high = min(register, other), 7
        setup = self._address_of(high, self._later())
        if self.armv7 and self.source.random() < 0.5:
            # PUSH {low, r7}; LDM SP!, {low, PC}: the wide form of POP
            return [*setup, Item(0xB400 | 1 << low | 1 << high, 2, "push"), Item(0xE8BD_8000 | 1 << low, 4, "pop.w pc")]
        return [*setup, Item(0xB400 | 1 << low | 1 << high, 2, "push"), Item(0xBD00 | 1 << low, 2, "pop pc")]

    def _load_pc(self) -> list[Item]:
        value, base, other = self.source.sample(range(8), 3)
        place = self._place(8, None)
        setup = [*self._address_of(value, self._later()), *self._constant(base, place)]
        store = Item(0x6000 | base << 3 | value, 2, "str")
        if self.source.random() < 0.5:
            return [*setup, store, Item(0xF8D0_F000 | base << 16, 4, "ldr.w pc")]
        store = Item(0x6040 | base << 3 | value, 2, "str")
        return [*setup, store, Item(0xE890_8000 | base << 16 | 1 << other, 4, "ldm.w pc")]

    def _table_branch(self) -> list[Item]:
        """Return TBB or TBH [PC, index] with its table behind it; the index depends on data."""
        index, from_register = self.source.sample(range(8), 2)
        half = self.source.getrandbits(1)
        targets = [self._later() for _ in range(4)]
        mask = Item(0xF000_0003 | from_register << 16 | index << 8, 4, "and.w imm")
        branch = Item(0xE8DF_F000 | half << 4 | index, 4, "tbh" if half else "tbb")

        def entry(number: int) -> Callable[[Layout, int], int]:
            if half:
                return lambda layout, at: layout.target(targets[number]) - (at - 2 * number) >> 1

            # Two entries of a byte in each halfword.
            def pair(layout: Layout, at: int) -> int:
                start = at - 2 * number
                low, high = (layout.target(targets[2 * number + one]) - start >> 1 for one in (0, 1))
                return min(low, 255) | min(high, 255) << 8 if max(low, high) < 256 else 0x0202

            return pair

        # A TBB whose targets are too far all go to the unit's end.
        return [mask, branch, *(Item(0, 2, "", entry(number)) for number in range(4 if half else 2))]

    def _event(self) -> list[Item]:
        """Return SEV and WFE, which then does not wait."""
        wait = Item(0xF3AF_8002, 4, "wfe.w") if self.armv7 and self.source.getrandbits(1) else Item(0xBF20, 2, "wfe")
        return [Item(0xBF40, 2, "sev"), wait]

    def _exclusive(self) -> list[Item]:
        """Return an exclusive load and store, sometimes broken by CLREX or by their order."""
        source = self.source
        base, loaded, stored, status = source.sample(range(8), 4)
        kind = source.randrange(3)  # byte, halfword, word
        words = source.randrange(8) if kind == 2 else 0
        place = self._place(4, None)
        setup = self._constant(base, place - 4 * words)
        if kind == 2:
            load = Item(0xE850_0F00 | base << 16 | loaded << 12 | words, 4, "ldrex")
            store = Item(0xE840_0000 | base << 16 | stored << 12 | status << 8 | words, 4, "strex")
        else:
            load = Item(0xE8D0_0F4F | base << 16 | loaded << 12 | kind << 4, 4, ("ldrexb", "ldrexh")[kind])
            store = Item(0xE8C0_0F40 | base << 16 | stored << 12 | status | kind << 4, 4, ("strexb", "strexh")[kind])
        if self.armv8 and source.random() < 0.5:  # acquire and release: no offset
            code = (0x8F, 0x9F, 0xAF)[kind] | 0x40
            setup = self._constant(base, place)
            load = Item(0xE8D0_0F00 | base << 16 | loaded << 12 | code, 4, "ldaex")
            store = Item(0xE8C0_0F00 | base << 16 | stored << 12 | code & 0xF0 | status, 4, "stlex")
        keep = 1 << base
        between = [self._quiet(keep) for _ in range(source.randrange(3))]
        shape = source.randrange(6)
        clear = Item(0xF3BF_8F2F, 4, "clrex")
        if shape == 0:
            return [*setup, load, *between, clear, store]
        if shape == 1:
            return [*setup, clear, store, *between, load]
        if shape == 2:
            return [*setup, load, *between, store, Item(store.opcode, 4, store.row)]
        return [*setup, load, *between, store]


def _jump(target: int) -> Callable[[Layout, int], int]:
    return lambda layout, at: 0xE000 | layout.target(target) - at - 4 >> 1 & 0x7FF


def _short(layout: Layout, target: int, at: int, reach: int) -> int:
    """Return the distance field of B (T1): to the next instruction if the target is too far."""
    distance = layout.target(target) - at - 4
    return (distance if distance <= reach else -2) >> 1 & 0xFF


def _compare_branch(layout: Layout, target: int, at: int, register: int, flag: int) -> int:
    """Return CBZ or CBNZ to the target or the nearest unit before it that it reaches; NOP if there is none."""
    while (distance := layout.target(target) - at - 4) > 126:
        target -= 1
    if distance < 0:
        return 0xBF00
    return 0xB100 | flag << 11 | distance >> 6 << 9 | (distance >> 1 & 31) << 3 | register


def lay_out(
    units: list[list[Item]], address: int, tail: Callable[[int], bytes]
) -> tuple[bytes, list[tuple[int, Item]]]:
    """Return a sequence's bytes at `address`, ended by `tail(address)` and its constants, and the items' addresses."""
    starts = [address]
    for unit in units:
        starts.append(starts[-1] + sum(item.size_bytes for item in unit))
    end = tail(starts[-1])
    layout = Layout(starts, starts[-1] + len(end) + 3 & ~3)
    code, placed = b"", []
    at = address
    for item in (item for unit in units for item in unit):
        opcode = item.fix(layout, at) if item.fix else item.opcode
        halves = (opcode,) if item.size_bytes == 2 else (opcode >> 16, opcode & 0xFFFF)
        code += struct.pack(f"<{len(halves)}H", *halves)
        placed.append((at, Item(opcode, item.size_bytes, item.row)))
        at += item.size_bytes
    code += end
    code += b"\x00\xbf" * ((layout.pool - address - len(code)) // 2)
    return code + struct.pack(f"<{len(layout.literals)}I", *layout.literals), placed
