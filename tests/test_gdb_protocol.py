# SPDX-License-Identifier: Apache-2.0
"""GDB's protocol without a socket: packets cut anywhere, garbage, and each command's reply."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcusim.board import Board, load_board
from mcusim.errors import McusimError
from mcusim.gdb import target as described
from mcusim.gdb.protocol import (
    MAX_PACKET_BYTES,
    Acknowledged,
    Damaged,
    Decoder,
    Event,
    Interrupt,
    Packet,
    checksum,
    encode,
    escape,
    part,
    unescape,
)
from mcusim.gdb.session import Session
from mcusim.machine.stoppable import ASKED, BREAKPOINT, ENDED, FAILED, FAULT, STEPPED, WATCHPOINT, Stop, Watchpoint

RAM = 0x2000_0000


@dataclass
class FakeTarget:
    """A target with 256 bytes of memory that stops as it is told."""

    board: Board = field(default_factory=lambda: load_board("nucleo-l4r5zi"))
    has_fpu: bool = True
    mask_registers: tuple[str, ...] = ("primask", "basepri", "faultmask", "control")
    cycles: int = 1234
    seconds: float = 0.5
    exit_status: int | None = None
    registers: dict[str, int] = field(default_factory=dict)
    memory: bytearray = field(default_factory=lambda: bytearray(range(256)))
    breakpoints: set[int] = field(default_factory=set)
    watchpoints: set[Watchpoint] = field(default_factory=set)
    stops: list[Stop] = field(default_factory=list)
    done: list[object] = field(default_factory=list)

    def read_register(self, name: str) -> int:
        return self.registers.get(name, 0)

    def write_register(self, name: str, value: int) -> None:
        self.registers[name] = value

    def read_memory(self, address: int, size_bytes: int) -> bytes:
        if not self.holds(address):
            raise McusimError("nothing there")
        return bytes(self.memory[address - RAM : address - RAM + size_bytes])

    def write_memory(self, address: int, data: bytes) -> None:
        if not self.holds(address, len(data)):
            raise McusimError("nothing there")
        self.memory[address - RAM : address - RAM + len(data)] = data

    def holds(self, address: int, size_bytes: int = 1) -> bool:
        return address >= RAM and address + size_bytes <= RAM + len(self.memory)

    def set_breakpoint(self, address: int) -> None:
        self.breakpoints.add(address)

    def clear_breakpoint(self, address: int) -> None:
        self.breakpoints.discard(address)

    def set_watchpoint(self, watchpoint: Watchpoint) -> None:
        self.watchpoints.add(watchpoint)

    def clear_watchpoint(self, watchpoint: Watchpoint) -> None:
        self.watchpoints.discard(watchpoint)

    def clear_all(self) -> None:
        self.breakpoints.clear()
        self.watchpoints.clear()

    def step(self, addresses: range = range(0)) -> Stop:
        self.done.append(("step", addresses))
        return self.stops.pop(0) if self.stops else Stop(STEPPED)

    def resume(self) -> Stop:
        self.done.append("resume")
        return self.stops.pop(0) if self.stops else Stop(BREAKPOINT)

    def restart(self) -> None:
        self.done.append("restart")


class Client:
    """Gdb's side: asks, and takes replies apart."""

    def __init__(self, target: FakeTarget | None = None) -> None:
        self.target = target or FakeTarget()
        self.sent = bytearray()
        self.session = Session(self.target, self.sent.extend)
        self._decoder = Decoder()

    def events(self, data: bytes) -> list[Event]:
        """Send bytes, and return what comes back."""
        for event in self._decoder.feed(data):
            self.session.handle(event)
        answer, self.sent[:] = bytes(self.sent), b""
        return list(Decoder().feed(answer))

    def ask(self, data: bytes) -> list[bytes]:
        """Send a packet, and return the packets that come back."""
        return [event.data for event in self.events(encode(data)) if isinstance(event, Packet)]


# packets


@given(st.binary())
def test_escapes_round_trip_and_hide_what_means_something(data: bytes) -> None:
    assert unescape(escape(data)) == data
    assert not set(escape(data)) & set(b"#$*")


