# SPDX-License-Identifier: Apache-2.0
"""Calling functions of an ELF from Python: arguments and results of every kind, with and without debug information."""

from __future__ import annotations

import ctypes
import re
import struct
import subprocess
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import EXAMPLES, FIRMWARE

import mcusim
from mcusim import Firmware, McusimError
from mcusim.calling.ctypes_types import type_of
from mcusim.image import Struct

BOARDS = {"hard": "nucleo-l4r5zi", "nodebug": "nucleo-l4r5zi", "soft": "nucleo-f103rb", "m0": "nucleo-f072rb"}
DEBUG = ("hard", "soft", "m0")
INT32 = st.integers(-(1 << 31), (1 << 31) - 1)
INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
FLOAT = st.floats(-1e3, 1e3, width=32)


def path_of(variant: str) -> Path:
    return FIRMWARE / "callable" / f"callable-{variant}.elf"


@cache
def firmware(variant: str = "hard") -> Firmware:
    return Firmware(path_of(variant), BOARDS[variant])


class Pair(ctypes.Structure):
    _fields_ = (("x", ctypes.c_int16), ("y", ctypes.c_int16))


class Box(ctypes.Structure):
    _fields_ = (("tag", ctypes.c_int8), ("size", ctypes.c_int32 * 3), ("volume", ctypes.c_int64))


class Vector(ctypes.Structure):
    _fields_ = (("x", ctypes.c_float), ("y", ctypes.c_float), ("z", ctypes.c_float))


# numbers


@pytest.mark.parametrize("variant", DEBUG)
@settings(max_examples=15, deadline=None)
@given(a=INT32, b=INT64, c=INT64, d=INT32)
def test_integers_of_every_width(variant: str, a: int, b: int, c: int, d: int) -> None:
    wrapped = np.array([a, b, c, d], np.int64).sum()
    assert firmware(variant).add64(a, b, c, d).value == wrapped
    narrow = firmware(variant).narrow(a % 256 - 128, b % 256, c % 65536 - 32768, d % 65536).value
    assert narrow == np.int64(a % 256 - 128 + b % 256 + c % 65536 - 32768 + d % 65536).astype(np.int8)
    assert firmware(variant).unsigned_half(a & 0xFFFF_FFFF).value == a & 0xFFFF
    assert firmware(variant).is_odd(a & 0xFFFF_FFFF).value is bool(a & 1)


@pytest.mark.parametrize("variant", DEBUG)
def test_arguments_beyond_four_words_are_on_the_stack(variant: str) -> None:
    assert firmware(variant).many(1, 2, 3, 4, 5, -6, 7).value == 1 + 4 + 9 + 16 + 25 - 36 + 49


@pytest.mark.parametrize("variant", ["hard", "soft"])
@settings(max_examples=10, deadline=None)
@given(i=st.integers(-99, 99), x=FLOAT, y=FLOAT, z=FLOAT, j=st.integers(-99, 99))
def test_floats_in_their_registers_or_not(variant: str, i: int, x: float, y: float, z: float, j: int) -> None:
    f = np.float32
    wanted = f(i) + f(x) * f(2) + f(y) * f(4) + f(z) * f(8) + f(j) * f(16)
    assert firmware(variant).mixed(i, x, y, z, j).value == wanted
    assert firmware(variant).twice(y).value == 2 * y


@pytest.mark.parametrize("variant", ["hard", "soft"])
def test_floats_beyond_the_registers_are_on_the_stack(variant: str) -> None:
    assert firmware(variant).many_floats(*range(17), 2.0).value == sum(range(16)) - 32 - 6


def test_numbers_that_do_not_fit_are_refused_by_name() -> None:
    for value, words in ((300, "argument 'a': 300 does not fit a signed char"), (1.5, "a signed char is wanted")):
        with pytest.raises(McusimError, match=words):
            firmware().narrow(value, 0, 0, 0)
    with pytest.raises(McusimError, match=r"3 arguments, it takes 2: long int add\(long int a, long int b\)"):
        firmware().add(1, 2, 3)


# structures


