# SPDX-License-Identifier: Apache-2.0
"""Calling functions of an ELF from Python: state from call to call, stubs, whole firmware, and what goes wrong."""

from __future__ import annotations

import ctypes
import re
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from callable_firmware import BOARDS, DEBUG, firmware, path_of
from machines import EXAMPLES

import mcusim
from mcusim import Firmware, McusimError
from mcusim.calling import GuestPointer
from mcusim.machine import Settings

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


def test_a_null_pointer_is_named() -> None:
    pointer = GuestPointer.make(0, firmware().pointer("counter")._memory)
    for use in (lambda: pointer.array(np.int8, 4), pointer.text, pointer.value, lambda: pointer.write(b"1")):
        with pytest.raises(McusimError, match="a null pointer points to nothing"):
            use()
    assert pointer == 0


def test_a_fault_says_which_arguments_were_null() -> None:
    kernels = Firmware(EXAMPLES / "kernel_tests" / "kernels.elf", "nucleo-l4r5zi")
    with pytest.raises(McusimError, match=r"; its layer, input, weights, bias, output are null pointers"):
        kernels.fully_connected_s8(None, None, None, None, None)


def test_arguments_have_no_names() -> None:
    with pytest.raises(McusimError, match=r"add: 'b' is given by its name, .*places: long int add\(long int a"):
        firmware().add(1, b=2)
    with pytest.raises(McusimError, match=r"add: 'b' is given by its name, arguments go by their places$"):
        firmware("nodebug").add(1, b=2)


def test_settings_of_another_kind_are_refused() -> None:
    with pytest.raises(McusimError, match=r"settings: is dict .*, it must be a mcusim.machine.Settings"):
        Firmware(path_of("hard"), "nucleo-l4r5zi", settings={"wait_states": 1})  # type: ignore[arg-type]
    with pytest.raises(McusimError, match=r"Settings: memory is the text 'flash.cache=off', it must be a tuple"):
        Settings(memory="flash.cache=off")  # type: ignore[arg-type]


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
