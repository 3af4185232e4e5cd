# SPDX-License-Identifier: Apache-2.0
"""STM32F4 flash interface; ST RM0090 (F405/F407), RM0402 (F412), RM0390 (F446), chapter 3, FLASH registers."""

from __future__ import annotations

from mcusim.devices.stm32_flash import Stm32Flash


class Stm32F4Flash(Stm32Flash):
    """FLASH registers; prefetch and the caches are off at reset (RM0090, FLASH_ACR: reset value 0)."""

    OPTCR = 0x14
    option_lock = 1 << 0
    # ACR 0, CR 0x80000000 (locked), OPTCR 0x0FFFAAED (locked, no protection): RM0090, FLASH_ACR, _CR, _OPTCR.
    reset = {0x10: 0x8000_0000, 0x14: 0x0FFF_AAED}  # noqa: RUF012 - a class constant