@pytest.mark.parametrize("variant", DEBUG)
def test_structures_by_value_and_as_results(variant: str) -> None:
    fw = firmware(variant)
    assert fw.pair_sum({"x": -3, "y": 5}).value == fw.pair_sum(Pair(-3, 5)).value == 2
    assert fw.pair_make(7, -8).value == {"x": 7, "y": -8}
    assert fw.box_sum(1, {"tag": 2, "size": [3, 4, 5], "volume": 1 << 40}).value == 15 + (1 << 40)
    assert fw.box_make(-1, 6).value == {"tag": -1, "size": [6, 7, 8], "volume": 6 << 33}
    made = fw.call("box_make", -1, 6, restype=Box).value
    assert isinstance(made, Box)
    assert (made.tag, list(made.size), made.volume) == (-1, [6, 7, 8], 6 << 33)


@pytest.mark.parametrize("variant", ["hard", "soft"])
def test_structures_of_floats(variant: str) -> None:
    a, b = {"x": 1, "y": 2.5, "z": -3}, Vector(4, 5, 6)
    assert firmware(variant).dot(a, b).value == 4 + 12.5 - 18
    assert firmware(variant).scaled(b, -0.5).value == {"x": -2, "y": -2.5, "z": -3}


@pytest.mark.parametrize("variant", [*DEBUG, "nodebug"])
def test_structures_by_pointer_come_back(variant: str) -> None:
    box = Box(1, (ctypes.c_int32 * 3)(10, 20, 30), 7)
    result = firmware(variant).grow(ctypes.byref(box), 5)
    assert (box.tag, list(box.size), box.volume) == (2, [15, 25, 35], 35)
    assert result.arguments[0] is box


def test_structures_by_debug_information_come_back_as_dicts() -> None:
    given_ = {"tag": 1, "volume": 3}
    result = firmware().grow(given_, 2)
    assert result.arguments[0] == {"tag": 2, "size": [2, 2, 2], "volume": 6}
    assert given_ == {"tag": 1, "volume": 3}


def test_a_structure_may_point_to_arrays() -> None:
    data = np.array([5, -6, 7], np.int8)
    view = {"data": data, "count": 3, "zero": {"x": 1}}
    result = firmware().view_sum(view)
    assert result.value == 3
    assert result.arrays == {"v.data": data}
    assert result.arguments[0]["data"] is data
    assert firmware().kind_of({"count": 5}).value == 1
    with pytest.raises(McusimError, match=r"unknown member of view \(argument 'v'\) 'cuont': did you mean count"):
        firmware().view_sum({"cuont": 1})


@pytest.mark.parametrize("variant", DEBUG)
def test_enumerations_have_the_sign_of_their_values(variant: str) -> None:
    fw = firmware(variant)
    assert [fw.status_of(x).value for x in (-1, 1)] == [-3, 0]
    assert [fw.is_wrong(x).value for x in (-3, 0)] == [1, 0]


def test_ctypes_are_laid_out_as_on_the_target() -> None:
    class Mixed(ctypes.Structure):
        _fields_ = (("a", ctypes.c_int8), ("p", ctypes.c_void_p), ("b", ctypes.c_int8), ("d", ctypes.c_double))

    kind = type_of(Mixed)
    assert isinstance(kind, Struct)
    assert [(m.name, m.offset) for m in kind.members] == [("a", 0), ("p", 4), ("b", 8), ("d", 16)]
    assert kind.size_bytes == 24


def test_what_ctypes_cannot_say_is_refused() -> None:
    class Bits(ctypes.Structure):
        _fields_ = (("a", ctypes.c_int32, 3),)

    with pytest.raises(McusimError, match="bit fields are not supported"):
        type_of(Bits)
    data = (ctypes.c_int8 * 4)()
    with pytest.raises(McusimError, match="does not say how many elements"):
        firmware().fill(ctypes.cast(data, ctypes.POINTER(ctypes.c_int8)), 4, 1)
    with pytest.raises(McusimError, match="Pair has 4 bytes, the firmware's box 24"):
        firmware().grow(ctypes.byref(Pair()), 1)


# arrays


@pytest.mark.parametrize("variant", [*DEBUG, "nodebug"])
def test_arrays_are_copied_there_and_back(variant: str) -> None:
    data, out = np.arange(-5, 6, dtype=np.int8), np.zeros(11, np.int16)
    result = firmware(variant).scale(data, out, 11, 100)
    np.testing.assert_array_equal(out, data.astype(np.int16) * 100)
    assert any(array is out for array in result.arrays.values())
    assert result.instructions > 11
    assert result.cycles > result.instructions


