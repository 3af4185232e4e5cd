# SPDX-License-Identifier: Apache-2.0
"""`mcusim check` of training steps: TinyEngine's signatures, sums of floats within what their order makes, faults."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import FIRMWARE

from mcusim import Firmware
from mcusim.checking import check_target, suite_of_bindings
from mcusim.checking.bindings import BINDINGS
from mcusim.checking.case import Case
from mcusim.checking.operators import OPERATORS
from mcusim.checking.operators.training import distance
from mcusim.checking.run import TargetOutcome, fitting, make_case, mistakes_that_give
from mcusim.checking.suite import make_target

POINTWISE = "pointwise_conv_fp_4row4col_IOHW_int8weight"
IN_PLACE = "transpose_depthwise_conv_fp_kernel5_stride1_inpad2_outpad0_IOHW_int8weight"
UPDATE = "group_conv_fp_kernel4_stride1_pad0_in4x4_out1x1_uniweight_4row8col_inplace"
ONE_PIXEL = "group_pointwise_conv_fp_in1x1_out1x1_1row10col_uniweight_int8input_inplace"
RIGHT = (
    POINTWISE, IN_PLACE, UPDATE, "sum_4D_exclude", "where_zeros_inplace_bit", "mul", "LogSoftmax", "tte_exp",
    "nll_loss",
    "transpose_depthwise_conv_fp_kernel3_stride2_inpad1_outpad1_IOHW_int8weight_partialCH",
)  # fmt: skip
KNOWN = {
    ONE_PIXEL: "with more than ten outputs, it takes a step as often as there are tens",
    "strided_slice_4Dto4D": "elements keep the places that they had before",
}
CASES = 12


@pytest.fixture(scope="module")
def firmware() -> Firmware:
    return Firmware(FIRMWARE / "bindings" / "bindings-training.elf", "nucleo-l4r5zi")


def outcome_of(firmware: Firmware, label: str, function: str = "") -> TargetOutcome:
    """Return the outcomes of a function that is called as the one with this label is."""
    binding = replace(BINDINGS[label], function=function or BINDINGS[label].function, name=label)
    return check_target(firmware, make_target(binding, cases=CASES), 1)


@pytest.mark.parametrize("label", RIGHT)
def test_plain_functions_of_the_same_name_equal_the_reference(firmware: Firmware, label: str) -> None:
    outcome = outcome_of(firmware, label)
    assert outcome.passed == CASES, [case.message for case in outcome.cases if case.message]


def test_debug_information_agrees_with_the_bindings(firmware: Firmware) -> None:
    suite, reasons = fitting(firmware, suite_of_bindings(firmware.image))
    assert not reasons
    assert {target.name for target in suite.targets} == {*RIGHT, *KNOWN}


@pytest.mark.parametrize(("label", "words"), KNOWN.items())
def test_what_the_library_does_otherwise_is_known(firmware: Firmware, label: str, words: str) -> None:
    outcome = outcome_of(firmware, label)
    assert {case.status for case in outcome.cases} == {"passed", "known"}
    assert all(case.message.startswith(words) for case in outcome.cases if case.status == "known")


@pytest.mark.parametrize(
    ("label", "function", "cause"),
    [
        (POINTWISE, "imprecise_pointwise", ""),
        (IN_PLACE, "not_turned_depthwise", "the kernel is not turned around"),
        (UPDATE, "unclamped_update", "the gradient is not clamped"),
        (UPDATE, "step_cut_update", ""),
        (UPDATE, "one_factor_update", "the first channel's factor is used for all"),
        ("sum_4D_exclude", "sum_without_last", ""),
        ("where_zeros_inplace_bit", "zeros_where_not_clamped", "the mask says what was clamped, not what was not"),
    ],
)
def test_faults_are_found_and_named(firmware: Firmware, label: str, function: str, cause: str) -> None:
    failed = [case for case in outcome_of(firmware, label, function).cases if case.status == "failed"]
    assert failed
    assert any(cause in case.message for case in failed)


def test_sums_of_whole_numbers_are_compared_bit_for_bit() -> None:
    operator, seen = OPERATORS["conv2d_input_gradient"], set()
    for number in range(12):
        case = make_case(make_target(BINDINGS[POINTWISE]), number, 1)
        next_to = np.nextafter(case.expected, np.float32(np.inf))
        next_to = np.where(case.expected == 0, case.expected, next_to)
        alike = operator.settled(case.values, case.expected, next_to)
        whole = bool(case.values["whole"])
        seen.add(whole)
        np.testing.assert_array_equal(alike, next_to if whole else case.expected)
        far = case.expected + np.float32(1e-3) * np.abs(case.values["gradients"]).max()
        assert not np.array_equal(operator.settled(case.values, case.expected, far), case.expected)
    assert seen == {False, True}


@given(st.lists(st.floats(-1e6, 1e6, width=32, allow_subnormal=False), min_size=1, max_size=60))
def test_sums_in_two_orders_are_near_each_other(products: list[float]) -> None:
    """In the given order, and from the largest; sums of numbers round less often than those of products."""
    forward, back = np.float32(0), np.float32(0)
    for value in products:
        forward += np.float32(value)
    for value in sorted(products, key=abs, reverse=True):
        back += np.float32(value)
    absolute = np.array(np.abs(np.array(products, np.float32)).cumsum()[-1])
    assert abs(float(forward) - float(back)) <= distance(len(products), absolute)


def test_integers_are_as_good_within_bounds_that_wrap() -> None:
    operator = replace(
        OPERATORS["conv2d_update"], bounds=lambda _values, _expected: (np.array([126, -130]), np.array([129, -128]))
    )
    expected = np.array([-128, -128], np.int8)
    for good in ([126, 126], [127, 127], [-128, -128], [-127, 126]):
        np.testing.assert_array_equal(operator.settled({}, expected, np.array(good, np.int8)), expected)
    for bad in ([125, -127], [-126, 125]):
        got = np.array(bad, np.int8)
        np.testing.assert_array_equal(operator.settled({}, expected, got), got)


@pytest.mark.parametrize("operator", ["conv2d_input_gradient", "depthwise_conv2d_input_gradient", "conv2d_update"])
def test_the_reference_is_within_its_own_bounds(operator: str) -> None:
    label = {"conv2d_input_gradient": POINTWISE, "conv2d_update": UPDATE}.get(operator, IN_PLACE)
    for number in range(12):
        case = make_case(make_target(BINDINGS[label]), number, 1)
        bounds = OPERATORS[operator].bounds
        assert bounds is not None
        low, high = bounds(case.values, case.expected)
        distance = case.expected - low if case.expected.dtype.kind == "f" else (case.expected - low) % 256
        assert (distance >= 0).all()
        assert (distance <= high - low).all()


@pytest.mark.parametrize("label", [IN_PLACE, UPDATE, "where_zeros_inplace_bit"])
def test_each_mistake_is_named(label: str) -> None:
    """The firmware's result is made by the reference with the mistake in it."""
    target = make_target(BINDINGS[label])
    for variant in target.operator.variants:
        named = []
        for number in range(30):
            case: Case = make_case(target, number, 1)
            changed = variant.change(case.values)
            if changed is not None:
                named.extend(mistakes_that_give(case, case.operator.reference(changed)))
        assert variant.words in named
