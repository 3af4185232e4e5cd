# SPDX-License-Identifier: Apache-2.0
"""Does the firmware wait for a register that nobody models, and what would end the wait?

A read that repeats is tried out (`mcusim.engine.trial`): with what the register holds, does control come back to the
same instruction and touch nothing else? Then it is a wait, and values are tried until control goes elsewhere. The rule
and its limits are in docs/guessed-registers.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from mcusim.board import PPB_SPACE
from mcusim.engine.engine import Engine
from mcusim.engine.trial import CAME_BACK, STOPPED, WENT_ON, Outcome, Trial
from mcusim.errors import McusimError
from mcusim.isa import decode as isa
from mcusim.machine.accesses import address_of_access

_WORD = 0xFFFF_FFFF
_CORE_REGISTERS = (*(f"r{number}" for number in range(13)), "sp", "lr")
_LOAD = isa.CLASS_NUMBER["load"]
WIDEST_FIELD_BITS = 5  # fields of so many bits are tried with every value
_MOST_CONSTANTS = 48

Peek = Callable[[int, int], int | None]  # (address, size in bytes) -> what a read would give, if it changes nothing


@dataclass
class Wait:
    """A load that may be waiting: the instruction, and which part of the register it sees."""

    op: np.void
    register: int  # address of the word
    address: int  # what the instruction accesses: the register, or its bit in the bit-band alias
    shift: int  # the register's bits that it sees start here
    bits: int  # so many
    worked: list[int] = field(default_factory=list)  # bits whose change ended earlier waits, the latest first

    @property
    def can_be_tried(self) -> bool:
        """False for loads that do more than load one register."""
        return _target(self.op) is not None

    @property
    def mask(self) -> int:
        """The bits of the register that the load sees."""
        return (1 << self.bits) - 1 << self.shift


@dataclass(frozen=True)
class Verdict:
    """What was found: new values by register that end the wait.

    `searched` says that it is one and values were tried, `stuck` that it cannot end by itself: nothing at all changes.
    """

    searched: bool = False
    stuck: bool = False
    values: dict[int, int] = field(default_factory=dict)


class Waits:
    """Tries reads out. `peek` says what other reads of devices would give; None where that cannot be known."""

    def __init__(
        self,
        engine: Engine,
        make_trial: Callable[[], Trial],
        peek: Peek,
        read_code: Callable[[int, int], bytes],
    ) -> None:
        self._engine, self._make_trial = engine, make_trial
        self._peek, self._read_code = peek, read_code
        self._trial: Trial | None = None

    def judge(self, wait: Wait, value: int, patient: bool) -> Verdict:
        """Return whether the read that is being answered waits, `value` being what its register holds.

        With `patient` loops count that look at other guessed registers too, if a turn changes nothing at all.
        """
        target = _target(wait.op)
        assert target is not None, "asked whether it can be tried"
        if self._trial is None:
            self._trial = self._make_trial()
        registers = {name: self._engine.read_register(name) for name in (*_CORE_REGISTERS, "xpsr", "control")}
        self._trial.begin(registers)
        attempt = _Attempt(self._trial, wait, value, target, registers, self._peek)
        turn = attempt.run(value)
        if turn.end != CAME_BACK:
            return Verdict()
        others = {address & ~3 for _, address in attempt.seen if address not in PPB_SPACE} - {wait.address & ~3}
        repeats = not turn.changed and all(turn.registers[name] == registers[name] for name in _CORE_REGISTERS)
        if others and not (patient and repeats):
            return Verdict()
        attempt.usual, attempt.turn = set(attempt.seen), turn
        found = attempt.first(likely(value, wait), {})
        if found is None:
            found = attempt.first(dict.fromkeys(unlikely(value, wait, self._constants(turn, registers))), {})
        if found is not None:
            changed = found ^ value
            wait.worked = [changed, *(bits for bits in wait.worked if bits != changed)][:4]
            return Verdict(True, values={wait.register: found})
        for other in sorted(others):
            both = self._with_another(attempt, other)
            if both is not None:
                return Verdict(True, values={wait.register: both[0], other: both[1]})
        return Verdict(True, stuck=repeats)

    def _with_another(self, attempt: _Attempt, other: int) -> tuple[int, int] | None:
        """Return values of the register and of another one that end the wait together."""
        wait, value, held = attempt.wait, attempt.value, self._peek(other, 4)
        bits = [value ^ 1 << bit for bit in range(wait.shift, wait.shift + wait.bits)]
        if held is None or attempt.first(bits, {other: held ^ _WORD}) is None:
            return None
        for bit in range(32):
            found = attempt.first(bits, {other: held ^ 1 << bit})
            if found is not None:
                return found, held ^ 1 << bit
        return None

    def _constants(self, turn: Outcome, registers: dict[str, int]) -> list[int]:
        """Return what the value may be compared with: constants of the loop's code, and what registers hold."""
        found = {registers[name] for name in _CORE_REGISTERS[:13]}
        for start, size_bytes in turn.blocks.items():
            ops, _ = isa.decode_block(self._read_code(start, size_bytes), start)
            for op in ops:
                found.add(immediate(op, self._read_code))
        return sorted(found - {0})[:_MOST_CONSTANTS]