def test_arrays_that_overlap_here_overlap_there() -> None:
    buffer = np.arange(20, dtype=np.int8)
    assert firmware().distance(buffer[3:], buffer[10:15]).value == 7
    assert firmware().distance(buffer[10:15], buffer[3:]).value == -7
    assert firmware().distance(buffer, buffer).value == 0
    assert abs(firmware().distance(buffer[:4], buffer[10:]).value) > 4  # not the same memory: anywhere


def test_arrays_with_gaps_come_back_too() -> None:
    grid = np.arange(12, dtype=np.int8).reshape(3, 4)
    firmware().reverse(grid[:, 1], 3)
    np.testing.assert_array_equal(grid, [[0, 9, 2, 3], [4, 5, 6, 7], [8, 1, 10, 11]])
    with pytest.raises(McusimError, match="with gaps that shares memory"):
        firmware().distance(grid, grid[:, 1])


def test_text_and_bytes() -> None:
    assert firmware().length("hällo").value == 6
    assert firmware().length(b"abc\0def").value == 3
    assert firmware().get_greeting().value.text() == "hello"
    np.testing.assert_array_equal(firmware().get_table().value.array(np.int8, 4), [1, 2, 3, 0])


def test_a_wrong_element_type_is_refused() -> None:
    with pytest.raises(McusimError, match="argument 'out': it points to short int, the array has int8"):
        firmware().scale(np.zeros(3, np.int8), np.zeros(3, np.int8), 3, 1)
    with pytest.raises(McusimError, match="little-endian"):
        firmware("nodebug").scale(np.zeros(3, ">i2"), None, 0, 1)


def test_writes_beside_an_array_are_found() -> None:
    with pytest.raises(McusimError, match=r"fill writes outside argument 'out' \(3 bytes\), first at offset 3"):
        firmware().fill(np.zeros(3, np.int8), 4, 1)
    with pytest.raises(McusimError, match=r"fill_before writes outside argument 'end' \(4 bytes\), first at offset -2"):
        firmware().fill_before(np.zeros(4, np.int8), 2, 1)


def test_an_array_that_is_read_only_may_not_be_written() -> None:
    data = np.zeros(4, np.int8)
    data.flags.writeable = False
    with pytest.raises(McusimError, match="writes into argument 'out', which is a read-only array"):
        firmware().fill(data, 2, 1)
    assert firmware().length(data.view(np.uint8)).value == 0


# without debug information


def test_without_debug_information_the_values_say_it() -> None:
    fw = firmware("nodebug")
    assert fw.call("add", 40, 2, restype=ctypes.c_int32).value == 42
    assert fw.call("add64", 1, ctypes.c_int64(2), np.int64(1 << 40), 3, restype=np.int64).value == 6 + (1 << 40)
    assert fw.call("mixed", 1, np.float32(2), np.float64(3), np.float32(4), 5, restype=np.float32).value == 129
    assert fw.call("pair_sum", Pair(4, 5), restype=int).value == 9
    assert fw.call("dot", Vector(1, 2, 3), Vector(4, 5, 6), restype=np.float32).value == 32
    fw.twice.argtypes, fw.twice.restype = [np.float64], ctypes.c_double
    assert fw.twice(1.25).value == 2.5
    with pytest.raises(McusimError, match="nothing says what add returns"):
        _ = fw.add(1, 2).value
    with pytest.raises(McusimError, match=r"float 1.5 is to have: say numpy.float32"):
        fw.call("dot", 1.5)
    with pytest.raises(McusimError, match=r"a dict needs debug information|no debug information"):
        fw.grow({"tag": 1}, 1)


# state


def test_calls_start_from_the_same_state_unless_asked() -> None:
    fw = Firmware(path_of("hard"), BOARDS["hard"])
    assert [fw.count_up().value for _ in range(3)] == [8, 8, 8]
    assert [fw.count_up(isolated=False).value for _ in range(3)] == [9, 10, 11]
    fw.snapshot()
    assert [fw.count_up().value, fw.count_zeroed().value] == [12, 1]
    fw.pointer("counter").write(np.int32(100).tobytes())
    assert fw.count_up(isolated=False).value == 101
    fw.reset()
    assert fw.count_up().value == 8


@pytest.mark.parametrize("variant", BOARDS)
def test_variables_have_their_initial_values_and_constructors_have_run(variant: str) -> None:
    fw = firmware(variant)
    assert fw.call("get_constructed", restype=int).value == 42
    np.testing.assert_array_equal(fw.pointer("table").array(np.int8, 8), [1, 2, 3, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "nucleo-h743zi"])
