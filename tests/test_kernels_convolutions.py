# SPDX-License-Identifier: Apache-2.0
"""Operators with windows and sums equal their plain twins: shapes, strides, dilations, groups, extremes, roundings."""

from __future__ import annotations

from typing import Any

import kernel_values as draws
import naive_kernels
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from mcusim.kernels.average_pool2d import average_pool2d
from mcusim.kernels.conv2d import conv2d
from mcusim.kernels.depthwise_conv2d import depthwise_conv2d
from mcusim.kernels.fully_connected import fully_connected
from mcusim.kernels.max_pool2d import max_pool2d
from mcusim.kernels.shapes import same_padding

DTYPES = st.sampled_from(("int8", "int8", "int16"))
HALF: dict[str, Any] = {"multipliers": 1 << 30, "shifts": 0}


def check_with_passed(kernel: Any, twin: Any, operands: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Hold a kernel against its twin: outputs, and what was not clamped."""
    noted: list[bool] = []
    expected = twin(*operands, **options, noted=noted)
    assert_array_equal(kernel(*operands, **options), expected, strict=True)
    passed = np.zeros(expected.shape, bool)
    assert_array_equal(kernel(*operands, **options, passed=passed), expected, strict=True)
    assert passed.ravel().tolist() == noted


@draws.few
@given(st.data(), DTYPES, draws.windows())
def test_conv2d_equals_its_twin(data: st.DataObject, dtype: str, drawn: Any) -> None:
    size, kernel, options = drawn
    groups, depth, per_group = data.draw(st.integers(1, 3)), data.draw(draws.small), data.draw(draws.small)
    outputs = groups * per_group
    inputs = data.draw(draws.values(dtype, (data.draw(st.integers(1, 2)), *size, groups * depth)))
    assume(0 not in naive_kernels.out_size(inputs, kernel, options) or 0 in size)  # refused: a test of its own
    weights = data.draw(draws.values("int8", (outputs, *kernel, depth)))
    bias = data.draw(draws.biases(dtype, outputs))
    options |= data.draw(draws.output_options(dtype, outputs))
    check_with_passed(conv2d, naive_kernels.conv2d, (inputs, weights, bias), options)


@draws.few
@given(st.data(), DTYPES, draws.windows())
def test_depthwise_conv2d_equals_its_twin(data: st.DataObject, dtype: str, drawn: Any) -> None:
    size, kernel, options = drawn
    channels = data.draw(draws.small)
    outputs = channels * data.draw(st.integers(1, 3))
    inputs = data.draw(draws.values(dtype, (data.draw(st.integers(1, 2)), *size, channels)))
    weights = data.draw(draws.values("int8", (1, *kernel, outputs)))
    bias = data.draw(draws.biases(dtype, outputs, narrow=False))
    options |= data.draw(draws.output_options(dtype, outputs))
    check_with_passed(depthwise_conv2d, naive_kernels.depthwise_conv2d, (inputs, weights, bias), options)


@draws.few
@given(st.data(), DTYPES, st.lists(draws.small, max_size=2), st.booleans())
def test_fully_connected_equals_its_twin(data: st.DataObject, dtype: str, outer: list[int], keep: bool) -> None:
    units, depth = data.draw(draws.small), data.draw(st.integers(1, 20))
    inputs = data.draw(draws.values(dtype, (*outer, depth)))
    weights = data.draw(draws.values("int8", (units, depth)))
    bias = data.draw(draws.biases(dtype, units))
    options = data.draw(draws.output_options(dtype, units))
    options |= {"weights_zero_point": data.draw(draws.zero_points), "keep_dims": keep}
    check_with_passed(fully_connected, naive_kernels.fully_connected, (inputs, weights, bias), options)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("channels", [15, 16, 17, 48])
def test_long_sums_equal_numpys(dtype: str, channels: int) -> None:
    """Depths around the vector's length, more rows than are unrolled at a time, sums beyond 32 bits for int16."""
    random = np.random.default_rng(channels)
    limits = np.iinfo(dtype)
    inputs = random.integers(limits.min, limits.max, (2, 40, 40, channels), dtype, endpoint=True)
    inputs[0, :3] = limits.min
    weights = random.integers(-128, 127, (9, 3, 3, channels), "int8", endpoint=True)
    weights[0] = -128
    zero_point = 0 if dtype == "int16" else -128
    options: dict[str, Any] = {"multipliers": 0x5A82_799A, "shifts": -9, "input_zero_point": zero_point}
    result = conv2d(inputs, weights, padding=((1, 1), (1, 1)), **options)
    image = np.pad(inputs.astype(np.int64) - zero_point, ((0, 0), (1, 1), (1, 1), (0, 0)))
    sums = np.zeros((2, 40, 40, 9), np.int64)
    for ky in range(3):
        for kx in range(3):
            sums += image[:, ky : ky + 40, kx : kx + 40] @ weights[:, ky, kx].T.astype(np.int64)
    rescale = naive_kernels.rescale_wide if dtype == "int16" else naive_kernels.rescale
    distinct, places = np.unique(sums, return_inverse=True)
    expected = np.array([rescale(int(each), 0x5A82_799A, -9) for each in distinct])[places].reshape(sums.shape)
    assert_array_equal(result, np.clip(expected, limits.min, limits.max))


def test_one_by_one_takes_the_short_way_in_batches() -> None:
    random = np.random.default_rng(0)
    inputs = random.integers(-128, 127, (2, 70, 40, 32), "int8", endpoint=True)
    weights = random.integers(-128, 127, (3, 1, 1, 32), "int8", endpoint=True)
    options = {"multipliers": np.array([1 << 30, 1 << 30, 1 << 30], np.int32), "shifts": -6, "input_zero_point": 5}
    pixels = fully_connected(inputs, weights.reshape(3, 32), keep_dims=True, **options)
    assert_array_equal(conv2d(inputs, weights, **options), pixels)
    padded = conv2d(inputs, weights, padding=((1, 0), (0, 2)), **options)
    assert_array_equal(padded[:, 1:, :-2], pixels)
    assert not padded[:, 0].any()
    assert_array_equal(conv2d(inputs, weights, strides=(2, 3), **options), pixels[:, ::2, ::3])


@draws.few
@given(st.data(), DTYPES, draws.windows(dilated=False))
def test_pools_equal_their_twins(data: st.DataObject, dtype: str, drawn: Any) -> None:
    size, kernel, options = drawn
    options["padding"] = tuple(
        tuple(min(side, kernel[axis] - 1) for side in options["padding"][axis]) for axis in (0, 1)
    )
    inputs = data.draw(draws.values(dtype, (data.draw(st.integers(1, 2)), *size, data.draw(draws.small))))
    options |= data.draw(draws.activations(dtype))
    for kernel_function, twin in (
        (average_pool2d, naive_kernels.average_pool2d),
        (max_pool2d, naive_kernels.max_pool2d),
    ):
        assert_array_equal(kernel_function(inputs, kernel, **options), twin(inputs, kernel, **options), strict=True)


def test_a_window_on_padding_alone() -> None:
    image = np.full((1, 1, 1, 1), 5, np.int8)
    with pytest.raises(ValueError, match=r"padding: .* see nothing"):
        average_pool2d(image, (1, 1), padding=((1, 0), (0, 0)))
    assert max_pool2d(image, (1, 1), padding=((1, 0), (0, 0))).ravel().tolist() == [-128, 5]


@pytest.mark.parametrize("function", [conv2d, depthwise_conv2d])
def test_empty_outputs_have_a_shape(function: Any) -> None:
    weights = np.zeros((1, 3, 3, 1), np.int8)
    for shape, expected in (((0, 3, 3, 1), (0, 1, 1, 1)), ((1, 3, 0, 1), (1, 1, 0, 1))):
        assert function(np.zeros(shape, np.int8), weights, **HALF).shape == expected
    assert depthwise_conv2d(np.zeros((1, 2, 9, 1), np.int8), weights, **HALF).shape == (1, 0, 7, 1)
    assert max_pool2d(np.zeros((1, 2, 2, 3), np.int8), (3, 3)).shape == (1, 0, 0, 3)
    assert average_pool2d(np.zeros((0, 4, 4, 3), np.int8), (3, 3)).shape == (0, 2, 2, 3)


def test_a_kernel_that_fits_nowhere() -> None:
    weights = np.zeros((1, 3, 3, 1), np.int8)
    with pytest.raises(ValueError, match=r"^weights: the window's height is 3, that of the padded image 2"):
        conv2d(np.zeros((1, 2, 9, 1), np.int8), weights, **HALF)
    with pytest.raises(ValueError, match=r"^weights: the window's width is 5, that of the padded image 4"):
        conv2d(np.zeros((1, 5, 4, 1), np.int8), weights, dilations=(2, 2), **HALF)


def test_same_padding_takes_pairs_of_positive_integers() -> None:
    for sizes, said in (
        ((3, 3), "input_size: is 3, it must be two integers"),
        (((1, 3, 3, 1), (3, 3)), "input_size: is .*, it must be two integers"),
        (((3, 3), (0, 1)), "kernel_size: 0 is not between 1"),
        (((3, 3), (3, 3), 2), "strides: is 2, it must be two integers"),
        (((3, 3), (3, 3), (1, 1), (1, 1.5)), "dilations: is a float"),
    ):
        with pytest.raises(ValueError, match=said):
            same_padding(*sizes)  # type: ignore[arg-type]
    assert same_padding((0, 3), (3, 3)) == ((1, 1), (1, 1))


@draws.few
@given(draws.pairs.map(lambda pair: (pair[0] * 5, pair[1] * 7)), draws.pairs, draws.pairs, draws.pairs)
def test_same_padding_gives_the_size_that_it_promises(size: Any, kernel: Any, strides: Any, dilations: Any) -> None:
    padding = same_padding(size, kernel, strides, dilations)
    image = np.zeros((1, *size, 1), np.int8)
    options: dict[str, Any] = {"strides": strides, "dilations": dilations, "padding": padding}
    assert naive_kernels.out_size(image, kernel, options) == (-(-size[0] // strides[0]), -(-size[1] // strides[1]))
    for begin, end in padding:
        assert 0 <= end - begin <= 1


def test_a_32_bit_sum_wraps_as_on_the_target() -> None:
    inputs = np.full((1, 1, 1, 1), 127, np.int8)
    weights = np.ones((1, 1, 1, 1), np.int8)
    bias = np.array([(1 << 31) - 1], np.int32)
    assert conv2d(inputs, weights, bias, **HALF).item() == -128
    assert conv2d(inputs, weights, bias - 127, **HALF).item() == 127
    wide = inputs.astype(np.int16)
    assert conv2d(wide, weights, bias.astype(np.int64), **HALF).item() == 32767
    assert conv2d(wide, weights, bias, **HALF).item() == -32768
