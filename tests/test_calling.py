# SPDX-License-Identifier: Apache-2.0
"""Calling functions of an ELF from Python: arguments and results of every kind, with and without debug information."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from callable_firmware import DEBUG, firmware
from hypothesis import given, settings
from hypothesis import strategies as st

from mcusim import McusimError
from mcusim.calling.ctypes_types import type_of
from mcusim.image import Struct

INT32 = st.integers(-(1 << 31), (1 << 31) - 1)
INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
FLOAT = st.floats(-1e3, 1e3, width=32)


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
