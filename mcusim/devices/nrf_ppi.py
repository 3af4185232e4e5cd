# SPDX-License-Identifier: Apache-2.0
"""Nordic PPI (nRF52840 Product Specification v1.7, 6.16) and DPPIC (nRF5340 Product Specification v1.3, 7.15).

A channel of the PPI runs the task at TEP, and that of its fork, when the event at EEP happens; one of the DPPI runs
every task that subscribes to it when an event is published on it. Groups of channels are switched by tasks. The PPI's
fixed channels (20 to 31) are not modelled, and a remark says so. It all happens at once; an endless round is cut.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host
from mcusim.devices.nrf_peripheral import NrfPeripheral

CHEN, CHENSET, CHENCLR, CHANNEL, GROUP, FORK = 0x500, 0x504, 0x508, 0x510, 0x800, 0x910
CHANNELS, GROUPS = 20, 6
MAX_DEPTH = 16  # channels that trigger each other


class NrfPpi(NrfPeripheral):
    """Channels that connect events to tasks; the option `dppi` tells the nRF53's kind."""

    options = {"dppi": False}  # noqa: RUF012

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._distributed = bool(self.option["dppi"])
        self._depth = 0
        host.event_listeners.append(self._on_event)

    def _on_event(self, address: int, channel: int | None) -> None:
        enabled = self.registers.get(CHEN, 0)
        if not enabled or (channel is None and self._distributed):
            return
        if self._depth >= MAX_DEPTH:
            self.host.remarks.add("PPI channels trigger each other without end: the round was cut")
            return
        self._depth += 1
        if channel is not None:
            if enabled >> channel & 1:
                for listener in self.host.channel_listeners:
                    listener(channel)
        elif not self._distributed:
            self._run_tasks(address, enabled)
        self._depth -= 1

    def _run_tasks(self, address: int, enabled: int) -> None:
        for number in range(CHANNELS):
            if enabled >> number & 1 and self.registers.get(CHANNEL + 8 * number) == address:
                for place in (CHANNEL + 8 * number + 4, FORK + 4 * number):
                    if self.registers.get(place, 0):
                        self.host.write_bus(self.registers[place], 4, 1)

    def task(self, offset: int) -> None:
        """Enable or disable a group of channels."""
        group = self.registers.get(GROUP + offset // 8 * 4, 0)
        if offset < 8 * GROUPS:
            self.write_register(CHENCLR if offset % 8 else CHENSET, group)

    def read_register(self, offset: int) -> int:
        """Return a register."""
        return super().read_register(CHEN if offset in (CHENSET, CHENCLR) else offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register."""
        enabled = self.registers.get(CHEN, 0)
        if offset in (CHEN, CHENSET, CHENCLR):
            self.registers[CHEN] = {CHEN: value, CHENSET: enabled | value, CHENCLR: enabled & ~value}[offset]
            if not self._distributed and self.registers[CHEN] >> CHANNELS:
                self.host.remarks.add("the PPI's fixed channels (20 to 31) are remembered: they connect nothing")
        else:
            super().write_register(offset, value)
