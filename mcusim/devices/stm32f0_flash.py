# SPDX-License-Identifier: Apache-2.0
"""STM32F0 flash interface; ST RM0091, chapter 3, flash register description. The registers are those of the STM32F1."""

from __future__ import annotations

from mcusim.devices.stm32f1_flash import Stm32F1Flash


class Stm32F0Flash(Stm32F1Flash):
    """FLASH registers; OBR says no protection and the factory's user options."""

    latency_mask = 0x1
    # ACR 0x30, CR 0x80, OBR 0xXXXXXX0X (from the option bytes), WRPR all ones: RM0091, FLASH registers.
    reset = {0x00: 0x30, 0x10: 0x80, 0x1C: 0xFFFF_FF00, 0x20: 0xFFFF_FFFF}  # noqa: RUF012 - a class constant
