# SPDX-License-Identifier: Apache-2.0
"""STM32L4 and L4+ reset and clock control; ST RM0351 (L476), RM0432 (L4R5), chapter 6, RCC registers.

PLLSAI1 and PLLSAI2 have ready flags; nothing here runs on their clocks. The L476 has no HSI48 (CRRCR).
"""

from __future__ import annotations

from mcusim.devices.stm32_clocks import KernelClock, Oscillator, Stm32Rcc

CR, CFGR, PLLCFGR, CCIPR, BDCR, CSR, CRRCR = 0x00, 0x08, 0x0C, 0x88, 0x90, 0x94, 0x98
MSI_HZ = (100_000, 200_000, 400_000, 800_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000,
          16_000_000, 24_000_000, 32_000_000, 48_000_000)  # fmt: skip


class Stm32L4Rcc(Stm32Rcc):
    """RCC. After reset MSI at 4 MHz."""

    BDCR, CSR = BDCR, CSR
    # CR 0x63, PLLCFGR 0x1000, CSR 0x0C000600 (brown-out, pin; MSI range after standby): RM0432, reset values.
    reset = {CR: 0x63, PLLCFGR: 0x1000, CSR: 0x0C00_0600}  # noqa: RUF012 - a class constant
    reset_flags, remove_flags = 0xFF00_0000, 1 << 23
    fixed_hz = {"hsi": 16_000_000, "lsi": 32_000, "hsi48": 48_000_000}  # noqa: RUF012 - a class constant
    oscillators = (
        Oscillator("lsi", CSR, 0, 1, 0),
        Oscillator("lse", BDCR, 0, 1, 1),
        Oscillator("msi", CR, 0, 1, 2),
        Oscillator("hsi", CR, 8, 10, 3),
        Oscillator("hse", CR, 16, 17, 4),
        Oscillator("hsi48", CRRCR, 0, 1, 10),
        Oscillator("pll", CR, 24, 25, 5),
        Oscillator("pllsai1", CR, 26, 27, 6),
        Oscillator("pllsai2", CR, 28, 29, 7),
    )
    system_sources = ("msi", "hsi", "hse", "pllr")
    made_from = {"pllr": "pll"}  # noqa: RUF012 - a class constant
    kernel_clocks = (
        KernelClock("usart1", CCIPR, 0, ("pclk2", "sysclk", "hsi", "lse")),
        *(
            KernelClock(name, CCIPR, shift, ("pclk1", "sysclk", "hsi", "lse"))
            for name, shift in (("usart2", 2), ("usart3", 4), ("uart4", 6), ("uart5", 8), ("lpuart1", 10))
        ),
    )

    def _msi_hz(self) -> int:
        control, after_standby = self.registers[CR], self.registers[CSR] >> 8 & 15
        index = control >> 4 & 15 if control >> 3 & 1 else after_standby
        return MSI_HZ[min(index, len(MSI_HZ) - 1)]

    def pll_input(self) -> str:
        """Return the input of all PLLs."""
        return ("", "msi", "hsi", "hse")[self.registers[PLLCFGR] & 3]

    def source_hz(self, name: str) -> int:
        """Return an oscillator's frequency, of the PLL its VCO's, of the others whether they have an input."""
        if name == "msi":
            return self._msi_hz()
        if name == "pll":
            setup = self.registers[PLLCFGR]  # M has three bits on L4, where the fourth stays 0
            return self.output_hz(self.pll_input()) * (setup >> 8 & 0x7F) // ((setup >> 4 & 15) + 1)
        if name in ("pllsai1", "pllsai2"):
            return self.output_hz(self.pll_input())
        return super().source_hz(name)

    def output_hz(self, name: str) -> int:
        """Return what a source of the system clock gives now; 0 if it does not run."""
        if name == "pllr":
            setup = self.registers[PLLCFGR]
            return super().output_hz("pll") // (2 * (setup >> 25 & 3) + 2) if setup >> 24 & 1 else 0
        return super().output_hz(name)
