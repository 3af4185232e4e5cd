# SPDX-License-Identifier: Apache-2.0
"""The C kernels on a simulated core against the reference, bit for bit, in each way to build them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from target_builds import (
    BUILDS,
    EXAMPLES,
    ROUNDING,
    SEEDS,
    Array,
    Stage,
    builds,
    factor_stage,
    int8,
    integer_builds,
    kernels,
    scratch,
    shape_of,
)

from mcusim.kernels.add import add, add_float_scale
from mcusim.kernels.average_pool2d import average_pool2d
from mcusim.kernels.conv2d import conv2d
from mcusim.kernels.depthwise_conv2d import depthwise_conv2d
from mcusim.kernels.fully_connected import fully_connected
from mcusim.kernels.max_pool2d import max_pool2d
from mcusim.kernels.mean import mean
from mcusim.kernels.mul import mul
from mcusim.kernels.pad import pad
from mcusim.kernels.quantization import quantize_multiplier
from mcusim.kernels.rescale import rescale
from mcusim.kernels.scaling import add_scaling
from mcusim.kernels.softmax import softmax

FLASH_END = 0x0820_0000  # of the board


def convolution(rng: np.random.Generator, build: str, *, depthwise: bool) -> tuple[dict[str, Any], Array, Array]:
    """Return a random `struct mk_conv2d`, its input, and the output that the reference computes."""
    square = bool(rng.random() < 0.6)
    kernel = (int(rng.choice([1, 3, 5, 7] if depthwise else [1, 1, 3, 5])),) * 2 if square else tuple(
        map(int, rng.integers(1, 5, 2)))  # fmt: skip
    strides, dilations = tuple(map(int, rng.integers(1, 4, 2))), (1, 1)
    if rng.random() < 0.5:
        strides = (strides[0],) * 2
    if rng.random() < 0.2:
        dilations = tuple(map(int, rng.integers(1, 3, 2)))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    pads = [tuple(map(int, rng.integers(0, reach[axis], 2))) for axis in (0, 1)]
    size = [max(int(rng.integers(1, 12)), reach[axis] - sum(pads[axis])) for axis in (0, 1)]
    channels, outputs = int(rng.integers(1, 21)), int(rng.integers(1, 36))
    image = int8(rng, *size, channels)
    outputs = channels if depthwise else outputs
    weights = int8(rng, *((1, *kernel, channels) if depthwise else (outputs, *kernel, channels)))
    bias = rng.integers(-1 << 14, 1 << 14, outputs, np.int32) if rng.random() < 0.8 else None
    zero_point = int(rng.integers(-128, 128))
    stage = Stage(rng, build, outputs, kernel[0] * kernel[1] * (1 if depthwise else channels))
    reference = depthwise_conv2d if depthwise else conv2d
    expected = reference(
        image[None], weights, bias, strides=strides, dilations=dilations, padding=pads, input_zero_point=zero_point,
        **stage.arguments,
    )[0]  # fmt: skip
    op = {
        "input": shape_of(image), "output": shape_of(expected), "kernel_height": kernel[0], "kernel_width": kernel[1],
        "stride_height": strides[0], "stride_width": strides[1], "dilation_height": dilations[0],
        "dilation_width": dilations[1], "pad_top": pads[0][0], "pad_left": pads[1][0], "input_zero_point": zero_point,
        "weights": weights, "bias": bias, "to_output": stage.members,
    }  # fmt: skip
    return op, image, expected


def run_convolution(build: str, name: str, op: dict[str, Any], image: Array, like: Array) -> tuple[Array, Any]:
    """Run a convolution; its weights and its input end where an array ends, so that nothing behind them may be used."""
    firmware, output = kernels(build), np.zeros_like(like)
    room = scratch(firmware, name, op)
    result = firmware.call(f"{name}_s8", op, image, output, room)
    assert room[-1] == 0x5A5A5A5A, "more scratch memory was used than the kernel asked for"
    return output, result


@EXAMPLES
@given(SEEDS, builds)
def test_conv2d(seed: int, build: str) -> None:
    op, image, expected = convolution(np.random.default_rng(seed), build, depthwise=False)
    output, _ = run_convolution(build, "mk_conv2d", op, image, expected)
    assert np.array_equal(output, expected)


@EXAMPLES
@given(SEEDS, builds)
def test_depthwise_conv2d(seed: int, build: str) -> None:
    op, image, expected = convolution(np.random.default_rng(seed), build, depthwise=True)
    output, _ = run_convolution(build, "mk_depthwise_conv2d", op, image, expected)
    assert np.array_equal(output, expected)


@EXAMPLES
@given(SEEDS, builds)
def test_depthwise_conv2d_in_place(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    op, image, expected = convolution(rng, build, depthwise=True)
    while expected.size > image.size or expected.shape[1] > image.shape[1]:
        op, image, expected = convolution(rng, build, depthwise=True)
    firmware, tensor = kernels(build), image.copy()
    firmware.call("mk_depthwise_conv2d_s8", op, tensor, tensor, scratch(firmware, "mk_depthwise_conv2d", op))
    assert np.array_equal(tensor.reshape(-1)[: expected.size], expected.reshape(-1))


@EXAMPLES
@given(SEEDS, builds)
def test_fully_connected(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    inputs, outputs = int(rng.integers(1, 80)), int(rng.integers(1, 20))
    values, weights = int8(rng, inputs), int8(rng, outputs, inputs)
    bias = rng.integers(-1 << 14, 1 << 14, outputs, np.int32) if rng.random() < 0.8 else None
    zero_point, stage = int(rng.integers(-128, 128)), Stage(rng, build, outputs, inputs)
    op = {
        "inputs": inputs, "outputs": outputs, "input_zero_point": zero_point, "weights": weights, "bias": bias,
        "to_output": stage.members,
    }  # fmt: skip
    firmware, output = kernels(build), np.zeros(outputs, np.int8)
    firmware.call("mk_fully_connected_s8", op, values, output, scratch(firmware, "mk_fully_connected", op))
    expected = fully_connected(values[None], weights, bias, input_zero_point=zero_point, **stage.arguments)
    assert np.array_equal(output, expected[0])


@EXAMPLES
@given(SEEDS, st.sampled_from(["average", "max"]))
def test_pools(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    kernel, strides = tuple(map(int, rng.integers(1, 5, 2))), tuple(map(int, rng.integers(1, 4, 2)))
    pads = [tuple(map(int, rng.integers(0, kernel[axis], 2))) for axis in (0, 1)]
    size = [max(int(rng.integers(1, 10)), kernel[axis]) for axis in (0, 1)]
    image = int8(rng, *size, int(rng.integers(1, 9)))
    limits = {"activation_min": int(rng.integers(-128, 0)), "activation_max": int(rng.integers(0, 128))}
    reference = average_pool2d if kind == "average" else max_pool2d
    expected = reference(image[None], kernel, strides=strides, padding=pads, **limits)[0]
    op = {
        "input": shape_of(image), "output": shape_of(expected), "kernel_height": kernel[0], "kernel_width": kernel[1],
        "stride_height": strides[0], "stride_width": strides[1], "pad_top": pads[0][0], "pad_left": pads[1][0],
        **limits,
    }  # fmt: skip
    output = np.zeros_like(expected)
    kernels("dsp").call(f"mk_{kind}_pool_s8", op, image, output)
    assert np.array_equal(output, expected)


@EXAMPLES
@given(SEEDS, integer_builds)
def test_mean(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    image = int8(rng, *map(int, rng.integers(1, 9, 3)))
    multiplier, shift = quantize_multiplier(float(np.exp2(rng.uniform(-4, 3))))
    zero_points = tuple(map(int, rng.integers(-128, 128, 2)))
    count = image.shape[0] * image.shape[1]
    bits = min(count.bit_length() - 1, 31 + shift)  # as the reference divides the factor by the count
    op = {
        "input": shape_of(image), "input_zero_point": zero_points[0],
        "to_output": factor_stage(((multiplier << bits) // count, shift - bits), zero_points[1]),
    }  # fmt: skip
    output = np.zeros(image.shape[2], np.int8)
    kernels(build).call("mk_mean_s8", op, image, output)
    expected = mean(
        image, (0, 1), multiplier=multiplier, shift=shift, input_zero_point=zero_points[0],
        output_zero_point=zero_points[1], rounding=ROUNDING[build],
    )  # fmt: skip
    assert np.array_equal(output, expected)


@EXAMPLES
@given(SEEDS, builds)
def test_add(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    first, second = int8(rng, 33), int8(rng, 33)
    scales = [float(each) for each in np.exp2(rng.uniform(-6, -2, 3)).astype(np.float32)]
    points = list(map(int, rng.integers(-128, 128, 3)))
    zero_points = dict(zip(("input1_zero_point", "input2_zero_point", "output_zero_point"), points, strict=True))
    how = add_scaling(*scales)
    op = {
        "size": 33, "left_shift": 20, "zero_points": points[:2],
        "multipliers": [how["input1_multiplier"], how["input2_multiplier"]],
        "shifts": [how["input1_shift"], how["input2_shift"]],
        "output_multiplier": how["output_multiplier"], "output_shift": how["output_shift"],
        "input_scales": scales[:2], "output_scale": scales[2], "output_zero_point": points[2],
        "activation_min": -128, "activation_max": 127,
    }  # fmt: skip
    output = np.zeros(33, np.int8)
    kernels(build).call("mk_add_s8", op, first, second, output)
    if build == "float":
        named = dict(zip(("input1_scale", "input2_scale", "output_scale"), scales, strict=True))
        expected = add_float_scale(first, second, **named, **zero_points)
    else:
        expected = add(first, second, **how, **zero_points, rounding=ROUNDING[build])
    assert np.array_equal(output, expected)


@EXAMPLES
@given(SEEDS, integer_builds)
def test_mul_and_requantize(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    first, second, output = int8(rng, 21), int8(rng, 21), np.zeros(21, np.int8)
    points = list(map(int, rng.integers(-128, 128, 3)))
    multiplier, shift = quantize_multiplier(float(np.exp2(rng.uniform(-12, -5))))
    factor = {"multiplier": multiplier, "shift": shift, "rounding": ROUNDING[build]}
    op = {"size": 21, "zero_points": points[:2], "to_output": factor_stage((multiplier, shift), points[2])}
    kernels(build).call("mk_mul_s8", op, first, second, output)
    expected = mul(
        first, second, **factor, input1_zero_point=points[0], input2_zero_point=points[1], output_zero_point=points[2]
    )
    assert np.array_equal(output, expected)

    multiplier, shift = quantize_multiplier(float(np.exp2(rng.uniform(-3, 3))))
    factor = {"multiplier": multiplier, "shift": shift, "rounding": ROUNDING[build]}
    op = {"size": 21, "input_zero_point": points[0], "to_output": factor_stage((multiplier, shift), points[1])}
    kernels(build).call("mk_requantize_s8", op, first, output)
    assert np.array_equal(output, rescale(first, **factor, input_zero_point=points[0], output_zero_point=points[1]))


@EXAMPLES
@given(SEEDS, st.sampled_from(BUILDS))
def test_softmax(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    rows, depth = int(rng.integers(1, 4)), int(rng.integers(1, 30))
    logits, scale_log2 = int8(rng, rows, depth), int(rng.integers(-6, 1))
    multiplier, shift = quantize_multiplier(2.0 ** (26 + scale_log2))
    op = {
        "rows": rows, "depth": depth, "multiplier": multiplier, "shift": shift,
        "smallest_difference": -((31 << 26) >> shift),
    }  # fmt: skip
    output = np.zeros_like(logits)
    kernels(build).call("mk_softmax_s8", op, logits, output)
    assert np.array_equal(output, softmax(logits, input_scale=2.0**scale_log2))


@EXAMPLES
@given(SEEDS)
def test_pad(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = int8(rng, *map(int, rng.integers(1, 7, 3)))
    top, bottom, left, right = map(int, rng.integers(0, 4, 4))
    expected = pad(image, ((top, bottom), (left, right), (0, 0)), value=-7)
    op = {"input": shape_of(image), "top": top, "bottom": bottom, "left": left, "right": right, "value": -7}
    output = np.zeros_like(expected)
    kernels("dsp").call("mk_pad_s8", op, image, output)
    assert np.array_equal(output, expected)


@EXAMPLES
@given(SEEDS, st.sampled_from(["dsp", "portable"]))
def test_a_tile_computed_by_itself_is_that_part_of_the_whole(seed: int, build: str) -> None:
    rng, firmware = np.random.default_rng(seed), kernels(build)
    op, image, expected = convolution(rng, build, depthwise=False)
    height, width = expected.shape[:2]
    top, left = int(rng.integers(0, height)), int(rng.integers(0, width))
    tile = {"top": top, "left": left, "height": int(rng.integers(1, height - top + 1)),
            "width": int(rng.integers(1, width - left + 1))}  # fmt: skip
    before = firmware.call("mk_tile_before", op, tile).value
    assert (before["height"], before["width"]) <= image.shape[:2]
    if before["height"] <= 0 or before["width"] <= 0:
        return  # of padding alone
    # The structure that comes back holds addresses: the arrays of the first one take their place.
    small = {**firmware.call("mk_conv2d_of_tile", op, before, tile).value,
             "weights": op["weights"], "bias": op["bias"], "to_output": op["to_output"]}  # fmt: skip
    part = np.zeros((before["height"], before["width"], image.shape[2]), np.int8)
    firmware.call("mk_take_tile_s8", shape_of(image), before, image, part)
    wanted = expected[top : top + tile["height"], left : left + tile["width"]]
    output, _ = run_convolution(build, "mk_conv2d", small, part, wanted)
    assert np.array_equal(output, wanted)

    whole = np.zeros_like(expected)
    firmware.call("mk_put_tile_s8", shape_of(expected), tile, output, whole)
    assert np.array_equal(whole[top : top + tile["height"], left : left + tile["width"]], wanted)
    assert np.count_nonzero(whole) == np.count_nonzero(wanted)


@pytest.mark.parametrize("depth", range(1, 8))
@pytest.mark.parametrize("outputs", [1, 2, 3, 4, 5, 17, 18, 19])
def test_nothing_is_read_behind_the_weights(depth: int, outputs: int) -> None:
    """They end where the flash does, and what follows it is no memory. Erased flash is all ones: weights of -1."""
    rng = np.random.default_rng(depth * 32 + outputs)
    image, weights = int8(rng, 3, 1, depth), np.full((outputs, 1, 1, depth), -1, np.int8)
    stage, output = Stage(rng, "dsp", outputs, depth), np.zeros((3, 1, outputs), np.int8)
    op = {
        "input": shape_of(image), "output": shape_of(output), "kernel_height": 1, "kernel_width": 1, "stride_height": 1,
        "stride_width": 1, "dilation_height": 1, "dilation_width": 1, "weights": FLASH_END - weights.size, "bias": None,
        "to_output": stage.members,
    }  # fmt: skip
    firmware = kernels("dsp")
    firmware.call("mk_conv2d_s8", op, image, output, scratch(firmware, "mk_conv2d", op))
    assert np.array_equal(output, conv2d(image[None], weights, **stage.arguments)[0])


@pytest.mark.parametrize("build", ["dsp", "portable"])
def test_extremes_of_accumulators(build: str) -> None:
    """Sums near the ends of int32, every shift: what the requantisation must not overflow in."""
    rng = np.random.default_rng(5)
    values, weights = np.full(4, 127, np.int8), np.full((64, 4), 1, np.int8)
    ends = np.array([-(1 << 31) + 1000, (1 << 31) - 1 - 1000, -1, 0, 1, 1 << 30, -(1 << 30)], np.int64)
    bias = rng.choice(ends, 64).astype(np.int32)
    shifts = np.arange(-31, 33).clip(-31, 30).astype(np.int32)
    multipliers = rng.integers(1 << 30, 1 << 31, 64, np.int64).astype(np.int32)
    stage = {"multipliers": multipliers, "shifts": shifts, "per_channel": 1, "zero_point": 3,
             "activation_min": -128, "activation_max": 127}  # fmt: skip
    op = {"inputs": 4, "outputs": 64, "input_zero_point": 0, "weights": weights, "bias": bias, "to_output": stage}
    firmware, output = kernels(build), np.zeros(64, np.int8)
    firmware.call("mk_fully_connected_s8", op, values, output, scratch(firmware, "mk_fully_connected", op))
    expected = fully_connected(values[None], weights, bias, multipliers=multipliers, shifts=shifts, output_zero_point=3)
    assert np.array_equal(output, expected[0])


def test_dsp_instructions_are_worth_their_while() -> None:
    """A pointwise convolution takes less than half the cycles of the portable build."""
    rng = np.random.default_rng(1)
    image, weights, bias = int8(rng, 6, 6, 32), int8(rng, 32, 1, 1, 32), np.zeros(32, np.int32)
    stage = Stage(rng, "dsp", 32, 32)
    op = {
        "input": shape_of(image), "output": shape_of(image), "kernel_height": 1, "kernel_width": 1, "stride_height": 1,
        "stride_width": 1, "dilation_height": 1, "dilation_width": 1, "weights": weights, "bias": bias,
        "to_output": stage.members,
    }  # fmt: skip
    fast, slow = (run_convolution(build, "mk_conv2d", op, image, image) for build in ("dsp", "portable"))
    assert np.array_equal(fast[0], slow[0])
    assert 2 * fast[1].cycles < slow[1].cycles
