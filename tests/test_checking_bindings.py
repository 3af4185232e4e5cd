# SPDX-License-Identifier: Apache-2.0
"""Bindings of `mcusim check` to libraries: held against plain functions with the libraries' names, against debug
information, and what is done with differences that are known.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import naive_sequences
import numpy as np
import pytest
from machines import EXAMPLES, FIRMWARE

from mcusim import Firmware, McusimError
from mcusim.calling import GuestPointer
from mcusim.checking import Suite, check_target, suite_of_bindings
from mcusim.checking.binding import Binding, Spec
from mcusim.checking.bindings import BINDINGS, LIBRARIES
from mcusim.checking.junit import junit_xml
from mcusim.checking.run import TargetOutcome, check_case, fitting, make_case
from mcusim.checking.suite import make_target
from mcusim.cli.main import main
from mcusim.kernels.logistic import SIGMOID_TABLE
from mcusim.kernels.unidirectional_lstm import Gate

DEBUG, PLAIN = (FIRMWARE / "bindings" / f"bindings-{variant}.elf" for variant in ("debug", "nodebug"))
BOARD = "nucleo-l4r5zi"
NOT_RIGHT = {"arm_reshape_s8", "arm_transpose_s8", "arm_relu_q15", "arm_lstm_unidirectional_s8"}
RIGHT = (
    "arm_transpose_conv_s8", "arm_batch_matmul_s8", "arm_elementwise_mul_s8", "arm_minimum_s8", "arm_relu_q7",
    "arm_relu6_s8", "arm_pad_s8", "arm_concatenation_s8_x", "arm_concatenation_s8_y", "arm_concatenation_s8_z",
    "arm_concatenation_s8_w", "arm_svdf_s8", "concat_ch", "upsample_byte",
)  # fmt: skip


@pytest.fixture(scope="module")
def debug() -> Firmware:
    return Firmware(DEBUG, BOARD)


@pytest.fixture(scope="module")
def plain() -> Firmware:
    return Firmware(PLAIN, BOARD)


def outcome_of(firmware: Firmware, label: str, cases: int = 12) -> TargetOutcome:
    return check_target(firmware, make_target(BINDINGS[label], cases=cases), 1)


# bindings against functions


@pytest.mark.parametrize("label", RIGHT)
def test_plain_functions_of_the_same_name_equal_the_reference(plain: Firmware, label: str) -> None:
    outcome = outcome_of(plain, label, 8)
    assert outcome.passed == 8, [case.message for case in outcome.cases if case.message]


def test_debug_information_agrees_with_the_bindings(debug: Firmware) -> None:
    suite, reasons = fitting(debug, suite_of_bindings(debug.image))
    assert {target.name for target in suite.targets} == {*RIGHT, *NOT_RIGHT} - {"arm_relu_q15"}
    assert len(reasons) == 1
    assert reasons[0].startswith("arm_relu_q15: the binding passes 2 arguments, it takes 3: void arm_relu_q15(")


def test_a_common_word_alone_is_not_taken_for_the_librarys(debug: Firmware) -> None:
    assert "add" in BINDINGS
    assert any(symbol.name == "add" for symbol in debug.image.functions)
    assert "add" not in {target.name for target in suite_of_bindings(debug.image).targets}


def test_states_are_compared_as_well(plain: Firmware) -> None:
    target = make_target(BINDINGS["arm_svdf_s8"])
    unchanged = replace(target.binding, more={"state": lambda values: values["state"]})
    messages = [
        check_case(plain, replace(target, binding=unchanged), make_case(target, n, 1)).message for n in range(4)
    ]
    assert any(message.startswith("state[") for message in messages)


def gate_of(words: list[int], pointers: Any, units: int, features: int, points: tuple[int, int]) -> Gate:
    """Return a gate of CMSIS-NN's parameters: ten words, biases with what zero points add to them."""
    first = pointers(words[2]).array(np.int8, (units, features))
    second = pointers(words[6]).array(np.int8, (units, units))
    bias = pointers(words[3]).array(np.int32, units) + points[0] * first.astype(np.int32).sum(axis=1)
    recurrent = pointers(words[7]).array(np.int32, units)
    np.testing.assert_array_equal(recurrent, -points[1] * second.astype(np.int32).sum(axis=1))
    return Gate(first, second, bias, (words[0], words[1]), (words[4], words[5]))


