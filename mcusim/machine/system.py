# SPDX-License-Identifier: Apache-2.0
"""The core's own registers (System Control Space): SysTick and NVIC. Armv7-M ARM B3.

Registers without a meaning here remember what is written.
"""

from __future__ import annotations

from collections.abc import Callable

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import NEVER, Host, RegisterFile
from mcusim.machine.exceptions import FIRST_EXTERNAL, SYSTICK, Exceptions
from mcusim.machine.scb import CFSR, SystemControlBlock

SCS_START = 0xE000_E000
PPB_START, PPB_BYTES = 0xE000_0000, 0x10_0000
EXTERNAL_CLOCK_DIVIDER = 8  # SysTick's external reference on STM32 is HCLK/8 (ST RM0432, 6.2)


def _entry(name: str, start: int) -> DeviceEntry:
    return DeviceEntry(name=name, type="core", start=start, size_bytes=0x1000, source="Armv7-M ARM, B3")


class Counter:
    """A counter that follows the clock while it runs: SysTick counts down from `reload` and wraps."""

    def __init__(self) -> None:
        self.reload = 0
        self.running = False
        self.divider = 1
        self._base_cycles = 0
        self._base_value = 0

    def value(self, now: int) -> int:
        """Return the counter at a cycle count."""
        if not self.running:
            return self._base_value
        ticks = (now - self._base_cycles) // self.divider
        if ticks <= self._base_value:
            return self._base_value - ticks
        return self.reload - (ticks - self._base_value - 1) % (self.reload + 1)

    def set(self, now: int, value: int) -> None:
        """Continue from `value` at this cycle."""
        self._base_cycles, self._base_value = now, value

    def zero_count(self, now: int) -> int:
        """Return how often the counter has counted from 1 to 0 since it was set."""
        if not self.running or self.reload == 0:
            return 0
        ticks = (now - self._base_cycles) // self.divider
        first = self._base_value or self.reload + 1
        return 0 if ticks < first else 1 + (ticks - first) // (self.reload + 1)

    def zero_cycles(self, index: int) -> int:
        """Return the cycle count of its zero number `index` (0 is the first since it was set); NEVER if it stands."""
        if not self.running or self.reload == 0:
            return NEVER
        first = self._base_value or self.reload + 1
        return self._base_cycles + (first + index * (self.reload + 1)) * self.divider


