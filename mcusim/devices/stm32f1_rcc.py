# SPDX-License-Identifier: Apache-2.0
"""STM32F1 reset and clock control, low to high density (F101, F102, F103); ST RM0008, chapter 7, RCC registers."""

from __future__ import annotations

from mcusim.devices.stm32_clocks import Oscillator, Stm32Rcc

CR, CFGR, CIR, BDCR, CSR = 0x00, 0x04, 0x08, 0x20, 0x24


class Stm32F1Rcc(Stm32Rcc):
    """RCC. After reset HSI at 8 MHz."""

    CFGR, BDCR, CSR, CIR = CFGR, BDCR, CSR, CIR
    # CR 0x83 (HSI on, trim 16), CSR 0x0C000000 (power-on, pin), AHBENR 0x14: RM0008, reset values.
    reset = {CR: 0x83, CSR: 0x0C00_0000, 0x14: 0x14}  # noqa: RUF012 - a class constant
    reset_flags, remove_flags = 0xFC00_0000, 1 << 24
    fixed_hz = {"hsi": 8_000_000, "lsi": 40_000}  # noqa: RUF012 - a class constant
    oscillators = (
        Oscillator("lsi", CSR, 0, 1, 0),
        Oscillator("lse", BDCR, 0, 1, 1),
        Oscillator("hsi", CR, 0, 1, 2),
        Oscillator("hse", CR, 16, 17, 3),
        Oscillator("pll", CR, 24, 25, 4),
    )
    system_sources = ("hsi", "hse", "pll")

    def pll_input(self) -> str:
        """Return the PLL's input."""
        return "hse" if self.registers.get(CFGR, 0) >> 16 & 1 else "hsi"

    def source_hz(self, name: str) -> int:
        """Return an oscillator's frequency; the PLL takes half of HSI, or HSE whole or half."""
        if name != "pll":
            return super().source_hz(name)
        setup, source = self.registers.get(CFGR, 0), self.pll_input()
        divider = 2 if source == "hsi" or setup >> 17 & 1 else 1
        return self.output_hz(source) // divider * min((setup >> 18 & 15) + 2, 16)
