# SPDX-License-Identifier: Apache-2.0
"""STM32H7 power control; ST RM0433 (H743, H750) chapter 6, RM0455 (H7A3, H7B3) chapter 6.

The supply that CR3 chooses (LDO, SMPS, bypass) and the voltage scale are ready at once, and reported as in force. Bits:
ST cmsis_device_h7 v1.9.0. Whether a clock is within what the voltage allows, and that CR3's supply can be chosen only
once, are not checked.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host, RegisterFile

CR1, CSR1, CR2, CR3, D3CR = 0x00, 0x04, 0x08, 0x0C, 0x18  # D3CR is SRDCR of the H7A3
VOS_SHIFT, VOS_MASK, VOSRDY = 14, 3 << 14, 1 << 13  # in D3CR; ACTVOS and ACTVOSRDY of CSR1 are the same bits
BREN, BRRDY = 1 << 0, 1 << 16  # CR2
# CR3: (enable, ready) of the USB regulator's detector and of the external SMPS (the latter on parts with an SMPS).
SUPPLY_READY = ((1 << 24, 1 << 26), (1 << 3, 1 << 16))


class Stm32H7Pwr(RegisterFile):
    """PWR. Option `scale_at_reset` is VOS after reset: 1 on H743 (scale 3), 0 on H7A3 (scale 3)."""

    options = {"scale_at_reset": 1}  # noqa: RUF012 - a class constant
    reset = {CR1: 0xF000_C000, CR3: 0x0000_0006}  # noqa: RUF012 - a class constant

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self.registers[D3CR] = int(self.option["scale_at_reset"]) << VOS_SHIFT

    def read_register(self, offset: int) -> int:
        """Return a register with its ready flags."""
        value = super().read_register(offset)
        if offset == D3CR:
            return value | VOSRDY
        if offset == CSR1:
            return value & ~VOS_MASK | self.registers[D3CR] & VOS_MASK | VOSRDY
        if offset == CR2:
            return value & ~BRRDY | (BRRDY if value & BREN else 0)
        if offset == CR3:
            for enable, ready in SUPPLY_READY:
                value = value & ~ready | (ready if value & enable else 0)
        return value
