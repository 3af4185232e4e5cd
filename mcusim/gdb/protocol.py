# SPDX-License-Identifier: Apache-2.0
"""GDB's remote serial protocol, the part below commands: packets, checksums, escapes, hexadecimal.

As "Debugging with GDB", appendix E (Remote Protocol), describes it. Nothing here raises on garbage but `ProtocolError`,
and `Decoder` not even that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAX_PACKET_BYTES = 0x4000  # what we tell gdb; a packet's longest content
_START, _END, _ESCAPE, _REPEAT = b"$#}*"
_SPECIAL = bytes((_START, _END, _ESCAPE, _REPEAT))
_FLIP = 0x20  # an escaped byte is sent with this bit changed
_INTERRUPT, _ACK, _NAK = 0x03, ord("+"), ord("-")


class ProtocolError(Exception):
    """A packet does not say what a packet of its kind must."""


@dataclass(frozen=True)
class Packet:
    """A packet that arrived whole; `data` is its content with escapes undone."""

    data: bytes


@dataclass(frozen=True)
class Damaged:
    """A packet arrived whose checksum is wrong, or that is too long."""


@dataclass(frozen=True)
class Interrupt:
    """Ctrl-C: the target is to stop."""


@dataclass(frozen=True)
class Acknowledged:
    """The other side has (`ok`) or has not understood our last packet."""

    ok: bool


Event = Packet | Damaged | Interrupt | Acknowledged


def checksum(content: bytes | bytearray) -> int:
    """Return the checksum of a packet's content as it is sent, escapes and all."""
    return sum(content) & 0xFF


def escape(data: bytes) -> bytes:
    """Return data in which no byte means something to the protocol."""
    return b"".join(bytes((_ESCAPE, byte ^ _FLIP)) if byte in _SPECIAL else bytes((byte,)) for byte in data)


def unescape(content: bytes | bytearray) -> bytes:
    """Undo `escape`. An escape at the very end stands for itself."""
    data = bytearray()
    escaped = False
    for byte in content:
        if escaped:
            data.append(byte ^ _FLIP)
        elif byte != _ESCAPE:
            data.append(byte)
        escaped = not escaped and byte == _ESCAPE
    return bytes(data) + (b"}" if escaped else b"")


def encode(data: bytes) -> bytes:
    """Return a packet ready to be sent."""
    content = escape(data)
    return b"$%b#%02x" % (content, checksum(content))


class Decoder:
    """Turns bytes as they arrive, cut anywhere, into events."""

    def __init__(self) -> None:
        self._content: bytearray | None = None  # of the packet that is arriving; None between packets
        self._digits = b""
        self._in_checksum = False

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield what has arrived completely. Bytes between packets that mean nothing are skipped."""
        for byte in data:
            event = self._between(byte) if self._content is None else self._inside(byte, self._content)
            if event is not None:
                yield event

    def _between(self, byte: int) -> Event | None:
        if byte == _START:
            self._content, self._digits, self._in_checksum = bytearray(), b"", False
        elif byte == _INTERRUPT:
            return Interrupt()
        elif byte in (_ACK, _NAK):
            return Acknowledged(byte == _ACK)
        return None

    def _inside(self, byte: int, content: bytearray) -> Event | None:
        if self._in_checksum:
            self._digits += bytes((byte,))
            if len(self._digits) < 2:
                return None
            self._content = None
            good = self._digits.lower() == b"%02x" % checksum(content) and len(content) <= 2 * MAX_PACKET_BYTES
            return Packet(unescape(content)) if good else Damaged()
        if byte == _END:
            self._in_checksum = True
        elif byte == _START:  # the end of the last one was lost
            content.clear()
        elif len(content) <= 2 * MAX_PACKET_BYTES:  # what is longer is not kept: its checksum will be wrong
            content.append(byte)
        return None


def number(text: bytes) -> int:
    """Return a number in hexadecimal digits."""
    if not text or len(text) > 16 or text.strip(b"0123456789abcdefABCDEF"):
        raise ProtocolError(f"not a number: {text!r}")
    return int(text, 16)


def numbers(text: bytes, count: int) -> list[int]:
    """Return numbers separated by commas."""
    parts = text.split(b",")
    if len(parts) != count:
        raise ProtocolError(f"not {count} numbers: {text!r}")
    return [number(part) for part in parts]


def from_hex(text: bytes) -> bytes:
    """Return the bytes that pairs of digits stand for."""
    if len(text) % 2 or text.strip(b"0123456789abcdefABCDEF"):
        raise ProtocolError("not pairs of hexadecimal digits")
    return bytes.fromhex(text.decode("ascii"))


def to_hex(data: bytes) -> bytes:
    """Return bytes as pairs of digits."""
    return data.hex().encode("ascii")


def part(document: bytes, offset: int, length: int) -> bytes:
    """Return the reply to a request for a part of a document (qXfer); `l` marks the last part."""
    more = offset + length < len(document)
    return (b"m" if more else b"l") + document[offset : offset + length]