def test_the_same_call_takes_the_same(board: str) -> None:
    """Whatever was called before it: what is remembered of branches and accesses is forgotten."""
    fw, data = Firmware(path_of("hard"), board), np.arange(30, dtype=np.int8)
    first = fw.scale(data, np.zeros(30, np.int16), 30, 3)
    fw.deep(5)
    again = fw.scale(data, np.zeros(30, np.int16), 30, 3)
    assert (first.cycles, first.instructions) == (again.cycles, again.instructions)
    other = Firmware(path_of("hard"), board)
    other.reverse(data.copy(), 30)
    later = other.scale(data, np.zeros(30, np.int16), 30, 3)
    assert (later.cycles, later.instructions) == (first.cycles, first.instructions)
    warm = other.scale(data, np.zeros(30, np.int16), 30, 3, isolated=False)
    assert warm.cycles <= first.cycles


def test_memory_that_stays() -> None:
    fw = Firmware(path_of("hard"), BOARDS["hard"])
    kept = fw.allocate(np.array([3, 1, 2], np.int8))
    fw.reverse(kept, 3, isolated=False)
    np.testing.assert_array_equal(kept.array(np.int8, 3), [2, 1, 3])
    fw.reverse(kept, 3)  # isolated: from what was allocated
    np.testing.assert_array_equal(kept.array(np.int8, 3), [2, 1, 3])


def test_the_stack_is_measured() -> None:
    shallow, deep = firmware().deep(0), firmware().deep(10)
    per_call = (deep.stack_bytes - shallow.stack_bytes) / 10
    assert per_call % 8 == 0
    assert per_call >= 64
    with pytest.raises(McusimError, match=r"deep took \d+ bytes of stack, and 16384 are kept"):
        firmware().deep(1000)
    assert firmware().deep(1).value == 1


# stubs


@pytest.mark.parametrize("variant", DEBUG)
def test_a_python_function_in_the_place_of_one_of_the_firmware(variant: str) -> None:
    fw = Firmware(path_of(variant), BOARDS[variant])
    seen = []

    def model(x: float, y: float, data: mcusim.GuestPointer) -> float:
        seen.append((x, y, data.array(np.int8, 2).tolist()))
        return x * y

    fw.stub("sensor", lambda channel: channel * 10 - 5)
    assert fw.read_all(4).value == -5 + 5 + 15 + 25
    if variant != "m0":
        fw.stub("model", model)
        assert fw.ask_model(-9).value == 3.375
        assert seen == [(1.5, 2.25, [-9, 1])]
    fw.stub("make_box", lambda size: {"tag": 1, "volume": size << 40})
    assert fw.ask_box(3).value == (3 << 40) + 1
    fw.unstub("sensor")
    assert fw.read_all(4).value == 6
    assert fw.sensor(4).value == 4


def test_a_stub_that_nothing_describes_gets_words() -> None:
    fw = Firmware(path_of("nodebug"), BOARDS["nodebug"])
    fw.stub("sensor", lambda channel: -channel)
    assert fw.call("read_all", 4, restype=int).value == -6


def test_a_callback_is_a_function_pointer() -> None:
    fw = Firmware(path_of("hard"), BOARDS["hard"])
    pointer = fw.callback(lambda x: x * x, argtypes=[ctypes.c_int32], restype=ctypes.c_int32)
    assert fw.apply(pointer, -7).value == 50
    assert fw.apply(fw.sensor.address, 8).value == 9


def test_what_a_stub_raises_comes_through_and_harms_nothing() -> None:
    fw = Firmware(path_of("hard"), BOARDS["hard"])

    def broken(_channel: int) -> int:
        raise ZeroDivisionError("of the test")

    fw.stub("sensor", broken)
    with pytest.raises(ZeroDivisionError, match="of the test"):
        fw.read_all(3)
    fw.stub("sensor", lambda _channel: fw.add(1, 2).value)
    with pytest.raises(McusimError, match="a stub cannot call the firmware"):
        fw.read_all(3)
    fw.unstub("sensor")
    assert fw.read_all(3).value == 3


# what goes wrong


def test_a_function_that_does_not_return() -> None:
    with pytest.raises(McusimError, match=r"hang did not return within 10,000 cycles, it is in hang.*functions.c:\d+"):
        firmware().hang(max_cycles=10_000)


def test_a_fault_names_place_and_cause() -> None:
    with pytest.raises(McusimError, match=r"follow: BusFault in follow .*functions.c:\d+: read from 0x60000000"):
        firmware().follow(0x6000_0000)
    assert firmware().add(1, 1).value == 2


