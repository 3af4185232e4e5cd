# SPDX-License-Identifier: Apache-2.0
"""Clocks, power and flash interface of STM32 F7, H7 and U5, by the register sequences of the vendor's start-up code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_devices import World

from mcusim.board import Device as DeviceEntry
from mcusim.devices import DEVICES, make_device
from mcusim.devices.base import Device, RegisterFile
from mcusim.devices.stm32h7_clocks import ClockController, timer_hz

RCC_TYPES = ("stm32f7-rcc", "stm32h7-rcc", "stm32u5-rcc")
ALL_TYPES = (*RCC_TYPES, "stm32f7-pwr", "stm32h7-pwr", "stm32u5-pwr", "stm32f7-flash", "stm32h7-flash",
             "stm32u5-flash", "stm32-cache", "stm32-hsem", "stm32-dbgmcu")  # fmt: skip


def made(kind: str, *, hse_hz: int = 0, lse_hz: int = 32_768, **options: int | str | bool) -> tuple[Device, World]:
    world = World(core_hz=1_000_000)
    world.host.hse_hz, world.host.lse_hz = hse_hz, lse_hz
    entry = DeviceEntry(name="dut", type=kind, start=0x4000_0000, size_bytes=0x400, source="test", options=options)
    return make_device(entry, world.host), world


def change(device: Device, offset: int, clear: int, set_bits: int) -> None:
    """Read, modify, write, as HAL's MODIFY_REG does."""
    device.write(offset, 4, device.read(offset, 4) & ~clear | set_bits)


# F7: RCC_CR 0x00, PLLCFGR 0x04, CFGR 0x08; PWR_CR1 0x00, CSR1 0x04


def test_f7_reaches_216_mhz_with_over_drive() -> None:
    """RM0385, PWR: over-drive on, wait, switch, wait; PLL from HSE 25 MHz / 25 * 432 / 2."""
    rcc, world = made("stm32f7-rcc", hse_hz=25_000_000)
    power, _ = made("stm32f7-pwr")
    assert world.clock.core_hz == 16_000_000
    change(rcc, 0x00, 0, 1 << 16)
    assert rcc.read(0x00, 4) & 1 << 17
    rcc.write(0x04, 4, 25 | 432 << 6 | 0 << 16 | 1 << 22 | 9 << 24)
    change(rcc, 0x00, 0, 1 << 24)
    assert rcc.read(0x00, 4) & 1 << 25
    for enable in (1 << 16, 1 << 17):
        assert not power.read(0x04, 4) & enable
        change(power, 0x00, 0, enable)
        assert power.read(0x04, 4) & enable
    change(rcc, 0x08, 0, 5 << 10 | 4 << 13 | 2)
    assert rcc.read(0x08, 4) >> 2 & 3 == 2
    assert world.clock.core_hz == 216_000_000
    bus = world.host.bus_hz
    assert [bus[name] for name in ("hclk", "pclk1", "pclk2", "timclk1", "timclk2", "usart1", "usart3")] == [
        216_000_000, 54_000_000, 108_000_000, 108_000_000, 216_000_000, 108_000_000, 54_000_000]  # fmt: skip
    change(rcc, 0x8C, 0, 1 << 24)  # TIMPRE
    assert bus["timclk1"] == 216_000_000
    rcc.write(0x90, 4, 1 | 2 << 4)  # USART1 from SYSCLK, USART3 from HSI
    assert (bus["usart1"], bus["usart3"]) == (216_000_000, 16_000_000)


def test_f7_the_switch_waits_for_its_clock() -> None:
    rcc, world = made("stm32f7-rcc", hse_hz=25_000_000)
    change(rcc, 0x08, 3, 1)
    assert rcc.read(0x08, 4) >> 2 & 3 == 0
    assert world.clock.core_hz == 16_000_000
    change(rcc, 0x00, 0, 1 << 16)
    assert rcc.read(0x08, 4) >> 2 & 3 == 1
    assert world.clock.core_hz == 25_000_000


