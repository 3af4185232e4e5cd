# SPDX-License-Identifier: Apache-2.0
"""Device models, the bus that finds them, simulated time: each with small fakes around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_counters import FakeClock

from mcusim.board import Device as DeviceEntry
from mcusim.devices import make_device
from mcusim.devices.base import NEVER, Host, RegisterFile
from mcusim.devices.cmsdk_uart import CmsdkUart
from mcusim.devices.stm32_rng import Stm32Rng
from mcusim.devices.stm32_usart import Stm32Usart
from mcusim.engine.tables import Tables
from mcusim.errors import McusimError
from mcusim.machine.bus import Bus
from mcusim.machine.clock import Clock
from mcusim.machine.guesses import Guesses

CR1, BRR, ISR, RDR, TDR = 0x00, 0x0C, 0x1C, 0x24, 0x28
UE, RE, TE, RXNEIE, TCIE, TXEIE = 1, 1 << 2, 1 << 3, 1 << 5, 1 << 6, 1 << 7
RXNE, TC, TXE = 1 << 5, 1 << 6, 1 << 7


class World:
    """A host with a clock that tests turn, and what devices did to it."""

    def __init__(self, core_hz: int = 16_000_000, received: bytes = b"") -> None:
        self.clock = FakeClock(core_hz=core_hz)
        self.sent = b""
        self.lines: dict[int, bool] = {}
        self.host = Host(self.clock, self._send, self.lines.__setitem__, bytearray(received))

    def _send(self, data: bytes) -> None:
        self.sent += data

    def entry(self, name: str, *, console: bool = True, interrupt: int | None = 70) -> DeviceEntry:
        return DeviceEntry(name=name, type="any", start=0x4000_8000, size_bytes=0x400, source="test", console=console,
                           interrupt=interrupt)  # fmt: skip


def lpuart(world: World, control: int = UE | TE | RE, name: str = "lpuart1", **entry: object) -> Stm32Usart:
    device = Stm32Usart(world.entry(name, **entry), world.host)  # type: ignore[arg-type]
    device.write(BRR, 4, round(256 * 16_000_000 / 115200))
    device.write(CR1, 4, control)
    return device


FRAME = round(10 * 16_000_000 / 115200)  # start, eight data, stop


def test_a_byte_takes_the_time_of_its_frame() -> None:
    world = World()
    device = lpuart(world)
    assert device.read(ISR, 4) & (TXE | TC) == TXE | TC
    device.write(TDR, 4, ord("a"))
    assert device.read(ISR, 4) & (TXE | TC) == TXE  # in the shift register
    device.write(TDR, 4, ord("b"))
    assert device.read(ISR, 4) & (TXE | TC) == 0  # the buffer is full
    world.clock.cycles = FRAME - 2
    assert device.read(ISR, 4) & TXE == 0
    world.clock.cycles = FRAME + 2
    assert device.read(ISR, 4) & (TXE | TC) == TXE
    world.clock.cycles = 2 * FRAME + 2
    assert device.read(ISR, 4) & (TXE | TC) == TXE | TC
    assert world.sent == b"ab"


@pytest.mark.parametrize(
    ("name", "control", "divider", "clocks"),
    [("usart2", UE | TE, 139, 139), ("usart2", UE | TE | 1 << 15, 0x8 << 4 | 5, (0x80 | 5 << 1) / 2),
     ("lpuart1", UE | TE, 256 * 20, 20)],
)  # fmt: skip
def test_the_divider_of_each_kind(name: str, control: int, divider: int, clocks: float) -> None:
    """RM0432 49.5.4, 50.4.4: USARTDIV = BRR; with OVER8 twice the clock, the low nibble shifted; 256 for LPUARTs."""
    world = World()
    device = Stm32Usart(world.entry(name), world.host)
    device.write(BRR, 4, divider)
    device.write(CR1, 4, control)
    device.write(TDR, 4, 0)
    world.clock.cycles = round(10 * clocks) - 1
    assert not device.read(ISR, 4) & TC
    world.clock.cycles = round(10 * clocks)
    assert device.read(ISR, 4) & TC


def test_the_bus_clock_counts_and_not_the_core_clock() -> None:
    world = World(core_hz=16_000_000)
    world.host.bus_hz["pclk1"] = 4_000_000
    device = Stm32Usart(world.entry("usart2"), world.host)
    device.write(BRR, 4, 100)
    device.write(CR1, 4, UE | TE)
    device.write(TDR, 4, 0)
    world.clock.cycles = 3999
    assert not device.read(ISR, 4) & TC
    world.clock.cycles = 4000
    assert device.read(ISR, 4) & TC


@pytest.mark.parametrize("control", [0, UE, TE])
def test_nothing_is_sent_while_the_transmitter_is_off(control: int) -> None:
    world = World()
    lpuart(world, control).write(TDR, 4, 65)
    assert world.sent == b""


def test_only_the_console_prints_and_receives() -> None:
    world = World(received=b"x")
    device = lpuart(world, console=False)
    device.write(TDR, 4, 65)
    assert (world.sent, device.read(ISR, 4) & RXNE, device.read(RDR, 4)) == (b"", 0, 0)


def test_input_is_read_byte_by_byte() -> None:
    world = World(received=b"hi")
    device = lpuart(world)
    read = []
    for number in (1, 2):
        world.clock.cycles = number * FRAME - number
        assert not device.read(ISR, 4) & RXNE  # still on the line
        world.clock.cycles = number * FRAME + number
        assert device.read(ISR, 4) & RXNE
        read.append(device.read(RDR, 4))
    assert bytes(read) == b"hi"
    assert not device.read(ISR, 4) & RXNE
    assert device.read(RDR, 4) == 0


def test_interrupts_follow_the_flags() -> None:
    world = World(received=b"!")
    device = lpuart(world)
    assert not world.lines.get(70)
    device.write(CR1, 4, UE | TE | RE | RXNEIE)
    assert not world.lines[70]
    start = world.clock.cycles = device.next_event_cycles()
    device.wake()
    assert world.lines[70]
    device.read(RDR, 4)
    assert not world.lines[70]
    device.write(TDR, 4, 1)
    device.write(TDR, 4, 2)
    device.write(CR1, 4, UE | TE | TXEIE)
    assert not world.lines[70]
    due = device.next_event_cycles()
    assert abs(due - start - FRAME) <= 2
    world.clock.cycles = due
    device.wake()
    assert world.lines[70]
    device.write(CR1, 4, UE | TE | TCIE)
    assert not world.lines[70]
    world.clock.cycles = device.next_event_cycles()
    device.wake()
    assert world.lines[70]
    assert device.next_event_cycles() == NEVER


def test_the_uart_of_the_mps2() -> None:
    world = World(received=b"k")
    device = CmsdkUart(world.entry("uart0"), world.host)
    device.write(0x10, 4, 16)
    device.write(0x00, 4, 65)
    assert world.sent == b""  # not enabled
    assert device.read(0x04, 4) == 0
    device.write(0x08, 4, 3)
    assert device.read(0x04, 4) == 2
    device.write(0x00, 4, 65)
    device.write(0x00, 4, 66)
    assert device.read(0x04, 4) & 1
    world.clock.cycles = 160
    assert not device.read(0x04, 4) & 1
    assert (world.sent, device.read(0x00, 4), device.read(0x04, 4)) == (b"AB", ord("k"), 0)


def test_random_numbers_repeat_from_run_to_run() -> None:
    def numbers() -> list[int]:
        world = World()
        device = Stm32Rng(world.entry("rng"), world.host)
        assert (device.read(4, 4), device.read(8, 4)) == (0, 0)
        device.write(0, 4, 4)
        assert device.read(4, 4) == 1
        return [device.read(8, 4) for _ in range(4)]

    assert numbers() == numbers()
    assert len(set(numbers())) == 4


@pytest.mark.parametrize("size", [1, 2, 4])
def test_narrow_writes_keep_the_rest_of_a_register(size: int) -> None:
    world = World()
    device = RegisterFile(world.entry("any"), world.host)
    device.write(8, 4, 0x1122_3344)
    device.write(8, size, 0xAABB_CCDD)
    wanted = {1: 0x1122_33DD, 2: 0x1122_CCDD, 4: 0xAABB_CCDD}[size]
    assert device.read(8, 4) == wanted
    assert device.read(9, 1) == wanted >> 8 & 0xFF
    assert device.read(10, 2) == wanted >> 16
    assert device.read(12, 4) == 0


def test_an_unknown_type_is_named_with_near_ones() -> None:
    world = World()
    entry = DeviceEntry(name="u", type="stm32-usart", start=0x4000_0000, size_bytes=4, source="test")
    with pytest.raises(McusimError, match="stm32-usart-v2"):
        make_device(entry, world.host)


# The bus


class Recorder:
    """A device that records what reaches it."""

    exact_offsets = frozenset({4})

    def __init__(self) -> None:
        self.seen: list[tuple[int, int, int | None]] = []

    def read(self, offset: int, size_bytes: int) -> int:
        self.seen.append((offset, size_bytes, None))
        return 0x55

    def write(self, offset: int, size_bytes: int, value: int) -> None:
        self.seen.append((offset, size_bytes, value))

    def unchanged_until_cycles(self, offset: int) -> int:
        return 0

    def next_event_cycles(self) -> int:
        return NEVER

    def wake(self) -> None:
        """Nothing."""


def make_bus(exact: list[bool]) -> Bus:
    """Return a bus of its own, whose accesses come from nowhere."""
    guesses = Guesses(Tables(), None, None, None, "test", False)  # type: ignore[arg-type]
    return Bus(lambda _address, _writes: exact[0], lambda _value, _until: None, guesses)


def test_the_bus_finds_a_device_in_all_its_pages_and_not_beyond() -> None:
    bus, device = make_bus([True]), Recorder()
    bus.add(0x4000_0000, 0x400, device)
    assert bus.read(0x4000_03FC, 4) == 0x55
    bus.write(0x4000_0200, 2, 7)
    assert device.seen == [(0x3FC, 4, None), (0x200, 2, 7)]
    assert bus.read(0x4000_0400, 4) == 0
    assert list(bus.guessed) == [0x4000_0400]


def test_an_access_that_is_not_exact_does_not_reach_the_device() -> None:
    exact = [False]
    bus, device = make_bus(exact), Recorder()
    bus.add(0x4000_0000, 0x400, device)
    bus.read(0x4000_0006, 2)
    bus.write(0x4000_0004, 4, 1)
    assert device.seen == []
    bus.read(0x4000_0008, 4)  # not one of the exact registers
    exact[0] = True
    bus.write(0x4000_0004, 4, 1)
    assert device.seen == [(8, 4, None), (4, 4, 1)]


@given(st.lists(st.tuples(st.integers(0, 15), st.sampled_from([1, 2, 4]), st.none() | st.integers(0, 2**32 - 1))))
def test_registers_that_nobody_models_remember(accesses: list[tuple[int, int, int | None]]) -> None:
    bus, memory = make_bus([True]), bytearray(32)
    reads = writes = 0
    for offset, size, value in accesses:
        offset = offset // size * size  # aligned: the engine splits others
        if value is None:
            reads += 1
            assert bus.read(0x5000_0000 + offset, size) == int.from_bytes(memory[offset : offset + size], "little")
        else:
            writes += 1
            value &= (1 << 8 * size) - 1
            bus.write(0x5000_0000 + offset, size, value)
            memory[offset : offset + size] = value.to_bytes(size, "little")
    assert sum(register.reads for register in bus.guessed.values()) == reads
    assert sum(register.writes for register in bus.guessed.values()) == writes
    assert all(register.address % 4 == 0 for register in bus.guessed.values())


# Time


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 200_000_000)), max_size=12), st.integers(0, 10_000))
def test_seconds_add_up_over_changes_of_frequency(changes: list[tuple[int, int]], rest: int) -> None:
    tables = Tables()
    clock = Clock(tables, 4_000_000)
    seconds, hz = 0.0, 4_000_000
    for passed, new_hz in changes:
        tables.m["clock_cycles"] += passed
        seconds += passed / hz
        clock.set_core_hz(new_hz)
        hz = new_hz
    tables.m["clock_cycles"] += rest
    seconds += rest / hz
    assert clock.seconds_at(clock.cycles) == pytest.approx(seconds)
    assert clock.core_hz == hz
    starts = [start for start, _ in clock.phases]
    assert starts == sorted(set(starts))
    assert starts[0] == 0


def test_the_same_frequency_is_no_new_phase_and_none_is_ignored() -> None:
    clock = Clock(Tables(), 1000)
    clock.set_core_hz(1000)
    clock.set_core_hz(0)
    assert clock.phases == [(0, 1000)]
