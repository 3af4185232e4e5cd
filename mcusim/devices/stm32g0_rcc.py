# SPDX-License-Identifier: Apache-2.0
"""STM32G0 reset and clock control; ST RM0444, RCC registers. Nothing here runs on the PLL's P and Q outputs."""

from __future__ import annotations

from mcusim.devices.stm32_clocks import KernelClock, Oscillator, Stm32Rcc

CR, CFGR, PLLCFGR, CCIPR, BDCR, CSR = 0x00, 0x08, 0x0C, 0x54, 0x5C, 0x60
UART_CHOICES = ("pclk1", "sysclk", "hsi", "lse")  # RM0444, RCC_CCIPR


class Stm32G0Rcc(Stm32Rcc):
    """RCC. After reset HSI at 16 MHz. There is one peripheral bus: pclk1 and pclk2 are the same."""

    BDCR, CSR = BDCR, CSR
    # CR 0x500, PLLCFGR 0x1000, CSR (power-on, pin), AHBENR 0x100: RM0444, reset values.
    reset = {CR: 0x500, PLLCFGR: 0x1000, CSR: 0x0C00_0000, 0x38: 0x100}  # noqa: RUF012 - a class constant
    reset_flags, remove_flags = 0xFE00_0000, 1 << 23
    fixed_hz = {"hsi": 16_000_000, "lsi": 32_000, "hsi48": 48_000_000}  # noqa: RUF012 - a class constant
    oscillators = (
        Oscillator("lsi", CSR, 0, 1, 0),
        Oscillator("lse", BDCR, 0, 1, 1),
        Oscillator("hsi48", CR, 22, 23, 2),
        Oscillator("hsi", CR, 8, 10, 3),
        Oscillator("hse", CR, 16, 17, 4),
        Oscillator("pll", CR, 24, 25, 5),
    )
    switch_bits = 3
    system_sources = ("hsisys", "hse", "pllr", "lsi", "lse")
    made_from = {"hsisys": "hsi", "pllr": "pll"}  # noqa: RUF012 - a class constant
    ahb_shift = 8
    apb_shifts = (12, 12)
    kernel_clocks = (
        KernelClock("usart1", CCIPR, 0, UART_CHOICES),
        KernelClock("usart2", CCIPR, 2, UART_CHOICES),
        KernelClock("usart3", CCIPR, 4, UART_CHOICES),
        KernelClock("lpuart2", CCIPR, 8, UART_CHOICES),
        KernelClock("lpuart1", CCIPR, 10, UART_CHOICES),
    )

    def pll_input(self) -> str:
        """Return the PLL's input."""
        return ("", "", "hsi", "hse")[self.registers[PLLCFGR] & 3]

    def source_hz(self, name: str) -> int:
        """Return an oscillator's frequency, of the PLL its VCO's."""
        if name != "pll":
            return super().source_hz(name)
        setup = self.registers[PLLCFGR]
        return self.output_hz(self.pll_input()) * (setup >> 8 & 0x7F) // ((setup >> 4 & 7) + 1)

    def output_hz(self, name: str) -> int:
        """Return what a source of the system clock gives now; 0 if it does not run."""
        if name == "hsisys":
            return super().output_hz("hsi") >> (self.registers[CR] >> 11 & 7)
        if name == "pllr":
            setup = self.registers[PLLCFGR]
            return super().output_hz("pll") // ((setup >> 29 & 7) + 1) if setup >> 28 & 1 else 0
        return super().output_hz(name)
