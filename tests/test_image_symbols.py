# SPDX-License-Identifier: Apache-2.0
"""From symbol tables as compilers and assembly leave them to functions and objects."""

from __future__ import annotations

from pathlib import Path

import pytest
from elf_writer import (
    ABS,
    ALLOC,
    EXEC,
    FILE,
    FLASH,
    FUNC,
    GLOBAL,
    LOCAL,
    NOBITS,
    NOP,
    NOTYPE,
    OBJECT,
    RAM,
    WEAK,
    Elf,
    Section,
    firmware,
)

from mcusim.image import Image
from mcusim.image.elf import read_elf
from mcusim.image.names import demangle

CODE = FLASH + 64  # of .text, 128 bytes


def plain() -> Elf:
    """Return a firmware with 128 bytes of code and no symbols but the vectors and a mapping symbol."""
    elf = firmware(NOP * 64)
    elf.symbols = []
    elf.symbol("g_pfnVectors", FLASH, 64, OBJECT, GLOBAL, ".isr_vector")
    elf.symbol("$t", CODE)
    return elf


def functions(elf: Elf) -> dict[str, tuple[int, int]]:
    """Return name -> (offset in .text, size) of all functions."""
    return {f.name: (f.address - CODE, f.size_bytes) for f in read(elf).functions}


def read(elf: Elf) -> Image:
    return read_elf(Path("f.elf"), elf.build())


def test_mapping_and_local_labels_are_no_symbols() -> None:
    elf = plain()
    elf.symbol("f", CODE | 1, 16, FUNC, GLOBAL)
    for name in ("$t.1", "$d", "$a", "$x.foo", ".L12", ""):
        elf.symbol(name, CODE + 16)
    assert functions(elf) == {"f": (0, 16)}


def test_missing_sizes_reach_to_the_next_symbol_or_the_end_of_the_section() -> None:
    elf = plain()
    elf.symbol("a", CODE | 1, 0, FUNC, GLOBAL)
    elf.symbol("b", CODE + 20 | 1, 0, FUNC, GLOBAL)
    elf.symbol("table", CODE + 40, 8, OBJECT, LOCAL)
    elf.symbol("c", CODE + 48 | 1, 0, FUNC, GLOBAL)
    assert functions(elf) == {"a": (0, 20), "b": (20, 20), "c": (48, 80)}
    image = read(elf)
    assert [s.size_inferred for s in image.functions] == [True, True, True]
    table = image.find_symbol("table")
    assert table is not None
    assert not table.size_inferred


def test_a_function_does_not_reach_into_the_next_section() -> None:
    elf = plain()
    elf.symbol("a", CODE + 120 | 1, 0, FUNC, GLOBAL)
    elf.sections.append(Section(".text2", CODE + 0x1000, NOP * 8, ALLOC | EXEC))
    elf.symbol("b", CODE + 0x1004 | 1, 0, FUNC, GLOBAL, ".text2")
    elf.symbol("too_long", CODE + 0x1008 | 1, 0x1000, FUNC, GLOBAL, ".text2")
    assert functions(elf) == {"a": (120, 8), "b": (0x1004, 4), "too_long": (0x1008, 8)}


def test_aliases_are_one_symbol_named_by_binding_then_length() -> None:
    elf = plain()
    for name, bind in (("SysTick_Handler", WEAK), ("NMI", WEAK), ("Default_Handler", GLOBAL), ("d", LOCAL)):
        elf.symbol(name, CODE | 1, 4, FUNC, bind)
    elf.symbol("memcpy_long_name", CODE + 4 | 1, 4, FUNC, GLOBAL)
    elf.symbol("memcpy", CODE + 4 | 1, 4, FUNC, GLOBAL)
    elf.symbol("label", CODE + 4, 0, NOTYPE, GLOBAL)
    image = read(elf)
    assert [(f.name, f.aliases) for f in image.functions] == [
        ("Default_Handler", ("NMI", "SysTick_Handler", "d")),
        ("memcpy", ("label", "memcpy_long_name")),
    ]
    found = image.find_symbol("SysTick_Handler")
    assert found is image.functions[0]


def test_labels_inside_a_function_are_no_functions() -> None:
    elf = plain()
    elf.symbol("Reset_Handler", CODE | 1, 32, FUNC, GLOBAL)
    elf.symbol("CopyLoop", CODE + 8)
    elf.symbol("exported_label", CODE + 12, 0, NOTYPE, GLOBAL)
    elf.symbol("typed_inner", CODE + 16 | 1, 4, FUNC, LOCAL)
    elf.symbol("unsized_inner", CODE + 24 | 1, 0, FUNC, LOCAL)
    assert functions(elf) == {"Reset_Handler": (0, 32)}


def test_assembly_without_types() -> None:
    elf = plain()
    elf.symbol("first", CODE, 0, NOTYPE, GLOBAL)
    elf.symbol("loop", CODE + 8)  # local: a place in `first`
    elf.symbol("second", CODE + 20, 0, NOTYPE, GLOBAL)
    elf.symbol("$d", CODE + 32)
    elf.symbol("constants", CODE + 32, 0, NOTYPE, GLOBAL)
    elf.symbol("$t", CODE + 48)
    elf.symbol("third", CODE + 48)  # local, but after data: no function's code before it
    image = read(elf)
    assert functions(elf) == {"first": (0, 20), "second": (20, 12), "third": (48, 80)}
    assert [(s.name, s.kind, s.size_bytes) for s in image.symbols if s.kind == "object"] == [
        ("g_pfnVectors", "object", 64),
        ("constants", "object", 16),
    ]


