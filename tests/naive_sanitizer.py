# SPDX-License-Identifier: Apache-2.0
"""The plain twin of the sanitizer's native hooks: each byte an object, each access a loop over bytes."""

from __future__ import annotations

from dataclasses import dataclass, field

from mcusim.engine import access_tables as tables

PUSHED_BYTES = 128


@dataclass
class Byte:
    """What is known of a byte. `author` is (activation, pc)."""

    zone: int = tables.OTHER_ZONE
    state: str = "never"  # never, written, freed
    read: bool = False
    author: tuple[int, int] | None = None
    value: int = 0


@dataclass
class NaiveSanitizer:
    """Memory by address, and what was noted: events by (kind, pc, node), lost bytes by (writer, overwriter)."""

    sp: int
    bytes: dict[int, Byte] = field(default_factory=dict)
    habits: dict[int, tuple[int, int]] = field(default_factory=dict)  # pc -> activation, address
    events: dict[tuple[int, int, int], list[int]] = field(default_factory=dict)  # -> address, size, activation, count
    lost: dict[tuple[int, int], list[tuple[int, int]]] = field(default_factory=dict)  # -> address, value
    pc: int = 0
    node: int = 0
    activation: int = -1
    allocating: bool = False

    def at(self, address: int) -> Byte:
        """Return a byte."""
        return self.bytes.setdefault(address, Byte())

    def note(self, kind: int, address: int, size: int, node: int | None = None) -> None:
        """Count an event."""
        key = (kind, self.pc, self.node if node is None else node)
        row = self.events.setdefault(key, [address, size, self.activation, 0])
        row[3] += 1

    def access(self, writes: bool, address: int, size: int, value: int = 0) -> None:
        """Read or write as the core does."""
        places = range(address, address + size)
        if address % min(size, 4):
            self.note(tables.MISALIGNED, address, size, -1)
        if not self.allocating:
            self._look(writes, address, size)
        if writes:
            for place in places:
                self._lose(place)
        for place in places:
            byte = self.at(place)
            if writes:
                byte.state, byte.read, byte.author, byte.value = "written", False, (self.activation, self.pc), value
            else:
                byte.read = True

    def _look(self, writes: bool, address: int, size: int) -> None:
        for place in range(address, address + size):
            if self.at(place).state == "freed":
                self.note(tables.FREED_WRITTEN if writes else tables.FREED_READ, address, size)
                break
            if self.at(place).state == "never" and not writes:
                self.note(tables.UNWRITTEN, address, size)
                break
        for place in (address, address + size - 1) if writes else ():
            kind = self._zone_event(place)
            if kind:
                self.note(kind, place, size)
                break

    def _zone_event(self, place: int) -> int:
        zone = self.at(place).zone
        if zone == tables.OTHER_ZONE:
            return tables.UNRESERVED
        if zone == tables.STACK:
            return tables.BELOW_STACK if place < self.sp - PUSHED_BYTES else 0
        if self.activation < 0:
            return 0
        if zone == tables.STATICS:
            return tables.OVERRUN if self.habits.get(self.pc, (-1, 0))[0] == self.activation else tables.OUTSIDE
        self.habits[self.pc] = (self.activation, place)
        return 0

    def _lose(self, place: int) -> None:
        byte = self.at(place)
        if byte.author is None or byte.state != "written" or byte.read:
            return
        writer = byte.author[0]
        planned = byte.zone in (tables.ARENA, tables.HEAP)
        if planned and writer >= 0 and self.activation >= 0 and writer != self.activation:
            self.lost.setdefault((writer, self.activation), []).append((place, byte.value))

    def forget(self, start: int, end: int, state: str) -> None:
        """Give memory out or take it back."""
        for place in range(start, end):
            byte = self.at(place)
            byte.state, byte.read, byte.author = state, False, None

    def host_write(self, start: int, end: int) -> None:
        """Write as DMA does."""
        self.forget(start, end, "written")
