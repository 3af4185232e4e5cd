# SPDX-License-Identifier: Apache-2.0
"""STM32F0 reset and clock control, parts with HSI48 (F042, F048, F07x, F09x); ST RM0091, RCC registers."""

from __future__ import annotations

from mcusim.devices.stm32_clocks import KernelClock, Oscillator, Stm32Rcc

CR, CFGR, CIR, BDCR, CSR, CFGR2, CFGR3, CR2 = 0x00, 0x04, 0x08, 0x20, 0x24, 0x2C, 0x30, 0x34
USART_CHOICES = ("pclk1", "sysclk", "lse", "hsi")  # RM0091, RCC_CFGR3


class Stm32F0Rcc(Stm32Rcc):
    """RCC. After reset HSI at 8 MHz. There is one peripheral bus: pclk1 and pclk2 are the same."""

    CFGR, BDCR, CSR, CIR = CFGR, BDCR, CSR, CIR
    # CR 0x83, CSR (power-on, pin), AHBENR 0x14, CR2 0x80: RM0091, reset values.
    reset = {CR: 0x83, CSR: 0x0C00_0000, 0x14: 0x14, CR2: 0x80}  # noqa: RUF012 - a class constant
    reset_flags, remove_flags = 0xFE80_0000, 1 << 24
    fixed_hz = {"hsi": 8_000_000, "lsi": 40_000, "hsi14": 14_000_000, "hsi48": 48_000_000}  # noqa: RUF012
    oscillators = (
        Oscillator("lsi", CSR, 0, 1, 0),
        Oscillator("lse", BDCR, 0, 1, 1),
        Oscillator("hsi", CR, 0, 1, 2),
        Oscillator("hse", CR, 16, 17, 3),
        Oscillator("hsi14", CR2, 0, 1, 5),
        Oscillator("hsi48", CR2, 16, 17, 6),
        Oscillator("pll", CR, 24, 25, 4),
    )
    system_sources = ("hsi", "hse", "pll", "hsi48")
    apb_shifts = (8, 8)
    kernel_clocks = (
        KernelClock("usart1", CFGR3, 0, USART_CHOICES),
        KernelClock("usart2", CFGR3, 16, USART_CHOICES),
    )

    def pll_input(self) -> str:
        """Return the PLL's input."""
        return ("hsi", "hsi", "hse", "hsi48")[self.registers.get(CFGR, 0) >> 15 & 3]

    def source_hz(self, name: str) -> int:
        """Return an oscillator's frequency; the PLL takes half of HSI, or its input through PREDIV."""
        if name != "pll":
            return super().source_hz(name)
        setup = self.registers.get(CFGR, 0)
        divider = (self.registers.get(CFGR2, 0) & 15) + 1 if setup >> 15 & 3 else 2
        return self.output_hz(self.pll_input()) // divider * min((setup >> 18 & 15) + 2, 16)