def test_labels_after_an_unsized_function_belong_to_it() -> None:
    elf = plain()
    elf.symbol("keccak", CODE | 1, 0, FUNC, GLOBAL)
    elf.symbol("round_loop", CODE + 16)
    elf.symbol("$d", CODE + 32)
    elf.symbol("round_constants", CODE + 32)
    elf.symbol("$t", CODE + 64)
    elf.symbol("round_tail", CODE + 64)
    assert functions(elf) == {"keccak": (0, 128)}


def test_functions_that_fall_into_the_next_are_cut_there() -> None:
    # As in libgcc: __aeabi_drsub has no size, __subdf3 contains __adddf3, both end at the same place.
    elf = plain()
    elf.symbol("__aeabi_drsub", CODE | 1, 0, FUNC, GLOBAL)
    elf.symbol("__subdf3", CODE + 8 | 1, 60, FUNC, GLOBAL)
    elf.symbol("__adddf3", CODE + 12 | 1, 56, FUNC, GLOBAL)
    elf.symbol("after", CODE + 68 | 1, 20, FUNC, GLOBAL)
    elf.symbol("entry", CODE + 80 | 1, 0, FUNC, GLOBAL)
    expected = {"__aeabi_drsub": (0, 8), "__subdf3": (8, 4), "__adddf3": (12, 56), "after": (68, 12), "entry": (80, 8)}
    assert functions(elf) == expected


def test_statics_of_one_name_are_told_apart_by_file() -> None:
    elf = plain()
    elf.symbol("one.c", 0, 0, FILE, LOCAL, ABS)
    elf.symbol("helper", CODE | 1, 8, FUNC, LOCAL)
    elf.symbol("alone", CODE + 8 | 1, 8, FUNC, LOCAL)
    elf.symbol("two.c", 0, 0, FILE, LOCAL, ABS)
    elf.symbol("helper", CODE + 16 | 1, 8, FUNC, LOCAL)
    elf.symbol("two.c", 0, 0, FILE, LOCAL, ABS)
    elf.symbol("helper", CODE + 24 | 1, 8, FUNC, LOCAL)
    elf.symbol("helper", CODE + 32 | 1, 8, FUNC, GLOBAL)
    image = read(elf)
    assert [(f.name, f.file) for f in image.functions] == [
        ("helper (one.c)", "one.c"),
        ("alone", "one.c"),
        (f"helper (two.c) at 0x{CODE + 16:08x}", "two.c"),
        (f"helper (two.c) at 0x{CODE + 24:08x}", "two.c"),
        ("helper", None),
    ]
    assert {f.raw_name for f in image.functions} == {"helper", "alone"}


def test_link_script_symbols_are_no_objects() -> None:
    elf = plain()
    elf.symbol("_ebss", RAM + 48, 0, NOTYPE, GLOBAL, ".bss")
    elf.symbol("_sbss", RAM + 16, 0, NOTYPE, GLOBAL, ".bss")
    elf.symbol("_estack", 0x20030000, 0, NOTYPE, GLOBAL, ABS)
    elf.symbol("_sdata", RAM, 0, NOTYPE, GLOBAL, ".data")
    elf.symbol("value", RAM, 4, OBJECT, GLOBAL, ".data")
    elf.symbol("buffer", RAM + 24, 8, OBJECT, GLOBAL, ".bss")
    objects = [(s.name, s.size_bytes) for s in read(elf).symbols if s.kind == "object"]
    assert objects == [("g_pfnVectors", 64), ("value", 4), ("buffer", 8)]


def test_overlaid_functions_do_not_overlap() -> None:
    elf = plain()
    for index, name in enumerate(("first", "second")):
        load = FLASH + 0x1000 * (index + 1)
        elf.sections.append(Section(f".{name}", RAM + 0x100, NOP * 8, ALLOC | EXEC, load=load))
        elf.symbol(name, RAM + 0x100 | 1, 16, FUNC, GLOBAL, f".{name}")
    assert [f.name for f in read(elf).functions] == ["first"]


def test_unused_sections_and_strange_indices_are_ignored() -> None:
    elf = plain()
    elf.sections.append(Section(".comment", 0, b"hello", 0))
    elf.sections.append(Section(".tbss", RAM, b"", ALLOC | 0x400, NOBITS, size=16))
    elf.symbol("in_comment", 1, 2, OBJECT, GLOBAL, ".comment")
    elf.symbol("undefined", 0, 0, FUNC, GLOBAL, 0)
    elf.symbol("rom_function", CODE + 64 | 1, 8, FUNC, GLOBAL, ABS)
    assert functions(elf) == {"rom_function": (64, 8)}


@pytest.mark.parametrize(
    ("name", "readable"),
    [
        ("main", "main"),
        ("_ZN6tflite16MicroInterpreter6InvokeEv", "tflite::MicroInterpreter::Invoke()"),
        ("_ZN3FooC1Ei", "Foo::Foo(int)"),
        ("_ZN3net12_GLOBAL__N_16helperEi", "net::(anonymous namespace)::helper(int)"),
        ("_ZN1a3FooIiED2Ev", "a::Foo<int>::~Foo()"),
        ("_ZL6helperi.constprop.0", "helper(int) [clone .constprop.0]"),
        ("_Z1fi.isra.0", "f(int) [clone .isra.0]"),
        ("_Z", "_Z"),
        ("_ZN", "_ZN"),
        ("_Z" + "N" * 5000, "_Z" + "N" * 5000),
        ("_Z1fSt4pairIS_" + "S0_S1_S2_" * 40, "_Z1fSt4pairIS_" + "S0_S1_S2_" * 40),
    ],
)
def test_demangling(name: str, readable: str) -> None:
    assert demangle(name) == readable
