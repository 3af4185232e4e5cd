# SPDX-License-Identifier: Apache-2.0
"""RP2040 clock generators; RP2040 Datasheet (build 2023-03-02), 2.15.

Sources come from XOSC, ROSC and the PLLs by name in `bus_hz`; here they are chosen (SELECTED follows at once) and
divided into clk_ref, clk_sys (the core's), clk_peri, clk_usb, clk_adc and clk_rtc. A clock whose source stands still
keeps its last frequency: silicon would stop. External clocks (GPIN) have none. The frequency counter counts right.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import Host
from mcusim.devices.rp2040_peripheral import Rp2040Peripheral

REF, SYS, PERI, USB, ADC, RTC = 0x30, 0x3C, 0x48, 0x54, 0x60, 0x6C
GENERATORS = (0x00, 0x0C, 0x18, 0x24, REF, SYS, PERI, USB, ADC, RTC)  # CTRL; DIV and SELECTED follow
DIV, SELECTED = 4, 8
FC0_MAX, FC0_DELAY, FC0_SRC, FC0_STATUS, FC0_RESULT = 0x88, 0x8C, 0x94, 0x98, 0x9C
FC0_PASS, FC0_DONE = 1 << 0, 1 << 4
RESUS_CTRL, WAKE_EN0, ENABLED0, ENABLED1 = 0x78, 0xA0, 0xB0, 0xB4
NONE = "gpin"
REF_SOURCES, REF_AUX = ("rosc", "", "xosc"), ("pll_usb", NONE, NONE, NONE)
SYS_AUX = ("pll_sys", "pll_usb", "rosc", "xosc", NONE, NONE, NONE, NONE)
PERI_AUX = ("clk_sys", "pll_sys", "pll_usb", "rosc", "xosc", NONE, NONE, NONE)
OTHER_AUX = ("pll_usb", "pll_sys", "rosc", "xosc", NONE, NONE, NONE, NONE)
COUNTED = ("", "pll_sys", "pll_usb", "rosc", "rosc", "xosc", NONE, NONE, "clk_ref", "clk_sys", "clk_peri", "clk_usb",
           "clk_adc", "clk_rtc")  # fmt: skip


class Rp2040Clocks(Rp2040Peripheral):
    """Clock generators and the frequency counter."""

    reset = (
        {control + DIV: 0x100 for control in GENERATORS}
        | {RESUS_CTRL: 0xFF, FC0_MAX: 0x1FF_FFFF, FC0_DELAY: 1}
        | {WAKE_EN0: 0xFFFF_FFFF, 0xA4: 0x7FFF, 0xA8: 0xFFFF_FFFF, 0xAC: 0x7FFF}
    )

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        host.bus_hz.update(clk_ref=host.clock.core_hz, clk_sys=host.clock.core_hz)
        host.clock_listeners.append(self.update)

    def read_register(self, offset: int) -> int:
        """Return a register."""
        if offset - SELECTED in GENERATORS:
            control = offset - SELECTED
            source = self.registers.get(control, 0) & (3 if control == REF else 1)
            return 1 << source if control in (REF, SYS) else 1
        if offset in (ENABLED0, ENABLED1):
            return self.registers[WAKE_EN0 + offset - ENABLED0]
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; frequencies follow."""
        if offset in (FC0_STATUS, FC0_RESULT, ENABLED0, ENABLED1) or offset - SELECTED in GENERATORS:
            return
        super().write_register(offset, value)
        if offset == FC0_SRC:
            self._count(value)
        elif offset < RESUS_CTRL:
            for listener in self.host.clock_listeners:  # `update` is one of them
                listener()

    def _count(self, source: int) -> None:
        hz = self.host.bus_hz.get(COUNTED[source], 0) if source < len(COUNTED) else 0
        self.registers[FC0_RESULT] = hz * 32 // 1000  # kHz with five bits of fraction
        self.registers[FC0_STATUS] = FC0_DONE | FC0_PASS if hz else FC0_DONE

    def _aux(self, control: int, names: tuple[str, ...]) -> str:
        return names[self.registers.get(control, 0) >> 5 & len(names) - 1]

    def update(self) -> None:
        """Compute every clock from the sources and settings."""
        hz = self.host.bus_hz
        source = REF_SOURCES[min(self.registers.get(REF, 0) & 3, 2)]
        self._set("clk_ref", hz.get(source or self._aux(REF, REF_AUX), 0), REF, 2)
        aux = self.registers.get(SYS, 0) & 1
        self._set("clk_sys", hz.get(self._aux(SYS, SYS_AUX), 0) if aux else hz["clk_ref"], SYS, 16)
        self.host.set_core_hz(hz["clk_sys"])
        self._set("clk_peri", hz.get(self._aux(PERI, PERI_AUX), 0), None, 0)
        for name, control, bits in (("clk_usb", USB, 2), ("clk_adc", ADC, 2), ("clk_rtc", RTC, 16)):
            self._set(name, hz.get(self._aux(control, OTHER_AUX), 0), control, bits)

    def _set(self, name: str, source_hz: int, control: int | None, bits: int) -> None:
        """Set a clock to a source over its divider, which has so many whole bits and, of 16, eight of fraction."""
        divider = 0x100
        if control is not None:
            setting = self.registers[control + DIV]
            whole = setting >> 8 & (1 << bits) - 1 or 1 << bits
            divider = whole << 8 | (setting & 0xFF if bits == 16 else 0)
        divided_hz = source_hz * 0x100 // divider
        if divided_hz >= 1000:  # below the clocks that a run allows, the part as good as stands still
            self.host.bus_hz[name] = divided_hz
