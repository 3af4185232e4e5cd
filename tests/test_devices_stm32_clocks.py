# SPDX-License-Identifier: Apache-2.0
"""RCC, PWR and FLASH of STM32 F0, F1, F4, G0 and L4: vendors' start-up sequences, register by register."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_counters import FakeClock

from mcusim.board import Device as DeviceEntry
from mcusim.board import board_names, load_board
from mcusim.devices import DEVICES
from mcusim.devices.base import Host, RegisterFile
from mcusim.devices.stm32_clocks import Stm32Rcc
from mcusim.devices.stm32_flash import KEYS, OPTION_KEYS, Stm32Flash
from mcusim.devices.stm32l4_rcc import MSI_HZ

MHZ = 1_000_000
RESET_HZ = {"f0": 8 * MHZ, "f1": 8 * MHZ, "f4": 16 * MHZ, "g0": 16 * MHZ, "l4": 4 * MHZ}
FAMILIES = sorted(RESET_HZ)
RCC_INTERRUPT = 5


class Part:
    """An RCC, a PWR or a FLASH on a host with crystals, and what it did."""

    def __init__(self, kind: str, hse_hz: int = 8 * MHZ, lse_hz: int = 32_768) -> None:
        self.clock = FakeClock(core_hz=1)
        self.lines: dict[int, bool] = {}
        self.host = Host(self.clock, lambda _data: None, self.lines.__setitem__, hse_hz=hse_hz, lse_hz=lse_hz)
        entry = DeviceEntry(
            name=kind, type=kind, start=0x4002_1000, size_bytes=0x400, source="test", interrupt=RCC_INTERRUPT
        )
        self.device: RegisterFile = DEVICES[kind](entry, self.host)

    def read(self, offset: int) -> int:
        return self.device.read(offset, 4)

    def write(self, offset: int, value: int) -> None:
        self.device.write(offset, 4, value)

    def set(self, offset: int, bits: int, clear: int = 0) -> None:
        """Read, modify, write, as firmware does."""
        self.write(offset, self.read(offset) & ~clear | bits)


@dataclass(frozen=True)
class Setup:
    """What a vendor's code writes to reach a frequency, and what must come out: (offset, value), then frequencies."""

    family: str
    writes: tuple[tuple[int, int], ...]
    sysclk: int
    hclk: int
    pclk: tuple[int, int]
    timclk: tuple[int, int]
    hse_hz: int = 8 * MHZ


