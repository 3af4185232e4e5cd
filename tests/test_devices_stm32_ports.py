# SPDX-License-Identifier: Apache-2.0
"""STM32 ports, external interrupts, random numbers and plain registers."""

from __future__ import annotations

import pytest
from devices import Bench

from mcusim.devices.base import RegisterFile
from mcusim.errors import McusimError

MODER, OTYPER, OSPEEDR, PUPDR, IDR, ODR, BSRR, LCKR, AFRL, AFRH, BRR = range(0, 0x2C, 4)


def port(name: str = "gpioc", family: str = "f4") -> RegisterFile:
    return Bench().add("stm32-gpio", name=name, family=family)


@pytest.mark.parametrize(
    ("family", "name", "values"),
    [("f4", "gpioa", (0xA800_0000, 0x0C00_0000, 0x6400_0000)), ("f4", "gpiob", (0x280, 0xC0, 0x100)),
     ("f4", "gpiod", (0, 0, 0)), ("l4", "gpioa", (0xABFF_FFFF, 0x0C00_0000, 0x6400_0000)),
     ("l4", "GPIOG", (0xFFFF_FFFF, 0, 0)), ("g0", "gpiob", (0xFFFF_FFFF, 0, 0)),
     ("f0", "gpioa", (0x2800_0000, 0x0C00_0000, 0x2400_0000)),
     ("h7", "gpiob", (0xFFFF_FEBF, 0xC0, 0x100))],
)  # fmt: skip
def test_reset_values(family: str, name: str, values: tuple[int, ...]) -> None:
    device = port(name, family)
    assert tuple(device.read(offset, 4) for offset in (MODER, OSPEEDR, PUPDR)) == values


def test_outputs_read_back_and_inputs_show_their_pull() -> None:
    device = port()
    device.write(MODER, 4, 0b11_01_01_00_00)  # pins 0, 1 in; 2, 3 out; 4 analog
    device.write(PUPDR, 4, 0b01_01_01_01_10)
    device.write(BSRR, 4, 1 << 2 | 1 << 4)
    assert (device.read(ODR, 4), device.read(IDR, 4)) == (0b10100, 0b00110)
    device.write(BSRR, 4, 1 << 18 | 1 << 3 | 1 << 19)  # setting wins over resetting
    assert (device.read(ODR, 4), device.read(IDR, 4)) == (0b11000, 0b01010)
    device.write(BRR, 4, 1 << 3)
    assert device.read(ODR, 4) == 0b10000
    device.write(BSRR, 2, 1)  # by halfwords, as older libraries do
    device.write(BSRR + 2, 2, 1 << 4)
    assert (device.read(ODR, 4), device.read(BSRR, 4)) == (1, 0)
    device.write(ODR, 4, 0x1_FFFF)
    assert device.read(ODR, 4) == 0xFFFF


def test_the_lock() -> None:
    device = port()
    key = 1 << 16
    device.write(LCKR, 4, key | 0x8001)
    device.write(LCKR, 4, 0x8001)
    device.write(MODER, 4, 0x5555_5555)
    device.write(LCKR, 4, key | 0x8001)
    assert device.read(LCKR, 4) == key | 0x8001
    device.write(MODER, 4, 0xFFFF_FFFF)
    device.write(AFRL, 4, 0x7777_7777)
    device.write(AFRH, 4, 0x7777_7777)
    device.write(OTYPER, 4, 0xFFFF)
    assert device.read(MODER, 4) == 0x7FFF_FFFD
    assert (device.read(AFRL, 4), device.read(AFRH, 4), device.read(OTYPER, 4)) == (0x7777_7770, 0x0777_7777, 0x7FFE)
    device.write(BSRR, 4, 1)
    assert device.read(ODR, 4) == 1


@pytest.mark.parametrize("second", [(1 << 16 | 3), 1], ids=["key again", "other pins"])
def test_a_wrong_sequence_does_not_lock(second: int) -> None:
    device = port()
    for value in (1 << 16 | 3, second, 1 << 16 | 3):
        device.write(LCKR, 4, value)
    assert not device.read(LCKR, 4) & 1 << 16


def test_an_unknown_family_is_named() -> None:
    with pytest.raises(McusimError, match="f4"):
        port(family="f5")


def test_the_port_of_f1() -> None:
    device = Bench().add("stm32f1-gpio")
    assert (device.read(0, 4), device.read(4, 4)) == (0x4444_4444, 0x4444_4444)
    # pin 0 output, 1 open drain, 2 alternate output, 3 floating, 4 pulled, 5 analog
    device.write(0, 4, 0x4408_4B72 & ~0xF0_0000)
    device.write(0x10, 4, 0b111111)
    assert device.read(8, 4) == 0b010011
    device.write(0x14, 4, 1)
    assert (device.read(8, 4), device.read(0xC, 4)) == (0b010010, 0b111110)


