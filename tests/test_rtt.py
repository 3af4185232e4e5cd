# SPDX-License-Identifier: Apache-2.0
"""What firmware prints through SEGGER RTT and through the ITM."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from machines import prebuilt, run_loop
from test_devices import World

from mcusim.devices.base import NEVER
from mcusim.errors import McusimError
from mcusim.image import load
from mcusim.machine.itm import TCR, TER, Instrumentation
from mcusim.machine.rtt import IDENTIFICATION, Rtt

RAM, SIZE = 0x2000_0000, 0x400
BLOCK, RING = RAM + 0x100, RAM + 0x200


class Firmware:
    """A control block in a little RAM, with one up-channel whose ring has `size` bytes."""

    def __init__(self, size: int = 8, *, known: bool = True) -> None:
        self.world = World(core_hz=1_000_000)
        self.ram = bytearray(SIZE)
        self.size = size
        find = None if known else self._find
        self.rtt = Rtt(self.world.host, self.read, self.write, BLOCK if known else None, find)

    def _find(self, wanted: bytes) -> int | None:
        offset = self.ram.find(wanted)
        return None if offset < 0 else RAM + offset

    def read(self, address: int, size_bytes: int) -> bytes:
        if not RAM <= address <= address + size_bytes <= RAM + SIZE:
            raise McusimError("outside")
        return bytes(self.ram[address - RAM : address - RAM + size_bytes])

    def write(self, address: int, data: bytes) -> None:
        self.ram[address - RAM : address - RAM + len(data)] = data

    def word(self, address: int, value: int) -> None:
        self.write(address, value.to_bytes(4, "little"))

    def initialise(self) -> None:
        self.write(BLOCK, IDENTIFICATION)
        for offset, value in ((16, 1), (20, 0), (28, RING), (32, self.size)):
            self.word(BLOCK + offset, value)

    def say(self, text: bytes) -> int:
        """Put as much into the ring as there is room for; return how much."""
        written, read = (int.from_bytes(self.read(BLOCK + offset, 4), "little") for offset in (36, 40))
        for count, byte in enumerate(text):
            if (written + 1) % self.size == read:
                self.word(BLOCK + 36, written)
                return count
            self.write(RING + written, bytes([byte]))
            written = (written + 1) % self.size
        self.word(BLOCK + 36, written)
        return len(text)

    def look(self) -> None:
        self.world.clock.cycles = max(self.rtt.next_event_cycles(), self.world.clock.cycles)
        self.rtt.wake()


@given(size=st.integers(2, 40), texts=st.lists(st.binary(max_size=60), max_size=6))
def test_everything_said_is_printed_once_in_order(size: int, texts: list[bytes]) -> None:
    firmware = Firmware(size)
    firmware.look()  # before it is initialised
    firmware.initialise()
    for text in texts:
        while text:
            text = text[firmware.say(text) :]
            firmware.look()
    firmware.look()
    assert firmware.world.sent == b"".join(texts)


def test_it_looks_every_millisecond() -> None:
    firmware = Firmware()
    firmware.look()
    assert firmware.rtt.next_event_cycles() == 1000
    firmware.look()
    assert firmware.rtt.next_event_cycles() == 2000


def test_a_block_without_symbol_is_found_once_it_is_there() -> None:
    firmware = Firmware(known=False)
    firmware.look()
    assert firmware.rtt.address is None
    firmware.initialise()
    firmware.say(b"hi")
    firmware.look()
    assert (firmware.rtt.address, firmware.world.sent) == (BLOCK, b"hi")


def test_a_block_that_is_none_is_left_alone() -> None:
    firmware = Firmware()
    firmware.initialise()
    firmware.word(BLOCK + 28, 0x4000_0000)
    firmware.word(BLOCK + 36, 3)
    firmware.look()
    assert (firmware.world.sent, firmware.rtt.next_event_cycles()) == (b"", NEVER)
    assert firmware.world.host.remarks
    nonsense = Firmware()
    nonsense.initialise()
    nonsense.word(BLOCK + 36, 1000)  # beyond the ring
    nonsense.look()
    assert nonsense.world.sent == b""


def test_no_block_no_looks() -> None:
    world = World()
    assert Rtt(world.host, lambda _address, _size: b"", lambda _address, _data: None, None).next_event_cycles() == NEVER


def test_the_itm_prints_port_0_while_it_is_enabled() -> None:
    world = World()
    itm = Instrumentation(world.host)
    itm.write(0, 1, 65)
    assert (itm.read(0, 4), world.sent) == (0, b"")
    itm.write(TCR, 4, 1)
    itm.write(TER, 4, 1)
    assert (itm.read(0, 4), itm.read(4, 4)) == (1, 0)
    itm.write(0, 1, 66)
    itm.write(0, 2, 0x4443)
    itm.write(0, 4, 0x48474645)
    itm.write(4, 4, 7)
    assert (world.sent, world.host.remarks) == (b"BCDEFGH", set())
    itm.write(TER, 4, 3)
    itm.write(4, 4, 7)
    assert world.host.remarks


def test_a_firmware_that_waits_for_its_reader() -> None:
    loop = run_loop(load(prebuilt("rtt", "mps2-an386")), "mps2-an386", max_cycles=10_000_000)
    assert loop.end is not None
    assert loop.end.kind != "max-cycles"
    text = "itm: port 0\n ok\nrtt: longer than the ring, which is full now and then\nrtt: end\n"
    assert loop.machine.output.decode() == text
    remarks = " ".join(loop.machine.host.remarks)
    assert "ITM stimulus port 1" in remarks
    assert "RTT up-channel 1" in remarks
