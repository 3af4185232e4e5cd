# SPDX-License-Identifier: Apache-2.0
"""What the clock controllers of STM32 F7, H7 and U5 share: prescalers, PLLs, ready flags, the system clock's switch.

Oscillators and PLLs are ready as soon as they are enabled. The system clock follows SW once the clock it names runs, as
SWS then says; a crystal that the board does not have never gets ready. Enables and resets of peripherals, security and
the write protection of the backup domain are remembered and not enforced.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host, RegisterFile

# HPRE (four bits) and PPRE (three bits): ST RM0385, RCC_CFGR; RM0433, RCC_D1CFGR; RM0456, RCC_CFGR2.
AHB_DIVIDERS = (1,) * 8 + (2, 4, 8, 16, 64, 128, 256, 512)
APB_DIVIDERS = (1,) * 4 + (2, 4, 8, 16)
FRACTION = 8192  # the fractional part of a PLL's multiplier counts in these (RM0433, RCC_PLL1FRACR)


def pll_output_hz(source_hz: int, multiplier: int, m: int, divider: int) -> int:
    """Return a PLL's output; the multiplier counts in 1/8192. 0 where the PLL has no input."""
    return source_hz * multiplier // (FRACTION * m * divider) if m and divider else 0


def divided_hz(hz: int, divider: int) -> int:
    """Return a bus clock behind its prescaler; never 0, since models divide by it."""
    return max(hz // divider, 1)


def timer_hz(hclk_hz: int, pclk_hz: int, factor: int) -> int:
    """Return the timers' kernel clock: twice or four times the bus clock, but no more than HCLK."""
    return min(hclk_hz, factor * pclk_hz)


class ClockController(RegisterFile):
    """Base of an RCC. Subclasses say where the bits are, what each clock gives, and what to publish."""

    clocks: dict[str, tuple[int, int, int]] = {}  # noqa: RUF012 - name -> register, enable bit, ready bit
    sources: tuple[str, ...] = ()  # names of the system clock's sources, in the order of SW
    switch_register = 0  # with SW in its lowest bits
    switch_mask, switch_status_shift = 3, 2
    reset_flags: tuple[int, int, int] = (0, 0, 0)  # register, RMVF bit, mask of the flags that it clears
    ignored: frozenset[int] = frozenset()  # registers whose writes do not change a clock

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._source = 0  # what SWS says
        self.follow()

    def oscillator_hz(self, name: str) -> int:
        """Return what a clock that is enabled gives; for a PLL its oscillator before the output dividers."""
        raise NotImplementedError

    def publish(self, system_hz: int) -> None:
        """Set the core's clock and the buses' for a system clock."""
        raise NotImplementedError

    def system_hz(self, name: str) -> int:
        """Return what a source gives as system clock; 0 while it does not run."""
        return self.clock_hz(name)

    def clock_hz(self, name: str) -> int:
        """Return a clock's frequency, 0 while it is off."""
        register, enable, _ = self.clocks[name]
        return self.oscillator_hz(name) if self.registers.get(register, 0) >> enable & 1 else 0

    def crystal_hz(self, name: str) -> int:
        """Return the board's crystal, `hse` or `lse`; one that is not there is remarked on."""
        hz = self.host.hse_hz if name == "hse" else self.host.lse_hz
        if not hz:
            self.host.remarks.add(
                f"the firmware starts {name.upper()}, which the board does not have: it is never ready"
            )
        return hz

    def kernel_hz(self, name: str, hz: int, pclk_hz: int) -> int:
        """Return a peripheral's kernel clock; one that is selected and off is remarked on, and the bus clock counts."""
        if not hz:
            self.host.remarks.add(f"{name} is given a clock that is off: it runs from its bus clock here")
        return hz or pclk_hz

    def field(self, offset: int, bit: int, mask: int) -> int:
        """Return a field of a register."""
        return self.registers.get(offset, 0) >> bit & mask

    def read_register(self, offset: int) -> int:
        """Return a register with its ready flags as the clocks say."""
        value = super().read_register(offset)
        for name, (register, _, ready) in self.clocks.items():
            if register == offset:
                value = value & ~(1 << ready) | (self.clock_hz(name) > 0) << ready
        if offset == self.switch_register:
            shift = self.switch_status_shift
            value = value & ~(self.switch_mask << shift) | self._source << shift
        return value

    def write_register(self, offset: int, value: int) -> None:
        """Set a register and follow the clock tree."""
        register, remove, flags = self.reset_flags
        if flags and offset == register:
            value = value & ~flags | (0 if value >> remove & 1 else self.registers.get(offset, 0) & flags)
        super().write_register(offset, value)
        if offset not in self.ignored:
            self.follow()

    def follow(self) -> None:
        """Switch the system clock if the one asked for runs, and publish what follows from it."""
        wanted = self.registers.get(self.switch_register, 0) & self.switch_mask
        if wanted < len(self.sources) and self.system_hz(self.sources[wanted]):
            self._source = wanted
        system_hz = self.system_hz(self.sources[self._source])
        if system_hz:
            self.publish(system_hz)
        else:  # the hardware refuses to turn off what the core runs on
            self.host.remarks.add("the firmware turns off the clock that the core runs on: it is kept")