class SystemControl(RegisterFile):
    """0xE000E000: SysTick and NVIC; the SCB's part is in `scb`. Counters that are read are exact to the cycle."""

    ACTLR, CSR, RVR, CVR, CALIB, SHPR1 = 0x08, 0x10, 0x14, 0x18, 0x1C, 0xD18
    ENABLE, TICKINT, CLKSOURCE, COUNTFLAG = 1 << 0, 1 << 1, 1 << 2, 1 << 16
    exact_offsets = frozenset({CSR, RVR, CVR})

    def __init__(self, host: Host, exceptions: Exceptions, cpu: str, mpu_regions: int | None = None) -> None:
        super().__init__(_entry("SCS", SCS_START), host)
        self.exceptions = exceptions
        self.scb = SystemControlBlock(exceptions, cpu, host.remarks.add, mpu_regions)
        self.on_actlr: Callable[[int], None] = lambda _value: None  # called when it is written
        self.counter = Counter()
        self._control = 0
        self._count_flag = False  # set when the counter reaches zero, cleared by reading it (B3.3.3)
        self._seen_zeros = 0  # counted into the flag
        self._served_zeros = 0  # made SysTick pending

    def read_register(self, offset: int) -> int:
        """Return a register."""
        now = self.host.clock.cycles
        if offset == self.CSR:
            self._look_for_zeros(now)
            flag, self._count_flag = self._count_flag, False
            return self._control | (self.COUNTFLAG if flag else 0)
        if offset == self.RVR:
            return self.counter.reload
        if offset == self.CVR:
            return self.counter.value(now)
        if offset == self.CALIB:
            return 0x8000_0000  # no reference calibration
        if 0x100 <= offset < 0x400:
            return self._read_nvic(offset)
        if 0x400 <= offset < 0x4F0:
            return self._priorities(FIRST_EXTERNAL + offset - 0x400)
        if self.SHPR1 <= offset < self.SHPR1 + 12:
            return self._priorities(4 + offset - self.SHPR1)
        if offset >= 0xD00:
            return self.scb.read(offset)
        return super().read_register(offset)

    def write(self, offset: int, size_bytes: int, value: int) -> None:
        """Write a register; narrower writes keep the other bytes, of status registers that ones clear too."""
        if size_bytes < 4:
            word, shift, mask = offset & ~3, 8 * (offset & 3), (1 << 8 * size_bytes) - 1
            value = (value & mask) << shift
            if word != CFSR:
                value |= self.read_register(word) & ~(mask << shift)
        self.write_register(offset & ~3, value)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register."""
        if offset in (self.CSR, self.RVR, self.CVR):
            self._write_systick(offset, value)
        elif 0x100 <= offset < 0x300:
            self._write_nvic(offset, value)
        elif 0x400 <= offset < 0x4F0:
            self._set_priorities(FIRST_EXTERNAL + offset - 0x400, value)
        elif self.SHPR1 <= offset < self.SHPR1 + 12:
            self._set_priorities(4 + offset - self.SHPR1, value)
        elif offset >= 0xD00:
            self.scb.write(offset, value)
        else:
            super().write_register(offset, value)
            if offset == self.ACTLR:
                self.on_actlr(value)

    # SysTick (B3.3)

    def _look_for_zeros(self, now: int) -> None:
        zeros = self.counter.zero_count(now)
        self._count_flag |= zeros > self._seen_zeros
        self._seen_zeros = zeros

    def _write_systick(self, offset: int, value: int) -> None:
        now, counter = self.host.clock.cycles, self.counter
        self.wake()
        self._look_for_zeros(now)
        current = counter.value(now)
        if offset == self.RVR:
            counter.set(now, current)
            counter.reload = value & 0xFF_FFFF
        elif offset == self.CVR:
            counter.set(now, 0)
            self._count_flag = False
        else:
            counter.set(now, current)
            self._control = value & 7
            counter.running = bool(value & self.ENABLE)
            counter.divider = 1 if value & self.CLKSOURCE else EXTERNAL_CLOCK_DIVIDER
        self._seen_zeros = self._served_zeros = 0

    def next_event_cycles(self) -> int:
        """Wake at the first zero not served yet, if it interrupts."""
        return self.counter.zero_cycles(self._served_zeros) if self._control & self.TICKINT else NEVER

    def wake(self) -> None:
        """Make SysTick pending if the counter has passed zero."""
        zeros = self.counter.zero_count(self.host.clock.cycles)
        if zeros > self._served_zeros and self._control & self.TICKINT:
            self.exceptions.pending.add(SYSTICK)
        self._served_zeros = zeros

    # NVIC (B3.4)

    def _bits(self, numbers: set[int], first: int) -> int:
        return sum(1 << bit for bit in range(32) if first + bit in numbers)

    def _read_nvic(self, offset: int) -> int:
        first = FIRST_EXTERNAL + (offset & 0x7F) * 8
        kind = offset >> 7
        if kind in (2, 3):
            return self._bits(self.exceptions.enabled, first)
        if kind in (4, 5):
            return self._bits(self.exceptions.pending, first)
        return self._bits(set(self.exceptions.active), first)

    def _write_nvic(self, offset: int, value: int) -> None:
        first = FIRST_EXTERNAL + (offset & 0x7F) * 8
        numbers = {first + bit for bit in range(32) if value >> bit & 1}
        target = self.exceptions.enabled if offset < 0x200 else self.exceptions.pending
        (target.difference_update if offset & 0x80 else target.update)(numbers)

    def _set_priorities(self, first: int, value: int) -> None:
        for index in range(4):
            self.exceptions.set_priority(first + index, value >> 8 * index & 0xFF)

    def _priorities(self, first: int) -> int:
        return sum(self.exceptions.priority.get(first + index, 0) << 8 * index for index in range(4))
