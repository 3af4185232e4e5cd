# SPDX-License-Identifier: Apache-2.0
"""STM32G0 flash interface; ST RM0444, chapter 3, FLASH registers. The registers are those of the STM32L4."""

from __future__ import annotations

from mcusim.devices.stm32l4_flash import Stm32L4Flash


class Stm32G0Flash(Stm32L4Flash):
    """FLASH registers; the instruction cache is on at reset."""

    latency_mask = 0x7
    dcache_bit = dcache_reset = 0
    # ACR 0x00040600, CR 0xC0000000, OPTR without protection: RM0444, FLASH_ACR, _CR, _OPTR.
    reset = {0x00: 0x0004_0600, 0x14: 0xC000_0000, 0x20: 0xFFFF_FEAA}  # noqa: RUF012 - a class constant
