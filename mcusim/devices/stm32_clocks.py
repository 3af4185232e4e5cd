# SPDX-License-Identifier: Apache-2.0
"""What the clock controllers (RCC) of STM32 families share: oscillators and their ready flags, the system clock's
switch, dividers, reset flags, interrupts. A family says where its bits are and what its PLL gives.

Oscillators and PLLs are ready at once (silicon takes from microseconds to a second), but only if they can run: the
crystals need a frequency in the board file, a PLL an input that runs. A switch to a clock that does not run waits for
it. What the system clock is made of cannot be turned off, as in silicon. Enable bits of peripherals are remembered and
not checked; reset bits are remembered and reset nothing; the backup domain's write protection is not modelled; the
clock security system never fires.
"""

from __future__ import annotations

from typing import NamedTuple

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host, RegisterFile

AHB_DIVIDERS = (1,) * 8 + (2, 4, 8, 16, 64, 128, 256, 512)  # by HPRE, the same in all families
APB_DIVIDERS = (1,) * 4 + (2, 4, 8, 16)  # by PPRE
BACKUP_RESET = 1 << 16  # BDCR.BDRST, the same bit in all families
CRYSTALS = {"hse": "hse_hz", "lse": "lse_hz"}  # oscillators that a board may lack, and their keys in the board file


class Oscillator(NamedTuple):
    """A clock source: the register and the bits that turn it on and say that it is ready, its interrupt flag's bit."""

    name: str
    offset: int
    enable: int
    ready: int
    flag: int


class KernelClock(NamedTuple):
    """A peripheral's own clock: the field that selects it, and the names that its values select."""

    name: str
    offset: int
    shift: int
    choices: tuple[str, ...]