# External interrupts


LINES = tuple(range(6, 13))  # seven interrupts, as F1, F4 and L4 have


def high(bench: Bench) -> set[int]:
    return {number for number, level in bench.lines.items() if level}


@pytest.mark.parametrize(("line", "number"), [(0, 6), (4, 10), (5, 11), (9, 11), (10, 12), (15, 12)])
def test_a_software_trigger_raises_the_interrupt_of_its_group(line: int, number: int) -> None:
    bench = Bench()
    device = bench.add("stm32f1-exti", interrupts=LINES)
    bit = 1 << line
    device.write(0x10, 4, bit)
    assert (device.read(0x14, 4), device.read(0x10, 4)) == (0, bit)  # masked: nothing pends
    device.write(0x14, 4, bit)
    device.write(0x00, 4, bit)
    device.write(0x10, 4, bit)
    assert (device.read(0x14, 4), high(bench)) == (bit, {number})
    device.write(0x00, 4, 0)
    assert high(bench) == set()
    device.write(0x00, 4, bit)
    device.write(0x14, 4, bit)
    assert (device.read(0x14, 4), device.read(0x10, 4), high(bench)) == (0, 0, set())


def test_lines_of_a_group_hold_it_together() -> None:
    bench = Bench()
    device = bench.add("stm32f1-exti", interrupts=LINES)
    device.write(0x00, 4, 0xFFFF)
    device.write(0x10, 4, 1 << 5 | 1 << 9)
    device.write(0x14, 4, 1 << 5)
    assert high(bench) == {11}
    device.write(0x14, 4, 1 << 9)
    assert high(bench) == set()


def test_the_second_bank() -> None:
    bench = Bench()
    one = bench.add("stm32f1-exti", interrupts=LINES)
    two = bench.add("stm32f1-exti", start=0x4000_0400, name="two", interrupts=(*LINES, 41), banks=2, imr=0xFF82_0000,
                    groups="0 1 2 3 4 5-9 10-15 35-38")  # fmt: skip
    one.write(0x20, 4, 0xFF)
    assert (one.read(0x20, 4), two.read(0x00, 4)) == (0, 0xFF82_0000)
    two.write(0x20, 4, 1 << 3)
    two.write(0x30, 4, 1 << 3)
    assert (two.read(0x34, 4), high(bench)) == (8, {41})


@pytest.mark.parametrize(("kind", "masks", "pending"), [("stm32h7-exti", 0x80, 0x88), ("stm32g0-exti", 0x80, 0x0C)])
def test_kinds_with_masks_apart(kind: str, masks: int, pending: int) -> None:
    bench = Bench()
    device = bench.add(kind, interrupts=(5, 6, 7), groups="0-1 2-3 4-15")
    device.write(masks, 4, 1 << 3 | 1 << 12)
    device.write(0x08, 4, 1 << 3)
    assert (device.read(pending, 4), device.read(0x08, 4), high(bench)) == (8, 0, {6})
    device.write(0x08, 4, 1 << 12 | 1)
    assert (device.read(pending, 4), high(bench)) == (1 << 12 | 9, {6, 7})
    device.write(pending, 4, 0xFFFF)
    assert (device.read(pending, 4), high(bench)) == (0, set())


@pytest.mark.parametrize("groups", ["a", "5-3", "0 64", "1-"])
def test_groups_that_are_none(groups: str) -> None:
    with pytest.raises(McusimError, match="groups"):
        Bench().add("stm32f1-exti", groups=groups)


def test_two_devices_may_share_an_interrupt() -> None:
    bench = Bench()
    one = bench.add("stm32f1-exti", interrupts=(3,), name="one")
    two = bench.add("stm32f1-exti", start=0x4000_0400, interrupts=(3,), name="two")
    for device in (one, two):
        device.write(0x00, 4, 1)
        device.write(0x10, 4, 1)
    one.write(0x14, 4, 1)
    assert high(bench) == {3}
    two.write(0x14, 4, 1)
    assert high(bench) == set()


# The rest


def test_random_numbers_by_interrupt() -> None:
    bench = Bench()
    device = bench.add("stm32-rng", interrupts=(80,))
    device.write(0, 4, 1 << 3)
    assert not high(bench)
    device.write(0, 4, 1 << 3 | 1 << 2)
    assert high(bench) == {80}
    assert device.read(8, 4) != device.read(8, 4)
    device.write(4, 4, 0)
    assert device.read(4, 4) == 1
    device.write(0, 4, 0)
    assert not high(bench)


def test_registers_that_only_remember_say_so() -> None:
    bench = Bench()
    device = bench.add("registers", name="syscfg")
    assert device.read(8, 4) == 0
    assert not bench.host.remarks
    device.write(8, 4, 0x1234)
    assert device.read(8, 2) == 0x1234
    assert any("syscfg" in remark for remark in bench.host.remarks)
