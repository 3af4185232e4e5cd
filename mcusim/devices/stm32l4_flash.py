# SPDX-License-Identifier: Apache-2.0
"""STM32L4 and L4+ flash interface; ST RM0351 (L476), RM0432 (L4R5), chapter 3, FLASH registers."""

from __future__ import annotations

from mcusim.devices.stm32_flash import Stm32Flash


class Stm32L4Flash(Stm32Flash):
    """FLASH registers; the caches are on at reset."""

    KEYR, OPTKEYR, SR, CR = 0x08, 0x0C, 0x10, 0x14
    OPTCR = CR
    option_lock = 1 << 30
    program_mask = 1 << 0 | 1 << 17 | 1 << 18  # PG, OPTSTRT, FSTPG
    # ACR 0x600, CR 0xC0000000 (both locked): RM0432, FLASH_ACR, _CR; OPTR as delivered, no protection.
    reset = {0x00: 0x0000_0600, 0x14: 0xC000_0000, 0x20: 0xFFEF_F8AA}  # noqa: RUF012 - a class constant
