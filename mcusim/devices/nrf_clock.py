# SPDX-License-Identifier: Apache-2.0
"""Nordic CLOCK, POWER and RESET, which share their registers; nRF52840 Product Specification v1.7, 5.3 and 5.4, nRF5340
Product Specification v1.3, 4.11 and 4.12.

The option `series` tells nrf52 from nrf53, which divides its core clock by HFCLKCTRL. Registers and bits: nrfx v4.2.1,
mdk/nrf52840.h, nrf5340_application.h and their bitfields. Start-up times of the oscillators are typical ones of the
nRF52840 (5.4.4); calibration of the RC oscillator is done in the time of one measurement.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host
from mcusim.devices.nrf_peripheral import NrfPeripheral
from mcusim.errors import McusimError

HFCLKSTART, HFCLKSTOP, LFCLKSTART, LFCLKSTOP, CAL = 0x00, 0x04, 0x08, 0x0C, 0x10
AUDIOSTART, AUDIOSTOP, START192M, STOP192M = 0x18, 0x1C, 0x20, 0x24  # nRF53
HFCLKSTARTED, LFCLKSTARTED = 0x100, 0x104
DONE = {"nrf52": 0x10C, "nrf53": 0x11C}
AUDIOSTARTED, STARTED192M = 0x120, 0x124
RESETREAS, HFCLKRUN, HFCLKSTAT, LFCLKRUN, LFCLKSTAT, LFCLKSRCCOPY = 0x400, 0x408, 0x40C, 0x414, 0x418, 0x41C
AUDIORUN, AUDIOSTAT, RUN192M, STAT192M = 0x450, 0x454, 0x458, 0x45C
SYSTEMOFF, HFCLKSRC, LFCLKSRC, HFCLKCTRL = 0x500, 0x514, 0x518, 0x558
RUNNING = 1 << 16
READ_ONLY = (HFCLKRUN, HFCLKSTAT, LFCLKRUN, LFCLKSTAT, LFCLKSRCCOPY, AUDIORUN, AUDIOSTAT, RUN192M, STAT192M)
HFXO_S, LFXO_S, LFRC_S, CALIBRATION_S = 360e-6, 0.25, 600e-6, 16e-3
LF_CRYSTAL = {"nrf52": 1, "nrf53": 2}  # LFCLKSRC.SRC
LFCLK_HZ = 32768
NRF53_HZ = 128_000_000


class NrfClock(NrfPeripheral):
    """High and low frequency clocks: they run some time after they were started, and say so."""

    options = {"series": "nrf52"}  # noqa: RUF012

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._series = str(self.option["series"])
        if self._series not in LF_CRYSTAL:
            raise McusimError(f"device '{entry.name}': option series: '{self._series}' is not nrf52 or nrf53")
        self.registers[HFCLKSTAT] = RUNNING  # the internal oscillator
        if self._series == "nrf53":
            self.registers |= {HFCLKCTRL: 1, HFCLKSRC: 1, LFCLKSRC: 1}
        host.bus_hz["lfclk"] = 0

    def task(self, offset: int) -> None:
        """Start or stop an oscillator, or calibrate."""
        registers = self.registers
        if offset == HFCLKSTART:
            registers[HFCLKRUN] = 1
            self.event_after(HFCLKSTARTED, HFXO_S)
        elif offset == HFCLKSTOP:
            registers[HFCLKRUN], registers[HFCLKSTAT] = 0, RUNNING
            self.later.pop(HFCLKSTARTED, None)
        elif offset == LFCLKSTART:
            registers[LFCLKRUN], registers[LFCLKSRCCOPY] = 1, registers.get(LFCLKSRC, 0) & 3
            crystal = registers[LFCLKSRCCOPY] == LF_CRYSTAL[self._series]
            self.host.bus_hz["lfclk"] = LFCLK_HZ  # the RC oscillator stands in while the crystal starts
            self.event_after(LFCLKSTARTED, LFXO_S if crystal else LFRC_S)
        elif offset == LFCLKSTOP:
            registers[LFCLKRUN] = registers[LFCLKSTAT] = 0
            self.host.bus_hz["lfclk"] = 0
            self.later.pop(LFCLKSTARTED, None)
        elif offset == CAL:
            self.event_after(DONE[self._series], CALIBRATION_S)
        elif self._series == "nrf53" and offset in (AUDIOSTART, START192M):
            registers[AUDIORUN if offset == AUDIOSTART else RUN192M] = 1
            self.event_after(AUDIOSTARTED if offset == AUDIOSTART else STARTED192M, HFXO_S)
        elif self._series == "nrf53" and offset in (AUDIOSTOP, STOP192M):
            run, status = (AUDIORUN, AUDIOSTAT) if offset == AUDIOSTOP else (RUN192M, STAT192M)
            registers[run] = registers[status] = 0

    def due(self, offset: int) -> None:
        """An oscillator runs."""
        registers = self.registers
        if offset == HFCLKSTARTED:
            registers[HFCLKSTAT] = RUNNING | (1 if self._series == "nrf52" else registers.get(HFCLKSRC, 0) & 1)
        elif offset == LFCLKSTARTED:
            registers[LFCLKSTAT] = RUNNING | registers[LFCLKSRCCOPY]
        elif offset in (AUDIOSTARTED, STARTED192M) and self._series == "nrf53":
            registers[AUDIOSTAT if offset == AUDIOSTARTED else STAT192M] = RUNNING | 1
        self.event(offset)

    def unchanged_until_cycles(self, offset: int) -> int:
        """Status follows the events."""
        event = {HFCLKSTAT: HFCLKSTARTED, LFCLKSTAT: LFCLKSTARTED}.get(offset, offset)
        return super().unchanged_until_cycles(event)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register."""
        if offset in READ_ONLY:
            return
        if offset == RESETREAS:
            self.registers[RESETREAS] = self.registers.get(RESETREAS, 0) & ~value
            return
        if offset == SYSTEMOFF and value & 1 and self._series == "nrf52":
            self.host.request_reset("the firmware switched the part off (SYSTEMOFF)")
        super().write_register(offset, value)
        if offset == HFCLKCTRL and self._series == "nrf53":
            self.host.set_core_hz(NRF53_HZ // (1 << min(value & 3, 1)))
