# SPDX-License-Identifier: Apache-2.0
"""CMSDK and MPS2 devices by their registers, with a clock that the tests turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_devices import World

from mcusim.board import Device as DeviceEntry
from mcusim.devices import make_device
from mcusim.devices.base import NEVER, Device
from mcusim.devices.ticks import DownCounter, Ticks


def device(world: World, kind: str, *interrupts: int, **options: int | str | bool) -> Device:
    entry = DeviceEntry(name="it", type=kind, start=0x4000_0000, size_bytes=0x1000, source="test", console=True,
                        interrupts=interrupts, options=options)  # fmt: skip
    return make_device(entry, world.host)


def pass_to(world: World, model: Device, cycles: int) -> None:
    """Let time pass, waking the device when it wants."""
    while model.next_event_cycles() <= cycles:
        world.clock.cycles = max(model.next_event_cycles(), world.clock.cycles)
        model.wake()
        if model.next_event_cycles() <= world.clock.cycles:
            model.wake()
            assert model.next_event_cycles() > world.clock.cycles, "it wants to be woken again and again"
    world.clock.cycles = cycles


# ticks


@given(hz=st.integers(1, 400_000_000), core_hz=st.integers(1000, 400_000_000), count=st.integers(1, 10**7))
def test_the_cycle_of_a_tick_is_the_first_that_has_it(hz: int, core_hz: int, count: int) -> None:
    world = World(core_hz=core_hz)
    ticks = Ticks(world.host, hz)
    at = ticks.cycles_of(count)
    world.clock.cycles = at
    assert ticks.count() >= count
    world.clock.cycles = at - 1
    assert ticks.count() < count


@given(st.lists(st.tuples(st.integers(0, 100_000), st.integers(1000, 10**8), st.integers(0, 10**7)), max_size=8))
def test_ticks_add_up_over_changes_of_both_clocks(changes: list[tuple[int, int, int]]) -> None:
    world = World(core_hz=1_000_000)
    ticks, exact, hz = Ticks(world.host, 32768), 0.0, 32768
    for passed, core_hz, new_hz in changes:
        world.clock.cycles += passed
        exact += passed * hz / world.clock.core_hz
        world.host.set_core_hz(core_hz)
        ticks.set_hz(new_hz)
        hz = new_hz
        assert abs(ticks.count() - exact) <= 1 + 2 * len(changes)


def test_a_clock_that_stands_has_no_tick() -> None:
    assert Ticks(World().host, 0).cycles_of(1) == NEVER


@given(reload=st.integers(0, 12), value=st.integers(0, 12), cycles=st.integers(0, 60))
def test_a_down_counter_agrees_with_the_stepped_one(reload: int, value: int, cycles: int) -> None:
    world = World()
    counter = DownCounter(Ticks(world.host, None))
    counter.reload = reload
    counter.set(value, running=True)
    now, zeros = value, 0
    for world.clock.cycles in range(1, cycles + 1):
        zeros += now == 1
        now = now - 1 if now else reload
        if not reload and now == 0 and zeros == 0 and value:
            continue
        assert (counter.value(), counter.zeros()) == (now, zeros)
    if zeros:
        assert counter.zero_cycles(zeros - 1) <= cycles < counter.zero_cycles(zeros)


# timer


def test_the_timer_interrupts_at_zero_and_starts_again_a_cycle_later() -> None:
    world = World()
    timer = device(world, "cmsdk-timer", 8)
    timer.write(0x08, 4, 99)
    timer.write(0x00, 4, 9)
    assert timer.read(0x04, 4) == 99
    pass_to(world, timer, 98)
    assert (timer.read(0x04, 4), timer.read(0x0C, 4)) == (1, 0)
    pass_to(world, timer, 99)
    assert (timer.read(0x04, 4), timer.read(0x0C, 4), world.lines[8]) == (0, 1, True)
    timer.write(0x0C, 4, 1)
    assert not world.lines[8]
    pass_to(world, timer, 100)
    assert timer.read(0x04, 4) == 99
    pass_to(world, timer, 199)
    assert world.lines[8]


def test_a_timer_without_its_interrupt_sets_nothing() -> None:
    world = World()
    timer = device(world, "cmsdk-timer", 8)
    timer.write(0x08, 4, 10)
    timer.write(0x00, 4, 1)
    assert timer.next_event_cycles() == NEVER
    world.clock.cycles = 50
    assert timer.read(0x0C, 4) == 0
    timer.write(0x00, 4, 0)
    value = timer.read(0x04, 4)
    world.clock.cycles = 500
    assert timer.read(0x04, 4) == value


def test_a_slow_timer_counts_its_own_clock() -> None:
    world = World(core_hz=20_000_000)
    timer = device(world, "cmsdk-timer", 2, hz=32_000)
    timer.write(0x08, 4, 32)
    timer.write(0x00, 4, 9)
    assert timer.next_event_cycles() == 20_000  # a millisecond


# dual timer


@pytest.mark.parametrize(("control", "period"), [(0xE2, 1001), (0xE6, 16 * 1001), (0xEA, 256 * 1001)])
def test_the_dual_timer_repeats_with_its_prescaler(control: int, period: int) -> None:
    world = World(core_hz=25_600_000)
    timer = device(world, "cmsdk-dual-timer", 10, 11, 12)
    timer.write(0x20, 4, 1000)
    timer.write(0x28, 4, control)
    first = timer.next_event_cycles()
    pass_to(world, timer, first)
    assert (world.lines[10], world.lines[11], world.lines[12]) == (True, False, True)
    assert (timer.read(0x30, 4), timer.read(0x34, 4), timer.read(0x10, 4)) == (1, 1, 0)
    timer.write(0x2C, 4, 0)
    assert not world.lines[10]
    assert timer.next_event_cycles() - first == period


def test_a_one_shot_stays_at_zero() -> None:
    world = World()
    timer = device(world, "cmsdk-dual-timer", 10)
    timer.write(0x00, 4, 100)
    timer.write(0x08, 4, 0xA3)
    pass_to(world, timer, 1000)
    assert (timer.read(0x04, 4), timer.read(0x10, 4)) == (0, 1)
    assert timer.next_event_cycles() == NEVER


def test_sixteen_bits_wrap_when_running_free() -> None:
    world = World()
    timer = device(world, "cmsdk-dual-timer", 10)
    timer.write(0x00, 4, 0x5_0003)
    timer.write(0x08, 4, 0x80)
    world.clock.cycles = 3
    assert timer.read(0x04, 4) == 0
    world.clock.cycles = 4
    assert timer.read(0x04, 4) == 0xFFFF
    timer.write(0x18, 4, 7)
    assert timer.read(0x00, 4) == 7


# watchdog


def test_the_watchdog_interrupts_and_then_resets() -> None:
    world = World()
    reasons: list[str] = []
    world.host.request_reset = reasons.append
    watchdog = device(world, "cmsdk-watchdog", 1)
    watchdog.write(0x00, 4, 500)
    watchdog.write(0x08, 4, 3)
    pass_to(world, watchdog, 500)
    assert (world.lines[1], watchdog.read(0x14, 4), reasons) == (True, 1, [])
    watchdog.write(0x0C, 4, 1)
    assert (world.lines[1], watchdog.read(0x04, 4)) == (False, 500)
    pass_to(world, watchdog, 1000)
    pass_to(world, watchdog, 1501)
    assert reasons


def test_a_locked_watchdog_takes_nothing() -> None:
    watchdog = device(World(), "cmsdk-watchdog")
    watchdog.write(0xC00, 4, 1)
    watchdog.write(0x00, 4, 5)
    assert (watchdog.read(0xC00, 4), watchdog.read(0x00, 4)) == (1, 0xFFFF_FFFF)
    watchdog.write(0xC00, 4, 0x1ACC_E551)
    watchdog.write(0x00, 4, 5)
    assert watchdog.read(0x00, 4) == 5


# UART


def test_uart_interrupts_of_both_directions() -> None:
    world = World(received=b"ab")
    uart = device(world, "cmsdk-uart", 1, 0, 12)
    uart.write(0x10, 4, 16)
    uart.write(0x08, 4, 0b1111)
    assert (world.lines[0], uart.read(0x0C, 4)) == (True, 2)
    assert uart.read(0x00, 4) == ord("a")
    uart.write(0x0C, 4, 2)
    assert not world.lines[0]
    pass_to(world, uart, 160)  # a frame later
    assert (world.lines[0], uart.read(0x00, 4)) == (True, ord("b"))
    uart.write(0x0C, 4, 2)
    uart.write(0x00, 4, ord("x"))
    uart.write(0x00, 4, ord("y"))
    uart.write(0x0C, 4, 1)
    assert not world.lines[1]
    pass_to(world, uart, 321)
    assert (world.lines[1], world.sent) == (True, b"xy")


def test_uart_overrun() -> None:
    world = World()
    uart = device(world, "cmsdk-uart", 1, 0, 12)
    uart.write(0x10, 4, 16)
    uart.write(0x08, 4, 0b10001)
    for letter in b"abc":
        uart.write(0x00, 4, letter)
    assert (uart.read(0x04, 4) & 4, world.lines[12], world.sent) == (4, True, b"ab")
    assert world.host.remarks
    uart.write(0x04, 4, 4)
    assert (uart.read(0x04, 4) & 4, world.lines[12]) == (0, False)


# board


def test_fpga_counters() -> None:
    world = World(core_hz=25_000_000)
    fpga = device(world, "mps2-fpgaio")
    fpga.write(0x1C, 4, 24)
    fpga.write(0x18, 4, 100)
    world.clock.cycles = 26
    assert fpga.read(0x18, 4) == 102
    world.clock.cycles = 50_000_000
    assert (fpga.read(0x10, 4), fpga.read(0x14, 4)) == (2, 200)
    fpga.write(0x10, 4, 7)
    world.clock.cycles = 75_000_000
    assert fpga.read(0x10, 4) == 8


def test_gpio_sets_and_clears() -> None:
    gpio = device(World(), "cmsdk-gpio")
    gpio.write(0x10, 4, 0xF0)
    gpio.write(0x14, 4, 0x10)
    gpio.write(0x00, 4, 0xFF)
    assert (gpio.read(0x10, 4), gpio.read(0x14, 4), gpio.read(0x00, 4)) == (0xE0, 0xE0, 0xE0)
    gpio.write(0x400 + 4 * 0x60, 4, 0)  # the address holds the mask
    assert gpio.read(0x04, 4) == 0x9F


def test_the_board_is_identified_and_requests_are_done() -> None:
    scc = device(World(), "mps2-scc", id=0x41043850)
    assert scc.read(0xFFC, 4) == 0x41043850
    scc.write(0xA4, 4, 12_000_000)
    scc.write(0xA8, 4, 0xC010_0001)
    scc.write(0xA8, 4, 0x8010_0001)
    assert (scc.read(0xAC, 4), scc.read(0xA0, 4)) == (1, 12_000_000)
    scc.write(0xA8, 4, 0x8010_0FFF)
    assert scc.read(0xAC, 4) == 3


KINDS = ("cmsdk-timer", "cmsdk-dual-timer", "cmsdk-watchdog", "cmsdk-uart", "cmsdk-gpio", "mps2-fpgaio", "mps2-scc",
         "iotkit-system")  # fmt: skip


@given(
    kind=st.sampled_from(KINDS),
    accesses=st.lists(
        st.tuples(st.integers(0, 0x40), st.none() | st.integers(0, 2**32 - 1), st.integers(0, 5000)), max_size=12
    ),
)
def test_no_access_fails(kind: str, accesses: list[tuple[int, int | None, int]]) -> None:
    world = World(received=b"text")
    model = device(world, kind, 1, 2, 3, 4)
    for word, value, passed in accesses:
        world.clock.cycles += passed
        if model.next_event_cycles() <= world.clock.cycles:
            model.wake()
        if value is None:
            assert 0 <= model.read(4 * word, 4) < 1 << 32
        else:
            model.write(4 * word, 4, value)
