# SPDX-License-Identifier: Apache-2.0
"""STM32U5 reset and clock control; ST RM0456, chapter 11.

Ready flags follow enables; MSI ranges, PLL1 to PLL3 with their fractional parts; the core's clock, the buses' and the
timers'. Offsets, bits and MSI ranges: ST cmsis_device_u5 v1.4.0, stm32u575xx.h and system_stm32u5xx.c; reset values:
RM0456, RCC registers.
"""

from __future__ import annotations

from mcusim.devices.stm32h7_clocks import (
    AHB_DIVIDERS,
    APB_DIVIDERS,
    FRACTION,
    ClockController,
    divided_hz,
    pll_output_hz,
    timer_hz,
)

CR, ICSCR1, CFGR1, CFGR2, CFGR3 = 0x00, 0x08, 0x1C, 0x20, 0x24
PLL1CFGR, PLL1DIVR, PLL1FRACR = 0x28, 0x34, 0x38  # each PLL's CFGR follows after 4 bytes, the others after 8
CCIPR1, CCIPR3, BDCR, CSR = 0xE0, 0xE8, 0xF0, 0xF4
HSI_HZ, HSI48_HZ, SHSI_HZ, LSI_HZ = 16_000_000, 48_000_000, 48_000_000, 32_000
MSI_HZ = (48_000_000, 24_000_000, 16_000_000, 12_000_000, 4_000_000, 2_000_000, 1_330_000, 1_000_000,
          3_072_000, 1_536_000, 1_024_000, 768_000, 400_000, 200_000, 133_000, 100_000)  # fmt: skip
PLL_SOURCES = (None, "msis", "hsi", "hse")
# USART1 to UART5: two bits each of CCIPR1; LPUART1: three bits of CCIPR3 (RM0456, RCC_CCIPR1, RCC_CCIPR3).
USARTS = {"usart1": (CCIPR1, 0, 3, "pclk2"), "usart2": (CCIPR1, 2, 3, "pclk1"), "usart3": (CCIPR1, 4, 3, "pclk1"),
          "uart4": (CCIPR1, 6, 3, "pclk1"), "uart5": (CCIPR1, 8, 3, "pclk1"),
          "lpuart1": (CCIPR3, 0, 7, "pclk3")}  # fmt: skip


class Stm32U5Rcc(ClockController):
    """RCC. Every write recomputes the frequencies and tells the machine."""

    reset = {  # noqa: RUF012 - a class constant
        CR: 0x0000_0035, ICSCR1: 0x4400_0000, CSR: 0x0C00_4400, PLL1DIVR: 0x0101_0280, PLL1DIVR + 8: 0x0101_0280,
        PLL1DIVR + 16: 0x0101_0280,
    }  # fmt: skip
    clocks = {  # noqa: RUF012 - a class constant
        "msis": (CR, 0, 2), "msik": (CR, 4, 5), "hsi": (CR, 8, 10), "hsi48": (CR, 12, 13), "shsi": (CR, 14, 15),
        "hse": (CR, 16, 17), "pll1": (CR, 24, 25), "pll2": (CR, 26, 27), "pll3": (CR, 28, 29), "lse": (BDCR, 0, 1),
        "lsesys": (BDCR, 7, 11), "lsi": (BDCR, 26, 27),
    }  # fmt: skip
    sources = ("msis", "hsi", "hse", "pll1")
    switch_register = CFGR1
    reset_flags = (CSR, 23, 0xFE00_0000)

    def oscillator_hz(self, name: str) -> int:
        """Return what an enabled clock gives: a PLL before its output dividers, LSI after its divider."""
        if name in ("hse", "lse"):
            return self.crystal_hz(name)
        if name == "lsesys":
            return self.clock_hz("lse")
        if name in ("msis", "msik"):
            return MSI_HZ[self._msi_range(name)]
        fixed = {"hsi": HSI_HZ, "hsi48": HSI48_HZ, "shsi": SHSI_HZ, "lsi": LSI_HZ >> 7 * self.field(BDCR, 28, 1)}
        return fixed[name] if name in fixed else self._vco_over(int(name[3:]), 1)

    def _msi_range(self, name: str) -> int:
        """The range of ICSCR1 counts if MSIRGSEL says so, else that after standby, which holds 4 to 8 only."""
        system = name == "msis"
        if self.field(ICSCR1, 23, 1):
            return self.field(ICSCR1, 28 if system else 24, 15)
        return self.field(CSR, 12 if system else 8, 15)

    def _vco_over(self, number: int, divider: int) -> int:
        setup = PLL1CFGR + 4 * (number - 1)
        source = PLL_SOURCES[self.field(setup, 0, 3)]
        source_hz = self.clock_hz(source) if source else 0
        registers = 8 * (number - 1)
        multiplier = FRACTION * (self.field(PLL1DIVR + registers, 0, 0x1FF) + 1)
        if self.field(setup, 4, 1):  # PLLxFRACEN
            multiplier += self.field(PLL1FRACR + registers, 3, FRACTION - 1)
        return pll_output_hz(source_hz, multiplier, self.field(setup, 8, 15) + 1, divider)

    def output_hz(self, number: int, output: str) -> int:
        """Return output `p`, `q` or `r` of a PLL; 0 while it is off or the output is not enabled."""
        index = "pqr".index(output)
        if not self.clock_hz(f"pll{number}") or not self.field(PLL1CFGR + 4 * (number - 1), 16 + index, 1):
            return 0
        return self._vco_over(number, self.field(PLL1DIVR + 8 * (number - 1), (9, 16, 24)[index], 0x7F) + 1)

    def system_hz(self, name: str) -> int:
        """Return what a source gives as system clock; PLL1 by its output R."""
        return self.output_hz(1, "r") if name == "pll1" else self.clock_hz(name)

    def publish(self, system_hz: int) -> None:
        """Set the core's clock and the buses'."""
        bus = self.host.bus_hz
        hclk = divided_hz(system_hz, AHB_DIVIDERS[self.field(CFGR2, 0, 15)])
        pclk1 = divided_hz(hclk, APB_DIVIDERS[self.field(CFGR2, 4, 7)])
        pclk2 = divided_hz(hclk, APB_DIVIDERS[self.field(CFGR2, 8, 7)])
        pclk3 = divided_hz(hclk, APB_DIVIDERS[self.field(CFGR3, 4, 7)])
        self.host.clock.set_core_hz(hclk)
        bus |= {"sysclk": system_hz, "hclk": hclk, "pclk1": pclk1, "pclk2": pclk2, "pclk3": pclk3, "hsi": HSI_HZ,
                "lsi": LSI_HZ, "lse": self.host.lse_hz, "msik": self.oscillator_hz("msik"),
                "timclk1": timer_hz(hclk, pclk1, 2), "timclk2": timer_hz(hclk, pclk2, 2)}  # fmt: skip
        for name, (register, bit, mask, pclk) in USARTS.items():
            selected = self.field(register, bit, mask)
            sources = (pclk, "sysclk", "hsi", "lse", "msik")
            bus[name] = self.kernel_hz(name, bus[sources[selected] if selected < len(sources) else pclk], bus[pclk])