def test_names_that_are_not_there() -> None:
    with pytest.raises(AttributeError, match="no function or variable 'scael': did you mean scale"):
        _ = firmware().scael
    with pytest.raises(McusimError, match="'counter' is a variable, not a function"):
        firmware().call("counter")
    assert "scale" in dir(firmware())


def test_more_than_the_memory_holds() -> None:
    with pytest.raises(McusimError, match=r"argument 'in': 700000 bytes do not fit: .* nucleo-l4r5zi"):
        firmware().scale(np.zeros(700_000, np.int8), None, 0, 1)


def test_without_a_vector_table_the_board_must_be_said() -> None:
    with pytest.raises(McusimError, match="no vector table tells which board it is for"):
        Firmware(path_of("hard"))
    with pytest.raises(McusimError, match="boot=True needs a vector table"):
        Firmware(path_of("hard"), "nucleo-l4r5zi", boot=True).add(1, 2)


def test_libraries_and_object_files_say_how_to_link_them(tmp_path: Path) -> None:
    library, relocatable = tmp_path / "libkernels.a", tmp_path / "conv.o"
    library.write_bytes(b"!<arch>\n")
    relocatable.write_bytes(b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HH", 1, 40))
    with pytest.raises(McusimError, match=r"whole-archive libkernels\.a .* -Wl,-Ttext=0x08000000|-Ttext=0x08000000"):
        Firmware(library, "nucleo-l4r5zi")
    with pytest.raises(McusimError, match=r"an object file, not linked: .* -mcpu=cortex-m7 .* conv\.o -o conv\.elf"):
        Firmware(relocatable, "nucleo-h743zi")


@pytest.mark.cross
def test_the_command_that_it_says_works(tmp_path: Path) -> None:
    compile_ = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-O2", "-g", "-c", "f.c", "-o", "f.o"]
    (tmp_path / "f.c").write_text("int kept = 3; int f(int x) { return x * kept; }")
    subprocess.run(compile_, cwd=tmp_path, check=True)
    subprocess.run(["arm-none-eabi-ar", "rc", "libf.a", "f.o"], cwd=tmp_path, check=True)
    with pytest.raises(McusimError) as caught:
        Firmware(tmp_path / "libf.a", "nucleo-l4r5zi")
    command = re.search(r"arm-none-eabi-gcc .*?\.elf", str(caught.value))
    assert command
    subprocess.run(command[0].split(), cwd=tmp_path, check=True)
    assert Firmware(tmp_path / "libf.elf", "nucleo-l4r5zi").f(5).value == 15


# firmware with a program around the functions


def test_functions_of_a_whole_firmware_after_its_own_start_up() -> None:
    path = EXAMPLES / "memory_plan" / "memory_plan_good-nucleo-l4r5zi.elf"
    data = np.arange(-100, 100, dtype=np.int8)
    expected = zlib.adler32(data.tobytes())
    booted, plain = Firmware(path, boot=True), Firmware(path)
    assert booted.board.name == "nucleo-l4r5zi"
    assert booted.checksum_s8(data, data.size).value == plain.checksum_s8(data, data.size).value == expected
    assert booted.print("called from Python\n").output == b"called from Python\n"


def test_copies_that_the_compiler_made_are_refused() -> None:
    path = EXAMPLES / "two_tasks" / "two_tasks-nucleo-l4r5zi.elf"
    with pytest.raises(McusimError, match=r"a copy that the compiler made for some callers"):
        Firmware(path).call("sort.constprop.0", None)


@pytest.mark.parametrize("board", ["nucleo-u575ziq", "nucleo-h743zi", "nucleo-f446re"])
def test_other_cores(board: str) -> None:
    fw = Firmware(path_of("hard"), board)
    assert fw.add64(1, 2, 3 << 40, 4).value == 7 + (3 << 40)
    assert fw.mixed(1, 2.0, 3.0, 4.0, 5).value == 129
    fw.stub("sensor", lambda channel: channel + 1)
    assert fw.read_all(4).value == 10


def test_cycles_are_those_of_the_instructions() -> None:
    """`add` is ADD and BX: one cycle, and one with the refill of the pipeline (1 + P, DDI 0439D 3.3.1)."""
    result = firmware().add(1, 2)
    assert result.instructions == 2
    assert 1 + 1 + 1 <= result.cycles <= 1 + 1 + 3
