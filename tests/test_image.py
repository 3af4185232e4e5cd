# SPDX-License-Identifier: Apache-2.0
"""Reading firmware files: what a right one says, and the one line that every wrong one gets."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import LONG
from elf_writer import (
    ALLOC,
    ATTRIBUTES,
    EXEC,
    FLASH,
    FUNC,
    GLOBAL,
    NOBITS,
    NOP,
    OBJECT,
    RAM,
    STACK_TOP,
    WRITE,
    Elf,
    Section,
    attributes,
    firmware,
    vector_table,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from mcusim.errors import McusimError
from mcusim.image import Image, load
from mcusim.image.elf import read_elf

TEXT = FLASH + 64
EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*/*-*.elf"))  # those with a board


def read(elf: Elf) -> Image:
    return read_elf(Path("f.elf"), elf.build())


def error_of(data: bytes, name: str, tmp_path: Path, base: int | None = None) -> str:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(McusimError) as caught:
        load(path, base=base)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message.removeprefix(f"{path}: ")


def test_smallest_firmware() -> None:
    image = read(firmware())
    assert (image.name, image.format, image.entry) == ("f.elf", "elf", TEXT)
    assert (image.vectors.address, image.vectors.initial_sp, image.vectors.reset) == (FLASH, STACK_TOP, TEXT)
    assert image.vectors.found_by == "symbol g_pfnVectors"
    assert (image.cpu.cpu_name, image.cpu.arch, image.cpu.fpu) == ("7E-M", "armv7e-m", "sp")
    assert [(s.load_address, s.run_address, len(s.data), s.size_bytes) for s in image.segments] == [
        (FLASH, FLASH, 64, 64),
        (TEXT, TEXT, 62, 62),
        (TEXT + 62, RAM, 16, 16),
        (RAM + 16, RAM + 16, 0, 32),
    ]


def test_sections_and_their_cost() -> None:
    image = read(firmware())
    costs = {s.name: (s.kind, s.flash_bytes, s.sram_bytes) for s in image.sections}
    assert costs == {
        ".isr_vector": ("rodata", 64, 0),
        ".text": ("code", 62, 0),
        ".data": ("data", 16, 16),
        ".bss": ("bss", 0, 32),
    }
    assert image.sections[2].load_address == TEXT + 62
    assert (image.flash_bytes, image.sram_bytes) == (64 + 62 + 16, 48)


def test_constructor_table_in_flash_costs_no_sram() -> None:
    elf = firmware()
    elf.sections.append(Section(".init_array", FLASH + 0x1000, b"\0" * 8, ALLOC | WRITE, type=14))
    section = read(elf).sections[2]
    assert (section.name, section.flash_bytes, section.sram_bytes) == (".init_array", 8, 0)


def test_stack_section_is_told_from_variables() -> None:
    elf = firmware()
    elf.sections.append(Section("._user_heap_stack", RAM + 48, b"", ALLOC | WRITE, NOBITS, size=0x600))
    assert read(elf).sections[-1].kind == "stack"


def test_overlays_cost_their_sram_once() -> None:
    elf = firmware()
    at = RAM + 0x100
    elf.sections.append(Section(".ov1", at, b"\x01" * 40, ALLOC | EXEC, load=FLASH + 0x1000))
    elf.sections.append(Section(".ov2", at, b"\x02" * 100, ALLOC | EXEC, load=FLASH + 0x2000))
    image = read(elf)
    costs = {s.name: (s.load_address, s.flash_bytes, s.sram_bytes) for s in image.sections if s.name.startswith(".ov")}
    assert costs == {".ov1": (FLASH + 0x1000, 40, 0), ".ov2": (FLASH + 0x2000, 100, 100)}


def test_elf_header_inside_the_first_segment_is_not_firmware() -> None:
    # GNU ld with large pages: the segment starts at file offset 0, below the first section.
    data = bytearray(firmware().build())
    offset, run, at, size = (struct.unpack_from("<I", data, 52 + 4 * i)[0] for i in (1, 2, 3, 4))
    for index, value in ((1, 0), (2, run - offset), (3, at - offset), (4, size + offset), (5, size + offset)):
        struct.pack_into("<I", data, 52 + 4 * index, value)
    image = read_elf(Path("f.elf"), bytes(data))
    assert image.segments[0].load_address == FLASH
    assert len(image.segments[0].data) == 64
    assert image.vectors.address == FLASH


def test_stripped_of_symbols() -> None:
    elf = firmware()
    elf.symbols = []
    image = read(elf)
    assert image.symbols == ()
    assert image.vectors.found_by == "section .isr_vector"


def test_stripped_of_section_headers() -> None:
    elf = firmware()
    elf.symbols, elf.with_sections = [], False
    elf.sections[0].flags |= EXEC
    image = read(elf)
    assert image.vectors.found_by == "start of the lowest code segment"
    assert [(s.name, s.kind, s.flash_bytes, s.sram_bytes) for s in image.sections] == [
        ("0x08000000", "code", 64, 0),
        ("0x08000040", "code", 62, 0),
        ("0x0800007e", "data", 16, 16),
        ("0x20000010", "bss", 0, 32),
    ]


# --- vector table ---


def test_wrong_symbol_gives_way_to_the_right_section() -> None:
    elf = firmware()
    elf.symbol("__isr_vector", TEXT, home=".text")
    elf.symbols = [s for s in elf.symbols if s[0] != "g_pfnVectors"]
    assert read(elf).vectors.found_by == "section .isr_vector"


def test_vectors_behind_a_boot_header_are_found_by_the_entry_point() -> None:
    elf = firmware()
    elf.symbols = []
    elf.sections[0] = Section(".boot", FLASH, b"\xff" * 256 + vector_table(TEXT + 0x200), ALLOC)
    elf.sections[1].address = TEXT + 0x200
    elf.sections[2].load = TEXT + 0x400
    elf.entry = TEXT + 0x201
    vectors = read(elf).vectors
    assert (vectors.address, vectors.found_by) == (FLASH + 256, "second word is the entry point")


def test_relocated_vectors_are_taken_where_the_core_reads_them_at_reset() -> None:
    elf = firmware()
    elf.sections[0] = Section(".isr_vector", RAM + 0x400, vector_table(TEXT), ALLOC | WRITE, load=FLASH)
    elf.symbols = [("g_pfnVectors", RAM + 0x400, 64, OBJECT, GLOBAL, ".isr_vector")]
    assert read(elf).vectors.address == FLASH


def test_lowest_bits_of_the_initial_stack_pointer_are_ignored() -> None:
    elf = firmware()
    elf.sections[0].data = vector_table(TEXT, stack=STACK_TOP - 1)
    assert read(elf).vectors.initial_sp == STACK_TOP - 4


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (vector_table(TEXT, stack=0x08030000), "0x08030000 at 0x08000000 is no initial stack pointer"),
        (vector_table(TEXT, stack=0), "is no initial stack pointer"),
        (vector_table(TEXT, stack=0x50000000), "is no initial stack pointer"),
        (struct.pack("<2I", STACK_TOP, TEXT), "Thumb bit is clear"),
        (vector_table(RAM), "not in code"),
        (vector_table(FLASH), "not in code"),
        (b"\0\0\0\0", "no table of words"),
    ],
)
def test_no_vector_table(table: bytes, says: str) -> None:
    elf = firmware()
    elf.sections[0].data = table
    with pytest.raises(McusimError, match="no vector table found") as caught:
        read(elf)
    assert says in str(caught.value)
    assert "symbol g_pfnVectors" in str(caught.value)


# --- bad input ---


def _change(change: Callable[[Elf], object]) -> bytes:
    elf = firmware()
    change(elf)
    return elf.build()


def _poke(offset: int, value: int) -> bytes:
    data = bytearray(firmware().build())
    struct.pack_into("<I", data, offset, value)
    return bytes(data)


def _attributes(content: bytes) -> bytes:
    return _change(lambda elf: setattr(elf.section(".ARM.attributes"), "data", content))


def _no_bytes(elf: Elf) -> None:
    elf.symbols, elf.sections, elf.entry = [], [Section(".bss", RAM, b"", ALLOC | WRITE, NOBITS, size=8)], 0


BAD = {
    "text": (b"int main(void) { return 0; }\n", "not an ELF file, nor Intel HEX"),
    "64 bit": (_change(lambda e: setattr(e, "elf_class", 2)), "a 64-bit ELF file"),
    "big-endian": (_change(lambda e: setattr(e, "byte_order", 2)), "big-endian"),
    "class": (_change(lambda e: setattr(e, "elf_class", 7)), "damaged ELF file: class 7"),
    "x86": (_change(lambda e: setattr(e, "machine", 62)), "built for x86-64"),
    "risc-v": (_change(lambda e: setattr(e, "machine", 243)), "built for RISC-V"),
    "machine": (_change(lambda e: setattr(e, "machine", 9999)), "built for machine number 9999"),
    "object": (_change(lambda e: setattr(e, "type", 1)), "an object file (.o), not linked: link it"),
    "shared": (_change(lambda e: setattr(e, "type", 3)), "a shared or position-independent executable"),
    "core": (_change(lambda e: setattr(e, "type", 4)), "a core dump"),
    "type": (_change(lambda e: setattr(e, "type", 77)), "an ELF file of unknown type 77"),
    "library": (b"!<arch>\nfoo.o/   ", "a static library, not a firmware: link it"),
    "no segments": (_change(lambda e: setattr(e, "with_segments", False)), "nothing to load"),
    "only zeroes": (_change(_no_bytes), "nothing to load"),
    "armv7-a": (_attributes(attributes("Cortex-A9", 10, "A")), "built for Armv7-A: mcusim runs Cortex-M"),
    "armv7-r": (_attributes(attributes("Cortex-R5", 10, "R")), "built for Armv7-R"),
    "armv8-a": (_attributes(attributes("", 14, "")), "built for Armv8-A"),
    "arm7tdmi": (_attributes(attributes("ARM7TDMI", 2, "")), "built for Armv4T"),
    "entry in data": (_change(lambda e: setattr(e, "entry", RAM)), "the entry point 0x20000000 is in data (.data)"),
    "entry nowhere": (_change(lambda e: setattr(e, "entry", 0x30000001)), "0x30000001 is outside the image"),
    "huge segment": (_poke(52 + 20, 0xFFFFFFFF), "has 4294967295 bytes: no microcontroller"),
    "file > memory": (_poke(52 + 20, 4), "damaged ELF file: segment 0 at 0x08000000 has 64 bytes in 4 of memory"),
    "wraps": (_poke(52 + 8, 0xFFFFFFF0), "reaches past the end of the address space"),
    "segment outside the file": (_poke(52 + 4, 0x10000000), "truncated: segment 0 at 0x08000000 ends at byte"),
    "two at one address": (_change(lambda e: setattr(e.section(".data"), "load", FLASH)), "two segments are loaded"),
    "many program headers": (_poke(42, 0xFFFF0020), "truncated or damaged: the program headers end at byte"),
    "section headers far away": (_poke(32, 0x7FFFFFF0), "truncated or damaged: the section headers end"),
    "section header size": (_poke(46, 0x000A0001), "section headers of 1 bytes each"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_line(name: str, tmp_path: Path) -> None:
    data, says = BAD[name]
    assert says in error_of(data, "firmware", tmp_path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, says in (
        (tmp_path / "absent.elf", "No such file"),
        (tmp_path, "not a file"),
        (tmp_path / "a\0b", "not a file name"),
        (Path("/dev/zero"), "not a file"),
    ):
        with pytest.raises(McusimError, match=says):
            load(path)
    assert "the file is empty" in error_of(b"", "empty.elf", tmp_path)


def test_entry_that_names_the_vector_table_is_no_error() -> None:
    elf = firmware()
    elf.entry = FLASH
    assert read(elf).entry is None


@pytest.mark.parametrize("source", ["hand-made", *(path.name for path in EXAMPLES if path.stat().st_size < 120_000)])
def test_truncated_at_any_byte(source: str) -> None:
    whole = firmware().build() if source == "hand-made" else next(p for p in EXAMPLES if p.name == source).read_bytes()
    step = (1 if len(whole) < 20_000 else 61) * (1 if LONG else 7)
    for length in [*range(0, len(whole), step), len(whole) - 1]:
        if length < 4:
            continue  # not recognisable as ELF: the loader says so
        with pytest.raises(McusimError, match=r"truncated|damaged"):
            read_elf(Path("f.elf"), whole[:length])


def _explore(data: bytes) -> None:
    """Read a damaged file and use all of it: an Image or a McusimError, nothing else."""
    try:
        image = read_elf(Path("f.elf"), data)
    except McusimError as error:
        if "\n" in str(error):
            raise AssertionError("more than one line") from error
        return
    assert image.sram_bytes >= 0
    assert isinstance(image.folders, tuple)
    end = 0
    for function in image.functions:
        assert function.address >= end
        assert function.size_bytes > 0
        end = function.end
        image.line_at(function.address)
    image.line_at(image.vectors.reset)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8))
def test_mutated_bytes(changes: list[tuple[int, int]]) -> None:
    data = bytearray(firmware().build())
    for position, value in changes:
        data[position % len(data)] = value
    _explore(bytes(data))


HELLO = next((path.read_bytes() for path in EXAMPLES if path.name.startswith("hello")), firmware().build())


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, len(HELLO) - 1), st.sampled_from([0, 1, 0x7F, 0x80, 0xFF])), max_size=12),
    st.sampled_from(range(0, len(HELLO), 64)),
    st.binary(max_size=16),
)
def test_mutated_example(changes: list[tuple[int, int]], place: int, patch: bytes) -> None:
    data = bytearray(HELLO)
    for position, value in changes:
        data[position] = value
    data[place : place + len(patch)] = patch
    _explore(bytes(data[: len(HELLO)]))


# --- build attributes ---


@pytest.mark.parametrize(
    ("content", "arch", "fpu"),
    [
        (attributes("Cortex-M4", 13, "M", 6, 1), "armv7e-m", "sp"),
        (attributes("Cortex-M7", 13, "M", 8, 1), "armv7e-m", "sp"),
        (attributes("Cortex-M7", 13, "M", 8, 0), "armv7e-m", "dp"),
        (attributes("Cortex-M3", 10, "M", 0, 0), "armv7-m", "none"),
        (attributes("Cortex-M0+", 12, "M", 0, 0), "armv6-m", "none"),
        (attributes("Cortex-M33", 17, "M", 8, 1), "armv8-m.main", "sp"),
        (attributes("", 10, "", 0, 0), None, "none"),
        (b"", None, None),
        (b"B", None, None),
        (attributes()[:-3], None, None),
        (b"A\x00\x00\x00\x00", None, None),
        (b"A\xff\xff\xff\xff" + b"\xff" * 20, None, None),
    ],
)
def test_build_attributes(content: bytes, arch: str | None, fpu: str | None) -> None:
    elf = firmware()
    elf.sections[-1] = Section(".ARM.attributes", data=content, type=ATTRIBUTES)
    cpu = read(elf).cpu
    assert (cpu.arch, cpu.fpu) == (arch, fpu)


# --- the examples ---


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples(path: Path) -> None:
    image = load(path)
    main = image.find_symbol("main")
    assert main is not None
    assert main.size_bytes > 10
    assert image.function_at(main.address + 2) is main
    assert image.function_at(main.end) is not main
    line = image.line_at(main.address)
    assert line is not None
    assert line.file.endswith("main.c")
    handler = image.find_symbol("MemManage_Handler")
    assert handler is not None
    assert handler.name == "Default_Handler"
    assert image.vectors.found_by == "symbol vectors"
    assert image.cpu.arch == "armv7e-m"
    assert image.folders


# --- Intel HEX and raw binaries ---


def hex_line(address: int, kind: int, data: bytes) -> str:
    body = bytes([len(data)]) + address.to_bytes(2, "big") + bytes([kind]) + data
    return f":{(body + bytes([-sum(body) & 0xFF])).hex().upper()}\n"


def hex_file(data: bytes) -> str:
    lines = [hex_line(0, 4, (FLASH >> 16).to_bytes(2, "big"))]
    lines += [hex_line(at, 0, data[at : at + 16]) for at in range(0, len(data), 16)]
    return "".join(lines) + ":00000001FF\n"


RAW = vector_table(TEXT) + NOP * 32


def test_raw_binary(tmp_path: Path) -> None:
    path = tmp_path / "f.bin"
    path.write_bytes(RAW)
    image = load(path, base=FLASH)
    assert (image.format, image.vectors.reset, image.flash_bytes, image.symbols) == ("bin", TEXT, len(RAW), ())
    assert [(s.name, s.kind) for s in image.sections] == [("0x08000000", "code")]
    assert image.line_at(TEXT) is None
    assert image.folders == ()


def test_hex_is_the_same_as_the_binary(tmp_path: Path) -> None:
    path = tmp_path / "f.hex"
    path.write_text(hex_file(RAW))
    image = load(path)
    assert image.format == "hex"
    assert [(s.load_address, s.data) for s in image.segments] == [(FLASH, RAW)]
    assert image.vectors.address == FLASH


def test_bad_raw_files(tmp_path: Path) -> None:
    assert "give its address, like --base 0x08000000" in error_of(RAW, "f.bin", tmp_path)
    assert "do not fit into the address space" in error_of(RAW, "f.bin", tmp_path, base=0xFFFFFFF0)
    assert "do not fit" in error_of(RAW, "f.bin", tmp_path, base=-4)
    assert "not a multiple of 4" in error_of(RAW, "f.bin", tmp_path, base=FLASH + 2)
    assert "no vector table" in error_of(b"\xff" * 64, "f.bin", tmp_path, base=FLASH)
    assert "--base is for raw binaries" in error_of(firmware().build(), "f.elf", tmp_path, base=FLASH)
    good = hex_file(RAW)
    assert "--base is for raw binaries" in error_of(good.encode(), "f.hex", tmp_path, base=FLASH)
    for at in range(1, len(good) - 2, 7):
        assert "truncated Intel HEX" in error_of(good[:at].encode(), "f.hex", tmp_path)
    assert "damaged Intel HEX" in error_of(good.replace("BF", "BE", 1).encode(), "f.hex", tmp_path)
    assert "not Intel HEX: byte 1 is not text" in error_of(b":\xff" + good.encode(), "f.hex", tmp_path)
    assert "holds no data" in error_of(b":00000001FF\n", "f.hex", tmp_path)
    assert "damaged Intel HEX" in error_of(b"hello\n:00000001FF\n", "f.hex", tmp_path)


def test_symbol_table_of_a_damaged_size() -> None:
    elf = firmware()
    elf.symbol("f", TEXT | 1, 0xFFFFFFFF, FUNC, GLOBAL)
    assert read(elf).functions[0].end == TEXT + 62
