# SPDX-License-Identifier: Apache-2.0
"""STM32G0 power control; ST RM0444, PWR registers: those of the STM32L4. SR2 says too that the flash is ready."""

from __future__ import annotations

from mcusim.devices.stm32l4_pwr import CR1, CR3, REGULATOR_STARTED, Stm32L4Pwr


class Stm32G0Pwr(Stm32L4Pwr):
    """PWR."""

    ready_status = REGULATOR_STARTED | 1 << 7  # SR2: REGLPS, FLASH_RDY
    # CR1 0x208 (range 1, flash powered down in Stop), CR3 0x8000: RM0444, PWR_CR1, _CR3.
    reset = {CR1: 0x0000_0208, CR3: 0x0000_8000}  # noqa: RUF012 - a class constant
