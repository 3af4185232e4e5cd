# SPDX-License-Identifier: Apache-2.0
"""STM32F7 reset and clock control; ST RM0385 (F74x, F75x) chapter 5, RM0410 (F76x, F77x) chapter 5.

Ready flags follow enables, the clock tree gives the core's clock, the buses' and the timers'. Offsets and bits: ST
cmsis_device_f7 v1.2.9, stm32f746xx.h; reset values: RM0385, RCC registers (those
of the enables in low-power modes are left out).
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

CR, PLLCFGR, CFGR, AHB1ENR, BDCR, CSR = 0x00, 0x04, 0x08, 0x30, 0x70, 0x74
PLLI2SCFGR, PLLSAICFGR, DCKCFGR1, DCKCFGR2 = 0x84, 0x88, 0x8C, 0x90
HSI_HZ = 16_000_000
LSI_HZ = 32_000  # typical (STM32F746 datasheet DS10916, 6.3.11)
TIMPRE_BIT = 24
MULTIPLIERS = {"pll": PLLCFGR, "plli2s": PLLI2SCFGR, "pllsai": PLLSAICFGR}  # N is bits 6 to 14 of each
# Kernel clocks of USARTs in DCKCFGR2: two bits each; 0 the bus, 1 SYSCLK, 2 HSI, 3 LSE (RM0385, RCC_DCKCFGR2).
USARTS = ("usart1", "usart2", "usart3", "uart4", "uart5", "usart6", "uart7", "uart8")
ON_APB2 = ("usart1", "usart6")


class Stm32F7Rcc(ClockController):
    """RCC. Every write recomputes the frequencies and tells the machine."""

    reset = {  # noqa: RUF012 - a class constant
        CR: 0x0000_0083, PLLCFGR: 0x2400_3010, CSR: 0x0E00_0000, PLLI2SCFGR: 0x2400_3000, PLLSAICFGR: 0x2400_3000,
        AHB1ENR: 0x0010_0000,
    }  # fmt: skip
    clocks = {  # noqa: RUF012 - a class constant
        "hsi": (CR, 0, 1), "hse": (CR, 16, 17), "pll": (CR, 24, 25), "plli2s": (CR, 26, 27), "pllsai": (CR, 28, 29),
        "lse": (BDCR, 0, 1), "lsi": (CSR, 0, 1),
    }  # fmt: skip
    sources = ("hsi", "hse", "pll")
    switch_register = CFGR
    reset_flags = (CSR, 24, 0xFE00_0000)

    def oscillator_hz(self, name: str) -> int:
        """Return what an enabled clock gives; PLLs share M and their source."""
        if name in ("hsi", "lsi"):
            return HSI_HZ if name == "hsi" else LSI_HZ
        if name in ("hse", "lse"):
            return self.crystal_hz(name)
        return self._pll_hz(name, 1)

    def _pll_hz(self, name: str, divider: int) -> int:
        source_hz = self.clock_hz("hse" if self.field(PLLCFGR, 22, 1) else "hsi")
        multiplier = self.field(MULTIPLIERS[name], 6, 0x1FF)
        return pll_output_hz(source_hz, FRACTION * multiplier, self.field(PLLCFGR, 0, 0x3F), divider)

    def system_hz(self, name: str) -> int:
        """Return what a source gives as system clock; the PLL by its output P."""
        if name != "pll" or not self.clock_hz("pll"):
            return self.clock_hz(name)
        return self._pll_hz("pll", 2 * (self.field(PLLCFGR, 16, 3) + 1))

    def publish(self, system_hz: int) -> None:
        """Set the core's clock and the buses'."""
        bus = self.host.bus_hz
        hclk = divided_hz(system_hz, AHB_DIVIDERS[self.field(CFGR, 4, 15)])
        pclk1 = divided_hz(hclk, APB_DIVIDERS[self.field(CFGR, 10, 7)])
        pclk2 = divided_hz(hclk, APB_DIVIDERS[self.field(CFGR, 13, 7)])
        factor = 4 if self.field(DCKCFGR1, TIMPRE_BIT, 1) else 2  # RM0385, RCC_DCKCFGR1.TIMPRE
        self.host.clock.set_core_hz(hclk)
        bus |= {"sysclk": system_hz, "hclk": hclk, "pclk1": pclk1, "pclk2": pclk2, "hsi": HSI_HZ, "lsi": LSI_HZ,
                "lse": self.host.lse_hz, "timclk1": timer_hz(hclk, pclk1, factor),
                "timclk2": timer_hz(hclk, pclk2, factor)}  # fmt: skip
        for index, name in enumerate(USARTS):
            selected = self.field(DCKCFGR2, 2 * index, 3)
            pclk = "pclk2" if name in ON_APB2 else "pclk1"
            bus[name] = self.kernel_hz(name, bus[(pclk, "sysclk", "hsi", "lse")[selected]], bus[pclk])