@dataclass
class _Attempt:
    """One place, tried with several values."""

    trial: Trial
    wait: Wait
    value: int  # of the register, for its other readers
    target: tuple[int, int]  # register that is loaded, bits to extend its sign from (0: none)
    registers: dict[str, int]
    peek: Peek
    others: dict[int, int] = field(default_factory=dict)  # registers that hold something else as well
    turn: Outcome | None = None  # what the loop does with the present value
    usual: set[tuple[int, int]] | None = None  # reads (block, address) that a turn of the loop makes
    seen: list[tuple[int, int]] = field(default_factory=list)

    def first(self, values: Iterable[int], others: dict[int, int]) -> int | None:
        """Return the first value that ends the wait, while other registers hold what `others` says.

        One with which the firmware goes on comes before one that leads into an endless loop, or to a breakpoint.
        """
        self.others = others
        stopped = None
        for value in values:
            end = self.run(value).end if value != self.value else CAME_BACK
            if end == WENT_ON:
                return value
            if end == STOPPED and stopped is None:
                stopped = value
        return stopped

    def run(self, value: int) -> Outcome:
        """Go on behind the load as if the register held this."""
        number, sign_bits = self.target
        loaded = (value & self.wait.mask) >> self.wait.shift
        if sign_bits and loaded >> sign_bits - 1 & 1:
            loaded = (loaded - (1 << sign_bits)) & _WORD
        start = int(self.wait.op["address"])
        self.seen.clear()
        behind = start + int(self.wait.op["size_bytes"])
        outcome = self.trial.run(behind, start, (f"r{number}", loaded), self._read, lambda _block, _address: False)
        if outcome.end == CAME_BACK and not self._same_wait(outcome):
            outcome.end = WENT_ON
        return outcome

    def _same_wait(self, outcome: Outcome) -> bool:
        """Return whether control came back to the same wait, and not to the same instruction for something else.

        Functions that read whatever they are given, or wait for whatever they are told, are called again and again.
        """
        registers = outcome.registers
        span = address_of_access(self.wait.op, lambda number: registers[_CORE_REGISTERS[number]])
        if span is None or span[0] != self.wait.address or registers["sp"] != self.registers["sp"]:
            return False
        if self.turn is None:
            return True
        returned = outcome.highest_sp > self.turn.highest_sp
        return not returned and registers["lr"] in (self.registers["lr"], self.turn.registers["lr"])

    def _read(self, block: int, address: int, size_bytes: int) -> int | None:
        if self.usual is not None and (block, address) not in self.usual:
            return None  # it looks at something that a turn of the loop does not: it went on
        self.seen.append((block, address))
        if address & ~3 in self.others:
            return self.others[address & ~3] >> 8 * (address & 3) & (1 << 8 * size_bytes) - 1
        return self.peek(address, size_bytes)


def _target(op: np.void) -> tuple[int, int] | None:
    """Return the register that a load writes and the bits to extend its sign from; None for loads that do more."""
    if op["klass"] != _LOAD or op["flags"] & (isa.CONDITIONAL | isa.WRITEBACK | isa.WRITES_PC):
        return None
    opcode, number = int(op["opcode"]), int(op["writes"]).bit_length() - 1
    if number >= isa.SP:
        return None
    if op["size_bytes"] == 4:
        return number, (8, 16, 0, 0)[opcode >> 21 & 3] if opcode >> 24 & 1 else 0
    return number, {0x5600: 8, 0x5E00: 16}.get(opcode & 0xFE00, 0)


def likely(value: int, wait: Wait) -> Iterator[int]:
    """Yield values to try first: what helped before, then each bit changed, from the lowest."""
    for changed in wait.worked:
        yield value ^ changed
    for bit in range(wait.shift, wait.shift + wait.bits):
        yield value ^ 1 << bit


def unlikely(value: int, wait: Wait, constants: list[int]) -> Iterator[int]:
    """Yield values to try then: constants of the code, fields of some bits, all ones, all zeros."""
    mask, shift, bits = wait.mask, wait.shift, wait.bits
    for constant in constants:
        placed = constant << shift & mask
        yield value | placed
        yield value & ~mask | placed
        yield value & ~placed
    for width in range(2, min(WIDEST_FIELD_BITS, bits) + 1):
        for low in range(shift, shift + bits - width + 1):
            for pattern in range(1 | 1 << width - 1, 1 << width, 2):
                yield value ^ pattern << low
    yield value | mask
    yield value & ~mask


def immediate(op: np.void, read_code: Callable[[int, int], bytes]) -> int:
    """Return the constant of an instruction, 0 where it has none: MOV, CMP, modified immediates, literals."""
    opcode = int(op["opcode"])
    if op["size_bytes"] == 2:
        if opcode >> 12 == 2:
            return opcode & 0xFF  # MOVS, CMP (and ADDS, SUBS, which do no harm)
        if opcode >> 11 == 9:  # LDR from a literal pool
            place = (int(op["address"]) + 4 & ~3) + 4 * (opcode & 0xFF)
            try:
                return int.from_bytes(read_code(place, 4), "little")
            except McusimError:  # the pool is not in memory
                return 0
        return 0
    parts = opcode >> 26 & 1, opcode >> 12 & 7, opcode & 0xFF
    if opcode & 0xFA00_8000 == 0xF000_0000:
        return expand_immediate(*parts)
    if opcode & 0xFBF0_8000 == 0xF240_0000:  # MOVW
        return (opcode >> 16 & 15) << 12 | parts[0] << 11 | parts[1] << 8 | parts[2]
    return 0


def expand_immediate(i: int, imm3: int, imm8: int) -> int:
    """Return the value of a modified immediate constant (ThumbExpandImm, Armv7-M ARM A5.3.2)."""
    if i == 0 and imm3 < 4:
        return (imm8, imm8 << 16 | imm8, imm8 << 24 | imm8 << 8, imm8 * 0x0101_0101)[imm3]
    rotation, byte = i << 4 | imm3 << 1 | imm8 >> 7, imm8 | 0x80
    return (byte >> rotation | byte << 32 - rotation) & _WORD
