# SPDX-License-Identifier: Apache-2.0
"""STM32F0 power control; ST RM0091, PWR registers: those of the STM32F1. The voltage reference is ready."""

from __future__ import annotations

from mcusim.devices.stm32f1_pwr import Stm32F1Pwr


class Stm32F0Pwr(Stm32F1Pwr):
    """PWR."""

    writable_status = 0xFF00  # CSR: EWUP1 to EWUP8
    set_status = 1 << 3  # CSR: VREFINTRDYF