class Stm32Rcc(RegisterFile):
    """An RCC. Families subclass it; every write follows the clock tree and tells the machine the frequencies."""

    CFGR = 0x08
    BDCR = CSR = 0  # backup domain; reset flags and the slow internal oscillator
    CIR: int | None = None  # flags, enables and clears in one register, or
    CIER, CIFR, CICR = 0x18, 0x1C, 0x20  # one register for each
    reset_flags = 0  # CSR: mask of the flags that say why the part was reset
    remove_flags = 0  # CSR.RMVF
    oscillators: tuple[Oscillator, ...] = ()  # a PLL after what it is fed by
    switch_bits = 2  # width of SW and SWS, in CFGR from bit 0
    system_sources: tuple[str, ...] = ()  # by the value of SW; "" for reserved ones
    made_from: dict[str, str] = {}  # noqa: RUF012 - a class constant: oscillators by the names of their other outputs
    ahb_shift = 4
    apb_shifts = (8, 11)  # where PPRE1 and PPRE2 are in CFGR
    fixed_hz: dict[str, int] = {}  # noqa: RUF012 - a class constant: internal oscillators
    kernel_clocks: tuple[KernelClock, ...] = ()

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._source = self.system_sources[self.registers.get(self.CFGR, 0) & (1 << self.switch_bits) - 1]
        self._running: set[str] = set()
        self._flags = 0
        self._follow()

    # what a family adds

    def source_hz(self, name: str) -> int:
        """Return what an oscillator or PLL gives when it is on; 0 if it cannot run."""
        if name == "hse":
            return self.host.hse_hz
        if name == "lse":
            return self.host.lse_hz
        return self.fixed_hz.get(name, 0)

    def output_hz(self, name: str) -> int:
        """Return what a source of the system clock gives now; 0 if it does not run."""
        return self.source_hz(name) if name in self._running else 0

    def pll_input(self) -> str:
        """Return the name of the oscillator that feeds the main PLL, "" if none does."""
        raise NotImplementedError

    def timer_hz(self, hclk_hz: int, divider: int) -> int:
        """Return the clock of the timers on a bus with this divider: the bus clock, or twice that if it is divided."""
        return hclk_hz if divider <= 2 else 2 * hclk_hz // divider

    # registers

    def read_register(self, offset: int) -> int:
        """Return a register with its ready flags, and SWS as the switch stands."""
        value = super().read_register(offset)
        for each in self.oscillators:
            if each.offset == offset:
                value = value & ~(1 << each.ready) | (each.name in self._running) << each.ready
        if offset == self.CFGR:
            mask = (1 << self.switch_bits) - 1
            value = value & ~(mask << self.switch_bits)
            value |= self.system_sources.index(self._source) << self.switch_bits
        elif offset == self.CIR or (self.CIR is None and offset == self.CIFR):
            value |= self._flags
        return value

    def write_register(self, offset: int, value: int) -> None:
        """Set a register and follow the clock tree."""
        if offset == self.CSR:
            kept = 0 if value & self.remove_flags else self.registers.get(offset, 0) & self.reset_flags
            value = value & ~(self.reset_flags | self.remove_flags) | kept
        elif offset == self.BDCR and value & BACKUP_RESET:
            value = BACKUP_RESET
        elif offset == self.CIR:
            self._flags &= ~(value >> 16 & 0xFF)
            value &= 0xFF00
        elif self.CIR is None and offset in (self.CIFR, self.CICR):
            self._flags &= ~value if offset == self.CICR else ~0
            value = 0
        super().write_register(offset, value)
        self._keep_system_clock()
        self._follow()

    def _keep_system_clock(self) -> None:
        """Set the enable bits again of what the system clock is made of: silicon does not let them be cleared."""
        used = {self.made_from.get(self._source, self._source)}
        if "pll" in used:
            used.add(self.pll_input())
        for each in self.oscillators:
            if each.name in used:
                self.registers[each.offset] = self.registers.get(each.offset, 0) | 1 << each.enable

    # the clock tree

    def _follow(self) -> None:
        before, self._running = self._running, set()
        for each in self.oscillators:
            if not self.registers.get(each.offset, 0) >> each.enable & 1:
                continue
            if self.source_hz(each.name) > 0:
                self._running.add(each.name)
                if each.name not in before and self._interrupt_enables() >> each.flag & 1:
                    self._flags |= 1 << each.flag
            elif each.name in CRYSTALS:
                self.host.remarks.add(
                    f"the firmware starts the {each.name.upper()} oscillator, which the board does not have "
                    f"({CRYSTALS[each.name]} in the board file): it is never ready"
                )
        self.set_interrupt(self._flags != 0)
        wanted = self.registers.get(self.CFGR, 0) & (1 << self.switch_bits) - 1
        if wanted < len(self.system_sources) and self.output_hz(self.system_sources[wanted]) > 0:
            self._source = self.system_sources[wanted]
        self._publish()

    def _interrupt_enables(self) -> int:
        if self.CIR is None:
            return self.registers.get(self.CIER, 0)
        return self.registers.get(self.CIR, 0) >> 8

    def _publish(self) -> None:
        system_hz = self.output_hz(self._source)
        if system_hz <= 0:
            return  # its PLL was set to something that cannot run: silicon would stand still, here time goes on
        setup, hz = self.registers.get(self.CFGR, 0), self.host.bus_hz
        hclk_hz = max(system_hz // AHB_DIVIDERS[setup >> self.ahb_shift & 15], 1)
        hz["sysclk"], hz["hclk"] = system_hz, hclk_hz
        for number, shift in enumerate(self.apb_shifts, 1):
            divider = APB_DIVIDERS[setup >> shift & 7]
            hz[f"pclk{number}"] = max(hclk_hz // divider, 1)
            hz[f"timclk{number}"] = max(self.timer_hz(hclk_hz, divider), 1)
        hz.update(self.fixed_hz)
        if self.host.lse_hz:
            hz["lse"] = self.host.lse_hz
        for clock in self.kernel_clocks:
            chosen = clock.choices[self.registers.get(clock.offset, 0) >> clock.shift & len(clock.choices) - 1]
            hz[clock.name] = hz.get(chosen) or hz[clock.choices[0]]
        self.host.clock.set_core_hz(hclk_hz)
