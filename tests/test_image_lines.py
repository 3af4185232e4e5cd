# SPDX-License-Identifier: Apache-2.0
"""Source lines from `.debug_line`, of hand-made programs and damaged ones."""

from __future__ import annotations

import struct
from pathlib import Path

from elf_writer import FLASH, Section, firmware, uleb
from hypothesis import given, settings
from hypothesis import strategies as st

from mcusim.image import Image, SourceLine
from mcusim.image.elf import read_elf
from mcusim.image.lineprogram import parse_units

CODE = FLASH + 64
LENGTHS = bytes([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1])  # operands of the standard opcodes 1 to 12


def set_address(address: int) -> bytes:
    return b"\x00\x05\x02" + struct.pack("<I", address)


def program(address: int) -> bytes:
    """Lines 10 and 12 of file 1, two bytes each, then line 7 of file 2 for four, then the end."""
    return (
        set_address(address) + b"\x03\x09\x01"  # advance_line 9, copy: line 10
        + bytes([13 + (2 - -5) + 14 * 2])  # special: address +2, line +2
        + b"\x02\x02\x04\x02\x03\x7b\x01"  # advance_pc 2, set_file 2, advance_line -5, copy: line 7
        + b"\x09\x04\x00\x00\x01\x01"  # fixed_advance_pc 4, end_sequence
    )  # fmt: skip


def unit(version: int, tables: bytes, code: bytes) -> bytes:
    after = bytes([2]) + (b"\x01" if version >= 4 else b"") + bytes([1, 256 - 5, 14, 13]) + LENGTHS + tables
    head = struct.pack("<H", version) + (b"\x04\x00" if version >= 5 else b"")
    body = head + struct.pack("<I", len(after)) + after + code
    return struct.pack("<I", len(body)) + body


OLD_TABLES = b"../lib\0\0" + b"main.c\0\0\0\0" + b"util.c\0\x01\0\0" + b"\0"
NEW_TABLES = (
    b"\x01\x01\x08" + uleb(2) + b"/build\0../lib\0"
    + b"\x02\x01\x1f\x02\x0b" + uleb(3) + struct.pack("<IBIBIB", 0, 0, 0, 0, 7, 1)
)  # fmt: skip
LINE_STRINGS = b"main.c\0util.c\0"


def image(debug_line: bytes) -> Image:
    elf = firmware()
    elf.sections += [
        Section(".debug_info"),
        Section(".debug_abbrev"),
        Section(".debug_str", data=b"\0"),
        Section(".debug_line", data=debug_line),
        Section(".debug_line_str", data=LINE_STRINGS),
    ]
    return read_elf(Path("f.elf"), elf.build())


def check_lines(subject: Image) -> None:
    found = {offset: subject.line_at(CODE + offset) for offset in range(-2, 12)}
    first, second, third = SourceLine("main.c", 10), SourceLine("main.c", 12), SourceLine("../lib/util.c", 7)
    assert found[-2] is None
    # min_inst_length is 2: the special opcode's operation advance 2 is 4 bytes.
    assert [found[n] for n in range(4)] == [first] * 4
    assert [found[n] for n in range(4, 8)] == [second] * 4
    assert [found[n] for n in range(8, 12)] == [third] * 4
    assert subject.line_at(CODE + 12) is None


def test_dwarf_4() -> None:
    check_lines(image(unit(4, OLD_TABLES, program(CODE))))


def test_dwarf_2_and_3() -> None:
    for version in (2, 3):
        check_lines(image(unit(version, OLD_TABLES, program(CODE))))


def test_dwarf_5() -> None:
    subject = image(unit(5, NEW_TABLES, program(CODE)))
    check_lines(subject)
    assert subject.folders == ("/build",)


def test_discarded_functions_do_not_count() -> None:
    check_lines(image(unit(4, OLD_TABLES, program(0) + program(CODE) + program(0x1000))))


def test_a_damaged_unit_leaves_the_others() -> None:
    bad = unit(4, OLD_TABLES, b"\x00\x7f\x02")
    unknown = unit(9, b"", b"")
    zero_range = bytearray(unit(4, OLD_TABLES, program(CODE)))
    zero_range[14] = 0  # line_range
    check_lines(image(bad + unknown + bytes(zero_range) + unit(4, OLD_TABLES, program(CODE))))


def test_a_huge_count_is_refused_at_once() -> None:
    tables = b"\x01\x01\x08" + uleb((1 << 63) - 1)
    assert parse_units(unit(5, tables, b""), b"", b"") == []
    assert parse_units(unit(5, b"\x00" + uleb(1 << 62), b""), b"", b"") == []


def test_no_debug_information() -> None:
    subject = read_elf(Path("f.elf"), firmware().build())
    assert subject.line_at(CODE) is None
    assert subject.folders == ()


@settings(max_examples=200)
@given(st.binary(max_size=200), st.integers(0, 5), st.booleans())
def test_any_program(code: bytes, version: int, new: bool) -> None:
    parse_units(unit(version, NEW_TABLES if new else OLD_TABLES, code), LINE_STRINGS, b"")
    parse_units(code, LINE_STRINGS, b"")