def plain_lstm(firmware: Firmware) -> Any:
    """Return a function for the place of arm_lstm_unidirectional_s8: reads its structures, computes with the twin."""

    def pointers(address: int) -> GuestPointer:
        return GuestPointer.make(address & 0xFFFFFFFF, firmware.pointer("add")._memory)

    def lstm(*arguments: int) -> int:
        inputs, output, params, buffers = map(pointers, arguments)
        words = params.array(np.int32, 55).tolist()
        time_major, batches, steps, features, units = words[:5]
        points = (-words[5], words[14])
        names = ("forget", "input", "cell", "output")
        parts = [words[15 + 10 * n : 25 + 10 * n] for n in range(4)]
        gates = {n: gate_of(part, pointers, units, features, points) for n, part in zip(names, parts, strict=True)}
        assert [part[9] for part in parts] == [0, 0, 1, 0]  # ARM_SIGMOID, ARM_TANH
        shape = (steps, batches) if time_major else (batches, steps)
        sequence = inputs.array(np.int8, (*shape, features))
        cell_at, hidden_at = (pointers(int(word)) for word in buffers.array(np.int32, 4)[2:])
        hidden, cell = hidden_at.array(np.int8, (batches, units)), cell_at.array(np.int16, (batches, units))
        outputs, hidden, cell = naive_sequences.lstm(
            sequence.swapaxes(0, 1) if time_major else sequence, hidden, cell, gates, SIGMOID_TABLE.tolist(),
            forget_factor=words[6:8], input_factor=words[8:10], cell_clip=words[10], cell_scale_power=words[11],
            hidden_factor=words[12:14], input_zero_point=points[0], hidden_zero_point=points[1],
        )  # fmt: skip
        output.write(outputs.swapaxes(0, 1) if time_major else outputs)
        hidden_at.write(hidden)
        cell_at.write(cell)
        return 0

    return lstm


def test_the_structures_of_an_lstm(plain: Firmware) -> None:
    target = make_target(BINDINGS["arm_lstm_unidirectional_s8"], cases=6)
    kinds = [np.uint32] * 4
    outcomes = []
    plain.reset()
    for number in (0, 2, 3, 4, 5):
        plain.stub("arm_lstm_unidirectional_s8", plain_lstm(plain), argtypes=kinds, restype=np.int32)
        outcomes.append(check_case(plain, target, make_case(target, number, 1)))
        plain.unstub("arm_lstm_unidirectional_s8")
    assert [outcome.message for outcome in outcomes] == [""] * 5


# what is wrong, and what is known


def test_a_wrong_function_fails_and_a_known_difference_is_told(plain: Firmware) -> None:
    wrong, known = outcome_of(plain, "arm_reshape_s8"), outcome_of(plain, "arm_transpose_s8", 20)
    assert {case.status for case in wrong.cases} == {"passed", "failed"}
    assert {case.status for case in known.cases} == {"passed", "known"}
    exchanged = [case for case in known.cases if case.status == "known"]
    assert all(" rank=2 " in case.name and case.measured and not case.wrong for case in exchanged)
    assert {case.message for case in exchanged} == {"two axes are exchanged whatever the permutation says"}
    root = ElementTree.fromstring(junit_xml([known], None))
    assert len(list(root.iter("skipped"))) == len(exchanged)
    assert not list(root.iter("failure"))


def test_other_differences_of_a_function_with_a_known_one_fail(plain: Firmware) -> None:
    target = make_target(BINDINGS["arm_reshape_s8"])
    elsewhere = replace(BINDINGS["arm_transpose_s8"].deviations[0], applies=lambda _values: False)
    binding = replace(target.binding, deviations=(elsewhere,))
    assert check_case(plain, replace(target, binding=binding), make_case(target, 1, 1)).status == "failed"


