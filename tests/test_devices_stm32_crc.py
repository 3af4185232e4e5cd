# SPDX-License-Identifier: Apache-2.0
"""The STM32 CRC unit against Python's own and a twin that goes bit by bit."""

from __future__ import annotations

import binascii

from devices import Bench
from hypothesis import given
from hypothesis import strategies as st

from mcusim.devices.base import RegisterFile

DR, IDR, CR, INIT, POL = 0x00, 0x04, 0x08, 0x10, 0x14
RESET, REV_OUT = 1, 1 << 7
SIZES = (32, 16, 8, 7)


def unit(version: int = 2) -> RegisterFile:
    return Bench().add("stm32-crc", version=version)


def bits_of(value: int, count: int) -> list[int]:
    """Most significant first."""
    return [value >> place & 1 for place in range(count - 1, -1, -1)]


def naive(initial: int, polynomial: int, size: int, data: list[int]) -> int:
    """Shift the bits in, one after the other."""
    register = bits_of(initial, size)
    for bit in data:
        top = register[0] ^ bit
        register = [*register[1:], 0]
        if top:
            register = [a ^ b for a, b in zip(register, bits_of(polynomial, size), strict=True)]
    return int("".join(map(str, register)), 2)


def test_the_value_of_the_manual() -> None:
    """A word of zeros gives 0xC704DD7B (the CRC-32/MPEG-2 of four zero bytes)."""
    for version in (1, 2):
        device = unit(version)
        assert device.read(DR, 4) == 0xFFFF_FFFF
        device.write(DR, 4, 0)
        assert device.read(DR, 4) == 0xC704_DD7B
        device.write(CR, 4, RESET)
        assert (device.read(DR, 4), device.read(CR, 4)) == (0xFFFF_FFFF, 0)


@given(st.lists(st.integers(0, 2**32 - 1), max_size=20))
def test_version_1_is_mpeg_2(words: list[int]) -> None:
    device = unit(1)
    device.write(CR, 4, RESET)
    for word in words:
        device.write(DR, 4, word)
    data = [bit for word in words for bit in bits_of(word, 32)]
    assert device.read(DR, 4) == naive(0xFFFF_FFFF, 0x04C1_1DB7, 32, data)


@given(st.binary(max_size=64))
def test_version_2_is_crc32_of_bytes_with_reversal(data: bytes) -> None:
    device = unit()
    device.write(CR, 4, RESET | 1 << 5 | REV_OUT)
    for byte in data:
        device.write(DR, 1, byte)
    assert device.read(DR, 4) ^ 0xFFFF_FFFF == binascii.crc32(data)


@given(st.lists(st.integers(0, 2**32 - 1), max_size=16))
def test_version_2_is_crc32_of_words_with_reversal(words: list[int]) -> None:
    """Reversal by words takes a little-endian word as its four bytes in order."""
    device = unit()
    device.write(CR, 4, RESET | 3 << 5 | REV_OUT)
    for word in words:
        device.write(DR, 4, word)
    data = b"".join(word.to_bytes(4, "little") for word in words)
    assert device.read(DR, 4) ^ 0xFFFF_FFFF == binascii.crc32(data)


ACCESSES = st.lists(st.tuples(st.sampled_from([1, 2, 4]), st.integers(0, 2**32 - 1)), max_size=12)


@given(st.integers(0, 3), st.integers(0, 3), st.booleans(), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1),
       ACCESSES)  # fmt: skip
def test_version_2_is_the_twin(
    size_code: int, reversal: int, output: bool, initial: int, polynomial: int, accesses: list[tuple[int, int]]
) -> None:
    device, size = unit(), SIZES[size_code]
    device.write(POL, 4, polynomial)
    device.write(INIT, 4, initial)
    device.write(CR, 4, RESET | size_code << 3 | reversal << 5 | (REV_OUT if output else 0))
    data: list[int] = []
    for size_bytes, value in accesses:
        device.write(DR, size_bytes, value)
        bits = bits_of(value, 8 * size_bytes)
        group = min((1, 8, 16, 32)[reversal], len(bits))
        for start in range(0, len(bits), group):
            data += bits[start : start + group][::-1]
    mask = (1 << size) - 1
    wanted = naive(initial & mask, polynomial & mask, size, data)
    if output:
        wanted = int("".join(map(str, bits_of(wanted, size)[::-1])), 2)
    assert device.read(DR, 4) == wanted


def test_the_other_registers() -> None:
    first, second = unit(1), unit(2)
    first.write(IDR, 4, 0x1234)
    second.write(IDR, 4, 0x1234_5678)
    assert (first.read(IDR, 4), second.read(IDR, 4)) == (0x34, 0x1234_5678)
    assert (first.read(POL, 4), second.read(POL, 4), second.read(INIT, 4)) == (0, 0x04C1_1DB7, 0xFFFF_FFFF)
    second.write(INIT, 4, 7)
    second.write(DR, 4, 5)
    second.write(CR, 4, RESET)
    assert second.read(DR, 4) == 7
