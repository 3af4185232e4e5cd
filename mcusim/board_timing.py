# SPDX-License-Identifier: Apache-2.0
"""What a board's memory makes the core wait, as data: flash behind wait states, caches, what lies on the core's bus.

Each number carries its source; one that no document gives says "estimate" there.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

CACHE_LINE_BYTES = 32  # Arm DDI 0489F 5.9: both caches of a Cortex-M7
MOST_STORES = 16


class Sourced(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A number with its source."""

    value: int
    source: str


NONE = Sourced(value=0, source="")


class Timing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a flash answers when it is slower than the core; see `mcusim/engine/flash.py` for what the numbers do.

    A cache of n lines, of which each holds `sectors` reads of the flash that are filled one by one; ways 0: fully
    associative.
    """

    line_bytes: Sourced  # what one read of the flash delivers
    wait_states: Sourced = NONE  # before the firmware programs others, or where it cannot
    prefetch: Sourced = NONE  # 1: there is one
    data_buffer: Sourced = NONE  # 1: the line that a data read has read last is kept
    icache_on: Sourced = NONE  # 1: before the firmware programs it, or where it cannot
    icache_lines: Sourced = NONE
    icache_ways: Sourced = NONE
    icache_sectors: Sourced = Sourced(value=1, source="")
    dcache_lines: Sourced = NONE
    dcache_ways: Sourced = NONE
    dcache_sectors: Sourced = Sourced(value=1, source="")
    unified: Sourced = NONE  # 1: data goes through the instruction cache

    @property
    def numbers(self) -> dict[str, Sourced]:
        """Every number that is given, by its key."""
        return {key: getattr(self, key) for key in self.__struct_fields__ if getattr(self, key).source}


class Bus(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an access takes that no cache answers, beyond one that does; see `mcusim/engine/caches.py`.

    Cycles are those of the bus's clock (`Caches.clock`), but for `core_cycles`. Flash adds the wait states that the
    firmware programs.
    """

    first_cycles: Sourced  # of a read, until the first 64 bits are there
    beat_cycles: Sourced  # each further 64 bits
    write_cycles: Sourced  # of a write of up to 64 bits
    core_cycles: Sourced = NONE  # cycles of the core's clock that a read takes on top
    read_bytes: Sourced = Sourced(value=CACHE_LINE_BYTES, source="")  # what the memory reads at once
    wait_states: Sourced = NONE  # 1: each of its reads takes the flash's wait states, and one cycle
    tightly_coupled: Sourced = NONE  # 1: behind the core's port for such memory, past its caches

    @property
    def numbers(self) -> dict[str, Sourced]:
        """Every number that is given, by its key."""
        return {key: getattr(self, key) for key in self.__struct_fields__ if getattr(self, key).source}


class Caches(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The caches of a Cortex-M7 as the part was made, with lines of 32 bytes; 0 bytes: there is none.

    `flash_lines` are those of a cache that flash has at its `tightly_coupled` bus (STM32F7, ART), of 32 bytes as well.
    """

    icache_bytes: Sourced
    icache_ways: Sourced
    dcache_bytes: Sourced
    dcache_ways: Sourced
    store_entries: Sourced  # of the store buffer, each of 64 bits
    clock: str = ""  # which clock the bus runs at, as devices' options name it; left out, the core's
    flash_lines: Sourced = NONE

    @property
    def numbers(self) -> dict[str, Sourced]:
        """Every number that is given, by its key."""
        return {
            key: number
            for key in self.__struct_fields__
            if isinstance(number := getattr(self, key), Sourced) and number.source
        }


def timing_problems(where: str, writable: bool, timing: Timing) -> Iterator[str]:
    """Yield what is wrong with the timing of flash."""
    if writable:
        yield f"{where}: only flash has it"
    for key, number in timing.numbers.items():
        if not 0 <= number.value <= 1 << 16:
            yield f"{where}: {key}: {number.value} is not between 0 and 65536"
    if timing.line_bytes.value not in (4, 8, 16, 32):
        yield f"{where}: line_bytes: {timing.line_bytes.value} is not 4, 8, 16 or 32"
    for name in ("icache", "dcache"):
        lines, ways, sectors = (getattr(timing, f"{name}_{key}").value for key in ("lines", "ways", "sectors"))
        sets = lines // (ways or lines or 1)
        if lines and (sets & sets - 1 or sets * (ways or lines) != lines):
            yield f"{where}: {name}_lines: {lines} is not a power of two times {name}_ways"
        if sectors not in (1, 2, 4, 8, 16, 32):
            yield f"{where}: {name}_sectors: {sectors} is not a power of two up to 32"


def bus_problems(where: str, bus: Bus) -> Iterator[str]:
    """Yield what is wrong with what a region has on the bus."""
    for key, number in bus.numbers.items():
        if not 0 <= number.value <= 1000:
            yield f"{where}: {key}: {number.value} is not between 0 and 1000"
    if bus.read_bytes.value not in (8, 16, 32):
        yield f"{where}: read_bytes: {bus.read_bytes.value} is not 8, 16 or 32"


def cache_problems(caches: Caches) -> Iterator[str]:
    """Yield what is wrong with a board's caches."""
    for name in ("icache", "dcache"):
        size, ways = getattr(caches, f"{name}_bytes").value, getattr(caches, f"{name}_ways").value
        sets = size // (CACHE_LINE_BYTES * ways) if ways > 0 else 0
        if size and (sets <= 0 or sets & sets - 1 or sets * ways * CACHE_LINE_BYTES != size):
            yield f"cache.{name}_bytes: {size} is not a power of two times {ways} ways of {CACHE_LINE_BYTES} bytes"
    if not 1 <= caches.store_entries.value <= MOST_STORES:
        yield f"cache.store_entries: {caches.store_entries.value} is not between 1 and {MOST_STORES}"
    if not 0 <= caches.flash_lines.value <= 4096:
        yield f"cache.flash_lines: {caches.flash_lines.value} is not between 0 and 4096"
