# SPDX-License-Identifier: Apache-2.0
"""STM32 general-purpose I/O port with MODER (all families but F1).

Sources: ST RM0090 8.4 (F4), RM0385 6.4 (F7), RM0091 8.4 (F0), RM0351 8.4 and RM0432 8.4 (L4, L4+), RM0444 6.4 (G0),
RM0433 11.4 (H7), RM0456 13.4 (U5). Nothing is connected to the pins: an output reads back what it drives, an input its
pull (0 where it floats), a released open-drain output 1, as on a line that is pulled up. What an alternate function
drives is not seen in IDR, and edges of a pin do not reach EXTI.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host, Option, RegisterFile
from mcusim.errors import unknown_name

MODER, OTYPER, OSPEEDR, PUPDR, IDR, ODR, BSRR, LCKR, AFRL, AFRH, BRR = range(0, 0x2C, 4)
OUTPUT, ALTERNATE, ANALOG = 1, 2, 3
PULL_UP = 1
LCKK = 1 << 16
# Bits of a pin in the registers that a lock protects (RM0090 8.3.6).
LOCKED_WIDTH = {MODER: 2, OTYPER: 1, OSPEEDR: 2, PUPDR: 2, AFRL: 4, AFRH: 4}

_DEBUG_PULLS = {"a": 0x6400_0000, "b": 0x0000_0100}  # JTMS and JTDI up, JTCK down; NJTRST up
_DEBUG_SPEEDS = {"a": 0x0C00_0000, "b": 0x0000_00C0}
# Reset values of MODER, OSPEEDR and PUPDR by port; the first entry is for ports that are not named.
_PORTS_ANALOG = {"": 0xFFFF_FFFF, "a": 0xABFF_FFFF, "b": 0xFFFF_FEBF}
RESETS: dict[str, tuple[dict[str, int], dict[str, int], dict[str, int]]] = {
    "f0": ({"a": 0x2800_0000}, {"a": 0x0C00_0000}, {"a": 0x2400_0000}),
    "f4": ({"a": 0xA800_0000, "b": 0x0000_0280}, _DEBUG_SPEEDS, _DEBUG_PULLS),
    "f7": ({"a": 0xA800_0000, "b": 0x0000_0280}, _DEBUG_SPEEDS, _DEBUG_PULLS),
    "g0": ({"": 0xFFFF_FFFF, "a": 0xEBFF_FFFF}, {"a": 0x0C00_0000}, {"a": 0x2400_0000}),
    "h7": (_PORTS_ANALOG, _DEBUG_SPEEDS, _DEBUG_PULLS),
    "l4": (_PORTS_ANALOG, {"a": 0x0C00_0000}, _DEBUG_PULLS),
    "u5": (_PORTS_ANALOG, {"a": 0x0800_0000}, _DEBUG_PULLS),
}


class Stm32Gpio(RegisterFile):
    """One port; the last letter of its name says which. The option `family` is a key of `RESETS`."""

    options: dict[str, Option] = {"family": "f4"}  # noqa: RUF012 - a class constant

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        family = str(self.option["family"])
        if family not in RESETS:
            raise unknown_name(f"family of device {entry.name}", family, RESETS)
        port = entry.name[-1:].lower()
        for offset, values in zip((MODER, OSPEEDR, PUPDR), RESETS[family], strict=True):
            self.registers[offset] = values.get(port, values.get("", 0))
        self._lock_step, self._lock_value = 0, 0
        self._locked_pins = 0

    def read_register(self, offset: int) -> int:
        """Return a register; IDR is what the pins show, BSRR and BRR read as 0."""
        if offset == IDR:
            return self._inputs()
        if offset == LCKR:
            self._lock_step = 0 if self._lock_step < 3 else self._lock_step
            return self._locked_pins | LCKK if self._locked_pins else self.registers.get(LCKR, 0)
        return self.registers.get(offset, 0)

    def _inputs(self) -> int:
        get = self.registers.get
        modes, pulls, drains, outputs = get(MODER, 0), get(PUPDR, 0), get(OTYPER, 0), get(ODR, 0)
        value = 0
        for pin in range(16):
            mode = modes >> 2 * pin & 3
            if mode == OUTPUT:
                value |= outputs & 1 << pin  # released open-drain outputs are pulled up
            elif (mode == ALTERNATE and drains >> pin & 1) or (mode != ANALOG and pulls >> 2 * pin & 3 == PULL_UP):
                value |= 1 << pin
        return value

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; BSRR and BRR change ODR, locked pins keep their configuration."""
        registers = self.registers
        if offset == BSRR:
            registers[ODR] = registers.get(ODR, 0) & ~(value >> 16) | value & 0xFFFF
        elif offset == BRR:
            registers[ODR] = registers.get(ODR, 0) & ~(value & 0xFFFF)
        elif offset == ODR:
            registers[ODR] = value & 0xFFFF
        elif offset == LCKR:
            self._write_lock(value)
        elif offset in LOCKED_WIDTH and self._locked_pins:
            kept = self._locked_bits(offset)
            registers[offset] = registers.get(offset, 0) & kept | value & ~kept
        elif offset != IDR:
            registers[offset] = value

    def _locked_bits(self, offset: int) -> int:
        width = LOCKED_WIDTH[offset]
        first = 8 if offset == AFRH else 0
        pins = range(first, min(first + 32 // width, 16))
        return sum((1 << width) - 1 << width * (pin - first) for pin in pins if self._locked_pins >> pin & 1)

    def _write_lock(self, value: int) -> None:
        """Follow the key sequence: write 1, 0, 1 to LCKK with the same pins (RM0090 8.4.8)."""
        if self._locked_pins:
            return
        key, pins = bool(value & LCKK), value & 0xFFFF
        wanted = (True, False, True)[self._lock_step]
        if key == wanted and (self._lock_step == 0 or pins == self._lock_value):
            self._lock_value, self._lock_step = pins, self._lock_step + 1
        else:
            self._lock_value, self._lock_step = pins, 1 if key else 0
        if self._lock_step == 3:
            self._lock_step, self._locked_pins = 0, pins
        self.registers[LCKR] = pins
