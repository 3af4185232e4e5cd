# SPDX-License-Identifier: Apache-2.0
"""The flash as it is set now: wait states, prefetch and caches, by what the firmware programs and what the user fixed.

While nothing waits, native code knows nothing of it. When wait states come on, the hooks that charge them are put in
place of the plain one; hooks may change only while the engine stands still, so that is done between two blocks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mcusim.board import Board
from mcusim.board_timing import Timing
from mcusim.engine import flash as native
from mcusim.engine.engine import Engine
from mcusim.engine.flash_tables import ALL_FETCH_STALLS, WINDOW, FlashRecord
from mcusim.engine.pricing import Pricer
from mcusim.engine.tables import Tables
from mcusim.errors import McusimError, unknown_name
from mcusim.jit import address_of
from mcusim.machine.caches import CacheTiming, ControlBlock
from mcusim.machine.clock import Clock
from mcusim.machine.settings import MAX_WAIT_STATES

PARTS = {"flash.cache": ("icache", "dcache"), "flash.icache": ("icache",), "flash.dcache": ("dcache",),
         "flash.prefetch": ("prefetch",), "cache": ("core_icache", "core_dcache"), "icache": ("core_icache",),
         "dcache": ("core_dcache",)}  # fmt: skip
_STATES = {"off": 0, "on": 1}
IDEAL = "cache=ideal"  # the core's caches are taken to hit always
INSTRUCTIONS, DATA = 0, 1  # the caches


def parse_memory(items: tuple[str, ...]) -> dict[str, int]:
    """Return what items such as 'flash.cache=off' fix: icache, dcache, prefetch -> 0 or 1. Raises McusimError.

    `core_icache` and `core_dcache` are the core's own; `ideal` is 1 where nothing waits for them or for memory.
    """
    fixed: dict[str, int] = {}
    for item in items:
        name, separator, state = item.partition("=")
        if item == IDEAL:
            fixed["ideal"] = 1
            continue
        if name not in PARTS:
            raise unknown_name("memory setting", name, PARTS)
        if not separator or state not in _STATES:
            also = f", or {IDEAL}" if name == "cache" else ""
            raise McusimError(f"memory setting {item}: must be {name}=on or {name}=off{also}")
        for part in PARTS[name]:
            fixed[part] = _STATES[state]
    return fixed


class FlashTiming:
    """Keeps the native record up to date. Boards without timing of their flash have one that does nothing."""

    def __init__(
        self,
        board: Board,
        engine: Engine,
        tables: Tables,
        pricer: Pricer,
        wait_states: int | None,
        fixed: dict[str, int],
    ) -> None:
        self._engine, self._tables, self._pricer = engine, tables, pricer
        self._fixed = dict(fixed)
        if wait_states is not None:
            if not 0 <= wait_states <= MAX_WAIT_STATES:
                raise McusimError(f"wait states: {wait_states} is not between 0 and {MAX_WAIT_STATES}")
            self._fixed["wait_states"] = wait_states
        region = board.timed_flash
        self.timing = region.timing if region is not None else None
        self._set: dict[str, int] = {}
        self._on = False
        self.icache_used = False  # the core has none
        self.most_wait_states: int | None = None  # so far; None where they are not modelled
        self.parts_on: dict[str, bool] | None = None  # as they were when it last had wait states; None: it had none
        self._switch_wanted = False
        self._windows: list[tuple[int, int, int]] = []
        if any(part in self._fixed for part in ("core_icache", "core_dcache", "ideal")):
            raise McusimError(f"board {board.name}: caches of its core are not modelled: nothing to set")
        if region is None or self.timing is None:
            if self._fixed:
                raise McusimError(f"board {board.name}: the timing of its flash is not modelled: nothing to set")
            return
        self._ranges = region.ranges
        self._shift = self.timing.line_bytes.value.bit_length() - 1
        self.record = FlashRecord()
        self._shape(self.timing, region.size_bytes >> self._shift)
        self._records = np.zeros(len(self._ranges), WINDOW)
        self._records["machine"] = address_of(tables.machine)
        for index, (start, end) in enumerate(self._ranges):
            self._records[index]["start"] = start
            self._windows.append((start, end, address_of(self._records[index:])))
        pricer.line_at = self.line_at
        caches = {"icache": self.timing.icache_lines.value, "dcache": self._data_cache_lines()}
        asked = caches.keys() & self._fixed.keys()
        if asked and not any(caches[part] for part in asked):
            raise McusimError(f"board {board.name}: its flash has no {' nor '.join(sorted(asked))}: nothing to set")
        for part, lines in caches.items():
            if self._fixed.get(part) and not lines:
                raise McusimError(f"board {board.name}: its flash has no {part}: it cannot be on")
        if self._fixed.get("prefetch") and not self.timing.prefetch.value:
            raise McusimError(f"board {board.name}: its flash has no prefetch: it cannot be on")
        self.set({"wait_states": self.timing.wait_states.value, "icache": self.timing.icache_on.value})

    def _parts_on(self) -> dict[str, bool]:
        """Return which of its icache, dcache and prefetch are on now; those that it lacks are off."""
        caches, data = self.record.row["caches"], int(self.record.row["data_cache"])
        on = {"icache": bool(caches[INSTRUCTIONS]["on"]), "dcache": bool(caches[data]["on"])}
        return on | {"prefetch": bool(self.record.row["prefetch"])}

    def _data_cache_lines(self) -> int:
        assert self.timing is not None
        return self.timing.icache_lines.value if self.timing.unified.value else self.timing.dcache_lines.value

    def _shape(self, timing: Timing, flash_lines: int) -> None:
        row = self.record.row
        row["line_shift"], row["data_buffer"] = self._shift, timing.data_buffer.value
        row["data_cache"] = INSTRUCTIONS if timing.unified.value else DATA
        for number, name in enumerate(("icache", "dcache")):
            lines, ways, sectors = (getattr(timing, f"{name}_{key}").value for key in ("lines", "ways", "sectors"))
            if lines:
                self.record.shape_cache(number, lines, ways, sectors, flash_lines)

    @property
    def modelled(self) -> bool:
        """Does the board time its flash?"""
        return self.timing is not None

    def follow(self, control: ControlBlock, clock: Clock, hz: Callable[[str], int]) -> None:
        """Flash alone does not depend on the core's registers, nor on the clocks of buses."""

    def line_at(self, address: int) -> int:
        """Return the line of flash that holds an address, -1 where that is no flash."""
        for start, end in self._ranges:
            if start <= address < end:
                return address - start >> self._shift
        return -1

    def set(self, changes: dict[str, int]) -> None:
        """Take what a device says of the flash: wait_states, prefetch, icache, dcache; empty_icache, empty_dcache.

        What the user has fixed stays as it is.
        """
        if self.timing is None:
            return
        self._set.update(changes)
        row, wanted = self.record.row, {**self._set, **self._fixed}
        row["wait_states"] = wanted["wait_states"]
        row["prefetch"] = int(wanted.get("prefetch", 0) and self.timing.prefetch.value)
        lines = (self.timing.icache_lines.value, self.timing.dcache_lines.value)
        for number, name in enumerate(("icache", "dcache")):
            if changes.get(f"empty_{name}"):
                self.record.empty_cache(number)
            row["caches"][number]["on"] = int(bool(wanted.get(name, 0) and lines[number]))
        self._switch_wanted = self._on != (wanted["wait_states"] > 0)
        self.most_wait_states = max(self.most_wait_states or 0, wanted["wait_states"])
        if wanted["wait_states"]:
            self.parts_on = self._parts_on()
        row["epoch"] += 1
        self._tables.m["due_cycles"] = 0

    def switch(self) -> None:
        """Turn the charging of waits on or off if need be: between two blocks, while the engine stands still."""
        if not self._switch_wanted:
            return
        self._on, self._switch_wanted = not self._on, False
        self.record.forget()
        self._tables.m["flash"] = address_of(self.record.record) if self._on else 0
        m = self._tables.m
        m["lines_done"], m["fetch_lead_cycles"], m["fetch_unfilled"] = 0, 1, ALL_FETCH_STALLS
        m["fetch_refill_words"] = self._pricer.buffer_words - 1
        self._engine.time_waits(self._windows if self._on else [])

    def forget(self) -> None:
        """Empty buffers and caches, as they are when the flash has just been turned on."""
        if self.timing is not None:
            self.record.forget()

    def charge_up_to(self, index: int) -> None:
        """Charge what fetching the running block has waited up to its instruction `index`, which runs now."""
        if self._on:
            self._pricer.charge_running(native.charge_up_to, index)


def make_waits(
    board: Board,
    engine: Engine,
    tables: Tables,
    pricer: Pricer,
    wait_states: int | None,
    memory: tuple[str, ...],
) -> FlashTiming | CacheTiming:
    """Return what makes the core wait for memory on this board: its core's caches and bus, or its flash alone."""
    kind = FlashTiming if board.cache is None else CacheTiming
    return kind(board, engine, tables, pricer, wait_states, parse_memory(memory))
