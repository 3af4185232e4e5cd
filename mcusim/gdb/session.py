# SPDX-License-Identifier: Apache-2.0
"""A conversation with gdb: each packet's command done on a target, and its reply. No sockets here.

One thread, all-stop. A resumed target runs inside the command's call; `send` gets what goes out meanwhile.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from mcusim.errors import McusimError
from mcusim.gdb import target as described
from mcusim.gdb.protocol import (
    MAX_PACKET_BYTES,
    Acknowledged,
    Damaged,
    Event,
    Packet,
    ProtocolError,
    encode,
    from_hex,
    number,
    numbers,
    part,
    to_hex,
)
from mcusim.gdb.target import Target
from mcusim.machine.stoppable import ASKED, ENDED, FAILED, FAULT, WATCHPOINT, Stop, Watchpoint

OK, UNKNOWN, BAD, NO_MEMORY = b"OK", b"", b"E01", b"E0e"  # E0e: 14, EFAULT
FEATURES = b"PacketSize=%x;qXfer:features:read+;qXfer:memory-map:read+;QStartNoAckMode+;vContSupported+"
WATCH_KINDS = {b"2": (False, True, b"watch"), b"3": (True, False, b"rwatch"), b"4": (True, True, b"awatch")}
THREAD = b"1"
HELP = """\
monitor reset    begin again at reset, with the memory as the firmware file says; then: maintenance flush register-cache
monitor cycles   cycles and simulated time since reset
monitor help     this
"""


class Session:
    """The state of a conversation. `detached`, `killed`: gdb said so; `exited`: it was told that there is no more."""

    def __init__(self, target: Target, send: Callable[[bytes], None]) -> None:
        self.target = target
        self.detached = self.killed = self.exited = False
        self._send = send
        self._acknowledging = True
        self._last_sent = b""
        self._stop = Stop("attached")
        self._registers = described.registers(target)
        self._commands: dict[bytes, Callable[[bytes], bytes | None]] = {
            b"?": lambda _: self._stop_reply(), b"g": self._read_all, b"G": self._write_all,
            b"p": self._read_one, b"P": self._write_one, b"m": self._read_memory, b"M": self._write_memory,
            b"X": self._write_binary, b"c": self._continue, b"C": self._continue_with_signal, b"s": self._step,
            b"S": self._step_with_signal, b"v": self._verbose, b"Z": lambda text: self._point(text, insert=True),
            b"z": lambda text: self._point(text, insert=False), b"q": self._query, b"Q": self._set,
            b"H": lambda _: OK, b"T": lambda _: OK, b"D": self._detach, b"k": self._kill,
        }  # fmt: skip

    @property
    def over(self) -> bool:
        """True once there is nothing left to say."""
        return self.detached or self.killed or self.exited

    def handle(self, event: Event) -> None:
        """Do what an event asks for, and answer. Garbage is answered as the protocol says."""
        if isinstance(event, Acknowledged):
            if not event.ok and self._acknowledging and self._last_sent:
                self._send(self._last_sent)
        elif isinstance(event, Damaged):
            if self._acknowledging:
                self._send(b"-")
        elif isinstance(event, Packet):
            if self._acknowledging:
                self._send(b"+")
            reply = self._reply(event.data)
            if reply is not None:
                self._say(reply)
        # An Interrupt while the target stands still has nothing to stop.

    def _say(self, data: bytes) -> None:
        self._last_sent = encode(data)
        self._send(self._last_sent)

    def _reply(self, data: bytes) -> bytes | None:
        command = self._commands.get(data[:1])
        if command is None:
            return UNKNOWN
        try:
            return command(data[1:])
        except ProtocolError:
            return BAD

    # registers

    def _read_all(self, _text: bytes) -> bytes:
        return b"".join(self._register_text(register) for register in self._registers)

    def _register_text(self, register: described.Register) -> bytes:
        value = self.target.read_register(register.name)
        return to_hex(value.to_bytes(register.size_bytes, "little"))

    def _write_all(self, text: bytes) -> bytes:
        data = from_hex(text)
        if len(data) != sum(register.size_bytes for register in self._registers):
            return BAD
        for register in self._registers:
            self.target.write_register(register.name, int.from_bytes(data[: register.size_bytes], "little"))
            data = data[register.size_bytes :]
        return OK

    def _register(self, text: bytes) -> described.Register:
        index = number(text)
        if index >= len(self._registers):
            raise ProtocolError(f"no register {index}")
        return self._registers[index]

    def _read_one(self, text: bytes) -> bytes:
        return self._register_text(self._register(text))

    def _write_one(self, text: bytes) -> bytes:
        index, _, digits = text.partition(b"=")
        register, data = self._register(index), from_hex(digits)
        if len(data) != register.size_bytes:
            return BAD
        self.target.write_register(register.name, int.from_bytes(data, "little"))
        return OK

    # memory

    def _read_memory(self, text: bytes) -> bytes:
        address, length = numbers(text, 2)
        try:
            return to_hex(self.target.read_memory(address, min(length, MAX_PACKET_BYTES // 2))) if length else b""
        except McusimError:
            return NO_MEMORY

    def _write_memory(self, text: bytes) -> bytes:
        place, _, digits = text.partition(b":")
        return self._write(place, from_hex(digits))

    def _write_binary(self, text: bytes) -> bytes:
        place, _, data = text.partition(b":")
        return self._write(place, data)

    def _write(self, place: bytes, data: bytes) -> bytes:
        address, length = numbers(place, 2)
        if length != len(data):
            return BAD
        try:
            self.target.write_memory(address, data)
        except McusimError:
            return NO_MEMORY
        return OK

    # breakpoints and watchpoints

    def _point(self, text: bytes, *, insert: bool) -> bytes:
        kind, address_text, length_text, *_ = [*text.partition(b";")[0].split(b","), b"", b""]
        if kind not in (b"0", b"1", *WATCH_KINDS):
            return UNKNOWN
        address, length = number(address_text), number(length_text)
        if kind in (b"0", b"1"):
            if insert and not self.target.holds(address):
                return NO_MEMORY
            (self.target.set_breakpoint if insert else self.target.clear_breakpoint)(address)
            return OK
        reads, writes, _word = WATCH_KINDS[kind]
        if insert and (length == 0 or not self.target.holds(address, length)):
            return NO_MEMORY
        watchpoint = Watchpoint(address, length, reads, writes)
        (self.target.set_watchpoint if insert else self.target.clear_watchpoint)(watchpoint)
        return OK

    # running

    def _continue(self, text: bytes) -> bytes:
        self._go_to(text)
        return self._run(self.target.resume)

    def _continue_with_signal(self, text: bytes) -> bytes:
        return self._continue(text.partition(b";")[2])  # there is nothing that a signal could be given to

    def _step(self, text: bytes) -> bytes:
        self._go_to(text)
        return self._run(self.target.step)

    def _step_with_signal(self, text: bytes) -> bytes:
        return self._step(text.partition(b";")[2])

    def _go_to(self, text: bytes) -> None:
        if text:
            self.target.write_register("pc", number(text))

    def _run(self, go: Callable[[], Stop]) -> bytes:
        if self._stop.reason in (ENDED, FAILED):  # gdb has been told and wants it to go on: it cannot
            self.exited = True
            return b"W%02x" % ((self.target.exit_status or 0) & 0xFF)
        self._stop = go()
        if self._stop.text:
            self._say(b"O" + to_hex(f"mcusim: {self._stop.text}\n".encode()))
        if self._stop.reason == ENDED and self.target.exit_status is not None:
            self.exited = True
            return b"W%02x" % (self.target.exit_status & 0xFF)
        return self._stop_reply()

    def _stop_reply(self) -> bytes:
        stop, why, number_ = self._stop, b"", signal.SIGTRAP
        if stop.reason in (FAULT, FAILED):
            number_ = signal.SIGSEGV
        elif stop.reason == ASKED:
            number_ = signal.SIGINT
        elif stop.reason == WATCHPOINT and stop.watchpoint is not None:
            watched = stop.watchpoint
            words = {(reads, writes): word for reads, writes, word in WATCH_KINDS.values()}
            why = b"%b:%x;" % (words[watched.reads, watched.writes], watched.start)
        return b"T%02x%bthread:%b;" % (number_, why, THREAD)

    def _verbose(self, text: bytes) -> bytes | None:
        name, _, rest = text.partition(b":" if text.startswith(b"Flash") else b";")
        if name == b"Cont?":
            return b"vCont;c;C;s;S;t;r"
        if name == b"Cont":
            return self._resume_as(rest)
        if name == b"Kill":
            self.killed = True
            return OK
        if name == b"FlashErase":
            address, length = numbers(rest, 2)
            return self._write(rest, b"\xff" * length) if self.target.holds(address, max(length, 1)) else NO_MEMORY
        if name == b"FlashWrite":
            address_text, _, data = rest.partition(b":")
            return self._write(b"%b,%x" % (address_text, len(data)), data)
        return OK if name == b"FlashDone" else UNKNOWN

    def _resume_as(self, text: bytes) -> bytes:
        """Do the first action of a vCont: there is one thread, which all of them are for."""
        action = text.partition(b";")[0].partition(b":")[0]
        kind, rest = action[:1], action[1:]
        if kind in (b"c", b"C"):
            return self._run(self.target.resume)
        if kind in (b"s", b"S"):
            return self._run(self.target.step)
        if kind == b"r":
            start, end = numbers(rest, 2)
            return self._run(lambda: self.target.step(range(start, end)))
        return OK if kind == b"t" else BAD

    def _detach(self, _text: bytes) -> bytes:
        self.detached = True
        return OK

    def _kill(self, _text: bytes) -> None:
        self.killed = True

    # queries

    def _query(self, text: bytes) -> bytes:
        name, _, rest = text.partition(b"," if text.startswith(b"Rcmd") else b":")
        if name == b"Supported":
            return FEATURES % MAX_PACKET_BYTES
        if name == b"Xfer":
            return self._transfer(rest)
        if name == b"Rcmd":
            return self._monitor(from_hex(rest).decode("utf-8", "replace").split())
        simple = {b"C": b"QC" + THREAD, b"fThreadInfo": b"m" + THREAD, b"sThreadInfo": b"l", b"Attached": b"0",
                  b"Symbol": OK}  # fmt: skip
        return simple.get(name, UNKNOWN)

    def _transfer(self, text: bytes) -> bytes:
        what, _, place = text.rpartition(b":")
        documents = {b"features:read:target.xml": lambda: described.description(self.target),
                     b"memory-map:read:": lambda: described.memory_map(self.target.board)}  # fmt: skip
        if what not in documents:
            return b"E00" if what.startswith(b"features:read:") else UNKNOWN
        offset, length = numbers(place, 2)
        return part(documents[what](), offset, min(length, MAX_PACKET_BYTES - 1))

    def _monitor(self, words: list[str]) -> bytes:
        name = words[0] if words else "help"
        if name == "reset":
            self.target.restart()
            self._stop = Stop("attached")
            text = "reset: at the reset handler\n"
        elif name == "cycles":
            text = f"{self.target.cycles} cycles, {self.target.seconds * 1e3:.6f} ms since reset\n"
        else:
            text = HELP if name == "help" else f"no command '{name}'\n{HELP}"
        return to_hex(text.encode())

    def _set(self, text: bytes) -> bytes:
        if text == b"StartNoAckMode":
            self._acknowledging = False
            return OK
        return UNKNOWN
