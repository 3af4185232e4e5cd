# SPDX-License-Identifier: Apache-2.0
"""Registers that nobody models: they remember writes, every use is noted, and loops that wait for them are let through.

An overlay's registers live here as well, with the answers that it fixes. All of them are one device to the bus, whose
offsets are addresses. The rule for loops is in docs/guessed-registers.md, and its looking ahead in
`mcusim.machine.waits`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mcusim.devices.base import NEVER
from mcusim.engine.engine import Engine
from mcusim.engine.pricing import Pricer
from mcusim.engine.tables import Tables
from mcusim.errors import McusimError
from mcusim.machine.accesses import NOT_SEEN, YES, decides, find_accesses
from mcusim.machine.functions import Functions
from mcusim.machine.waits import Wait, Waits
from mcusim.overlay import OverlayRegister
from mcusim.svd import Svd
from mcusim.trace import GuessedAccess

WINDOW_CYCLES = 1000  # reads further apart than this are not a loop that waits
READS_OF_A_WAIT = 16  # so many reads in a row are looked at
READS_OF_A_PATIENT_WAIT = 256  # so many where the loop looks at other guessed registers too
_WORD = 0xFFFF_FFFF


@dataclass
class Register:
    """A register and what is known of its use. `fixed` is the overlay's entry, where there is one."""

    address: int
    name: str
    value: int
    fixed: OverlayRegister | None = None
    declared: bool = False  # the board says that it only remembers
    reads: int = 0
    writes: int = 0
    answered: int | None = None
    readers: dict[int, str] = field(default_factory=dict)  # address of the instruction -> does it decide control flow?
    writers: set[int] = field(default_factory=set)
    first_use: int | None = None  # address of the first instruction that read it, or else wrote it
    waits_ended: int = 0
    waiter: int = 0  # address of the instruction that waited first
    flipped: int = 0
    stuck: bool = False  # something waits for it, and nothing that was tried ends that


@dataclass
class _Reader:
    """A load that reads a register, and how often in a row."""

    register: Register
    address: int  # of the instruction; of the block where that is not known
    wait: Wait | None  # None: it cannot be tried out
    mask: int
    reads_in_row: int = 0
    last_cycles: int = -1 - WINDOW_CYCLES
    value: int = 0
    next_look: int = READS_OF_A_WAIT  # when the row has so many reads
    writes_before: int = 0  # of any device, at the last read
    others_before: int = 0  # rows of other reads, at the first read of the row
    stuck: bool = False
    original: int = 0  # value before bits were changed one after another
    flipped: int = 0  # of the register, before
    attempts: int = 0