def test_the_command_says_what_is_known_and_what_was_not_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(DEBUG), "--board", BOARD, "-q", "--cases", "3", "--only", "arm_transpose_s8"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "arm_transpose_s8: 1 case differs, which is known of this function: two axes are" in text
    assert main(["check", str(DEBUG), "--board", BOARD, "-q", "--only", "arm_relu_q15"]) == 2
    assert "the binding passes 2 arguments, it takes 3" in capsys.readouterr().err
    assert main(["check", str(DEBUG), "--board", BOARD, "-q", "--cases", "1"]) == 1
    assert "Not checked: arm_relu_q15: the binding passes 2" in " ".join(capsys.readouterr().out.split())


# debug information


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("input", "output"), r"passes 2 arguments, it takes 3"),
        (("size", "output", "size"), r"argument 0 \('input', .*\): 'size' is a number, not an array or a structure"),
        (("input", "output", "input"), r"argument 2 \('size', .*\): 'input' is an array, not a number"),
        (({"a": 1}, "output", "size"), r"argument 0 .*: a structure is passed"),
        (("wide", "output", "size"), r"argument 0 .*: 'wide' has elements of int16"),
        (("input", "output", "fraction"), r"argument 2 .*: 'fraction' is a float, not an integer"),
        (("inpt", "output", "size"), r"unknown word \(arm_reshape_s8, argument 0\) 'inpt': did you mean input"),
    ],
)
def test_arguments_are_held_against_debug_information(debug: Firmware, arguments: tuple[Spec, ...], said: str) -> None:
    extra = {"wide": np.zeros(4, np.int16), "fraction": 0.5}
    binding = Binding("arm_reshape_s8", "reshape", arguments, prepare=lambda values: values | extra)
    with pytest.raises(McusimError, match=said):
        check_target(debug, make_target(binding), 1)


def test_structures_have_the_firmwares_size(debug: Firmware) -> None:
    binding = BINDINGS["arm_svdf_s8"]
    short = replace(binding, arguments=({"buf": "scratch"}, *binding.arguments[1:]))
    with pytest.raises(McusimError, match=r"argument 0 .*: the binding's structure has 4 bytes, the firmware's 8"):
        check_target(debug, make_target(short), 1)
    none = replace(binding, arguments=("scratch", *binding.arguments[1:]))
    with pytest.raises(McusimError, match=r"argument 0 .*: 'scratch' is no structure"):
        check_target(debug, make_target(none), 1)
    named = replace(binding, result="outptu")
    with pytest.raises(McusimError, match=r"unknown word .*result.* 'outptu': did you mean output"):
        check_target(debug, make_target(named), 1)


# labels


def test_functions_that_are_several_operators_have_bindings_with_names() -> None:
    for label, binding in BINDINGS.items():
        assert label == (binding.name or binding.function)
        assert label.startswith(binding.function)
    assert sum(map(len, LIBRARIES.values())) == len(BINDINGS)
    assert BINDINGS["arm_nn_activation_s16 (tanh)"].operator == "tanh"
    two = Suite(tuple(make_target(BINDINGS[f"arm_nn_activation_s16{end}"]) for end in ("", " (tanh)")))
    assert [target.function for target in two.targets] == ["arm_nn_activation_s16"] * 2


def test_two_targets_of_a_suite_need_names(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    suite = tmp_path / "suite.toml"
    row = "[[target]]\nfunction = 'fully_connected_s8'\noperator = 'reshape'\narguments = ['output']\n"
    suite.write_text(row + row)
    words = ["check", str(EXAMPLES / "kernel_tests" / "kernels.elf"), "--suite", str(suite), "-q"]
    assert main(words) == 2
    assert "2 targets are called 'fully_connected_s8': give each a name = of its own" in capsys.readouterr().err
