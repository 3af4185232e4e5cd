# SPDX-License-Identifier: Apache-2.0
"""STM32F1 flash interface; ST PM0075 (flash programming manual), chapter 3, register descriptions."""

from __future__ import annotations

from mcusim.devices.stm32_flash import KEYS, Stm32Flash

PREFETCH_ENABLE, PREFETCH_STATUS = 1 << 4, 1 << 5


class Stm32F1Flash(Stm32Flash):
    """FLASH registers; the prefetch buffer is on at reset. The option bytes take the same keys as the flash."""

    option_keys = KEYS
    option_enable = 1 << 9  # CR.OPTWRE
    latency_mask = 0x7
    prefetch_bit, icache_bit, dcache_bit, icache_reset, dcache_reset = PREFETCH_ENABLE, 0, 0, 0, 0
    LOCK = 1 << 7
    START = 1 << 6
    program_mask = 1 << 0 | 1 << 4  # PG, OPTPG
    status_after_start = 1 << 5  # EOP
    # ACR 0x30, CR 0x80, OBR 0x03FFFFFC, WRPR all ones: PM0075, reset values.
    reset = {0x00: 0x30, 0x10: 0x80, 0x1C: 0x03FF_FFFC, 0x20: 0xFFFF_FFFF}  # noqa: RUF012 - a class constant

    def read_register(self, offset: int) -> int:
        """Return a register; ACR.PRFTBS follows PRFTBE."""
        value = super().read_register(offset)
        if offset == self.ACR:
            value = value & ~PREFETCH_STATUS | (PREFETCH_STATUS if value & PREFETCH_ENABLE else 0)
        return value
