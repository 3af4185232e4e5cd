# SPDX-License-Identifier: Apache-2.0
"""Both kinds of STM32 DMA controller against a plain copy, and with a USART at the other end."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from devices import FLASH, RAM, Bench
from hypothesis import given, settings
from hypothesis import strategies as st

from mcusim.devices.base import NEVER, RegisterFile
from mcusim.devices.stm32_dma_channels import BEAT_BUS_CLOCKS

COMPLETE, HALF, ERROR = "complete", "half", "error"


@dataclass
class Driver:
    """What firmware does with the first channel (stream), for either kind."""

    bench: Bench
    device: RegisterFile
    streams: bool

    @property
    def base(self) -> int:
        return 0x10 if self.streams else 0x08

    def start(
        self, source: int, target: int, count: int, *, sizes: tuple[int, int] = (1, 1), to_peripheral: bool = False,
        steps: tuple[bool, bool] = (True, True), memories: bool = False, circular: bool = False,
        interrupts: bool = True, fifo: bool = False, more: int = 0,
    ) -> None:  # fmt: skip
        """Start a transfer: sizes and steps are those of the peripheral's side, then the memory's."""
        peripheral, memory = (target, source) if to_peripheral else (source, target)
        logs = [size.bit_length() - 1 for size in sizes]
        write = self.device.write
        if self.streams:
            direction = 2 if memories else int(to_peripheral)
            control = direction << 6 | steps[0] << 9 | steps[1] << 10 | logs[0] << 11 | logs[1] << 13 | circular << 8
            write(self.base + 0x14, 4, 0x25 if fifo else 0x21)
            control |= 0x1C if interrupts else 0
            enable = 1
        else:
            control = to_peripheral << 4 | circular << 5 | steps[0] << 6 | steps[1] << 7 | logs[0] << 8 | logs[1] << 10
            control |= memories << 14 | (0xE if interrupts else 0)
            enable = 1
        write(self.base, 4, control | more)
        write(self.base + 0x04, 4, count)
        write(self.base + 0x08, 4, peripheral)
        write(self.base + 0x0C, 4, memory)
        write(self.base, 4, control | more | enable)

    @property
    def left(self) -> int:
        return self.device.read(self.base + 0x04, 4)

    @property
    def enabled(self) -> bool:
        return bool(self.device.read(self.base, 4) & 1)

    def flags(self) -> set[str]:
        places = {COMPLETE: 5, HALF: 4, ERROR: 3} if self.streams else {COMPLETE: 1, HALF: 2, ERROR: 3}
        status = self.device.read(0, 4)
        return {name for name, place in places.items() if status >> place & 1}

    def clear(self) -> None:
        self.device.write(0x08 if self.streams else 0x04, 4, 0x3D if self.streams else 1)


def driver(kind: str, received: bytes = b"") -> Driver:
    bench = Bench(received=received)
    numbers = tuple(range(11, 19))
    return Driver(bench, bench.add(kind, interrupts=numbers), kind == "stm32-dma-streams")


KINDS = pytest.mark.parametrize("kind", ["stm32-dma-channels", "stm32-dma-streams"])


@KINDS
@settings(max_examples=80, deadline=None)
@given(st.integers(1, 70), st.sampled_from([1, 2, 4]), st.integers(0, 200), st.integers(0, 200),
       st.booleans(), st.booleans())  # fmt: skip
def test_memory_to_memory_is_a_copy(
    kind: str, count: int, size: int, source: int, target: int, steps: bool, target_steps: bool
) -> None:
    """The same as copying item by item, overlapping areas and addresses that stand still included."""
    dma = driver(kind)
    bench = dma.bench
    source, target = source * 4, target * 4
    bench.ram[:2048] = bytes((7 * place + 3) % 251 for place in range(2048))
    wanted = bytearray(bench.ram)
    for item in range(count):
        start = source + item * size * steps
        end = target + item * size * target_steps
        wanted[end : end + size] = wanted[start : start + size]
    dma.start(RAM + source, RAM + target, count, sizes=(size, size), steps=(steps, target_steps), memories=True)
    bench.run_until(1_000_000)
    assert bench.ram == wanted
    assert dma.left == 0
    assert dma.flags() == ({COMPLETE, HALF} if count > 1 else {COMPLETE})
    last = count * BEAT_BUS_CLOCKS
    rises = [cycle for cycle, _ in bench.rises]
    assert rises == [rises[0]]  # the line stays high until the flags are cleared
    assert rises[0] in (count // 2 * BEAT_BUS_CLOCKS, last)


@KINDS
def test_a_copy_takes_its_time_and_shows_how_far_it_is(kind: str) -> None:
    dma = driver(kind)
    dma.bench.host.bus_hz["hclk"] = 8_000_000  # half the core's clock
    beat = 2 * BEAT_BUS_CLOCKS
    dma.start(FLASH, RAM, 100, memories=True)
    assert (dma.left, dma.flags()) == (100, set())
    dma.bench.run_until(30 * beat - 1)
    assert dma.left == 71
    assert dma.bench.ram[:29] == dma.bench.flash[:29]
    assert not any(dma.bench.ram[29:])
    dma.bench.run_until(50 * beat)
    assert (dma.left, dma.flags()) == (50, {HALF})
    assert dma.bench.lines[11]
    dma.clear()
    assert not dma.bench.lines[11]
    dma.bench.run_until(100 * beat - 1)
    assert dma.flags() == set()
    dma.bench.run_until(100 * beat)
    assert (dma.left, dma.flags()) == (0, {COMPLETE})
    assert dma.enabled == (not dma.streams)  # a stream turns itself off
    assert dma.device.next_event_cycles() == NEVER


@KINDS
def test_the_largest_copy_wakes_the_loop_now_and_then(kind: str) -> None:
    dma = driver(kind)
    dma.start(FLASH, RAM, 0xFFFF, memories=True, steps=(False, False), interrupts=False)
    dma.bench.run_until(0xFFFF * BEAT_BUS_CLOCKS)
    assert dma.flags() == {COMPLETE, HALF}
    assert 60 <= dma.bench.wakes <= 70


@KINDS
@pytest.mark.parametrize(("source", "target"), [(0x1000_0000, RAM), (RAM, FLASH), (RAM, 0x9000_0000)])
def test_an_address_that_answers_nobody_is_an_error(kind: str, source: int, target: int) -> None:
    dma = driver(kind)
    dma.start(source, target, 4, memories=True)
    dma.bench.run_until(1000)
    assert dma.flags() == {ERROR}
    assert not dma.enabled
    assert dma.bench.lines[11]


USART, DATA = 0x4000_4400, 0x4000_4404


def with_usart(kind: str, received: bytes = b"") -> tuple[Driver, RegisterFile]:
    dma = driver(kind, received)
    usart = dma.bench.add("stm32-usart-v1", start=USART, name="usart2", console=True)
    usart.write(0x08, 4, 16)
    usart.write(0x0C, 4, 1 << 13 | 0xC)
    return dma, usart


@KINDS
def test_memory_to_usart_at_the_rate_of_the_line(kind: str) -> None:
    dma, usart = with_usart(kind)
    dma.bench.ram[:12] = b"Hello, DMA.\n"
    dma.start(RAM, DATA, 12, to_peripheral=True, steps=(False, True))
    dma.bench.run_until(10_000)
    assert (dma.bench.sent, dma.left) == (b"", 12)  # the USART does not ask yet
    usart.write(0x14, 4, 1 << 7)
    dma.bench.run_until(20_000)
    assert dma.bench.sent == b"Hello, DMA.\n"
    assert dma.flags() == {COMPLETE, HALF}
    gaps = [later - earlier for earlier, later in zip(dma.bench.sent_at, dma.bench.sent_at[1:], strict=False)]
    assert all(gap == 160 for gap in gaps[2:])
    assert not dma.bench.host.remarks


@KINDS
def test_usart_to_memory_round_and_round(kind: str) -> None:
    dma, usart = with_usart(kind, b"0123456789")
    usart.write(0x14, 4, 1 << 6)
    dma.start(DATA, RAM, 4, steps=(False, True), circular=True)
    dma.bench.run_until(4 * 160 + 50)
    assert (bytes(dma.bench.ram[:4]), dma.flags(), dma.left) == (b"0123", {COMPLETE, HALF}, 4)
    dma.clear()
    dma.bench.run_until(100_000)
    assert (bytes(dma.bench.ram[:4]), dma.left) == (b"8967", 2)
    assert dma.enabled
    assert dma.flags() == {COMPLETE, HALF}


@KINDS
def test_requests_that_nobody_models_come_each_microsecond_and_are_named(kind: str) -> None:
    dma = driver(kind)
    dma.start(RAM, 0x4001_300C, 10, to_peripheral=True, steps=(False, True))
    dma.bench.run_until(16 * 10 - 1)
    assert dma.left == 1
    dma.bench.run_until(16 * 10)
    assert dma.flags() == {COMPLETE, HALF}
    assert any("0x40013000" in remark for remark in dma.bench.host.remarks)


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [((1, 2), "a5 00 a5 00 a5 00 a5 00"), ((2, 1), "a5 a5 a5 a5 00 00 00 00"), ((1, 1), "a5 a5 a5 a5 00 00 00 00")],
)
def test_channels_extend_and_cut(sizes: tuple[int, int], wanted: str) -> None:
    """RM0008 table 77."""
    dma = driver("stm32-dma-channels")
    dma.start(0x4001_300C, RAM, 4, sizes=sizes, steps=(False, True))
    dma.bench.run_until(1000)
    assert bytes(dma.bench.ram[:8]) == bytes.fromhex(wanted)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([1, 2, 4]), st.sampled_from([1, 2, 4]), st.integers(1, 16), st.booleans())
def test_streams_regroup_bytes_in_their_fifo(psize: int, msize: int, quads: int, to_peripheral: bool) -> None:
    """Through the FIFO, the bytes come out in the order in which they went in, whatever the sizes."""
    dma = driver("stm32-dma-streams")
    dma.bench.ram[:256] = bytes(range(256))
    dma.start(RAM, RAM + 0x400, quads * 4 // psize, sizes=(psize, msize), memories=not to_peripheral,
              to_peripheral=to_peripheral, fifo=True)  # fmt: skip
    dma.bench.run_until(100_000)
    assert dma.bench.ram[0x400 : 0x400 + quads * 4] == bytes(range(quads * 4))
    assert not any(dma.bench.ram[0x400 + quads * 4 : 0x600])
    assert dma.flags() >= {COMPLETE}


def test_two_buffers_in_turn() -> None:
    dma, usart = with_usart("stm32-dma-streams", b"abcdefgh")
    usart.write(0x14, 4, 1 << 6)
    dma.device.write(0x10 + 0x10, 4, RAM + 0x100)
    dma.start(DATA, RAM, 3, steps=(False, True), more=1 << 18)
    dma.bench.run_until(3 * 160 + 50)
    assert dma.device.read(0x10, 4) & 1 << 19
    dma.device.write(0x10 + 0x0C, 4, RAM + 0x200)  # the one not in use may change
    dma.bench.run_until(100_000)
    ram = dma.bench.ram
    assert (bytes(ram[:3]), bytes(ram[0x100:0x103]), bytes(ram[0x200:0x202])) == (b"abc", b"def", b"gh")


def test_a_stream_that_is_stopped_says_so() -> None:
    dma = driver("stm32-dma-streams")
    dma.start(FLASH, RAM, 100, memories=True, interrupts=False)
    dma.bench.run_until(10 * BEAT_BUS_CLOCKS)
    dma.device.write(0x10, 4, 0)
    assert (dma.left, dma.flags()) == (90, {COMPLETE})
    dma.bench.run_until(10_000)
    assert dma.left == 90


def test_flags_of_each_stream_and_channel() -> None:
    for number, place in enumerate((0, 6, 16, 22, 0, 6, 16, 22)):
        dma = driver("stm32-dma-streams")
        base = 0x10 + 0x18 * number
        for offset, value in ((4, 1), (8, FLASH), (12, RAM), (0, 2 << 6 | 1 << 4 | 1)):
            dma.device.write(base + offset, 4, value)
        dma.bench.run_until(100)
        status = 4 if number >= 4 else 0
        assert dma.device.read(status, 4) == 1 << place + 5
        assert {n for n, level in dma.bench.lines.items() if level} == {11 + number}
        dma.device.write(8 + status, 4, 0x3D << place)
        assert dma.device.read(status, 4) == 0
        assert not any(dma.bench.lines.values())
    for number in range(7):
        dma = driver("stm32-dma-channels")
        base = 0x08 + 0x14 * number
        for offset, value in ((4, 1), (8, FLASH), (12, RAM), (0, 1 << 14 | 3)):
            dma.device.write(base + offset, 4, value)
        dma.bench.run_until(100)
        assert dma.device.read(0, 4) == 0b11 << 4 * number
        assert {n for n, level in dma.bench.lines.items() if level} == {11 + number}
        dma.device.write(4, 4, 2 << 4 * number)
        assert dma.device.read(0, 4) == 0


def test_channels_that_share_an_interrupt() -> None:
    bench = Bench()
    device = bench.add("stm32-dma-channels", interrupts=(9, 10, 10, 11, 11, 11, 11))
    for number in (1, 2):
        base = 0x08 + 0x14 * number
        for offset, value in ((4, 1), (8, FLASH), (12, RAM), (0, 1 << 14 | 3)):
            device.write(base + offset, 4, value)
    bench.run_until(100)
    device.write(4, 4, 1 << 4)
    assert bench.lines[10]
    device.write(4, 4, 1 << 8)
    assert not bench.lines[10]


@KINDS
def test_registers_of_a_running_channel_stay(kind: str) -> None:
    dma = driver(kind)
    dma.start(FLASH, RAM, 100, memories=True)
    dma.device.write(dma.base + 4, 4, 5)
    dma.device.write(dma.base + 8, 4, 0)
    assert (dma.left, dma.device.read(dma.base + 8, 4)) == (100, FLASH)
