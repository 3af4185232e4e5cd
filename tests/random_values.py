# SPDX-License-Identifier: Apache-2.0
"""Random values that often lie where arithmetic changes its behaviour: limits, ties, denormals, not-a-numbers."""

from __future__ import annotations

import random
import struct

FPSCR_BITS = 0xF7C0_009F  # flags, AHP, DN, FZ, RMode, cumulative exceptions


def random_word(source: random.Random) -> int:
    """Return 32 bits that often are near where behaviour changes."""
    kind = source.randrange(10)
    if kind == 0:
        return source.choice((0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x7FFF, 0x8000, 0x7F80_8000, 0x8000_8000))
    if kind == 1:
        return source.randrange(64)
    if kind == 2:
        return -source.randrange(1, 64) & 0xFFFF_FFFF
    if kind == 3:  # bytes and halfwords at their limits
        return int.from_bytes(bytes(source.choice((0, 1, 0x7F, 0x80, 0xFF)) for _ in range(4)), "little")
    if kind == 4:
        return 1 << source.randrange(32)
    if kind in (5, 6):
        return random_single(source)
    return source.getrandbits(32)


def random_single(source: random.Random) -> int:
    """Return the bits of a single: often of middling size, sometimes special."""
    sign = source.getrandbits(1) << 31
    kind = source.randrange(12)
    if kind == 0:
        return sign | source.choice((0, 0x7F80_0000, 0x0080_0000, 0x7F7F_FFFF, 0x3F80_0000, 0x3F00_0000))
    if kind == 1:  # not a number: quiet or signalling
        return sign | 0x7F80_0000 | source.getrandbits(1) << 22 | source.randrange(1, 1 << 22)
    if kind == 2:
        return sign | source.randrange(1, 1 << source.randrange(1, 24))  # denormal
    if kind == 3:  # near the limits of integers
        limit = struct.unpack("<I", struct.pack("<f", source.choice((2.0**15, 2.0**16, 2.0**31, 2.0**32, 2.0**-14))))[0]
        return sign | limit + source.randrange(-2, 3)
    if kind == 4:  # halves: ties
        return sign | struct.unpack("<I", struct.pack("<f", source.randrange(64) / 4))[0]
    if kind == 5:
        return sign | source.randrange(0, 0x0200_0000)  # near underflow
    if kind == 6:
        return source.getrandbits(32)
    return sign | source.randrange(120, 136) << 23 | source.getrandbits(23)


def random_double(source: random.Random) -> int:
    """Return the bits of a double."""
    sign = source.getrandbits(1) << 63
    kind = source.randrange(10)
    if kind == 0:
        return sign | source.choice((0, 0x7FF << 52, 1 << 52, (0x7FF << 52) - 1, 0x3FF << 52))
    if kind == 1:
        return sign | 0x7FF << 52 | source.getrandbits(1) << 51 | source.randrange(1, 1 << 51)
    if kind == 2:
        return sign | source.randrange(1, 1 << source.randrange(1, 53))
    if kind == 3:  # what rounds, overflows or underflows as a single or as half a single
        exponent = source.choice((1023 - 149, 1023 - 127, 1023 + 127, 1023 - 24, 1023 - 15, 1023 + 15, 1023 + 31))
        return sign | exponent + source.randrange(-2, 3) << 52 | source.getrandbits(52)
    if kind == 4:
        return sign | struct.unpack("<Q", struct.pack("<d", source.randrange(1 << 34) / 4))[0]
    return sign | source.randrange(1016, 1032) << 52 | source.getrandbits(52)


def random_fpscr(source: random.Random) -> int:
    """Return a value for FPSCR: half of the time its reset value or nearly so."""
    if source.random() < 0.4:
        return 0
    return source.getrandbits(32) & (FPSCR_BITS if source.random() < 0.7 else 0x00C0_0000)
