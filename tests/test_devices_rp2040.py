# SPDX-License-Identifier: Apache-2.0
"""RP2040 devices by their registers, with a clock that the tests turn; and the boot ROM against its source."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import FIRMWARE
from test_devices import World
from test_devices_cmsdk import pass_to

from mcusim.board import Device as DeviceEntry
from mcusim.board import load_board, parse_board
from mcusim.devices import make_device
from mcusim.devices.base import NEVER, Device
from mcusim.devices.rp2040_sio import divide
from mcusim.errors import McusimError
from mcusim.image import load

XOR, SET, CLEAR = 0x1000, 0x2000, 0x3000
MHZ = 1_000_000
CRYSTAL_HZ = 12 * MHZ


def device(world: World, model: str, *interrupts: int, name: str = "it", **options: int | str | bool) -> Device:
    entry = DeviceEntry(name=name, type=model, start=0x4000_0000, size_bytes=0x4000, source="test", console=True,
                        interrupts=interrupts, options=options)  # fmt: skip
    return make_device(entry, world.host)


class Tree:
    """Oscillators, PLLs, clocks, watchdog and timer, wired as the board does."""

    def __init__(self) -> None:
        self.world = world = World(core_hz=6_500_000)
        world.host.hse_hz = CRYSTAL_HZ
        self.xosc = device(world, "rp2040-oscillator", kind="xosc")
        self.rosc = device(world, "rp2040-oscillator", kind="rosc")
        self.pll_sys = device(world, "rp2040-pll", output="pll_sys")
        self.pll_usb = device(world, "rp2040-pll", output="pll_usb")
        self.clocks = device(world, "rp2040-clocks")
        self.watchdog = device(world, "rp2040-watchdog")
        self.timer = device(world, "rp2040-timer", 0, 1, 2, 3)

    def start_crystal(self) -> None:
        self.xosc.write(0x00, 4, 0xAA0 | 0xFAB << 12)
        self.world.clock.cycles += 100_000

    def start_pll(self, pll: Device, multiplier: int, first: int, second: int) -> None:
        pll.write(0x08, 4, multiplier)
        pll.write(0x04 + CLEAR, 4, 1 | 1 << 5)
        pll.write(0x0C, 4, first << 16 | second << 12)
        pll.write(0x04 + CLEAR, 4, 1 << 3)

    @property
    def core_hz(self) -> int:
        return self.world.clock.core_hz


# aliases


def test_atomic_aliases_and_narrow_writes() -> None:
    world = World()
    block = device(world, "rp2040-registers", name="spi0", block="")
    block.write(0x00, 4, 0b1100)
    block.write(0x00 + SET, 4, 0b0001)
    block.write(0x00 + CLEAR, 4, 0b0100)
    block.write(0x00 + XOR, 4, 0b1010)
    assert [block.read(alias, 4) for alias in (0, XOR, SET, CLEAR)] == [0b0011] * 4
    block.write(0x05, 1, 0xAB)
    assert block.read(0x04, 4) == 0xABABABAB
    block.write(0x06, 2, 0x1234)
    assert block.read(0x04, 4) == 0x12341234
    assert world.host.remarks == {"spi0 has no model: its registers remember what is written"}


def test_done_follows_reset_and_power() -> None:
    resets = device(World(), "rp2040-registers", block="resets")
    assert (resets.read(0x00, 4), resets.read(0x08, 4)) == (0x1FF_FFFF, 0)
    resets.write(CLEAR, 4, 1 << 22 | 1 << 5)
    assert resets.read(0x08, 4) == 1 << 22 | 1 << 5
    psm = device(World(), "rp2040-registers", block="psm")
    psm.write(0x04 + SET, 4, 1 << 16)
    assert psm.read(0x0C, 4) == 0xFFFF


# clocks


def test_the_sdk_sequence_gives_125_mhz() -> None:
    tree = Tree()
    tree.start_crystal()
    assert tree.xosc.read(0x04, 4) >> 31
    tree.clocks.write(0x30, 4, 2)
    assert (tree.clocks.read(0x38, 4), tree.core_hz) == (4, CRYSTAL_HZ)
    assert not tree.pll_sys.read(0x00, 4) >> 31
    tree.start_pll(tree.pll_sys, 125, 6, 2)
    assert tree.pll_sys.read(0x00, 4) >> 31
    tree.clocks.write(0x3C, 4, 0)
    tree.clocks.write(0x3C + SET, 4, 1)
    assert (tree.clocks.read(0x44, 4), tree.core_hz) == (2, 125 * MHZ)
    tree.start_pll(tree.pll_usb, 100, 5, 5)
    tree.clocks.write(0x54, 4, 1 << 11)
    tree.clocks.write(0x40, 4, 2 << 8)
    assert tree.core_hz == 125 * MHZ // 2
    for source, khz in ((1, 125_000), (2, 48_000), (3, 6_500), (5, 12_000), (9, 62_500), (10, 62_500), (11, 48_000)):
        tree.clocks.write(0x94, 4, source)
        assert (tree.clocks.read(0x98, 4), tree.clocks.read(0x9C, 4) >> 5) == (0x11, khz)


def test_the_crystal_is_stable_after_its_delay() -> None:
    tree = Tree()
    tree.xosc.write(0x0C, 4, 47)
    tree.xosc.write(0x00, 4, 0xAA0 | 0xFAB << 12)
    at = tree.xosc.unchanged_until_cycles(0x04)
    assert at == 47 * 256 * 6_500_000 // CRYSTAL_HZ
    assert tree.xosc.read(0x04, 4) == 1 << 12
    tree.world.clock.cycles = at
    assert tree.xosc.read(0x04, 4) == 1 << 31 | 1 << 12


ACCESSES = st.lists(
    st.tuples(
        st.sampled_from(["xosc", "rosc", "pll_sys", "pll_usb", "clocks", "watchdog", "timer"]),
        st.sampled_from([*range(0, 0x14, 4), 0x2C, 0x30, 0x34, 0x3C, 0x40, 0x48, 0x60, 0x6C, 0x94]),
        st.sampled_from([0, XOR, SET, CLEAR]),
        st.integers(0, 2**32 - 1) | st.sampled_from([0xFABAA0, 0, 1, 2, 1 << 8]),
    ),
    max_size=16,
)


@given(ACCESSES)
def test_no_setting_stops_the_world(accesses: list[tuple[str, int, int, int]]) -> None:
    tree = Tree()
    uart = device(tree.world, "rp2040-uart", 20)
    for name, offset, alias, value in accesses:
        model: Device = getattr(tree, name)
        model.write(offset + alias, 4, value)
        tree.world.clock.cycles += 1000
        assert tree.core_hz >= 1000
        assert tree.world.host.hz("clk_peri") > 0
        for each in (tree.timer, tree.watchdog, uart):
            assert each.next_event_cycles() > 0
            each.wake()
        assert 0 <= tree.timer.read(0x28, 4) < 1 << 32


# timer


def running_timer() -> Tree:
    tree = Tree()
    tree.start_crystal()
    tree.clocks.write(0x30, 4, 2)
    tree.watchdog.write(0x2C, 4, 12 | 1 << 9)
    assert tree.world.host.bus_hz["tick"] == MHZ
    return tree


def test_the_timer_counts_microseconds_over_changes_of_the_core_clock() -> None:
    tree = running_timer()
    start = tree.timer.read(0x28, 4)
    tree.world.clock.cycles += 12 * 500
    assert tree.timer.read(0x28, 4) - start == 500
    tree.start_pll(tree.pll_sys, 125, 6, 2)
    tree.clocks.write(0x3C, 4, 1)
    assert tree.core_hz == 125 * MHZ
    tree.world.clock.cycles += 125 * 500
    assert tree.timer.read(0x28, 4) - start == 1000
    assert tree.timer.unchanged_until_cycles(0x28) - tree.world.clock.cycles == 125


def test_an_alarm_fires_interrupts_and_is_cleared() -> None:
    tree = running_timer()
    world, timer = tree.world, tree.timer
    timer.write(0x38, 4, 0b0010)
    now = timer.read(0x28, 4)
    timer.write(0x14, 4, now + 100)
    assert timer.read(0x20, 4) == 0b0010
    due = timer.next_event_cycles()
    pass_to(world, timer, due - 1)
    assert (timer.read(0x34, 4), world.lines.get(1)) == (0, False)
    pass_to(world, timer, due)
    assert (timer.read(0x28, 4) - now, timer.read(0x20, 4), timer.read(0x40, 4), world.lines[1]) == (100, 0, 2, True)
    timer.write(0x34, 4, 2)
    assert not world.lines[1]
    timer.write(0x14, 4, now)  # in the past: an hour from now
    timer.write(0x20, 4, 2)
    assert timer.next_event_cycles() == NEVER


def test_the_high_word_is_latched() -> None:
    tree = running_timer()
    tree.timer.write(0x00, 4, 5)
    tree.timer.write(0x04, 4, 0xFFFF_FFFF)
    assert tree.timer.read(0x0C, 4) == 0xFFFF_FFFF
    tree.world.clock.cycles += 12
    assert (tree.timer.read(0x08, 4), tree.timer.read(0x24, 4), tree.timer.read(0x0C, 4)) == (5, 6, 0)
    tree.timer.write(0x30, 4, 1)
    tree.world.clock.cycles += 1200
    assert tree.timer.read(0x28, 4) == 0


def test_the_watchdog_resets_unless_it_is_fed() -> None:
    tree = running_timer()
    reasons: list[str] = []
    tree.world.host.request_reset = reasons.append
    tree.watchdog.write(0x04, 4, 2000)  # twice a microsecond
    tree.watchdog.write(0x00 + SET, 4, 1 << 30)
    start = tree.world.clock.cycles
    assert tree.watchdog.next_event_cycles() - start == 12 * 1000
    pass_to(tree.world, tree.watchdog, start + 6000)
    assert tree.watchdog.read(0x00, 4) & 0xFF_FFFF == 1000
    tree.watchdog.write(0x04, 4, 2000)
    pass_to(tree.world, tree.watchdog, start + 17_000)
    assert not reasons
    pass_to(tree.world, tree.watchdog, start + 18_000)
    assert reasons
    tree.watchdog.write(0x0C, 4, 0x1234)
    assert tree.watchdog.read(0x0C, 4) == 0x1234


# SIO


WORDS = st.integers(0, 2**32 - 1) | st.sampled_from([0, 1, 2**31, 2**32 - 1])


@given(dividend=WORDS, divisor=WORDS)
def test_the_divider(dividend: int, divisor: int) -> None:
    sio = device(World(), "rp2040-sio")
    for signed, first in ((False, 0x60), (True, 0x68)):
        sio.write(first, 4, dividend)
        sio.write(first + 4, 4, divisor)
        assert sio.read(0x78, 4) == 3
        remainder, quotient = sio.read(0x74, 4), sio.read(0x70, 4)
        assert sio.read(0x78, 4) == 1
        a, b = (struct.unpack("<i", struct.pack("<I", n))[0] for n in (dividend, divisor)) if signed else (
            dividend, divisor)  # fmt: skip
        assert (quotient, remainder) == divide(dividend, divisor, signed)
        if b:
            assert (quotient * b + remainder - a) % 2**32 == 0
            assert quotient == math.trunc(a / b) % 2**32 or abs(a) > 2**52
        else:
            assert remainder == dividend
            assert quotient == (1 if a < 0 else 2**32 - 1)


def test_spin_locks_outputs_and_the_other_core() -> None:
    world = World()
    sio = device(world, "rp2040-sio")
    assert [sio.read(0x104, 4), sio.read(0x104, 4)] == [2, 0]
    assert sio.read(0x5C, 4) == 2
    sio.write(0x104, 4, 0)
    assert (sio.read(0x5C, 4), sio.read(0x104, 4)) == (0, 2)
    sio.write(0x24, 4, 1 << 25)
    sio.write(0x1C, 4, 1 << 25 | 1)
    assert (sio.read(0x04, 4), sio.read(0x10, 4)) == (1 << 25, 1 << 25 | 1)
    sio.write(0x18, 4, 1)
    assert sio.read(0x10, 4) == 1 << 25
    assert (sio.read(0x00, 4), sio.read(0x50, 4), sio.read(0x08, 4)) == (0, 2, 2)
    assert not world.host.remarks
    sio.write(0x54, 4, 0)
    assert world.host.remarks


# UART


def uart(received: bytes = b"") -> tuple[Device, World]:
    world = World(core_hz=16 * MHZ, received=received)
    model = device(world, "rp2040-uart", 20)
    model.write(0x24, 4, 10)  # 100 kBd: a frame takes 1600 cycles
    model.write(0x2C, 4, 0x70)
    model.write(0x30, 4, 0x301)
    return model, world


def test_the_transmit_fifo_fills_and_drains() -> None:
    model, world = uart()
    assert model.read(0x18, 4) & 0xF8 == 0x90
    for letter in range(33):
        model.write(0x00, 4, letter)
    assert model.read(0x18, 4) & 0xA8 == 0x28  # full, busy
    until = model.unchanged_until_cycles(0x18)
    assert until == 1600
    world.clock.cycles = until
    assert not model.read(0x18, 4) & 0x20
    world.clock.cycles = 32 * 1600
    assert model.read(0x18, 4) & 0x88 == 0x88
    world.clock.cycles = 33 * 1600
    assert model.read(0x18, 4) & 0x88 == 0x80
    assert world.sent == bytes(range(33))


def test_receive_and_transmit_interrupts() -> None:
    model, world = uart(b"12345")
    model.write(0x34, 4, 0)  # an eighth of 32: four bytes
    model.write(0x38, 4, 1 << 4 | 1 << 6)
    pass_to(world, model, 2 * 1600)
    assert not world.lines[20]
    pass_to(world, model, 3 * 1600)
    assert (world.lines[20], model.read(0x40, 4)) == (True, 1 << 4)
    assert bytes(model.read(0x00, 4) for _ in range(4)) == b"1234"
    assert not world.lines[20]
    pass_to(world, model, 4 * 1600 + 32 * 160)
    assert model.read(0x40, 4) == 1 << 6
    assert model.read(0x00, 4) == ord("5")
    assert model.read(0x18, 4) & 1 << 4
    model.write(0x38, 4, 1 << 5)
    for _ in range(8):
        model.write(0x00, 4, 0)
    assert not world.lines[20]
    pass_to(world, model, world.clock.cycles + 3 * 1600)
    assert world.lines[20]
    model.write(0x44, 4, 1 << 5)
    assert not world.lines[20]


# the boot ROM


def test_the_board_holds_the_boot_rom_as_its_source_gives_it() -> None:
    image = load(FIRMWARE / "bootrom" / "bootrom-raspberry-pi-pico.elf")
    rom = next(region for region in load_board("raspberry-pi-pico").region if region.name == "rom")
    assert bytes.fromhex(rom.content) == b"".join(segment.data for segment in image.segments)


@pytest.mark.parametrize("content", ["0", "zz", "00" * 20000])
def test_a_rom_with_wrong_content_is_refused(content: str) -> None:
    text = f"""
    name = "x"
    title = "x"
    core = "cortex-m4"
    [sources]
    [clock]
    reset_hz = 1000
    max_hz = 1000
    source = "x"
    [[region]]
    name = "rom"
    kind = "rom"
    start = 0
    size_bytes = 0x400
    source = "x"
    content = "{content}"
    """
    with pytest.raises(McusimError, match=r"content: (not bytes|more than)"):
        parse_board(text, "x.toml")