class Guesses:
    """The device behind every address that no model answers. `strict` makes each use of it an error."""

    exact_offsets: frozenset[int] = frozenset()

    def __init__(
        self, tables: Tables, pricer: Pricer, engine: Engine, functions: Functions, image_name: str, strict: bool
    ) -> None:
        self._tables, self._pricer, self._engine, self._functions = tables, pricer, engine, functions
        self._image_name, self._strict = image_name, strict
        self._entry: Any = tables.machine["current_entry"]  # views: a row of records is slow
        self._clock: Any = tables.machine["clock_cycles"]
        self._registers: dict[int, Register] = {}
        self._readers: dict[tuple[int, int], _Reader] = {}  # by (entry that runs, address)
        self._reader_at: dict[tuple[int, int, int], _Reader] = {}  # by (instruction, address, size)
        self._writers: dict[tuple[int, int], Register] = {}
        self._declared: list[tuple[int, int, str]] = []
        self._other_reads = 0  # rows of reads begun
        self._last_reader: _Reader | None = None
        self.device_writes = 0  # of any device: the bus counts them
        self.svd: Svd | None = None
        self.waits: Waits | None = None

    # what is known beforehand

    def declare(self, name: str, start: int, end: int) -> None:
        """Let a range have a name: a device of the board that only remembers."""
        self._declared.append((start, end, name))

    def fix(self, address: int, overlay: OverlayRegister) -> None:
        """Let an overlay answer for a register."""
        register = self._make(address)
        register.fixed, register.value = overlay, overlay.first_value
        register.name = overlay.name or register.name

    # the device

    def read(self, offset: int, size_bytes: int) -> int:
        """Answer a read; `offset` is the address."""
        reader = self._readers.get((self._entry.item(), offset))
        if reader is None:
            reader = self._meet_reader(offset, offset, size_bytes, None)
        return self._answer(reader) >> 8 * (offset & 3) & (1 << 8 * size_bytes) - 1

    def read_bit(self, alias: int, address: int, bit: int) -> int:
        """Answer a read of one bit through its bit-band alias; `address` is the word's."""
        reader = self._readers.get((self._entry.item(), alias))
        if reader is None:
            reader = self._meet_reader(alias, address, 4, bit)
        return self._answer(reader) >> bit & 1

    def write(self, offset: int, size_bytes: int, value: int) -> None:
        """Remember a write; a narrow one keeps the other bytes of the word."""
        register = self._writers.get((self._entry.item(), offset))
        if register is None:
            register = self._meet_writer(offset)
        register.writes += 1
        shift, mask = 8 * (offset & 3), (1 << 8 * size_bytes) - 1
        self._store(register, register.value & ~(mask << shift) | (value & mask) << shift)

    def write_bit(self, alias: int, address: int, bit: int, value: int) -> None:
        """Remember one bit, written through its alias."""
        register = self._writers.get((self._entry.item(), alias))
        if register is None:
            register = self._meet_writer(address, alias)
        register.writes += 1
        self._store(register, register.value & ~(1 << bit) | (value & 1) << bit)

    def _store(self, register: Register, value: int) -> None:
        register.value = value if register.fixed is None else register.fixed.after_write(value)

    def peek(self, address: int, size_bytes: int) -> int:
        """Return what a read would give, and note nothing."""
        register = self._registers.get(address & ~3)
        value = self._reset_value(address & ~3) if register is None else register.value
        return value >> 8 * (address & 3) & (1 << 8 * size_bytes) - 1

    def unchanged_until_cycles(self, offset: int) -> int:
        """Not known."""
        return 0

    def request_cycles(self, offset: int, writes: bool) -> int:
        """At any time."""
        return 0

    def next_event_cycles(self) -> int:
        """Nothing happens by itself."""
        return NEVER

    def wake(self) -> None:
        """Nothing to do."""

    # a read, again and again

    def _answer(self, reader: _Reader) -> int:
        """Return the whole word that a read gives, having looked whether it is one of a loop that waits."""
        register = reader.register
        register.reads += 1
        if register.fixed is not None:
            register.answered = value = register.fixed.answer(register.reads - 1, register.value)
            return value
        now = self._clock.item()
        if (
            now - reader.last_cycles > WINDOW_CYCLES
            or register.value != reader.value
            or self.device_writes != reader.writes_before
        ):
            self._begin_row(reader)
        if self._last_reader is not reader:
            self._last_reader = reader
            self._other_reads += 1
        reader.last_cycles = now
        reader.reads_in_row += 1
        if reader.reads_in_row >= reader.next_look:
            self._look(reader)
        register.answered = register.value
        return register.value

    def _begin_row(self, reader: _Reader) -> None:
        reader.reads_in_row, reader.next_look, reader.attempts = 0, READS_OF_A_WAIT, 0
        reader.value, reader.writes_before = reader.register.value, self.device_writes
        reader.others_before = self._other_reads
        if reader.stuck:
            reader.stuck = reader.register.stuck = False

    def _look(self, reader: _Reader) -> None:
        """Change the register if the reader waits for that."""
        register, reads = reader.register, reader.reads_in_row
        if not reader.address or self.waits is None:
            return  # a device reads it, as a bus master
        if reader.wait is None:
            self._try_the_next(reader)
            return
        verdict = self.waits.judge(reader.wait, register.value, patient=reads >= READS_OF_A_PATIENT_WAIT)
        reader.next_look = reads * (16 if verdict.searched else 2)
        reader.stuck = register.stuck = verdict.stuck
        if verdict.values:
            register.readers[reader.address] = YES
            self._refuse_wait(reader)
            register.waits_ended += 1
            register.waiter = register.waiter or reader.address
        for address, value in verdict.values.items():
            changed = self._registers[address]
            changed.flipped |= value ^ changed.value
            changed.value = value

    def _try_the_next(self, reader: _Reader) -> None:
        """Change one bit after the other, then all: for a load that cannot be tried out. Any other access ends it."""
        register, mask = reader.register, reader.mask
        if reader.attempts == 0:
            if self._other_reads - reader.others_before > 1:
                self._begin_row(reader)
                return
            self._refuse_wait(reader)
            reader.original, reader.flipped = register.value, register.flipped
            register.waits_ended += 1
            register.waiter = register.waiter or reader.address
        original = reader.original
        values = [original ^ 1 << bit for bit in range(32) if mask >> bit & 1] + [original | mask, original & ~mask]
        if reader.attempts < len(values):
            register.value = reader.value = values[reader.attempts]
        elif reader.attempts == len(values):
            register.value = reader.value = original
            register.waits_ended -= 1
            reader.stuck = register.stuck = True
        register.flipped = reader.flipped | register.value ^ original
        reader.attempts += 1

    # places

    def _place(self, address: int, writes: bool) -> tuple[int, int, int | None]:
        """Return block, address of the instruction that makes the access, its index where only one may."""
        entry = self._entry.item()
        if entry < 0:
            return -1, 0, None
        block = int(self._tables.arrays["entries"][entry]["block"])
        ops = self._pricer.decoded[block].ops
        found = find_accesses(ops, address, writes, lambda number: self._engine.read_register(_NAMES[number]))
        first = int(ops[found[0]]["address"]) if found else int(self._tables.arrays["blocks"][block]["start"])
        return block, first, found[0] if len(found) == 1 else None

    def _meet_reader(self, seen_at: int, address: int, size_bytes: int, bit: int | None) -> _Reader:
        register = self._find(address, writes=False, seen_at=seen_at)
        block, place, index = self._place(seen_at, writes=False)
        key = (place, seen_at, size_bytes)
        if key not in self._reader_at:
            wait = None
            shift, bits = (8 * (address & 3), 8 * size_bytes) if bit is None else (bit, 1)
            decision = NOT_SEEN
            if index is not None:
                ops = self._pricer.decoded[block].ops
                wait, decision = Wait(ops[index], address & ~3, seen_at, shift, bits), decides(ops, index)
                wait = wait if wait.can_be_tried else None
            self._reader_at[key] = _Reader(register, place, wait, (1 << bits) - 1 << shift)
            register.readers.setdefault(place, decision)
            if register.reads == 0:
                register.first_use = place
        self._readers[self._entry.item(), seen_at] = self._reader_at[key]
        return self._reader_at[key]

    def _meet_writer(self, address: int, alias: int | None = None) -> Register:
        seen_at = address if alias is None else alias
        register = self._find(address, writes=True, seen_at=seen_at)
        _, place, _ = self._place(seen_at, writes=True)
        register.writers.add(place)
        if register.first_use is None:
            register.first_use = place
        self._writers[self._entry.item(), seen_at] = register
        return register

    def _find(self, address: int, *, writes: bool, seen_at: int) -> Register:
        register = self._registers.get(address & ~3)
        if register is None:
            register = self._make(address & ~3)
            if self._strict and not register.declared:
                verb = "write to" if writes else "read of"
                _, place, _ = self._place(seen_at, writes)
                raise self._error(f"{verb} {_described(register)}, which nobody models", place)
        return register

    def _make(self, address: int) -> Register:
        name = self.svd.name_at(address) if self.svd is not None else ""
        declared = False
        for start, end, device in self._declared:
            if start <= address < end:
                name, declared = name or f"{device}+0x{address - start:x}", True
        register = Register(address, name, self._reset_value(address), declared=declared)
        self._registers[address] = register
        return register

    def _reset_value(self, address: int) -> int:
        return self.svd.reset_value(address) if self.svd is not None else 0

    def _refuse_wait(self, reader: _Reader) -> None:
        if self._strict:
            raise self._error(f"a loop waits for {_described(reader.register)}, which nobody models", reader.address)

    def _error(self, what: str, place: int) -> McusimError:
        name = self._functions.describe(place) if place else "a device"
        where = name if name.startswith("0x") or not place else f"{name} (0x{place:08x})"
        return McusimError(
            f"{self._image_name}: {what}, from {where}, after {self._clock.item()} cycles: fix its answer with "
            "--device-overlay, add the device to the board, or leave out --strict-mmio"
        )

    # for the report

    def listed(self) -> list[GuessedAccess]:
        """Return every register that was used, by address."""
        return [self._listed(self._registers[address]) for address in sorted(self._registers) if self._used(address)]

    def unknown(self) -> dict[int, Register]:
        """Return the registers in use that nobody but the firmware knows of, by address."""
        return {
            address: register
            for address, register in self._registers.items()
            if self._used(address) and register.fixed is None and not register.declared
        }

    def _used(self, address: int) -> bool:
        return bool(self._registers[address].reads or self._registers[address].writes)

    def _listed(self, register: Register) -> GuessedAccess:
        decisions = set(register.readers.values())
        place = register.first_use or 0
        return GuessedAccess(
            address=register.address, name=register.name, reads=register.reads, writes=register.writes,
            place=place, function=self._functions.describe(place) if place else "",
            places=len(register.readers.keys() | register.writers), answered=register.answered,
            decides=next((word for word in (YES, NOT_SEEN, "no") if word in decisions), ""),
            waits_ended=register.waits_ended,
            waiter=self._functions.describe(register.waiter) if register.waiter else "",
            flipped=register.flipped, stuck=register.stuck,
            answer="guessed" if register.fixed is None else register.fixed.kind,
        )  # fmt: skip


_NAMES = (*(f"r{number}" for number in range(13)), "sp", "lr", "pc")


def _described(register: Register) -> str:
    return f"register 0x{register.address:08x}" + (f" ({register.name})" if register.name else "")