HSEON, PLLON = 1 << 16, 1 << 24
SETUPS = {
    # HSE 8 / 8 * 336 / 2, APB1 / 4, APB2 / 2: STM32CubeF4, STM32F4-Discovery examples.
    "f407-168": Setup("f4", ((0x00, 0x83 | HSEON), (0x04, 8 | 336 << 6 | 1 << 22 | 7 << 24),
                             (0x00, 0x83 | HSEON | PLLON), (0x08, 5 << 10 | 4 << 13 | 2)),
                      168 * MHZ, 168 * MHZ, (42 * MHZ, 84 * MHZ), (84 * MHZ, 168 * MHZ)),
    # HSE 8 / 4 * 180 / 2, over-drive: STM32CubeF4, NUCLEO-F446RE examples.
    "f446-180": Setup("f4", ((0x00, 0x83 | HSEON | 1 << 18), (0x04, 4 | 180 << 6 | 1 << 22 | 7 << 24),
                             (0x00, 0x83 | HSEON | PLLON), (0x08, 5 << 10 | 4 << 13 | 2)),
                      180 * MHZ, 180 * MHZ, (45 * MHZ, 90 * MHZ), (90 * MHZ, 180 * MHZ)),
    # The same with the R output (SW = 3) and timers at four times their bus (DCKCFGR.TIMPRE).
    "f446-pllr": Setup("f4", ((0x00, 0x83 | HSEON), (0x04, 4 | 180 << 6 | 1 << 22 | 2 << 28),
                              (0x00, 0x83 | HSEON | PLLON), (0x8C, 1 << 24), (0x08, 5 << 10 | 4 << 13 | 3)),
                       180 * MHZ, 180 * MHZ, (45 * MHZ, 90 * MHZ), (180 * MHZ, 180 * MHZ)),
    # HSI 16 / 16 * 200 / 2: STM32CubeF4, NUCLEO-F412ZG examples (there with HSE 8 / 8).
    "f412-100": Setup("f4", ((0x04, 16 | 200 << 6 | 7 << 24), (0x00, 0x83 | PLLON), (0x08, 4 << 10 | 2)),
                      100 * MHZ, 100 * MHZ, (50 * MHZ, 100 * MHZ), (100 * MHZ, 100 * MHZ)),
    # HSE 8 * 9, APB1 / 2: STM32CubeF1, NUCLEO-F103RB examples.
    "f103-72": Setup("f1", ((0x00, 0x83 | HSEON), (0x04, 1 << 16 | 7 << 18), (0x00, 0x83 | HSEON | PLLON),
                            (0x04, 1 << 16 | 7 << 18 | 4 << 8 | 2)),
                     72 * MHZ, 72 * MHZ, (36 * MHZ, 72 * MHZ), (72 * MHZ, 72 * MHZ)),
    "f103-hsi-64": Setup("f1", ((0x04, 15 << 18), (0x00, 0x83 | PLLON), (0x04, 15 << 18 | 4 << 8 | 2)),
                         64 * MHZ, 64 * MHZ, (32 * MHZ, 64 * MHZ), (64 * MHZ, 64 * MHZ)),
    "f103-hse-half": Setup("f1", ((0x00, 0x83 | HSEON), (0x04, 3 << 16 | 4 << 18), (0x00, 0x83 | HSEON | PLLON),
                                  (0x04, 3 << 16 | 4 << 18 | 2)),
                           24 * MHZ, 24 * MHZ, (24 * MHZ, 24 * MHZ), (24 * MHZ, 24 * MHZ)),
    # HSI48, by itself: STM32CubeF0, NUCLEO-F072RB examples.
    "f072-hsi48": Setup("f0", ((0x34, 0x80 | 1 << 16), (0x04, 3)),
                        48 * MHZ, 48 * MHZ, (48 * MHZ, 48 * MHZ), (48 * MHZ, 48 * MHZ)),
    "f072-hsi48-pll": Setup("f0", ((0x34, 1 << 16), (0x2C, 1), (0x04, 3 << 15), (0x00, 0x83 | PLLON),
                                   (0x04, 3 << 15 | 2)),
                            48 * MHZ, 48 * MHZ, (48 * MHZ, 48 * MHZ), (48 * MHZ, 48 * MHZ)),
    "f072-hse-pll": Setup("f0", ((0x00, 0x83 | HSEON), (0x04, 2 << 15 | 4 << 18), (0x00, 0x83 | HSEON | PLLON),
                                 (0x04, 2 << 15 | 4 << 18 | 4 << 8 | 2)),
                          48 * MHZ, 48 * MHZ, (24 * MHZ, 24 * MHZ), (48 * MHZ, 48 * MHZ)),
    "f072-hsi-pll": Setup("f0", ((0x04, 10 << 18), (0x00, 0x83 | PLLON), (0x04, 10 << 18 | 2)),
                          48 * MHZ, 48 * MHZ, (48 * MHZ, 48 * MHZ), (48 * MHZ, 48 * MHZ)),
    # HSI 16 / 1 * 8 / 2: STM32CubeG0, NUCLEO-G0B1RE examples.
    "g0b1-64": Setup("g0", ((0x0C, 2 | 8 << 8 | 1 << 28 | 1 << 29), (0x00, 0x500 | PLLON), (0x08, 2)),
                     64 * MHZ, 64 * MHZ, (64 * MHZ, 64 * MHZ), (64 * MHZ, 64 * MHZ)),
    "g0b1-hsisys": Setup("g0", ((0x00, 0x500 | 2 << 11), (0x08, 8 << 8 | 5 << 12)),
                         4 * MHZ, 2 * MHZ, (MHZ // 2, MHZ // 2), (MHZ, MHZ)),
    "g0b1-lsi": Setup("g0", ((0x60, 1), (0x08, 3)), 32_000, 32_000, (32_000, 32_000), (32_000, 32_000)),
    # MSI 4 / 1 * 40 / 2: STM32CubeL4, NUCLEO-L476RG examples.
    "l476-80": Setup("l4", ((0x0C, 1 | 40 << 8 | 1 << 24), (0x00, 0x63 | PLLON), (0x08, 3)),
                     80 * MHZ, 80 * MHZ, (80 * MHZ, 80 * MHZ), (80 * MHZ, 80 * MHZ)),
    # MSI 4 / 1 * 60 / 2: STM32CubeL4, NUCLEO-L4R5ZI examples.
    "l4r5-120": Setup("l4", ((0x0C, 1 | 60 << 8 | 1 << 24), (0x00, 0x63 | PLLON), (0x08, 3 | 4 << 8 | 5 << 11)),
                      120 * MHZ, 120 * MHZ, (60 * MHZ, 30 * MHZ), (120 * MHZ, 60 * MHZ)),
    # pqm4 for nucleo-l4r5zi: HSI 16 * 10 / 8 and * 15 / 2.
    "pqm4-20": Setup("l4", ((0x00, 0x163), (0x0C, 0x1700_0A02), (0x00, 0x163 | PLLON), (0x08, 3)),
                     20 * MHZ, 20 * MHZ, (20 * MHZ, 20 * MHZ), (20 * MHZ, 20 * MHZ)),
    "pqm4-120": Setup("l4", ((0x00, 0x163), (0x0C, 0x1100_0F02), (0x00, 0x163 | PLLON), (0x08, 3)),
                      120 * MHZ, 120 * MHZ, (120 * MHZ, 120 * MHZ), (120 * MHZ, 120 * MHZ)),
}  # fmt: skip


@pytest.mark.parametrize("name", SETUPS)
def test_the_sequences_of_vendors_reach_their_frequency(name: str) -> None:
    setup = SETUPS[name]
    part = Part(f"stm32{setup.family}-rcc", setup.hse_hz)
    assert part.clock.core_hz == RESET_HZ[setup.family]
    for offset, value in setup.writes:
        part.write(offset, value)
    hz = part.host.bus_hz
    assert part.clock.core_hz == setup.hclk
    assert (hz["sysclk"], hz["hclk"]) == (setup.sysclk, setup.hclk)
    assert (hz["pclk1"], hz["pclk2"]) == setup.pclk
    assert (hz["timclk1"], hz["timclk2"]) == setup.timclk
    assert not part.host.remarks


CFGR = {"f0": 0x04, "f1": 0x04, "f4": 0x08, "g0": 0x08, "l4": 0x08}
# CSR, BDCR, and the bits of CSR that remove reset flags.
RESET_REGISTERS = {"f0": (0x24, 0x20, 1 << 24), "f1": (0x24, 0x20, 1 << 24), "f4": (0x74, 0x70, 1 << 24),
                   "g0": (0x60, 0x5C, 1 << 23), "l4": (0x94, 0x90, 1 << 23)}  # fmt: skip
# SW of a clock that reset leaves off, and the write to CR that turns it on: HSE.
HSE_SWITCH = {"f0": 1, "f1": 1, "f4": 1, "g0": 1, "l4": 2}
POWER_ON, PIN = 1 << 27, 1 << 26


@pytest.mark.parametrize("family", FAMILIES)
def test_a_switch_waits_for_its_clock(family: str) -> None:
    part = Part(f"stm32{family}-rcc", hse_hz=5 * MHZ)
    width, switch = (3 if family == "g0" else 2), HSE_SWITCH[family]
    part.set(CFGR[family], switch)
    assert part.read(CFGR[family]) >> width & 3 == 0
    assert part.clock.core_hz == RESET_HZ[family]
    part.set(0x00, HSEON)
    assert part.read(0x00) >> 17 & 1
    assert part.read(CFGR[family]) >> width & 3 == switch
    assert part.clock.core_hz == 5 * MHZ
    part.set(0x00, 0, clear=HSEON)  # silicon does not let it be turned off
    assert part.read(0x00) >> 16 & 3 == 3
    assert part.clock.core_hz == 5 * MHZ


@pytest.mark.parametrize("family", FAMILIES)
def test_crystals_that_the_board_lacks_are_never_ready_and_remarked_on(family: str) -> None:
    part = Part(f"stm32{family}-rcc", hse_hz=0, lse_hz=0)
    backup = RESET_REGISTERS[family][1]
    part.set(0x00, HSEON | 1 << 18)
    part.write(backup, 1)
    assert part.read(0x00) >> 17 & 1 == 0
    assert part.read(backup) & 2 == 0
    assert sorted(part.host.remarks)[0].startswith("the firmware starts the HSE oscillator, which the board does not")
    assert "LSE" in sorted(part.host.remarks)[1]


@pytest.mark.parametrize("family", FAMILIES)
def test_slow_oscillators_and_reset_flags(family: str) -> None:
    part = Part(f"stm32{family}-rcc")
    status, backup, remove = RESET_REGISTERS[family]
    assert part.read(status) & PIN
    assert part.read(status) & 3 == 0
    part.set(status, 1)
    assert part.read(status) & 3 == 3
    assert part.read(status) & PIN  # a write without RMVF keeps them
    part.set(status, remove)
    assert part.read(status) & (PIN | POWER_ON) == 0
    assert part.read(status) & 3 == 3
    part.write(backup, 1 | 2 << 8)
    assert part.read(backup) & 0x303 == 0x203
    part.write(backup, 1 << 16)
    assert part.read(backup) & 0x303 == 0
    part.write(backup, 0)
    assert part.read(backup) == 0


# Where the interrupt enables of a family are (offset, shift), the flags, the clears (offset, shift), PLLRDY's bit.
INTERRUPTS = {"f0": (0x08, 8, 0x08, 0x08, 16, 4), "f1": (0x08, 8, 0x08, 0x08, 16, 4),
              "f4": (0x0C, 8, 0x0C, 0x0C, 16, 4), "g0": (0x18, 0, 0x1C, 0x20, 0, 5),
              "l4": (0x18, 0, 0x1C, 0x20, 0, 5)}  # fmt: skip
PLL_SETUP = {
    "f0": (0x04, 0),
    "f1": (0x04, 0),
    "f4": (0x04, 0x2400_3010),
    "g0": (0x0C, 2 | 8 << 8),
    "l4": (0x0C, 1 | 40 << 8),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_an_oscillator_that_gets_ready_interrupts(family: str) -> None:
    part = Part(f"stm32{family}-rcc")
    enables, shift, flags, clears, clear_shift, bit = INTERRUPTS[family]
    part.write(*PLL_SETUP[family])
    part.write(enables, 1 << bit + shift)
    assert not part.lines[RCC_INTERRUPT]
    part.set(0x00, PLLON)
    assert part.read(0x00) >> 25 & 1
    assert part.lines[RCC_INTERRUPT]
    assert part.read(flags) & 1 << bit
    part.set(clears, 1 << bit + clear_shift)
    assert not part.lines[RCC_INTERRUPT]
    assert part.read(enables) & 1 << bit + shift
    part.set(0x00, 0, clear=PLLON)
    assert part.read(0x00) >> 25 & 1 == 0


def test_a_pll_whose_input_does_not_run_is_not_ready() -> None:
    part = Part("stm32l4-rcc")
    part.write(0x0C, 2 | 20 << 8 | 1 << 24)  # from HSI, which is off
    part.set(0x00, PLLON | 1 << 26)
    assert part.read(0x00) >> 24 & 15 == 0b0101
    part.set(0x00, 1 << 8)
    assert part.read(0x00) >> 24 & 15 == 0b1111
    part = Part("stm32f4-rcc")
    part.write(0x04, 4 | 180 << 6 | 1 << 22)  # from HSE, which is off
    part.set(0x00, PLLON | 1 << 26 | 1 << 28)
    assert part.read(0x00) >> 24 & 63 == 0b010101


@pytest.mark.parametrize("index", range(len(MSI_HZ)))
def test_msi_ranges(index: int) -> None:
    """RM0432 6.4.1: the range of CR counts once MSIRGSEL is set."""
    part = Part("stm32l4-rcc")
    part.write(0x00, 1 | index << 4)
    assert part.clock.core_hz == 4 * MHZ
    part.write(0x00, 1 | 1 << 3 | index << 4)
    assert part.clock.core_hz == MSI_HZ[index]


def test_uarts_can_have_a_clock_of_their_own() -> None:
    part = Part("stm32l4-rcc")
    part.write(0x08, 5 << 8)  # APB1 / 4
    assert part.host.bus_hz["lpuart1"] == MHZ
    for choice, hz in enumerate((MHZ, 4 * MHZ, 16 * MHZ, 32_768)):
        part.write(0x88, choice << 10)
        assert part.host.bus_hz["lpuart1"] == hz
        assert part.host.bus_hz["usart2"] == MHZ


def test_rcc_remembers_enables_of_peripherals() -> None:
    part = Part("stm32f4-rcc")
    part.device.write(0x32, 1, 0x40)  # a byte of AHB1ENR
    part.set(0x30, 1)
    assert part.read(0x30) == 0x40_0001


WORDS = st.integers(0, 0x2A).map(lambda word: 4 * word)
VALUES = st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 31).map(lambda bit: 1 << bit))


@pytest.mark.parametrize("family", FAMILIES)
@given(
    writes=st.lists(st.tuples(WORDS, st.sampled_from([1, 2, 4]), VALUES), max_size=12),
    hse_hz=st.sampled_from([0, 1000, 8 * MHZ, 25 * MHZ]),
    lse_hz=st.sampled_from([0, 32_768]),
)
def test_no_setting_stops_the_world(family: str, writes: list[tuple[int, int, int]], hse_hz: int, lse_hz: int) -> None:
    """Whatever firmware writes, every clock that there is goes on, and the switch says where it is."""
    part = Part(f"stm32{family}-rcc", hse_hz, lse_hz)
    assert isinstance(part.device, Stm32Rcc)
    for offset, size_bytes, value in writes:
        part.device.write(offset, size_bytes, value & (1 << 8 * size_bytes) - 1)
        assert 0 <= part.read(offset) < 1 << 32
        assert part.clock.core_hz > 0
        assert all(hz > 0 for hz in part.host.bus_hz.values())
        assert part.host.bus_hz["hclk"] == part.clock.core_hz


@pytest.mark.parametrize("kind", [f"stm32{family}-{part}" for family in FAMILIES for part in ("pwr", "flash")])
@given(writes=st.lists(st.tuples(WORDS, VALUES), max_size=12))
def test_power_and_flash_take_any_write(kind: str, writes: list[tuple[int, int]]) -> None:
    part = Part(kind)
    for offset, value in writes:
        part.write(offset, value)
        assert 0 <= part.read(offset) < 1 << 32


def test_over_drive_and_voltage_scaling_of_f4() -> None:
    part = Part("stm32f4-pwr")
    assert part.read(0x04) == 1 << 14
    part.set(0x00, 1 << 16)
    assert part.read(0x04) >> 16 & 3 == 1
    part.set(0x00, 1 << 17)
    assert part.read(0x04) >> 16 & 3 == 3
    part.set(0x04, 1 << 9)  # BRE
    assert part.read(0x04) & 1 << 3
    part.set(0x00, 1 << 8 | 3 << 2)  # DBP, and the bits that clear flags
    assert part.read(0x00) & (1 << 8 | 3 << 2) == 1 << 8


@pytest.mark.parametrize("family", ["l4", "g0"])
def test_the_regulator_of_l4_and_g0(family: str) -> None:
    part = Part(f"stm32{family}-pwr")
    assert part.read(0x00) & 3 << 9 == 1 << 9
    part.set(0x00, 2 << 9, clear=3 << 9)
    assert part.read(0x14) & (1 << 9 | 1 << 10) == 0  # REGLPF, VOSF
    part.set(0x00, 1 << 14)
    assert part.read(0x14) & 1 << 9
    part.write(0x14, 0)
    part.write(0x18, 0x1F)
    assert (part.read(0x18), part.read(0x10)) == (0, 0)


@pytest.mark.parametrize("family", ["f0", "f1"])
def test_the_regulator_of_f0_and_f1(family: str) -> None:
    part = Part(f"stm32{family}-pwr")
    part.set(0x00, 1 << 8 | 3 << 2)
    part.write(0x04, 0x1FF)
    assert part.read(0x00) == 1 << 8
    assert part.read(0x04) == (0x108 if family == "f0" else 0x100)


# KEYR, CR and its lock bit, SR, a bit of CR that programs.
FLASH = {"f0": (0x04, 0x10, 1 << 7, 0x0C), "f1": (0x04, 0x10, 1 << 7, 0x0C), "f4": (0x04, 0x10, 1 << 31, 0x0C),
         "g0": (0x08, 0x14, 1 << 31, 0x10), "l4": (0x08, 0x14, 1 << 31, 0x10)}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_flash_unlocks_by_its_keys_and_says_that_it_is_not_programmed(family: str) -> None:
    part = Part(f"stm32{family}-flash")
    keys, control, lock, status = FLASH[family]
    part.write(control, 1)
    assert part.read(control) & (lock | 1) == lock  # locked: the write is ignored
    assert not part.host.remarks
    part.write(keys, KEYS[1])
    part.write(keys, KEYS[0])
    assert part.read(control) & lock
    part.write(keys, KEYS[1])
    assert part.read(control) & lock == 0
    part.set(control, 1)
    assert part.host.remarks == {"flash keeps its content, though the firmware tries to program or erase it"}
    part.set(control, 1 << (6 if lock == 1 << 7 else 16))  # STRT reads as 0: done
    assert part.read(control) & 1 << (6 if lock == 1 << 7 else 16) == 0
    assert part.read(status) & ~0x20 == 0
    part.write(status, 0xFFFF_FFFF)
    assert part.read(status) == 0
    part.set(control, lock)
    part.write(control, 0)
    assert part.read(control) & lock


def test_option_bytes_unlock() -> None:
    part = Part("stm32f4-flash")
    assert part.read(0x14) & 1
    for key in OPTION_KEYS:
        part.write(0x08, key)
    assert part.read(0x14) & 1 == 0
    part = Part("stm32f1-flash")
    for key in KEYS:
        part.write(0x08, key)
    assert part.read(0x10) == 1 << 7 | 1 << 9
    part = Part("stm32l4-flash")
    for key in OPTION_KEYS:
        part.write(0x0C, key)
    assert part.read(0x14) >> 30 == 2


@pytest.mark.parametrize(("family", "wait_states"), [("f0", 1), ("f1", 2), ("f4", 5), ("g0", 2), ("l4", 5)])
def test_wait_states_read_back_and_are_remarked_on(family: str, wait_states: int) -> None:
    part = Part(f"stm32{family}-flash")
    assert isinstance(part.device, Stm32Flash)
    part.set(0x00, wait_states)
    assert part.read(0x00) & 15 == wait_states
    assert part.host.remarks == {f"no flash wait states, though the firmware set {wait_states}: real cycles are more"}


def test_the_prefetch_status_of_f1_follows_its_enable() -> None:
    part = Part("stm32f1-flash")
    assert part.read(0x00) == 0x30
    part.set(0x00, 0, clear=1 << 4)
    assert part.read(0x00) == 0


@pytest.mark.parametrize("name", board_names())
def test_boards_start_at_the_frequency_of_their_rcc(name: str) -> None:
    board = load_board(name)
    for entry in board.device:
        if issubclass(DEVICES[entry.type], Stm32Rcc):
            part = Part(entry.type, board.clock.hse_hz, board.clock.lse_hz)
            assert part.clock.core_hz == board.clock.reset_hz
