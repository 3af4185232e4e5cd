# SPDX-License-Identifier: Apache-2.0
"""DMA2D, SPI and I2C: what firmware sees of them on a board to which nothing is attached."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from machines import run_code
from test_devices import World
from test_devices_stm32_clocks_h7 import made

from mcusim.board import Device as DeviceEntry
from mcusim.devices import make_device
from mcusim.devices.base import Device

SPI_SR, SPI_DR = 0x08, 0x0C
RXNE, TXE, OVR, BSY = 1 << 0, 1 << 1, 1 << 6, 1 << 7


def spi(**options: int | str | bool) -> tuple[Device, World]:
    device, world = made("stm32-spi-v2", **options)
    device.write(0x04, 2, 0x1700)  # eight bits, RXNE from one byte on
    device.write(0x00, 2, 1 << 2 | 1 << 6 | 1 << 3)  # master, on, a quarter of the clock
    return device, world


def test_spi_takes_the_time_of_its_bits_and_brings_bytes_back() -> None:
    device, world = spi(idle=1)
    assert device.read(SPI_SR, 2) == TXE
    device.write(SPI_DR, 2, 0x1234)  # packed: two frames
    assert device.read(SPI_SR, 2) & (BSY | RXNE) == BSY
    assert device.read(SPI_SR, 2) >> 11 & 3 == 1
    world.clock.cycles = 31
    assert not device.read(SPI_SR, 2) & RXNE
    assert device.unchanged_until_cycles(SPI_SR) == 32
    world.clock.cycles = 32
    assert device.read(SPI_SR, 2) & (BSY | RXNE) == BSY | RXNE
    world.clock.cycles = 64
    assert device.read(SPI_SR, 2) >> 9 & 3 == 2
    assert not device.read(SPI_SR, 2) & BSY
    assert [device.read(SPI_DR, 1), device.read(SPI_DR, 1)] == [0xFF, 0xFF]
    assert device.read(SPI_SR, 2) == TXE


def test_spi_reads_what_an_undriven_line_is_and_overruns() -> None:
    device, world = spi()
    for _ in range(5):
        device.write(SPI_DR, 1, 0xAA)
    assert not device.read(SPI_SR, 2) & TXE
    world.clock.cycles = 5 * 32
    assert device.read(SPI_SR, 2) & (OVR | TXE) == OVR | TXE
    assert not device.read(SPI_SR, 2) & OVR
    assert device.read(SPI_DR, 2) == 0


def test_spi_is_silent_while_off_and_interrupts_when_told() -> None:
    world = World()
    entry = DeviceEntry(name="spi1", type="stm32-spi-v2", start=0x4001_3000, size_bytes=0x400, source="test",
                        interrupt=35)  # fmt: skip
    device = make_device(entry, world.host)
    device.write(SPI_DR, 1, 1)
    assert device.read(SPI_SR, 2) == TXE
    device.write(0x04, 2, 0x1700 | 1 << 6)
    device.write(0x00, 2, 1 << 2 | 1 << 6)
    device.write(SPI_DR, 1, 1)
    assert not world.lines[35]
    world.clock.cycles = device.next_event_cycles()
    device.wake()
    assert world.lines[35]
    device.read(SPI_DR, 1)
    assert not world.lines[35]


@given(st.lists(st.tuples(st.integers(0, 0x4F), st.sampled_from([1, 2, 4]), st.integers(0, 0xFFFF_FFFF)), max_size=30),
       st.sampled_from(["stm32-spi-v2", "stm32-i2c-v2"]))  # fmt: skip
def test_no_sequence_of_accesses_breaks_a_bus(writes: list[tuple[int, int, int]], kind: str) -> None:
    device, world = made(kind)
    for offset, size, value in writes:
        device.write(offset & -size, size, value & (1 << 8 * size) - 1)
        assert 0 <= device.read(offset & -size, size) < 1 << 8 * size
        world.clock.cycles += value & 0xFF


def test_i2c_refuses_every_address() -> None:
    device, world = made("stm32-i2c-v2")
    assert device.read(0x18, 4) == 1
    device.write(0x04, 4, 0x60 | 1 << 13)
    assert device.read(0x18, 4) == 1  # off
    device.write(0x00, 4, 1)
    device.write(0x04, 4, 0x60 | 1 << 13 | 2 << 16)
    assert device.read(0x18, 4) == 1 | 1 << 4 | 1 << 5
    assert not device.read(0x04, 4) & 1 << 13
    assert any("0x30" in remark for remark in world.host.remarks)
    device.write(0x1C, 4, 1 << 4 | 1 << 5)
    assert device.read(0x18, 4) == 1


def dma2d() -> tuple[Device, dict[int, tuple[int, int]], World]:
    device, world = made("stm32-dma2d")
    written: dict[int, tuple[int, int]] = {}
    world.host.write_bus = lambda address, size, value: written.update({address: (size, value)})
    world.host.read_bus = lambda address, _size: address
    return device, written, world


def test_dma2d_fills_line_by_line() -> None:
    device, written, _ = dma2d()
    for offset, value in ((0x34, 2), (0x38, 0xF800), (0x3C, 0xC000_0000), (0x40, 6), (0x44, 2 << 16 | 3)):
        device.write(offset, 4, value)
    device.write(0x00, 4, 3 << 16 | 1)
    assert written == {0xC000_0000 + 16 * line: (4, 0xF800_F800) for line in range(3)}
    assert device.read(0x04, 4) == 2
    assert device.read(0x00, 4) == 3 << 16
    device.write(0x08, 4, 2)
    assert device.read(0x04, 4) == 0


def test_dma2d_copies_and_says_what_it_does_not_do() -> None:
    device, written, world = dma2d()
    for offset, value in ((0x0C, 0x2000_0000), (0x10, 1), (0x1C, 2), (0x3C, 0x2001_0000), (0x44, 4 << 16 | 2)):
        device.write(offset, 4, value)
    device.write(0x00, 4, 1)
    assert written == {0x2001_0000: (8, 0x2000_0000), 0x2001_0008: (8, 0x2000_000A)}
    written.clear()
    device.write(0x00, 4, 2 << 16 | 1)
    assert not written
    assert any("blend" in remark for remark in world.host.remarks)


def test_dma2d_stops_with_an_error_where_there_is_no_memory() -> None:
    device, written, world = dma2d()
    world.host.reaches = lambda address, _writes: address < 0xC000_0010
    for offset, value in ((0x3C, 0xC000_0000), (0x44, 2 << 16 | 9)):
        device.write(offset, 4, value)
    device.write(0x00, 4, 3 << 16 | 1)
    assert list(written) == [0xC000_0000, 0xC000_0008]
    assert device.read(0x04, 4) == 1


# OMAR = 0xC0000000, four pixels of 0x12345678, START; then ISR into r2.
FILL = (
    "f24b0000 f2c40002 f2400100 f2cc0100 63c1 f2400101 f2c00104 6441 "
    "f2456178 f2c12134 6381 f2400101 f2c00103 6001 6842 e7fe"
)


def test_host_writes_to_memory_that_cannot_be_executed(tmp_path: Path) -> None:
    """SDRAM at 0xC0000000 is execute-never in the default memory map; a bus master may write it while the core runs."""
    loop = run_code(tmp_path, FILL, "stm32f746-discovery")
    assert loop.end is not None
    assert loop.end.kind == "loop"
    assert loop.machine.engine.read_register("r2") == 2
    assert loop.machine.memory.read(0xC000_0000, 20) == bytes.fromhex("78563412") * 4 + bytes(4)
