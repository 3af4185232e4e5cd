# SPDX-License-Identifier: Apache-2.0
"""Writing protocol buffers: the four kinds of fields that `as_pprof` needs.

The rules are those of https://protobuf.dev/programming-guides/encoding. Google's library would do the same in a hundred
times the code, and its versions exclude each other: TensorFlow, which many of our users have installed, pins one.
"""

from __future__ import annotations

from collections.abc import Iterable

_VARINT, _LENGTH = 0, 2  # wire types


def integer(field: int, value: int) -> bytes:
    """Return an int64, uint64 or bool field; zero, the default, takes no bytes."""
    return _key(field, _VARINT) + _varint(value) if value else b""


def integers(field: int, values: Iterable[int]) -> bytes:
    """Return a repeated int64 or uint64 field, packed."""
    packed = b"".join(map(_varint, values))
    return _key(field, _LENGTH) + _varint(len(packed)) + packed if packed else b""


def text(field: int, value: str) -> bytes:
    """Return a string field, an empty one too: as an element of a list it counts."""
    return message(field, value.encode("utf-8", "replace"))


def message(field: int, content: bytes) -> bytes:
    """Return a field that is a message itself, or bytes."""
    return _key(field, _LENGTH) + _varint(len(content)) + content


def _key(field: int, wire_type: int) -> bytes:
    return _varint(field << 3 | wire_type)


def _varint(value: int) -> bytes:
    """Return seven bits a byte, the lowest first. Negative numbers are those of 64 bits."""
    value &= (1 << 64) - 1
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)
