# SPDX-License-Identifier: Apache-2.0
"""Both kinds of STM32 USART by their registers: flags, time, interrupts, FIFO, DMA requests."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from devices import Bench
from hypothesis import given
from hypothesis import strategies as st

from mcusim.devices.base import NEVER, RegisterFile

IDLE, RXNE, TC, TXE = 1 << 4, 1 << 5, 1 << 6, 1 << 7
TE, RE = 1 << 3, 1 << 2


@dataclass(frozen=True)
class Kind:
    """Where the registers of a kind are."""

    type: str
    status: int
    sent: int
    received: int
    divider: int
    cr1: int
    cr2: int
    cr3: int
    enable: int
    long: int  # CR1: nine bits


V1 = Kind("stm32-usart-v1", 0x00, 0x04, 0x04, 0x08, 0x0C, 0x10, 0x14, 1 << 13, 1 << 12)
V2 = Kind("stm32-usart-v2", 0x1C, 0x28, 0x24, 0x0C, 0x00, 0x04, 0x08, 1, 1 << 12)
KINDS = pytest.mark.parametrize("kind", [V1, V2], ids=["v1", "v2"])
BIT = 16  # clocks
FRAME = 10 * BIT


def usart(bench: Bench, kind: Kind, control: int = 0, **options: int | str | bool) -> RegisterFile:
    device = bench.add(kind.type, interrupts=(38,), name="usart2", console=True, **options)
    device.write(kind.divider, 4, BIT)
    device.write(kind.cr1, 4, kind.enable | TE | RE | control)
    return device


@KINDS
def test_a_byte_takes_the_time_of_its_frame(kind: Kind) -> None:
    bench = Bench()
    device = usart(bench, kind)
    assert device.read(kind.status, 4) & (TXE | TC) == TXE | TC
    device.write(kind.sent, 4, ord("a"))
    assert device.read(kind.status, 4) & (TXE | TC) == TXE
    device.write(kind.sent, 1, ord("b"))
    assert device.read(kind.status, 4) & (TXE | TC) == 0
    assert device.unchanged_until_cycles(kind.status) == FRAME
    bench.clock.cycles = FRAME - 1
    assert device.read(kind.status, 4) & TXE == 0
    bench.clock.cycles = FRAME
    assert device.read(kind.status, 4) & (TXE | TC) == TXE
    bench.clock.cycles = 2 * FRAME - 1
    assert not device.read(kind.status, 4) & TC
    bench.clock.cycles = 2 * FRAME
    assert device.read(kind.status, 4) & (TXE | TC) == TXE | TC
    assert bench.sent == b"ab"
    assert device.unchanged_until_cycles(kind.status) == 0


@pytest.mark.parametrize(
    ("kind", "options", "divider", "cr1", "cr2", "presc", "bits", "clocks"),
    [
        (V1, {}, 0x271, 0, 0, None, 10, 0x271),  # RM0090 30.3.4: USARTDIV = 39.0625
        (V1, {}, 0x1D4, 1 << 15, 0, None, 10, 0x1D * 8 + 4),
        (V1, {}, 100, V1.long, 2 << 12, None, 12, 100),
        (V2, {}, 139, 0, 0, None, 10, 139),
        (V2, {}, 139, 1 << 28, 0, None, 9, 139),  # M1: seven bits
        (V2, {}, 139, 0, 0, 3, 10, 6 * 139),
        (V2, {"lpuart": True}, 256 * 20, 0, 0, None, 10, 20),
        (V2, {}, 0x8 << 4 | 5, 1 << 15, 0, None, 10, 0x8 * 8 + 5),
    ],
)
def test_the_divider_and_the_length(
    kind: Kind, options: dict[str, bool], divider: int, cr1: int, cr2: int, presc: int | None, bits: int, clocks: int
) -> None:
    bench = Bench()
    device = usart(bench, kind, **options)
    device.write(kind.divider, 4, divider)
    device.write(kind.cr2, 4, cr2)
    device.write(kind.cr1, 4, kind.enable | TE | cr1)
    if presc is not None:
        device.write(0x2C, 4, presc)
    device.write(kind.sent, 4, 0)
    bench.clock.cycles = bits * clocks - 1
    assert not device.read(kind.status, 4) & TC
    bench.clock.cycles = bits * clocks
    assert device.read(kind.status, 4) & TC


@KINDS
def test_the_clock_of_its_bus_counts(kind: Kind) -> None:
    bench = Bench(core_hz=16_000_000)
    bench.host.bus_hz.update(pclk1=8_000_000, pclk2=4_000_000)
    device = usart(bench, kind, clock="pclk2")
    device.write(kind.sent, 4, 0)
    bench.clock.cycles = 4 * FRAME - 1
    assert not device.read(kind.status, 4) & TC
    bench.clock.cycles = 4 * FRAME
    assert device.read(kind.status, 4) & TC


@KINDS
def test_input_comes_at_the_rate_of_the_line_and_waits(kind: Kind) -> None:
    bench = Bench(received=b"abc")
    device = usart(bench, kind, RXNE | IDLE)
    assert not device.read(kind.status, 4) & RXNE
    bench.run_until(FRAME)
    assert bench.rises == [(FRAME, 38)]
    assert device.read(kind.received, 4) == ord("a")
    assert not bench.lines[38]
    bench.run_until(10 * FRAME)  # nobody reads: the next byte waits, then comes a frame later
    assert bench.rises == [(FRAME, 38), (2 * FRAME, 38)]
    assert device.read(kind.received, 4) == ord("b")
    bench.run_until(11 * FRAME)
    assert device.read(kind.status, 4) & (RXNE | IDLE) == RXNE
    assert device.read(kind.received, 4) == ord("c")
    bench.run_until(12 * FRAME - 1)
    assert not device.read(kind.status, 4) & IDLE
    bench.run_until(12 * FRAME)
    assert device.read(kind.status, 4) & IDLE
    assert bench.rises[-1] == (12 * FRAME, 38)
    if kind is V1:
        device.read(kind.received, 4)  # after SR: clears IDLE
    else:
        device.write(0x20, 4, IDLE)
    assert not device.read(kind.status, 4) & IDLE
    assert not bench.lines[38]
    assert device.next_event_cycles() == NEVER


@KINDS
def test_new_input_wakes_it(kind: Kind) -> None:
    bench = Bench()
    device = usart(bench, kind, RXNE)
    bench.clock.cycles = 1000
    assert device.next_event_cycles() == NEVER
    bench.host.received += b"x"
    for listener in bench.host.listeners:
        listener()
    assert device.next_event_cycles() == 1000 + FRAME
    bench.run_until(2000)
    assert bench.rises == [(1000 + FRAME, 38)]


@KINDS
def test_the_transmitter_interrupts(kind: Kind) -> None:
    bench = Bench()
    device = usart(bench, kind)
    device.write(kind.sent, 4, 1)
    device.write(kind.sent, 4, 2)
    device.write(kind.cr1, 4, kind.enable | TE | TXE)
    assert device.next_event_cycles() == FRAME
    bench.run_until(FRAME)
    assert bench.rises == [(FRAME, 38)]
    device.write(kind.cr1, 4, kind.enable | TE | TC)
    bench.run_until(2 * FRAME)
    assert bench.rises == [(FRAME, 38), (2 * FRAME, 38)]
    if kind is V1:
        device.write(kind.status, 4, 0xFFFF & ~TC)
    else:
        device.write(0x20, 4, TC)
    assert not bench.lines[38]
    assert not device.read(kind.status, 4) & TC
    device.write(kind.sent, 4, 3)
    bench.run_until(4 * FRAME)
    assert bench.rises[-1] == (3 * FRAME, 38)


def test_narrow_writes_of_the_status_keep_the_other_flags() -> None:
    bench = Bench(received=b"x")
    device = usart(bench, V1)
    bench.clock.cycles = FRAME
    device.write(V1.status, 2, 0xFFFF & ~TC)
    assert device.read(V1.status, 4) & (TC | RXNE) == RXNE
    device.write(V1.status, 1, 0xFF & ~RXNE)
    assert not device.read(V1.status, 4) & RXNE


@KINDS
def test_switched_off_it_forgets(kind: Kind) -> None:
    bench = Bench()
    device = usart(bench, kind)
    device.write(kind.sent, 4, 1)
    device.write(kind.sent, 4, 2)
    device.write(kind.cr1, 4, 0)
    device.write(kind.cr1, 4, kind.enable | TE)
    assert device.read(kind.status, 4) & (TXE | TC) == TXE | TC


@pytest.mark.parametrize("depth", [8, 16])
def test_the_fifo(depth: int) -> None:
    bench = Bench(received=bytes(range(40)))
    device = usart(bench, V2, 1 << 29, fifo=depth)
    status = 0x1C
    for _ in range(depth):
        device.write(V2.sent, 4, 0x55)
        assert device.read(status, 4) & TXE
    device.write(V2.sent, 4, 0x55)  # one is on the line, the FIFO is full
    assert not device.read(status, 4) & TXE
    assert not device.read(status, 4) & 1 << 23
    bench.clock.cycles = FRAME
    assert device.read(status, 4) & TXE
    bench.clock.cycles = depth * FRAME - 1
    assert not device.read(status, 4) & 1 << 23
    assert not device.read(status, 4) & 1 << 24
    bench.clock.cycles = depth * FRAME
    assert device.read(status, 4) & 1 << 23  # TXFE
    assert device.read(status, 4) & 1 << 24  # RXFF
    bench.clock.cycles = 100 * FRAME
    assert [device.read(V2.received, 4) for _ in range(depth)] == list(range(depth))
    assert not device.read(status, 4) & RXNE


def test_the_interrupts_of_the_fifo() -> None:
    bench = Bench(received=bytes(8))
    device = usart(bench, V2, 1 << 29)
    device.write(V2.cr3, 4, 1 << 28 | 2 << 25)  # RXFTIE at half: four bytes
    bench.run_until(20 * FRAME)
    assert bench.rises == [(4 * FRAME, 38)]
    for left in range(7, 2, -1):
        device.read(V2.received, 4)
        assert bench.lines[38] == (left >= 4)
    device.write(V2.cr3, 4, 0)
    for _ in range(3):
        device.write(V2.sent, 4, 0)
    device.write(V2.cr1, 4, V2.enable | TE | 1 << 29 | 1 << 30)  # TXFEIE
    bench.run_until(40 * FRAME)
    assert bench.rises[-1] == (22 * FRAME, 38)


@KINDS
def test_dma_is_served_when_there_is_room_or_a_byte(kind: Kind) -> None:
    bench = Bench(received=b"z")
    device = usart(bench, kind)
    assert device.request_cycles(kind.sent, True) == NEVER
    device.write(kind.cr3, 4, 1 << 7 | 1 << 6)
    bench.clock.cycles = 10
    assert device.request_cycles(kind.sent, True) == 10
    device.write(kind.sent, 4, 1)
    assert device.request_cycles(kind.sent, True) == 10
    device.write(kind.sent, 4, 2)
    assert device.request_cycles(kind.sent, True) == 10 + FRAME
    arrival = device.request_cycles(kind.received, False)
    assert 0 < arrival <= 10 + FRAME
    bench.clock.cycles = arrival
    assert device.request_cycles(kind.received, False) == arrival
    device.read(kind.received, 4)
    assert device.request_cycles(kind.received, False) == NEVER


@KINDS
def test_other_modes_are_named(kind: Kind) -> None:
    bench = Bench()
    usart(bench, kind).write(kind.cr3, 4, 1 << 5)
    assert any("asynchronous" in remark for remark in bench.host.remarks)


@given(st.binary(min_size=1, max_size=30), st.lists(st.integers(0, 3 * FRAME), max_size=40))
def test_no_byte_is_lost_doubled_or_early(data: bytes, pauses: list[int]) -> None:
    """However slowly firmware reads, every byte comes once, in order, not faster than the line."""
    for kind in (V1, V2):
        bench = Bench(received=data)
        device = usart(bench, kind, RXNE)
        got = bytearray()
        for pause in [*pauses, *[2 * FRAME] * len(data)]:
            bench.run_until(bench.clock.cycles + pause)
            assert bool(bench.lines.get(38)) == bool(device.read(kind.status, 4) & RXNE)
            if device.read(kind.status, 4) & RXNE:
                got.append(device.read(kind.received, 4))
                assert len(got) * FRAME <= bench.clock.cycles
        assert bytes(got) == data
