# SPDX-License-Identifier: Apache-2.0
"""Nordic devices by their registers, with a clock that the tests turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_devices import World
from test_devices_cmsdk import pass_to

from mcusim.board import Device as DeviceEntry
from mcusim.devices import DEVICES, make_device
from mcusim.devices.base import NEVER, Device

CORE_HZ = 64_000_000
INTENSET, INTENCLR, SHORTS = 0x304, 0x308, 0x200


def device(world: World, kind: str, interrupt: int | None = 5, **options: int | str | bool) -> Device:
    entry = DeviceEntry(name="it", type=kind, start=0x4000_0000, size_bytes=0x1000, source="test", console=True,
                        interrupt=interrupt, options=options)  # fmt: skip
    return make_device(entry, world.host)


def make(kind: str, received: bytes = b"", **options: int | str | bool) -> tuple[Device, World]:
    world = World(core_hz=CORE_HZ, received=received)
    return device(world, kind, **options), world


def trigger(model: Device, *tasks: int) -> None:
    for task in tasks:
        model.write(task, 4, 1)


# tasks, events, interrupts


def test_an_event_interrupts_while_it_is_enabled_and_set() -> None:
    egu, world = make("nrf-egu")
    trigger(egu, 0x0C)
    assert (egu.read(0x10C, 4), world.lines[5]) == (1, False)
    egu.write(INTENSET, 4, 1 << 3)
    assert (egu.read(INTENSET, 4), egu.read(INTENCLR, 4), world.lines[5]) == (8, 8, True)
    egu.write(0x10C, 4, 0)
    assert (egu.read(0x10C, 4), world.lines[5]) == (0, False)
    trigger(egu, 0x0C)
    egu.write(INTENCLR, 4, 1 << 3)
    assert not world.lines[5]
    egu.write(0x00, 4, 0)  # only 1 triggers
    assert egu.read(0x100, 4) == 0


# clock


@pytest.mark.parametrize(
    ("series", "source", "seconds"), [("nrf52", 0, 600e-6), ("nrf52", 1, 0.25), ("nrf53", 2, 0.25)]
)
def test_the_low_frequency_clock_takes_its_time(series: str, source: int, seconds: float) -> None:
    clock, world = make("nrf-clock", series=series)
    clock.write(INTENSET, 4, 2)
    clock.write(0x518, 4, source)
    trigger(clock, 0x08)
    assert (clock.read(0x414, 4), clock.read(0x418, 4), clock.read(0x104, 4)) == (1, 0, 0)
    assert clock.unchanged_until_cycles(0x104) == clock.unchanged_until_cycles(0x418) == round(seconds * CORE_HZ)
    pass_to(world, clock, round(seconds * CORE_HZ))
    assert (clock.read(0x104, 4), clock.read(0x418, 4), world.lines[5]) == (1, 0x10000 | source, True)
    trigger(clock, 0x0C)
    assert (clock.read(0x418, 4), world.host.bus_hz["lfclk"]) == (0, 0)


def test_the_crystal_takes_over_from_the_internal_oscillator() -> None:
    clock, world = make("nrf-clock")
    assert clock.read(0x40C, 4) == 0x10000
    trigger(clock, 0x00)
    pass_to(world, clock, CORE_HZ)
    assert (clock.read(0x40C, 4), clock.read(0x100, 4)) == (0x10001, 1)
    trigger(clock, 0x04)
    assert clock.read(0x40C, 4) == 0x10000


def test_the_nrf53_divides_its_core_clock() -> None:
    clock, world = make("nrf-clock", series="nrf53")
    assert clock.read(0x558, 4) == 1
    clock.write(0x558, 4, 0)
    assert world.clock.core_hz == 128_000_000
    clock.write(0x558, 4, 1)
    assert world.clock.core_hz == 64_000_000


@given(
    series=st.sampled_from(["nrf52", "nrf53"]),
    writes=st.lists(
        st.tuples(st.sampled_from([*range(0, 0x28, 4), 0x514, 0x518, 0x558, 0x304]), st.integers(0, 2**32 - 1))
    ),
)
def test_no_setting_of_the_clock_stops_the_world(series: str, writes: list[tuple[int, int]]) -> None:
    clock, world = make("nrf-clock", series=series)
    rtc = device(world, "nrf-rtc")
    trigger(rtc, 0)
    for offset, value in writes:
        clock.write(offset, 4, value)
        world.clock.cycles += 100_000
        clock.wake()
        assert world.clock.core_hz > 0
        assert 0 <= rtc.read(0x504, 4) < 1 << 24


# timer


def test_the_timer_compares_clears_and_captures() -> None:
    timer, world = make("nrf-timer")
    timer.write(0x510, 4, 4)  # 1 MHz: 64 cycles a tick
    timer.write(0x508, 4, 3)
    timer.write(0x540, 4, 1000)
    timer.write(SHORTS, 4, 1)
    timer.write(INTENSET, 4, 1 << 16)
    trigger(timer, 0x00)
    assert timer.next_event_cycles() == 64_000
    pass_to(world, timer, 64_000)
    assert (timer.read(0x140, 4), world.lines[5]) == (1, True)
    timer.write(0x140, 4, 0)
    pass_to(world, timer, 64_000 + 64 * 10)
    trigger(timer, 0x44)
    assert timer.read(0x544, 4) == 10
    assert timer.next_event_cycles() == 128_000
    trigger(timer, 0x04)
    assert timer.next_event_cycles() == NEVER


def test_a_stop_shortcut_stops_at_the_comparison() -> None:
    timer, world = make("nrf-timer")
    timer.write(0x540, 4, 50)
    timer.write(SHORTS, 4, 1 << 8)
    trigger(timer, 0x00)
    pass_to(world, timer, 1_000_000)
    trigger(timer, 0x44)
    assert timer.read(0x544, 4) == 50


def test_a_counter_counts_its_task() -> None:
    timer, _ = make("nrf-timer")
    timer.write(0x504, 4, 1)
    timer.write(0x540, 4, 3)
    trigger(timer, 0x00, 0x08, 0x08)
    assert timer.read(0x140, 4) == 0
    trigger(timer, 0x08, 0x44)
    assert (timer.read(0x140, 4), timer.read(0x544, 4)) == (1, 3)


@given(
    bits=st.integers(0, 3),
    compares=st.lists(st.integers(0, 300), min_size=2, max_size=2),
    shorts=st.sampled_from([0, 1, 2, 3, 1 << 8, 2 | 1 << 8]),
    looks=st.lists(st.integers(1, 2000), max_size=6),
)
def test_the_timer_agrees_with_the_stepped_one(bits: int, compares: list[int], shorts: int, looks: list[int]) -> None:
    """One tick a cycle; it is looked at rarely, and must have seen every comparison on the way in the right order."""
    world = World(core_hz=16_000_000)
    timer = device(world, "nrf-timer")
    size = 1 << (16, 8, 24, 32)[bits]
    timer.write(0x510, 4, 0)
    timer.write(0x508, 4, bits)
    for channel in range(6):
        timer.write(0x540 + 4 * channel, 4, compares[channel] if channel < 2 else 0xFFFF_FFFF)
    timer.write(SHORTS, 4, shorts)
    trigger(timer, 0x00)
    value, running, seen = 0, True, [0, 0]
    for cycles in looks:
        for _ in range(cycles):
            if not running:
                break
            value = (value + 1) % size
            for channel in [n for n in range(2) if compares[n] % size == value]:
                seen[channel] = 1
                running &= not shorts >> 8 + channel & 1
                if shorts >> channel & 1:
                    value = 0
        world.clock.cycles += cycles
        trigger(timer, 0x54)  # capture into the last channel
        assert timer.read(0x554, 4) == value
        timer.write(0x554, 4, 0xFFFF_FFFF)
        assert [timer.read(0x140 + 4 * channel, 4) for channel in range(2)] == seen


# RTC


def rtc_with_clock() -> tuple[Device, World]:
    rtc, world = make("nrf-rtc")
    world.host.bus_hz["lfclk"] = 32768
    return rtc, world


def test_the_rtc_counts_divided_and_compares() -> None:
    rtc, world = rtc_with_clock()
    rtc.write(0x508, 4, 31)  # 1024 Hz
    rtc.write(0x540, 4, 512)
    rtc.write(INTENSET, 4, 1 << 16)
    trigger(rtc, 0x00)
    pass_to(world, rtc, CORE_HZ // 2 - 1)
    assert (rtc.read(0x504, 4), rtc.read(0x140, 4)) == (511, 0)
    pass_to(world, rtc, CORE_HZ // 2)
    assert (rtc.read(0x504, 4), rtc.read(0x140, 4), world.lines[5]) == (512, 1, True)
    trigger(rtc, 0x08)
    assert rtc.read(0x504, 4) == 0
    trigger(rtc, 0x04)
    pass_to(world, rtc, 2 * CORE_HZ)
    assert rtc.read(0x504, 4) == 0


def test_rtc_overflow_and_tick_need_their_enable() -> None:
    rtc, world = rtc_with_clock()
    trigger(rtc, 0x00, 0x0C)
    assert rtc.read(0x504, 4) == 0xFFFFF0
    world.clock.cycles = CORE_HZ
    assert (rtc.read(0x104, 4), rtc.read(0x100, 4)) == (0, 0)
    rtc.write(0x344, 4, 3)
    trigger(rtc, 0x0C)
    assert rtc.read(0x344, 4) == 3
    world.clock.cycles = 2 * CORE_HZ
    assert (rtc.read(0x104, 4), rtc.read(0x100, 4)) == (1, 1)


def test_the_rtc_stands_while_its_clock_does() -> None:
    rtc, world = make("nrf-rtc")
    rtc.write(INTENSET, 4, 1)
    trigger(rtc, 0x00)
    assert rtc.next_event_cycles() == NEVER
    world.clock.cycles = CORE_HZ
    assert rtc.read(0x504, 4) == 0


# UART


FRAME = round(10 * CORE_HZ * 2**32 / (0x01D7E000 * 16_000_000))


def uart(received: bytes = b"", enable: int = 8) -> tuple[Device, World]:
    model, world = make("nrf-uarte", received)
    model.write(0x524, 4, 0x01D7E000)
    model.write(0x500, 4, enable)
    return model, world


def test_easy_dma_sends_a_buffer_and_ends_when_it_has_left() -> None:
    model, world = uart()
    world.host.read_bus = lambda address, _size: b"hello"[address - 0x2000_0000]
    model.write(0x544, 4, 0x2000_0000)
    model.write(0x548, 4, 5)
    model.write(INTENSET, 4, 1 << 8)
    trigger(model, 0x08)
    assert (world.sent, model.read(0x150, 4), model.read(0x120, 4)) == (b"hello", 1, 0)
    assert model.unchanged_until_cycles(0x120) == 5 * FRAME
    trigger(model, 0x0C)
    assert model.read(0x158, 4) == 0
    pass_to(world, model, 5 * FRAME)
    assert (model.read(0x120, 4), model.read(0x54C, 4), model.read(0x158, 4), world.lines[5]) == (1, 5, 1, True)


def test_easy_dma_receives_until_the_buffer_is_full_and_starts_again() -> None:
    model, world = uart(b"abcd")
    memory: dict[int, int] = {}
    world.host.write_bus = lambda address, _size, value: memory.__setitem__(address, value)
    model.write(0x534, 4, 0x2000_0000)
    model.write(0x538, 4, 3)
    model.write(SHORTS, 4, 1 << 5)
    trigger(model, 0x00)
    pass_to(world, model, 2 * FRAME)
    assert (bytes(memory.values()), model.read(0x110, 4), model.read(0x53C, 4)) == (b"abc", 1, 3)
    pass_to(world, model, 3 * FRAME)
    assert memory[0x2000_0000] == ord("d")
    trigger(model, 0x04)
    assert (model.read(0x53C, 4), model.read(0x144, 4)) == (1, 1)


def test_the_plain_uart() -> None:
    model, world = uart(b"xy", enable=4)
    trigger(model, 0x00, 0x08)
    model.write(0x51C, 4, ord("A"))
    assert (world.sent, model.read(0x11C, 4), model.read(0x108, 4)) == (b"A", 0, 1)
    pass_to(world, model, FRAME)
    assert (model.read(0x11C, 4), model.read(0x518, 4), model.read(0x518, 4)) == (1, ord("x"), ord("y"))


def test_a_disabled_uart_does_nothing() -> None:
    model, world = uart(enable=0)
    trigger(model, 0x08)
    model.write(0x51C, 4, 65)
    assert (world.sent, model.next_event_cycles()) == (b"", NEVER)


# the rest


def test_random_bytes_repeat_and_stop() -> None:
    def values() -> list[int]:
        rng, world = make("nrf-rng")
        rng.write(SHORTS, 4, 1)
        found = []
        for _ in range(3):
            trigger(rng, 0x00)
            pass_to(world, rng, world.clock.cycles + CORE_HZ // 1000)
            assert rng.read(0x100, 4) == 1
            rng.write(0x100, 4, 0)
            assert rng.next_event_cycles() == NEVER
            found.append(rng.read(0x508, 4))
        return found

    assert values() == values()
    assert len(set(values())) > 1


def test_the_temperature() -> None:
    temp, world = make("nrf-temp")
    trigger(temp, 0x00)
    pass_to(world, temp, CORE_HZ // 1000)
    assert (temp.read(0x100, 4), temp.read(0x508, 4)) == (1, 100)


def test_gpio_and_its_tasks() -> None:
    world = World()
    port = device(world, "nrf-gpio", None)
    world.host.read_bus = lambda address, size: port.read(address & 0xFF, size)
    world.host.write_bus = lambda address, size, value: port.write(address & 0xFF, size, value)
    port.write(0x200 + 4 * 11, 4, 0xC)  # a button with a pull-up
    assert port.read(0x10, 4) == 1 << 11
    port.write(0x200 + 4 * 13, 4, 3)
    assert (port.read(0x14, 4), port.read(0x18, 4)) == (1 << 13, 1 << 13)
    port.write(0x08, 4, 1 << 13)
    assert port.read(0x10, 4) == 1 << 11 | 1 << 13
    port.write(0x1C, 4, 1 << 13)
    assert (port.read(0x14, 4), port.read(0x200 + 4 * 13, 4) & 1) == (0, 0)
    tasks = device(world, "nrf-gpiote", port0=0x5000_0500)
    tasks.write(0x510, 4, 3 | 7 << 8 | 3 << 16)  # task, pin 7, toggle
    trigger(tasks, 0x00)
    assert port.read(0x04, 4) >> 7 & 1
    trigger(tasks, 0x00)
    assert not port.read(0x04, 4) >> 7 & 1
    trigger(tasks, 0x30)
    assert port.read(0x04, 4) >> 7 & 1


def test_flash_is_ready_and_a_page_can_be_erased() -> None:
    nvmc, world = make("nrf-nvmc")
    erased: list[int] = []
    world.host.write_bus = lambda address, _size, _value: erased.append(address)
    nvmc.write(0x508, 4, 0x3000)
    assert (nvmc.read(0x400, 4), erased) == (1, [])
    nvmc.write(0x504, 4, 2)
    nvmc.write(0x508, 4, 0x3000)
    assert (min(erased), max(erased), len(erased)) == (0x3000, 0x3FFC, 1024)


def test_ppi_connects_an_event_to_a_task_and_its_fork() -> None:
    ppi, world = make("nrf-ppi")
    egu = device(world, "nrf-egu")
    world.host.write_bus = lambda address, size, value: egu.write(address & 0xFFF, size, value)
    ppi.write(0x510 + 8 * 3, 4, 0x4000_0100)  # channel 3: TRIGGERED[0] triggers 1 and, by its fork, 2
    ppi.write(0x514 + 8 * 3, 4, 0x4000_0004)
    ppi.write(0x910 + 4 * 3, 4, 0x4000_0008)
    trigger(egu, 0x00)
    assert (egu.read(0x104, 4), egu.read(0x108, 4)) == (0, 0)
    ppi.write(0x804, 4, 1 << 3)  # group 1
    trigger(ppi, 0x08)
    assert (ppi.read(0x500, 4), ppi.read(0x508, 4)) == (8, 8)
    trigger(egu, 0x00)
    assert (egu.read(0x104, 4), egu.read(0x108, 4)) == (1, 1)
    ppi.write(0x514 + 8 * 3, 4, 0x4000_0000)  # itself, without end
    trigger(egu, 0x00)
    assert world.host.remarks
    egu.write(0x104, 4, 0)
    trigger(ppi, 0x0C)
    trigger(egu, 0x00)
    assert (ppi.read(0x500, 4), egu.read(0x104, 4)) == (0, 0)


def test_dppi_connects_publishers_to_subscribers() -> None:
    dppi, world = make("nrf-ppi", dppi=True)
    first, second = device(world, "nrf-egu"), device(world, "nrf-egu")
    first.write(0x180, 4, 1 << 31 | 5)
    second.write(0x84, 4, 1 << 31 | 5)
    trigger(first, 0x00)
    assert second.read(0x104, 4) == 0
    dppi.write(0x504, 4, 1 << 5)
    trigger(first, 0x00)
    assert second.read(0x104, 4) == 1
    second.write(0x104, 4, 0)
    second.write(0x84, 4, 5)  # no longer enabled
    trigger(first, 0x00)
    assert second.read(0x104, 4) == 0


def test_a_watchdog_that_is_only_remembered_says_so() -> None:
    wdt, world = make("nrf-wdt")
    trigger(wdt, 0x00)
    wdt.write(0x504, 4, 5)
    assert (wdt.read(0x400, 4), wdt.read(0x504, 4), len(world.host.remarks)) == (1, 0xFFFF_FFFF, 1)


@given(
    kind=st.sampled_from(sorted(kind for kind in DEVICES if kind.startswith("nrf-"))),
    accesses=st.lists(
        st.tuples(
            st.sampled_from([*range(0, 0x30, 4), 0x44, 0x100, 0x140, SHORTS, 0x300, INTENSET, INTENCLR, 0x344, 0x500,
                             0x504, 0x508, 0x510, 0x518, 0x51C, 0x524, 0x538, 0x540, 0x544, 0x548]),
            st.none() | st.integers(0, 15) | st.integers(0, 2**32 - 1),
            st.integers(0, 100_000),
        ),
        max_size=12,
    ),
)  # fmt: skip
def test_no_access_fails(kind: str, accesses: list[tuple[int, int | None, int]]) -> None:
    model, world = make(kind, b"text")
    for offset, value, passed in accesses:
        world.clock.cycles += passed
        if model.next_event_cycles() <= world.clock.cycles:
            model.wake()
        if value is None:
            assert 0 <= model.read(offset, 4) < 1 << 32
        elif not (kind == "nrf-uarte" and offset == 0x548):  # a transmission of 64 KB is slow, and no new case
            model.write(offset, 4, value)
