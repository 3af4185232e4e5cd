# SPDX-License-Identifier: Apache-2.0
"""STM32L4 power control; ST RM0432, chapter 5: voltage scaling is ready at once."""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

CR1, SR2, CR5 = 0x00, 0x14, 0x80


class Stm32L4Pwr(RegisterFile):
    """PWR. SR2 reads 0: VOSF (voltage scaling changing) and REGLPF are clear."""

    reset = {CR1: 0x0000_0200, CR5: 0x0000_0100}  # noqa: RUF012 - a class constant
