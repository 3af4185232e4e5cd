# SPDX-License-Identifier: Apache-2.0
"""STM32 external interrupt controller with IMR, EMR, RTSR, FTSR, SWIER, PR in one block (F0, F1, F4, F7, L4).

Sources: ST RM0008 10.3 (F1), RM0090 12.3 (F4), RM0091 11.3 (F0), RM0351 14.5 and RM0432 17.5 (L4, two banks).

Only software triggers reach it: nothing is connected to the pins, and events of other peripherals (PVD, RTC, USB) do
not pass through. Events (EMR) are remembered and wake nobody.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host, Option, RegisterFile
from mcusim.errors import McusimError

IMR, EMR, RTSR, FTSR, SWIER, PR = range(0, 0x18, 4)
BANK_BYTES = 0x20  # the second bank, for lines from 32
GROUPS = "0 1 2 3 4 5-9 10-15"
_WORD = 0xFFFF_FFFF


def parse_groups(text: str, name: str) -> list[int]:
    """Return the masks of lines of "0 1 5-9": which lines share the first interrupt, the second, and so on."""
    masks = []
    for word in text.split():
        first, dash, last = word.partition("-")
        ends = (first, last if dash else first)
        if not all(end.isdigit() and int(end) < 64 for end in ends) or int(ends[0]) > int(ends[1]):
            raise McusimError(f"device '{name}': option groups: '{word}' is not a line or a range such as 5-9")
        masks.append(sum(1 << line for line in range(int(ends[0]), int(ends[1]) + 1)))
    return masks


class Exti(RegisterFile):
    """What all kinds share: lines in groups, each with an interrupt.

    The option `groups` says which lines share an interrupt, in the order of the board's `interrupts`. The default is
    that of F1, F4, F7 and L4: lines 0 to 4 each, 9_5, 15_10. F0 and G0: "0-1 2-3 4-15". H7 is as F4, U5 and L5 have one
    for each line: "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15". Further lines (16 is PVD on most) may follow.
    `imr` and `imr2` are the reset values of the interrupt masks.
    """

    options: dict[str, Option] = {"groups": GROUPS, "imr": 0, "imr2": 0}  # noqa: RUF012 - a class constant

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._groups = parse_groups(str(self.option["groups"]), entry.name)

    def update_interrupts(self, raised: int) -> None:
        """Set the line of each group as the lines say that are pending and not masked."""
        for index, mask in enumerate(self._groups):
            self.set_interrupt(bool(raised & mask), index)


class Stm32F1Exti(Exti):
    """One EXTI; the option `banks` is 2 where there are lines from 32 on."""

    options: dict[str, Option] = {**Exti.options, "banks": 1}  # noqa: RUF012 - a class constant

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self.registers[IMR] = int(self.option["imr"]) & _WORD
        self.registers[BANK_BYTES + IMR] = int(self.option["imr2"]) & _WORD

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; a software trigger sets PR of lines that are not masked, ones clear PR and the trigger."""
        bank, kind = offset & BANK_BYTES, offset & ~BANK_BYTES
        if bank and self.option["banks"] == 1:
            return
        registers = self.registers
        if kind == PR:
            for register in (PR, SWIER):
                registers[bank + register] = registers.get(bank + register, 0) & ~value
        elif kind == SWIER:
            rising = value & ~registers.get(bank + SWIER, 0)
            registers[bank + PR] = registers.get(bank + PR, 0) | rising & registers.get(bank + IMR, 0)
            registers[bank + SWIER] = registers.get(bank + SWIER, 0) | value  # cleared through PR only
        else:
            registers[offset] = value
        if kind in (PR, SWIER, IMR):
            low, high = (registers.get(at + PR, 0) & registers.get(at + IMR, 0) for at in (0, BANK_BYTES))
            self.update_interrupts(low | high << 32)
