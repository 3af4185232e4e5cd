# SPDX-License-Identifier: Apache-2.0
"""Nordic GPIO tasks and events; nRF52840 Product Specification v1.7, 6.10.

Tasks drive pins of the ports at `port0` and `port1`. No input changes by itself, so no IN and no PORT event happens.
"""

from __future__ import annotations

from mcusim.devices.nrf_peripheral import NrfPeripheral

TASK_OUT, TASK_SET, TASK_CLR, CONFIG = 0x00, 0x30, 0x60, 0x510
CHANNELS = 8
MODE_TASK = 3
TO_HIGH, TO_LOW, TOGGLE = 1, 2, 3
GPIO_OUT, GPIO_OUTSET, GPIO_OUTCLR = 0x04, 0x08, 0x0C


class NrfGpiote(NrfPeripheral):
    """Eight channels."""

    options = {"port0": 0, "port1": 0}  # noqa: RUF012

    def task(self, offset: int) -> None:
        """Drive the pin of a channel."""
        for first in (TASK_OUT, TASK_SET, TASK_CLR):
            channel = (offset - first) // 4
            if 0 <= offset - first < 4 * CHANNELS:
                self._drive(first, self.registers.get(CONFIG + 4 * channel, 0))

    def _drive(self, task: int, configuration: int) -> None:
        port = int(self.option["port1" if configuration >> 13 & 1 else "port0"])
        if configuration & 3 != MODE_TASK or not port:
            return
        mask = 1 << (configuration >> 8 & 31)
        action = configuration >> 16 & 3 if task == TASK_OUT else TO_HIGH if task == TASK_SET else TO_LOW
        if action == TOGGLE:
            action = TO_LOW if self.host.read_bus(port + GPIO_OUT, 4) & mask else TO_HIGH
        if action:
            self.host.write_bus(port + (GPIO_OUTSET if action == TO_HIGH else GPIO_OUTCLR), 4, mask)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; a channel that becomes a task drives its initial level."""
        super().write_register(offset, value)
        if CONFIG <= offset < CONFIG + 4 * CHANNELS and value & 3 == MODE_TASK:
            self._drive(TASK_SET if value >> 20 & 1 else TASK_CLR, value)
