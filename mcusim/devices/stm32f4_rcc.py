# SPDX-License-Identifier: Apache-2.0
"""STM32F4 reset and clock control; ST RM0090 (F405/F407), RM0402 (F412), RM0390 (F446), RCC registers.

The PLLs for audio (PLLI2S, PLLSAI) have ready flags; nothing here runs on their clocks.
"""

from __future__ import annotations

from mcusim.devices.stm32_clocks import Oscillator, Stm32Rcc

CR, PLLCFGR, CFGR, CIR, BDCR, CSR, DCKCFGR = 0x00, 0x04, 0x08, 0x0C, 0x70, 0x74, 0x8C
TIMPRE = 1 << 24  # DCKCFGR; a reserved bit that stays 0 on F405/F407


class Stm32F4Rcc(Stm32Rcc):
    """RCC. After reset HSI at 16 MHz."""

    BDCR, CSR, CIR = BDCR, CSR, CIR
    # CR 0x83, PLLCFGR 0x24003010, CSR 0x0E000000 (power-on, pin, brown-out): RM0090, RCC_CR, _PLLCFGR, _CSR.
    reset = {CR: 0x83, PLLCFGR: 0x2400_3010, CSR: 0x0E00_0000}  # noqa: RUF012 - a class constant
    reset_flags, remove_flags = 0xFE00_0000, 1 << 24
    fixed_hz = {"hsi": 16_000_000, "lsi": 32_000}  # noqa: RUF012 - a class constant
    oscillators = (
        Oscillator("lsi", CSR, 0, 1, 0),
        Oscillator("lse", BDCR, 0, 1, 1),
        Oscillator("hsi", CR, 0, 1, 2),
        Oscillator("hse", CR, 16, 17, 3),
        Oscillator("pll", CR, 24, 25, 4),
        Oscillator("plli2s", CR, 26, 27, 5),
        Oscillator("pllsai", CR, 28, 29, 6),
    )
    system_sources = ("hsi", "hse", "pll", "pllr")  # pllr: F446 (RM0390, RCC_CFGR.SW)
    made_from = {"pllr": "pll"}  # noqa: RUF012 - a class constant
    apb_shifts = (10, 13)

    def pll_input(self) -> str:
        """Return the input of all PLLs."""
        return "hse" if self.registers[PLLCFGR] >> 22 & 1 else "hsi"

    def _vco_hz(self) -> int:
        setup = self.registers[PLLCFGR]
        return self.output_hz(self.pll_input()) * (setup >> 6 & 0x1FF) // max(setup & 0x3F, 1)

    def source_hz(self, name: str) -> int:
        """Return an oscillator's frequency; of the PLLs for audio whether they have an input."""
        if name == "pll":
            return self._vco_hz() // (2 * (self.registers[PLLCFGR] >> 16 & 3) + 2)
        if name in ("plli2s", "pllsai"):
            return self.output_hz(self.pll_input())
        return super().source_hz(name)

    def output_hz(self, name: str) -> int:
        """Return what a source of the system clock gives now; 0 if it does not run."""
        if name == "pllr":
            divider = self.registers[PLLCFGR] >> 28 & 7
            return self._vco_hz() // divider if divider >= 2 and "pll" in self._running else 0
        return super().output_hz(name)

    def timer_hz(self, hclk_hz: int, divider: int) -> int:
        """Return the clock of a bus's timers; TIMPRE lets them run up to four times their bus (RM0390, RCC_DCKCFGR)."""
        factor = 4 if self.registers.get(DCKCFGR, 0) & TIMPRE else 2
        return hclk_hz if divider <= factor else factor * hclk_hz // divider
