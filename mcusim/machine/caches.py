# SPDX-License-Identifier: Apache-2.0
"""A core's caches and its bus as they are set now: by what the firmware programs, and what the user fixed.

The firmware turns caches on and off in CCR, empties them by its maintenance registers, and says in the MPU what may be
cached (`mcusim.machine.cacheability`); the flash interface says its wait states. Both caches are off after reset, and
empty. What they hold is never data: all accesses go to memory, so what a real core would read from a stale line is not
seen. Maintenance takes no time beyond its stores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from mcusim.board import Board, Region
from mcusim.board_timing import Bus, Caches
from mcusim.engine import cache_hooks as native
from mcusim.engine.cache_tables import (
    DATA,
    FLASH,
    INSTRUCTIONS,
    LINE_BYTES,
    LINE_SHIFT,
    MOST_RANGES,
    NO_CACHE,
    UNCACHED,
    WORDS_FETCHED_AHEAD,
    WORDS_FETCHED_PER_CYCLE,
    CacheRecord,
)
from mcusim.engine.engine import Engine
from mcusim.engine.flash_tables import ALL_FETCH_STALLS
from mcusim.engine.pricing import Pricer
from mcusim.engine.tables import Tables
from mcusim.errors import McusimError
from mcusim.jit import address_of
from mcusim.machine.cacheability import Attributes, MpuRegion, cut
from mcusim.machine.clock import Clock
from mcusim.machine.settings import MAX_WAIT_STATES

CCR, CACR, MPU_CTRL = 0xD14, 0xF9C, 0xD94
CCR_DC, CCR_IC = 1 << 16, 1 << 17  # Armv7-M ARM B3.2.8
# Cache maintenance (Armv7-M ARM B2.2.7), by offset in the system control space: clean, invalidate.
ICIALLU, ICIMVAU = 0xF50, 0xF58
BY_ADDRESS = {0xF5C: (False, True), 0xF64: (True, False), 0xF68: (True, False), 0xF70: (True, True)}
BY_SET = {0xF60: (False, True), 0xF6C: (True, False), 0xF74: (True, True)}


class ControlBlock(Protocol):
    """What the system control block knows of caches."""

    ccr: int
    registers: dict[int, int]
    ccsidr: tuple[int, int]  # of the data cache, of the instruction cache
    on_cache: Callable[[int, int], None]  # (offset, value) of what is written

    def mpu(self) -> list[tuple[int, int]]:
        """Return RBAR and RASR of every region that is enabled."""
        ...


def geometry(caches: Caches) -> tuple[int, int]:
    """Return CCSIDR for the data and for the instruction cache (Armv7-M ARM B4.8.4); 0 where there is none."""

    def register(size_bytes: int, ways: int) -> int:
        sets = size_bytes // (LINE_BYTES * ways)
        return 0xF000_0000 | sets - 1 << 13 | ways - 1 << 3 | LINE_SHIFT - 4 if size_bytes else 0

    return (
        register(caches.dcache_bytes.value, caches.dcache_ways.value),
        register(caches.icache_bytes.value, caches.icache_ways.value),
    )


class CacheTiming:
    """Keeps the native record up to date, for a board with a `[cache]` table."""

    modelled = True

    def __init__(
        self,
        board: Board,
        engine: Engine,
        tables: Tables,
        pricer: Pricer,
        wait_states: int | None,
        fixed: dict[str, int],
    ) -> None:
        assert board.cache is not None
        self._board, self._caches = board, board.cache
        self._engine, self._tables, self._pricer = engine, tables, pricer
        self._fixed = dict(fixed)
        if wait_states is not None:
            if not 0 <= wait_states <= MAX_WAIT_STATES:
                raise McusimError(f"wait states: {wait_states} is not between 0 and {MAX_WAIT_STATES}")
            self._fixed["wait_states"] = wait_states
        self._check_fixed()
        self.icache_used = False  # whether it was ever on
        self.ideal = bool(fixed.get("ideal"))
        self.most_wait_states: int | None = None  # of the flash so far; None where nothing waits for it
        self.parts_on: dict[str, bool] | None = None  # the flash's: the core's caches have figures of their own
        self._set = {"wait_states": 0, "icache": 0}
        self._windows = [(start, end, bus) for region in board.region for start, end, bus in _on_bus(region)]
        self.control: ControlBlock | None = None
        self._clock: Clock | None = None
        self._hz: Callable[[str], int] = lambda _name: 0
        self._ratio = (1, 1)
        self._hooked = False
        self.record = CacheRecord(address_of(tables.machine), self._caches.store_entries.value)
        for number, size_bytes, ways in (
            (INSTRUCTIONS, self._caches.icache_bytes.value, self._caches.icache_ways.value),
            (DATA, self._caches.dcache_bytes.value, self._caches.dcache_ways.value),
            (FLASH, self._caches.flash_lines.value * LINE_BYTES, self._caches.flash_lines.value),
        ):
            if size_bytes:
                self.record.shape(number, size_bytes, ways)
        if not self.ideal and self._windows:
            pricer.line_at = self.line_at
            pricer.buffer_words, pricer.words_per_cycle = WORDS_FETCHED_AHEAD, WORDS_FETCHED_PER_CYCLE

    def _check_fixed(self) -> None:
        sizes = {"core_icache": self._caches.icache_bytes, "core_dcache": self._caches.dcache_bytes,
                 "icache": self._caches.flash_lines}  # fmt: skip
        for part, size in sizes.items():
            if self._fixed.get(part) and not size.value:
                raise McusimError(f"board {self._board.name}: it has no such cache: it cannot be on")
        if not self._caches.flash_lines.value and {"icache", "dcache"} & self._fixed.keys():
            raise McusimError(
                f"board {self._board.name}: its flash has no cache of its own (flash.cache): nothing to set; "
                "the core's are cache, icache, dcache"
            )
        for part in ("dcache", "prefetch"):
            if self._fixed.get(part):
                raise McusimError(f"board {self._board.name}: its flash has no {part} that is modelled")

    def follow(self, control: ControlBlock, clock: Clock, hz: Callable[[str], int]) -> None:
        """From now on be told what the firmware writes; `hz` gives a clock's frequency by its name."""
        self.control, self._clock, self._hz = control, clock, hz
        control.ccsidr = geometry(self._caches)
        control.on_cache = self.write
        self.switch()
        self._refresh()

    def line_at(self, address: int) -> int:
        """Return the line of instructions that an address is in, -1 where nothing is waited for."""
        inside = any(start <= address < end for start, end, _ in self._windows)
        return address >> LINE_SHIFT if inside else -1

    # what changes

    def set(self, changes: dict[str, int]) -> None:
        """Take what the flash interface says: wait_states; icache, its own cache; empty_icache."""
        self._set.update(changes)
        if changes.get("empty_icache"):
            self.record.invalidate(FLASH)
        self._refresh()

    def write(self, offset: int, value: int) -> None:
        """Take a write to a register of the system control block that caches depend on."""
        if offset == ICIALLU:
            self.record.invalidate(INSTRUCTIONS)
        elif offset == ICIMVAU:
            slots = self.record.slots_of(INSTRUCTIONS, value >> LINE_SHIFT)
            self.record.maintain(INSTRUCTIONS, slots, clean=False, invalidate=True)
        elif offset in BY_ADDRESS:
            clean, invalidate = BY_ADDRESS[offset]
            self.record.maintain(
                DATA, self.record.slots_of(DATA, value >> LINE_SHIFT), clean=clean, invalidate=invalidate
            )
        elif offset in BY_SET:
            clean, invalidate = BY_SET[offset]
            ways = max(self._caches.dcache_ways.value, 2)
            way = value >> 32 - (ways - 1).bit_length()
            set_number = (value & (1 << 32 - (ways - 1).bit_length()) - 1) >> LINE_SHIFT
            self.record.maintain(DATA, self.record.slot_at(DATA, set_number, way), clean=clean, invalidate=invalidate)
        elif offset in (CCR, CACR) or MPU_CTRL <= offset < 0xDC0:
            self._refresh()

    def _refresh(self) -> None:
        """Bring the native record up to date."""
        if self.control is None:
            return
        firmware = {"core_icache": self.control.ccr & CCR_IC, "core_dcache": self.control.ccr & CCR_DC}
        wanted = {**firmware, **self._set, **self._fixed}
        for number, name, size in (
            (INSTRUCTIONS, "core_icache", self._caches.icache_bytes),
            (DATA, "core_dcache", self._caches.dcache_bytes),
            (FLASH, "icache", self._caches.flash_lines),
        ):
            self.record.set_on(number, bool(wanted[name] and size.value))
        self.icache_used |= bool(wanted["core_icache"] and self._caches.icache_bytes.value)
        if self._windows and not self.ideal:
            self.most_wait_states = max(self.most_wait_states or 0, wanted["wait_states"])
        rows = list(self._rows(wanted["wait_states"]))
        if len(rows) > MOST_RANGES:
            raise McusimError(f"the MPU cuts memory into {len(rows)} pieces, at most {MOST_RANGES} can be told apart")
        self.record.set_ranges(rows)

    def _rows(self, wait_states: int) -> Iterator[tuple[int, ...]]:
        assert self.control is not None
        core_hz, bus_hz = self._ratio
        regions = [MpuRegion(*pair) for pair in self.control.mpu()]
        mpu, cacr = self.control.registers.get(MPU_CTRL, 0), self.control.registers.get(CACR, 0)
        pieces = cut([(start, end) for start, end, _ in self._windows], mpu, regions, cacr)
        for start, end, attributes in pieces:
            bus = next(bus for first, last, bus in self._windows if first <= start < last)

            def scaled(cycles: int) -> int:
                return -(-cycles * core_hz // bus_hz)

            waits = wait_states if bus.wait_states.value else 0
            yield (
                start, end, attributes.policy, int(attributes.write_allocate), *_caches_of(bus, attributes),
                scaled(bus.first_cycles.value + waits) + bus.core_cycles.value, scaled(bus.beat_cycles.value),
                bus.read_bytes.value // 8, scaled(waits + 1) if bus.wait_states.value else 0,
                scaled(bus.write_cycles.value),
            )  # fmt: skip

    def switch(self) -> None:
        """Follow the clocks, and put the hooks in place at first: between two blocks, while the engine stands still."""
        if self.ideal or not self._windows or self._clock is None:
            return
        core_hz = self._clock.programmed_hz
        ratio = (core_hz, self._hz(self._caches.clock) if self._caches.clock else core_hz)
        if ratio != self._ratio:
            self._ratio = ratio
            self._refresh()
        if self._hooked:
            return
        self._hooked = True
        m = self._tables.m
        m["caches"] = address_of(self.record.record)
        m["lines_done"], m["fetch_lead_cycles"], m["fetch_unfilled"] = 0, 1, ALL_FETCH_STALLS
        self._engine.time_caches(self._spans(), address_of(self.record.record))

    def _spans(self) -> list[tuple[int, int]]:
        """Return few ranges that hold all the memory on the bus, and none that is not, nor devices."""
        others = [(start, end) for region in self._board.region if region.bus is None and region.kind != "rom"
                  for start, end in region.ranges]  # fmt: skip
        others += [(start, end) for device in self._board.device for start, end in device.ranges]
        spans: list[tuple[int, int]] = []
        for start, end in sorted((start, end) for start, end, _ in self._windows):
            if spans and not any(spans[-1][1] <= other < start for other, _ in others):
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
        return spans

    def forget(self) -> None:
        """Empty the caches and buffers, as they are at the beginning."""
        self.record.forget()

    def charge_up_to(self, index: int) -> None:
        """Charge what fetching the running block has waited up to its instruction `index`, which runs now."""
        if self._hooked:
            self._pricer.charge_running(native.charge_up_to, index)


def _on_bus(region: Region) -> Iterator[tuple[int, int, Bus]]:
    """Yield every (start, end) of a region that is on the bus, and how."""
    if region.bus is None:
        return
    for start, end in region.ranges:
        other = region.alias_bus if start != region.start and region.alias_bus is not None else region.bus
        yield start, end, other


def _caches_of(bus: Bus, attributes: Attributes) -> tuple[int, int]:
    """Return which cache holds instructions, and which holds data of memory with such a bus."""
    if bus.tightly_coupled.value:
        return FLASH, FLASH
    return (NO_CACHE, NO_CACHE) if attributes.policy == UNCACHED else (INSTRUCTIONS, DATA)