def test_a_crystal_that_is_not_there_is_never_ready() -> None:
    rcc, world = made("stm32f7-rcc", hse_hz=0, lse_hz=0)
    change(rcc, 0x00, 0, 1 << 16 | 1 << 24)
    rcc.write(0x04, 4, 25 | 432 << 6 | 1 << 22)
    change(rcc, 0x70, 0, 1)
    assert not rcc.read(0x00, 4) & (1 << 17 | 1 << 25)
    assert not rcc.read(0x70, 4) & 2
    assert any("HSE" in remark for remark in world.host.remarks)
    assert any("LSE" in remark for remark in world.host.remarks)


def test_the_clock_that_the_core_runs_on_stays() -> None:
    rcc, world = made("stm32f7-rcc")
    change(rcc, 0x00, 1, 0)
    assert world.clock.core_hz == 16_000_000
    assert any("turns off" in remark for remark in world.host.remarks)


@pytest.mark.parametrize(("kind", "offset", "remove"), [("stm32f7-rcc", 0x74, 24), ("stm32h7-rcc", 0xD0, 16),
                                                        ("stm32u5-rcc", 0xF4, 23)])  # fmt: skip
def test_reset_flags_are_removed_and_only_so(kind: str, offset: int, remove: int) -> None:
    rcc, _ = made(kind)
    flags = rcc.read(offset, 4) & 0xFE00_0000 | rcc.read(offset, 4) & 0x00E0_0000 * (kind == "stm32h7-rcc")
    assert flags
    change(rcc, offset, flags, 0)
    assert rcc.read(offset, 4) & flags == flags
    change(rcc, offset, 0, 1 << remove)
    assert not rcc.read(offset, 4) & flags


# H7: CR 0x00, CFGR 0x10, D1CFGR 0x18, D2CFGR 0x1C, D3CFGR 0x20, PLLCKSELR 0x28, PLLCFGR 0x2C, PLL1DIVR 0x30


def h7_pll1(rcc: Device, m: int, n: int, p: int, source: int = 2) -> None:
    rcc.write(0x28, 4, m << 4 | source)
    rcc.write(0x30, 4, n - 1 | p - 1 << 9 | 1 << 16 | 1 << 24)
    rcc.write(0x2C, 4, 0x01FF_0000 | 2 << 2)
    change(rcc, 0x00, 0, 1 << 24)


