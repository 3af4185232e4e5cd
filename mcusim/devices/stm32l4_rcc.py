# SPDX-License-Identifier: Apache-2.0
"""STM32L4+ reset and clock control; ST RM0432, chapter 6. Ready flags follow enables; the clock tree gives HCLK.

Register bits and reset values: RM0432 6.4. Peripheral enables are remembered and not checked.
"""

from __future__ import annotations

from mcusim.devices.base import RegisterFile

CR, CFGR, PLLCFGR, CSR, CRRCR, BDCR = 0x00, 0x08, 0x0C, 0x94, 0x98, 0x90
MSI_HZ = (100_000, 200_000, 400_000, 800_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000,
          16_000_000, 24_000_000, 32_000_000, 48_000_000)  # fmt: skip
HSI16_HZ = 16_000_000
HSE_HZ = 8_000_000  # the ST-LINK's clock on Nucleo boards (UM2179, 6.8.1)
AHB_DIVIDERS = (1,) * 8 + (2, 4, 8, 16, 64, 128, 256, 512)
APB_DIVIDERS = (1,) * 4 + (2, 4, 8, 16)
# (enable bit, ready bit) in CR: MSI, HSI16, HSE, PLL, PLLSAI1, PLLSAI2
READY_BITS = ((0, 1), (8, 10), (16, 17), (24, 25), (26, 27), (28, 29))
CLOCK_MSI, CLOCK_HSI16, CLOCK_HSE, CLOCK_PLL = range(4)


class Stm32L4Rcc(RegisterFile):
    """RCC. Every write recomputes the frequencies and tells the machine."""

    reset = {CR: 0x0000_0063, PLLCFGR: 0x0000_1000, CSR: 0x0C00_0600}  # noqa: RUF012 - a class constant

    def read_register(self, offset: int) -> int:
        """Return a register with its ready flags as the enables say."""
        value = super().read_register(offset)
        if offset == CR:
            for enable, ready in READY_BITS:
                value = value & ~(1 << ready) | (value >> enable & 1) << ready
        elif offset == CFGR:
            value = value & ~0xC | (value & 3) << 2  # SWS follows SW
        elif offset in (CSR, CRRCR, BDCR):
            value = value & ~2 | (value & 1) << 1  # LSIRDY, HSI48RDY, LSERDY
        return value

    def write_register(self, offset: int, value: int) -> None:
        """Set a register and follow the clock tree."""
        super().write_register(offset, value)
        if offset in (CR, CFGR, PLLCFGR, CSR):
            self._update_clocks()

    def _msi_hz(self) -> int:
        control = self.registers[CR]
        after_standby = self.registers[CSR] >> 8 & 15
        index = control >> 4 & 15 if control >> 3 & 1 else after_standby
        return MSI_HZ[min(index, len(MSI_HZ) - 1)]

    def _pll_hz(self) -> int:
        setup = self.registers[PLLCFGR]
        source_hz = (0, self._msi_hz(), HSI16_HZ, HSE_HZ)[setup & 3]
        m = (setup >> 4 & 15) + 1
        n = setup >> 8 & 127
        r = 2 * ((setup >> 25 & 3) + 1)
        return source_hz * n // m // r

    def _update_clocks(self) -> None:
        setup = self.registers.get(CFGR, 0)
        source = setup & 3
        system_hz = {
            CLOCK_MSI: self._msi_hz(),
            CLOCK_HSI16: HSI16_HZ,
            CLOCK_HSE: HSE_HZ,
            CLOCK_PLL: self._pll_hz(),
        }[source]
        core_hz = system_hz // AHB_DIVIDERS[setup >> 4 & 15]
        if core_hz <= 0:
            return  # a PLL without a source: the part would stand still
        self.host.clock.set_core_hz(core_hz)
        self.host.bus_hz["pclk1"] = core_hz // APB_DIVIDERS[setup >> 8 & 7]
        self.host.bus_hz["pclk2"] = core_hz // APB_DIVIDERS[setup >> 11 & 7]