@given(st.lists(st.binary(max_size=40), max_size=6), st.data())
def test_packets_arrive_whole_however_they_are_cut(packets: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(b"+" + encode(packet) for packet in packets)
    decoder = Decoder()
    events: list[Event] = []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        events += decoder.feed(stream[:cut])
        stream = stream[cut:]
    assert [event.data for event in events if isinstance(event, Packet)] == packets
    assert [event for event in events if not isinstance(event, Packet)] == [Acknowledged(True)] * len(packets)


@given(st.binary(), st.binary(max_size=20))
def test_garbage_never_raises_and_a_packet_after_it_arrives(garbage: bytes, data: bytes) -> None:
    decoder = Decoder()
    list(decoder.feed(garbage))
    list(decoder.feed(b"#00"))  # whatever packet was open is over, or this is skipped
    assert list(decoder.feed(encode(data)))[-1] == Packet(data)


@given(st.binary(max_size=30), st.data())
def test_a_changed_byte_is_noticed(data: bytes, draw: st.DataObject) -> None:
    packet = bytearray(b"$" + escape(data) + b"#%02x" % checksum(escape(data)))
    at = draw.draw(st.integers(1, len(packet) - 1))
    packet[at] ^= draw.draw(st.integers(1, 255))
    digits = bytes(packet[-2:]).lower() == b"%02x" % checksum(bytes(packet[1:-3]))
    if not digits:
        assert Packet(data) not in list(Decoder().feed(bytes(packet)))


def test_what_stands_between_packets() -> None:
    events = list(Decoder().feed(b"\x03+-x$?#3f$?#00" + b"$" + bytes(3 * MAX_PACKET_BYTES) + b"#00$c#63"))
    assert events == [Interrupt(), Acknowledged(True), Acknowledged(False), Packet(b"?"), Damaged(), Damaged(),
                      Packet(b"c")]  # fmt: skip


@given(st.binary(max_size=50), st.integers(1, 20))
def test_a_document_arrives_in_parts(document: bytes, length: int) -> None:
    read, more = b"", True
    while more:
        reply = part(document, len(read), length)
        more, read = reply[:1] == b"m", read + reply[1:]
    assert read == document


# commands


def test_acknowledgements_and_their_end() -> None:
    client = Client()
    assert client.events(encode(b"?")) == [Acknowledged(True), Packet(b"T05thread:1;")]
    assert client.events(b"-") == [Packet(b"T05thread:1;")]
    assert client.events(b"+$?#00") == [Acknowledged(False)]
    assert client.events(encode(b"QStartNoAckMode")) == [Acknowledged(True), Packet(b"OK")]
    assert client.events(encode(b"?")) == [Packet(b"T05thread:1;")]
    assert client.events(b"$?#00") == []


def test_registers() -> None:
    client = Client()
    names = [register.name for register in described.registers(client.target)]
    assert names[:17] == [*(f"r{number}" for number in range(13)), "sp", "lr", "pc", "xpsr"]
    assert names[17:] == ["msp", "psp", "primask", "basepri", "faultmask", "control",
                          *(f"d{number}" for number in range(16)), "fpscr"]  # fmt: skip
    client.target.registers = {"r1": 0x1234_5678, "d2": 0x0102_0304_0506_0708}
    whole = client.ask(b"g")[0]
    assert len(whole) == 8 * 24 + 16 * 16
    assert whole[8:16] == b"78563412"
    assert client.ask(b"p1") == [b"78563412"]
    assert client.ask(b"p%x" % names.index("d2")) == [b"0807060504030201"]
    assert client.ask(b"Pf=80000008") == [b"OK"]
    assert client.target.registers["pc"] == 0x0800_0080
    assert client.ask(b"G" + whole.replace(b"78563412", b"11223344")) == [b"OK"]
    assert client.target.registers["r1"] == 0x4433_2211
    for wrong in (b"p", b"pzz", b"pff", b"P1", b"P1=12", b"P1=xyxyxyxy", b"Pff=00000000", b"G00", b"Gx"):
        assert client.ask(wrong) == [b"E01"], wrong


def test_no_registers_that_are_not_there() -> None:
    client = Client(FakeTarget(has_fpu=False, mask_registers=("primask", "control")))
    assert len(client.ask(b"g")[0]) == 8 * 21
    text = client.ask(b"qXfer:features:read:target.xml:0,fff")[0]
    assert b"vfp" not in text
    assert b"basepri" not in text


def test_memory() -> None:
    client = Client()
    assert client.ask(b"m20000002,3") == [b"020304"]
    assert client.ask(b"m200000fe,8") == [b"feff"]
    assert client.ask(b"M20000000,2:abcd") == [b"OK"]
    assert client.ask(b"X20000002,3:}#$") == [b"OK"]
    assert client.target.memory[:5] == b"\xab\xcd}#$"
    assert client.ask(b"X20000002,0:") == [b"OK"]
    for absent in (b"m0,4", b"mffffffffffffffff,4", b"M0,1:00", b"X200000ff,2:ab"):
        assert client.ask(absent) == [b"E0e"], absent
    for wrong in (b"m", b"m1", b"m1,2,3", b"mx,1", b"M20000000,2:ab", b"M20000000,1:a", b"X20000000,2:a"):
        assert client.ask(wrong) == [b"E01"], wrong


def test_flash_is_erased_and_written() -> None:
    client = Client()
    assert client.ask(b"vFlashErase:20000000,4") == [b"OK"]
    assert client.ask(b"vFlashWrite:20000002:a:b") == [b"OK"]
    assert client.ask(b"vFlashDone") == [b"OK"]
    assert client.target.memory[:6] == b"\xff\xffa:b\x05"
    assert client.ask(b"vFlashErase:0,ffffffffffffff") == [b"E0e"]


def test_breakpoints_and_watchpoints() -> None:
    client = Client()
    assert client.ask(b"Z0,20000010,2") == client.ask(b"Z1,20000012,3") == [b"OK"]
    assert client.target.breakpoints == {0x2000_0010, 0x2000_0012}
    assert client.ask(b"z0,20000010,2") == client.ask(b"z1,20000012,2") == [b"OK"]
    assert client.target.breakpoints == set()
    for kind, reads, writes in ((2, False, True), (3, True, False), (4, True, True)):
        watchpoint = Watchpoint(RAM, 4, reads, writes)
        assert client.ask(b"Z%d,20000000,4" % kind) == [b"OK"]
        assert client.target.watchpoints == {watchpoint}
        client.target.stops = [Stop(WATCHPOINT, watchpoint=watchpoint)]
        word = {2: b"watch", 3: b"rwatch", 4: b"awatch"}[kind]
        assert client.ask(b"vCont;c") == [b"T05" + word + b":20000000;thread:1;"]
        assert client.ask(b"z%d,20000000,4" % kind) == [b"OK"]
        assert client.target.watchpoints == set()
    assert client.ask(b"Z0,0,2") == client.ask(b"Z2,40000000,4") == client.ask(b"Z2,20000000,0") == [b"E0e"]
    assert client.ask(b"Z5,0,2") == [b""]
    assert client.ask(b"Z0,20000000") == [b"E01"]


@pytest.mark.parametrize(
    ("packet", "done"),
    [
        (b"c", "resume"), (b"C05", "resume"), (b"vCont;c", "resume"), (b"vCont;c:p1.1", "resume"),
        (b"vCont;C05:1;c", "resume"), (b"s", ("step", range(0))), (b"S05", ("step", range(0))),
        (b"vCont;s:1;c", ("step", range(0))), (b"vCont;S0b:1;c", ("step", range(0))),
        (b"vCont;r20000010,20000020:1;c", ("step", range(0x2000_0010, 0x2000_0020))),
    ],
)  # fmt: skip
def test_ways_to_go_on(packet: bytes, done: object) -> None:
    client = Client()
    client.target.stops = [Stop(ASKED)]
    assert client.ask(packet) == [b"T02thread:1;"]
    assert client.target.done == [done]


def test_going_on_elsewhere() -> None:
    client = Client()
    client.ask(b"c20000010")
    assert client.target.registers["pc"] == 0x2000_0010
    client.ask(b"S05;20000012")
    assert client.target.registers["pc"] == 0x2000_0012
    assert client.ask(b"vCont?") == [b"vCont;c;C;s;S;t;r"]
    assert client.ask(b"vCont;x") == client.ask(b"vCont") == client.ask(b"vCont;r1") == [b"E01"]


def test_an_exit_ends_the_conversation() -> None:
    client = Client(FakeTarget(exit_status=3, stops=[Stop(ENDED, "exit")]))
    assert client.ask(b"vCont;c") == [b"O" + b"mcusim: exit\n".hex().encode(), b"W03"]
    assert client.session.over


@pytest.mark.parametrize(("stop", "signal", "code"), [(ENDED, b"05", b"00"), (FAILED, b"0b", b"02")])
def test_another_end_can_be_looked_at_first(stop: str, signal: bytes, code: bytes) -> None:
    client = Client(FakeTarget(stops=[Stop(stop, "why")], exit_status=2 if stop == FAILED else None))
    assert client.ask(b"c")[-1] == b"T" + signal + b"thread:1;"
    assert client.ask(b"?") == [b"T" + signal + b"thread:1;"]
    assert not client.session.over
    assert client.ask(b"s") == [b"W" + code]
    assert client.session.over


def test_after_a_fault_it_can_go_on() -> None:
    client = Client(FakeTarget(stops=[Stop(FAULT, "why"), Stop(STEPPED)]))
    assert client.ask(b"c")[-1] == b"T0bthread:1;"
    assert client.ask(b"s") == [b"T05thread:1;"]


def test_detach_and_kill() -> None:
    client = Client()
    assert client.ask(b"D") == [b"OK"]
    assert (client.session.detached, client.session.over) == (True, True)
    client = Client()
    assert client.ask(b"k") == []
    assert client.session.killed
    client = Client()
    assert client.ask(b"vKill;1") == [b"OK"]
    assert client.session.killed


def test_queries() -> None:
    client = Client()
    supported = client.ask(b"qSupported:multiprocess+;swbreak+")[0].split(b";")
    assert b"PacketSize=4000" in supported
    assert b"qXfer:memory-map:read+" in supported
    assert client.ask(b"qfThreadInfo") == [b"m1"]
    assert client.ask(b"qsThreadInfo") == [b"l"]
    assert client.ask(b"qC") == [b"QC1"]
    assert client.ask(b"Hg0") == client.ask(b"T1") == [b"OK"]
    assert client.ask(b"qAttached") == [b"0"]
    for unknown in (b"", b"!", b"vMustReplyEmpty", b"qUnheardOf", b"QNonStop:1", b"qXfer:auxv:read::0,100", b"R00"):
        assert client.ask(unknown) == [b""], unknown
    assert client.ask(b"qXfer:features:read:other.xml:0,100") == [b"E00"]


def test_the_description_and_the_map_are_xml() -> None:
    client = Client()
    text = b""
    while True:
        reply = client.ask(b"qXfer:features:read:target.xml:%x,100" % len(text))[0]
        text += reply[1:]
        if reply[:1] == b"l":
            break
    features = [feature.attrib["name"] for feature in ET.fromstring(text).findall("feature")]
    assert features == ["org.gnu.gdb.arm.m-profile", "org.gnu.gdb.arm.m-system", "org.gnu.gdb.arm.vfp"]
    memory = ET.fromstring(client.ask(b"qXfer:memory-map:read::0,3fff")[0][1:])
    starts = {int(each.attrib["start"], 16): each for each in memory}
    assert starts[0x0800_0000].attrib["type"] == "flash"
    assert starts[0x0800_0000].findtext("property") is not None
    assert starts[RAM].attrib["type"] == "ram"


def monitor(client: Client, text: str) -> str:
    return bytes.fromhex(client.ask(b"qRcmd," + text.encode().hex().encode())[0].decode()).decode()


def test_monitor_commands() -> None:
    client = Client()
    assert monitor(client, "cycles") == "1234 cycles, 500.000000 ms since reset\n"
    assert monitor(client, "reset halt").startswith("reset")
    assert client.target.done == ["restart"]
    assert "monitor cycles" in monitor(client, "help") == monitor(client, "")
    assert monitor(client, "nonsense").startswith("no command 'nonsense'")
    assert client.ask(b"qRcmd,6") == [b"E01"]


def test_a_reset_after_the_end_lets_it_run_again() -> None:
    client = Client(FakeTarget(stops=[Stop(ENDED, "why"), Stop(BREAKPOINT)]))
    client.ask(b"c")
    monitor(client, "reset")
    assert client.ask(b"c") == [b"T05thread:1;"]


PIECES = st.sampled_from([*b"?gGpPmMXcCsSvZzqQHTDk", *b"0123456789abcdef,:;=", *b"\x00\xff"])
NAMES = st.sampled_from([b"vCont;", b"vFlashErase:", b"vFlashWrite:", b"qXfer:", b"qRcmd,", b"qXfer:features:read:",
                         b"Z0,", b"Z2,20000000,", b"m20000000,", b"P1=", b""])  # fmt: skip


@given(st.lists(st.tuples(NAMES, st.lists(PIECES, max_size=24).map(bytes) | st.binary(max_size=24)), max_size=8))
def test_no_packet_raises_and_each_has_one_reply(packets: list[tuple[bytes, bytes]]) -> None:
    client = Client()
    for name, rest in packets:
        data = name + rest
        replies = client.ask(data)
        assert len(replies) == (0 if data[:1] == b"k" else 1), data
