# SPDX-License-Identifier: Apache-2.0
"""STM32H7 reset and clock control; ST RM0433 (H743, H750) chapter 8, RM0455 (H7A3, H7B3) chapter 8.

Ready flags follow enables; PLL1 to PLL3 with their fractional parts and outputs P, Q, R; the core's clock (D1CPRE,
CDCPRE), the buses' and the timers'. Both families have the registers at the same places: offsets and bits are those of
ST cmsis_device_h7 v1.9.0, stm32h743xx.h and stm32h7a3xxq.h; reset values: RM0433, RCC registers.
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

CR, HSICFGR, CSICFGR, CFGR = 0x00, 0x04, 0x0C, 0x10
D1CFGR, D2CFGR, D3CFGR = 0x18, 0x1C, 0x20  # CDCFGR1, CDCFGR2, SRDCFGR of the H7A3
PLLCKSELR, PLLCFGR, PLL1DIVR, PLL1FRACR = 0x28, 0x2C, 0x30, 0x34  # PLL2 and PLL3 follow at 0x38 and 0x40
D2CCIP2R, D3CCIPR, BDCR, CSR, RSR = 0x54, 0x58, 0x70, 0x74, 0xD0
HSI_HZ, CSI_HZ, HSI48_HZ, LSI_HZ = 64_000_000, 4_000_000, 48_000_000, 32_000
TIMPRE_BIT = 15
PLL_SOURCES = ("hsi", "csi", "hse")  # PLLSRC; 3 is none
OUTPUTS = {"p": (9, 0x7F), "q": (16, 0x7F), "r": (24, 0x7F)}  # bit and mask of each divider in PLLxDIVR
# What USART1/6 (and 9, 10), the other USARTs and LPUART1 may run on: USART16SEL, USART234578SEL, LPUART1SEL (RM0433,
# RCC_D2CCIP2R, RCC_D3CCIPR); "pclk" stands for the bus that each is on.
USART_SOURCES = ("pclk", "pll2q", "pll3q", "hsi", "csi", "lse")


class Stm32H7Rcc(ClockController):
    """RCC. Every write recomputes the frequencies and tells the machine."""

    reset = {  # noqa: RUF012 - a class constant
        CR: 0x0000_0025, HSICFGR: 0x4000_0000, CSICFGR: 0x2000_0000, PLLCKSELR: 0x0202_0200, PLLCFGR: 0x01FF_0000,
        PLL1DIVR: 0x0101_0280, PLL1DIVR + 8: 0x0101_0280, PLL1DIVR + 16: 0x0101_0280, RSR: 0x00E8_0000,
    }  # fmt: skip
    clocks = {  # noqa: RUF012 - a class constant
        "hsi": (CR, 0, 2), "csi": (CR, 7, 8), "hsi48": (CR, 12, 13), "hse": (CR, 16, 17), "pll1": (CR, 24, 25),
        "pll2": (CR, 26, 27), "pll3": (CR, 28, 29), "lse": (BDCR, 0, 1), "lsi": (CSR, 0, 1),
    }  # fmt: skip
    sources = ("hsi", "csi", "hse", "pll1")
    switch_register, switch_mask, switch_status_shift = CFGR, 7, 3
    reset_flags = (RSR, 16, 0xFFFE_0000)

    def oscillator_hz(self, name: str) -> int:
        """Return what an enabled clock gives: HSI after its divider, a PLL before its output dividers."""
        if name == "hsi":
            return HSI_HZ >> self.field(CR, 3, 3)
        if name in ("hse", "lse"):
            return self.crystal_hz(name)
        fixed = {"csi": CSI_HZ, "hsi48": HSI48_HZ, "lsi": LSI_HZ}
        return fixed[name] if name in fixed else self._vco_over(int(name[3:]), 1)

    def _vco_over(self, number: int, divider: int) -> int:
        source = self.field(PLLCKSELR, 0, 3)
        source_hz = self.clock_hz(PLL_SOURCES[source]) if source < len(PLL_SOURCES) else 0
        m = self.field(PLLCKSELR, 8 * number - 4, 0x3F)
        registers = 8 * (number - 1)
        multiplier = FRACTION * (self.field(PLL1DIVR + registers, 0, 0x1FF) + 1)
        if self.field(PLLCFGR, 4 * (number - 1), 1):  # PLLxFRACEN
            multiplier += self.field(PLL1FRACR + registers, 3, FRACTION - 1)
        return pll_output_hz(source_hz, multiplier, m, divider)

    def output_hz(self, number: int, output: str) -> int:
        """Return output `p`, `q` or `r` of a PLL; 0 while it is off or the output is not enabled."""
        enable = 16 + 3 * (number - 1) + "pqr".index(output)
        if not self.clock_hz(f"pll{number}") or not self.field(PLLCFGR, enable, 1):
            return 0
        bit, mask = OUTPUTS[output]
        return self._vco_over(number, self.field(PLL1DIVR + 8 * (number - 1), bit, mask) + 1)

    def system_hz(self, name: str) -> int:
        """Return what a source gives as system clock; PLL1 by its output P."""
        return self.output_hz(1, "p") if name == "pll1" else self.clock_hz(name)

    def publish(self, system_hz: int) -> None:
        """Set the core's clock and the buses'."""
        core = divided_hz(system_hz, AHB_DIVIDERS[self.field(D1CFGR, 8, 15)])
        hclk = divided_hz(core, AHB_DIVIDERS[self.field(D1CFGR, 0, 15)])
        fields = {"pclk1": (D2CFGR, 4), "pclk2": (D2CFGR, 8), "pclk3": (D1CFGR, 4), "pclk4": (D3CFGR, 4)}
        pclk = {
            name: divided_hz(hclk, APB_DIVIDERS[self.field(offset, bit, 7)]) for name, (offset, bit) in fields.items()
        }
        factor = 4 if self.field(CFGR, TIMPRE_BIT, 1) else 2  # RM0433, RCC_CFGR.TIMPRE: ratio of the timers' clock
        self.host.clock.set_core_hz(core)
        self.host.bus_hz |= {
            "sysclk": system_hz, "hclk": hclk, **pclk, "timclk1": timer_hz(hclk, pclk["pclk1"], factor),
            "timclk2": timer_hz(hclk, pclk["pclk2"], factor), "hsi": self.oscillator_hz("hsi"), "lsi": LSI_HZ,
            "lse": self.host.lse_hz, "csi": CSI_HZ,
            "usart16": self._usart_hz("usart16", self.field(D2CCIP2R, 3, 7), pclk["pclk2"]),
            "usart234578": self._usart_hz("usart234578", self.field(D2CCIP2R, 0, 7), pclk["pclk1"]),
            "lpuart1": self._usart_hz("lpuart1", self.field(D3CCIPR, 0, 7), pclk["pclk4"]),
        }  # fmt: skip

    def _usart_hz(self, usart: str, selected: int, pclk_hz: int) -> int:
        source = USART_SOURCES[selected] if selected < len(USART_SOURCES) else "pclk"
        if source == "pclk":
            return pclk_hz
        hz = self.output_hz(int(source[3]), "q") if source.startswith("pll") else self.clock_hz(source)
        return self.kernel_hz(usart, hz, pclk_hz)