def test_h743_reaches_480_mhz_in_scale_0() -> None:
    """HSE 8 MHz / 4 * 480 / 2; the supply and VOS first, as HAL_PWREx_ConfigSupply and the VOS0 sequence do."""
    power, _ = made("stm32h7-pwr")
    assert power.read(0x18, 4) == 0x4000 | 1 << 13  # scale 3, ready
    change(power, 0x0C, 7, 2)
    assert power.read(0x04, 4) & 1 << 13
    change(power, 0x18, 3 << 14, 3 << 14)
    assert power.read(0x18, 4) & 1 << 13
    assert power.read(0x04, 4) >> 14 & 3 == 3
    rcc, world = made("stm32h7-rcc", hse_hz=8_000_000)
    assert world.clock.core_hz == 64_000_000
    change(rcc, 0x00, 0, 1 << 16)
    assert rcc.read(0x00, 4) & 1 << 17
    h7_pll1(rcc, 4, 240, 1)
    assert rcc.read(0x00, 4) & 1 << 25
    rcc.write(0x18, 4, 8 | 4 << 4)  # HPRE 2, D1PPRE 2
    rcc.write(0x1C, 4, 4 << 4 | 4 << 8)
    rcc.write(0x20, 4, 4 << 4)
    change(rcc, 0x10, 7, 3)
    assert rcc.read(0x10, 4) >> 3 & 7 == 3
    assert world.clock.core_hz == 480_000_000
    bus = world.host.bus_hz
    names = ("sysclk", "hclk", "pclk1", "pclk2", "pclk3", "pclk4", "timclk1", "usart234578", "usart16", "lpuart1")
    assert [bus[name] // 1_000_000 for name in names] == [480, 240, 120, 120, 120, 120, 240, 120, 120, 120]
    change(rcc, 0x18, 15 << 8, 8 << 8)  # D1CPRE 2
    assert (world.clock.core_hz, bus["hclk"]) == (240_000_000, 120_000_000)


def test_h7a3_reaches_280_mhz() -> None:
    power, _ = made("stm32h7-pwr", scale_at_reset=0)
    assert power.read(0x18, 4) == 1 << 13
    rcc, world = made("stm32h7-rcc", hse_hz=8_000_000)
    change(rcc, 0x00, 0, 1 << 16)
    h7_pll1(rcc, 1, 70, 2)
    rcc.write(0x1C, 4, 4 << 4 | 4 << 8)
    change(rcc, 0x10, 7, 3)
    assert world.clock.core_hz == 280_000_000
    assert (world.host.bus_hz["hclk"], world.host.bus_hz["pclk1"]) == (280_000_000, 140_000_000)


def test_h7_hsi_divider_csi_and_the_fraction() -> None:
    rcc, world = made("stm32h7-rcc")
    change(rcc, 0x00, 3 << 3, 2 << 3)
    assert world.clock.core_hz == 16_000_000
    change(rcc, 0x00, 0, 1 << 7)
    assert rcc.read(0x00, 4) & 1 << 8
    change(rcc, 0x10, 7, 1)
    assert world.clock.core_hz == 4_000_000
    h7_pll1(rcc, 2, 100, 2, source=1)
    change(rcc, 0x10, 7, 3)
    assert world.clock.core_hz == 100_000_000
    rcc.write(0x34, 4, 4096 << 3)  # half of a step, once FRACEN says so
    assert world.clock.core_hz == 100_000_000
    change(rcc, 0x2C, 0, 1)
    assert world.clock.core_hz == 100_500_000


def test_h7_kernel_clocks_of_usarts() -> None:
    rcc, world = made("stm32h7-rcc", hse_hz=8_000_000)
    bus = world.host.bus_hz
    change(rcc, 0x28, 0x3F << 12 | 3, 2 | 4 << 12)
    change(rcc, 0x00, 0, 1 << 16 | 1 << 26)
    rcc.write(0x38, 4, 99 | 1 << 9 | 9 << 16 | 1 << 24)  # PLL2: 8 / 4 * 100, Q 10
    rcc.write(0x54, 4, 1 | 3 << 3)
    assert (bus["usart234578"], bus["usart16"]) == (20_000_000, 64_000_000)
    rcc.write(0x54, 4, 2)  # PLL3 is off
    assert bus["usart234578"] == bus["pclk1"]
    assert any("usart234578" in remark for remark in world.host.remarks)


# U5: CR 0x00, ICSCR1 0x08, CFGR1 0x1C, CFGR2 0x20, PLL1CFGR 0x28, PLL1DIVR 0x34; PWR_VOSR 0x0C, SVMSR 0x3C


def test_u575_reaches_160_mhz_from_msi() -> None:
    """MSI 4 MHz / 1 * 80 / 2, in range 1 with the booster (RM0456, PWR_VOSR)."""
    power, _ = made("stm32u5-pwr")
    assert power.read(0x0C, 4) == 1 << 15
    change(power, 0x0C, 0, 3 << 16)
    assert power.read(0x0C, 4) & 1 << 15
    assert power.read(0x3C, 4) >> 15 & 7 == 7
    change(power, 0x0C, 0, 1 << 18)
    assert power.read(0x0C, 4) & 1 << 14
    change(power, 0x08, 0, 2)
    assert power.read(0x3C, 4) & 2
    rcc, world = made("stm32u5-rcc")
    assert world.clock.core_hz == 4_000_000
    rcc.write(0x28, 4, 1 | 1 << 18)
    rcc.write(0x34, 4, 79 | 1 << 9 | 1 << 16 | 1 << 24)
    change(rcc, 0x00, 0, 1 << 24)
    assert rcc.read(0x00, 4) & 1 << 25
    change(rcc, 0x1C, 3, 3)
    assert rcc.read(0x1C, 4) >> 2 & 3 == 3
    assert world.clock.core_hz == 160_000_000
    rcc.write(0x20, 4, 4 << 4)
    assert (world.host.bus_hz["pclk1"], world.host.bus_hz["timclk1"]) == (80_000_000, 160_000_000)


@pytest.mark.parametrize(("index", "hz"), [(0, 48_000_000), (3, 12_000_000), (4, 4_000_000), (15, 100_000)])
def test_u5_msi_ranges(index: int, hz: int) -> None:
    rcc, world = made("stm32u5-rcc")
    rcc.write(0x08, 4, index << 28)
    assert world.clock.core_hz == 4_000_000  # the range after standby, until MSIRGSEL
    rcc.write(0x08, 4, index << 28 | 1 << 23)
    assert world.clock.core_hz == hz


def test_u5_low_speed_clocks() -> None:
    rcc, world = made("stm32u5-rcc")
    rcc.write(0xF0, 4, 1 | 1 << 7 | 1 << 26)
    assert rcc.read(0xF0, 4) == 1 | 2 | 1 << 7 | 1 << 11 | 3 << 26
    assert world.host.bus_hz["lse"] == 32_768


# all

WRITES = st.lists(
    st.tuples(st.integers(0, 0x11F), st.sampled_from([1, 2, 4]), st.integers(0, 0xFFFF_FFFF)), max_size=40
)


@pytest.mark.parametrize("kind", ALL_TYPES)
@given(writes=WRITES, hse_hz=st.sampled_from([0, 8_000_000, 25_000_000]))
def test_no_sequence_of_writes_breaks_a_model(kind: str, writes: list[tuple[int, int, int]], hse_hz: int) -> None:
    device, world = made(kind, hse_hz=hse_hz)
    for offset, size, value in writes:
        aligned = offset & -size
        device.write(aligned, size, value & (1 << 8 * size) - 1)
        assert world.clock.core_hz > 0
        assert 0 <= device.read(aligned & ~3, 4) < 1 << 32
    bus = world.host.bus_hz
    assert all(hz > 0 for name, hz in bus.items() if name != "lse")
    if kind in RCC_TYPES:
        assert bus["hclk"] <= world.clock.core_hz <= bus["sysclk"]
        assert bus["timclk1"] <= bus["hclk"]


@given(st.integers(1, 10**9), st.sampled_from([1, 2, 4, 8, 16]), st.sampled_from([2, 4]))
def test_timers_run_at_a_multiple_of_their_bus_and_at_most_at_hclk(hclk: int, divider: int, factor: int) -> None:
    timers = timer_hz(hclk * 16, hclk * 16 // divider, factor)
    assert timers == (hclk * 16 if divider <= factor else hclk * 16 // divider * factor)


@pytest.mark.parametrize("kind", RCC_TYPES)
def test_every_clock_has_a_ready_flag_that_follows_its_enable(kind: str) -> None:
    model = DEVICES[kind]
    assert issubclass(model, ClockController)
    for name, (register, enable, ready) in model.clocks.items():
        rcc, _ = made(kind, hse_hz=8_000_000)
        if kind == "stm32u5-rcc":  # its PLLs have no source after reset
            for setup in (0x28, 0x2C, 0x30):
                rcc.write(setup, 4, 1)
            change(rcc, 0xF0, 0, 1)  # LSESYS comes from LSE
        change(rcc, register, 0, 1 << enable)
        assert rcc.read(register, 4) >> ready & 1, name
        if name not in ("hsi", "msis", "lse"):
            change(rcc, register, 1 << enable, 0)
            assert not rcc.read(register, 4) >> ready & 1, name


# Flash interface, caches, semaphores


@pytest.mark.parametrize(
    ("kind", "keys", "control", "bit"),
    [("stm32f7-flash", 0x04, 0x10, 31), ("stm32h7-flash", 0x04, 0x0C, 0), ("stm32h7-flash", 0x104, 0x10C, 0),
     ("stm32u5-flash", 0x08, 0x28, 31)],
)  # fmt: skip
def test_keys_unlock_the_flash_interface(kind: str, keys: int, control: int, bit: int) -> None:
    flash, world = made(kind)
    assert flash.read(control, 4) >> bit & 1
    flash.write(control, 4, 0)
    assert flash.read(control, 4) >> bit & 1, "locked: ignored"
    for key in (0xCDEF_89AB, 0x4567_0123, 0, 0xCDEF_89AB):
        flash.write(keys, 4, key)
    assert flash.read(control, 4) >> bit & 1, "not in sequence"
    for key in (0x4567_0123, 0xCDEF_89AB):
        flash.write(keys, 4, key)
    assert not flash.read(control, 4) >> bit & 1
    assert not world.host.remarks
    start = {0x10: 1 << 16, 0x28: 1 << 16}.get(control, 1 << 7)
    flash.write(control, 4, start)
    assert any("flash" in remark for remark in world.host.remarks)
    flash.write(control, 4, 1 << bit)
    flash.write(control, 4, 0)
    assert flash.read(control, 4) >> bit & 1


@pytest.mark.parametrize(("kind", "reset"), [("stm32f7-flash", 0), ("stm32h7-flash", 0x37), ("stm32u5-flash", 1)])
def test_wait_states_read_back_and_are_remarked_on(kind: str, reset: int) -> None:
    flash, world = made(kind)
    assert flash.read(0, 4) == reset
    flash.write(0, 4, 7)
    assert flash.read(0, 4) == 7
    assert any("wait states" in remark for remark in world.host.remarks)


def test_h7_banks_share_the_access_control_register() -> None:
    flash, _ = made("stm32h7-flash", h7a3=True)
    assert flash.read(0x100, 4) == flash.read(0, 4) == 0x13
    flash.write(0x100, 4, 0x36)
    assert flash.read(0, 4) == 0x36


def test_option_bytes_of_the_f7() -> None:
    assert made("stm32f7-flash")[0].read(0x14, 4) == 0xC0FF_AAFD
    assert made("stm32f7-flash", option_control=0xFFFF_AAFD)[0].read(0x14, 4) == 0xFFFF_AAFD


def test_a_semaphore_is_taken_by_writing_or_reading_and_freed_by_its_owner() -> None:
    semaphores, _ = made("stm32-hsem")
    semaphores.write(0x00, 4, 1 << 31 | 3 << 8 | 5)
    assert semaphores.read(0x00, 4) == 1 << 31 | 3 << 8 | 5
    semaphores.write(0x00, 4, 1 << 31 | 3 << 8 | 6)
    assert semaphores.read(0x00, 4) & 0xFF == 5, "taken"
    semaphores.write(0x00, 4, 3 << 8 | 6)
    assert semaphores.read(0x00, 4) >> 31, "not its owner"
    semaphores.write(0x00, 4, 3 << 8 | 5)
    assert not semaphores.read(0x00, 4)
    assert semaphores.read(0x84, 4) == 1 << 31 | 3 << 8
    assert semaphores.read(0x04, 4) == 1 << 31 | 3 << 8
    semaphores.write(0x04, 4, 3 << 8)
    assert not semaphores.read(0x04, 4)


def test_cache_maintenance_ends_at_once_and_interrupts() -> None:
    cache, world = made("stm32-cache")
    assert isinstance(cache, RegisterFile)
    cache.write(0x00, 4, 2)
    assert cache.read(0x04, 4) == 2
    assert not cache.read(0x00, 4) & 2
    cache.write(0x0C, 4, 2)
    assert cache.read(0x04, 4) == 0
    assert not world.host.remarks
    cache.write(0x00, 4, 1)
    assert any("not modelled" in remark for remark in world.host.remarks)


def test_the_part_says_which_it_is() -> None:
    debug, _ = made("stm32-dbgmcu", idcode=0x2003_6450)
    debug.write(0x00, 4, 0)
    debug.write(0x04, 4, 7)
    assert (debug.read(0x00, 4), debug.read(0x00, 2), debug.read(0x04, 4)) == (0x2003_6450, 0x6450, 7)
