# SPDX-License-Identifier: Apache-2.0
"""A small world around device models: a clock that tests turn, memory, and a bus that devices may be masters of."""

from __future__ import annotations

from test_counters import FakeClock

from mcusim.board import Device as DeviceEntry
from mcusim.devices import make_device
from mcusim.devices.base import NEVER, Host, RegisterFile

RAM, RAM_BYTES, FLASH = 0x2000_0000, 0x1_0000, 0x0800_0000


class Bench:
    """Devices on one bus, with RAM and flash; `run_until` wakes them when they ask for it."""

    def __init__(self, core_hz: int = 16_000_000, received: bytes = b"") -> None:
        self.clock = FakeClock(core_hz=core_hz)
        self.sent = b""
        self.sent_at: list[int] = []
        self.lines: dict[int, bool] = {}
        self.rises: list[tuple[int, int]] = []  # (cycle, interrupt)
        self.ram = bytearray(RAM_BYTES)
        self.flash = bytearray(range(256)) * 16
        self.devices: list[RegisterFile] = []
        self.resets: list[str] = []
        self.wakes = 0
        self.host = Host(
            self.clock, self._send, self._set_interrupt, bytearray(received), read_bus=self._read,
            write_bus=self._write, reaches=self._reaches, request_cycles=self._request_cycles,
            request_reset=self.resets.append,
        )  # fmt: skip

    def add(
        self,
        kind: str,
        start: int = 0x4000_0000,
        interrupts: tuple[int, ...] = (),
        name: str = "",
        console: bool = False,
        **options: int | str | bool,
    ) -> RegisterFile:
        """Put a device on the bus."""
        entry = DeviceEntry(
            name=name or kind, type=kind, start=start, size_bytes=0x400, source="test", interrupts=interrupts,
            console=console, options=options,
        )  # fmt: skip
        device = make_device(entry, self.host)
        assert isinstance(device, RegisterFile)
        self.devices.append(device)
        return device

    def run_until(self, cycles: int) -> None:
        """Let time pass, waking devices when they ask for it; each wake must move their time on, or change it."""
        while True:
            event = min((device.next_event_cycles() for device in self.devices), default=NEVER)
            if event > cycles:
                break
            self.clock.cycles = max(self.clock.cycles, event)
            for device in self.devices:
                if device.next_event_cycles() <= self.clock.cycles:
                    device.wake()
            self.wakes += 1
            assert self.wakes < 1_000_000, "it wakes for ever"
        self.clock.cycles = max(self.clock.cycles, cycles)

    def _send(self, data: bytes) -> None:
        self.sent += data
        self.sent_at.append(self.clock.cycles)

    def _set_interrupt(self, number: int, level: bool) -> None:
        if level and not self.lines.get(number):
            self.rises.append((self.clock.cycles, number))
        self.lines[number] = level

    def _reaches(self, address: int, writes: bool) -> bool:
        if RAM <= address < RAM + RAM_BYTES:
            return True
        return address >> 28 == 4 or (not writes and FLASH <= address < FLASH + len(self.flash))

    def _find(self, address: int) -> RegisterFile | None:
        return next((d for d in self.devices if d.entry.start <= address < d.entry.start + 0x400), None)

    def _memory(self, address: int) -> tuple[bytearray, int] | None:
        for memory, start in ((self.ram, RAM), (self.flash, FLASH)):
            if start <= address < start + len(memory):
                return memory, address - start
        return None

    def _read(self, address: int, size_bytes: int) -> int:
        found = self._memory(address)
        if found:
            return int.from_bytes(found[0][found[1] : found[1] + size_bytes], "little")
        device = self._find(address)
        return device.read(address - device.entry.start, size_bytes) if device else 0xA5

    def _write(self, address: int, size_bytes: int, value: int) -> None:
        found, device = self._memory(address), self._find(address)
        if found:
            found[0][found[1] : found[1] + size_bytes] = value.to_bytes(size_bytes, "little")
        elif device:
            device.write(address - device.entry.start, size_bytes, value)

    def _request_cycles(self, address: int, writes: bool) -> int:
        device = self._find(address)
        return device.request_cycles(address - device.entry.start, writes) if device else 0
