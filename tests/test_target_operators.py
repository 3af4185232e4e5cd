# SPDX-License-Identifier: Apache-2.0
"""The C kernels of arithmetic by elements, activations, products and memories against the reference, bit for bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from target_builds import (
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

from mcusim.kernels.batch_matmul import batch_matmul
from mcusim.kernels.dequantize import dequantize
from mcusim.kernels.hard_swish import hard_swish, hard_swish_scaling
from mcusim.kernels.leaky_relu import leaky_relu
from mcusim.kernels.log_softmax import log_softmax
from mcusim.kernels.logistic import logistic
from mcusim.kernels.maximum import maximum
from mcusim.kernels.minimum import minimum
from mcusim.kernels.mul import mul
from mcusim.kernels.prelu import prelu
from mcusim.kernels.quantization import quantize_multiplier
from mcusim.kernels.quantize import quantize
from mcusim.kernels.relu import relu
from mcusim.kernels.relu6 import relu6
from mcusim.kernels.requantize import requantize_float_scale
from mcusim.kernels.rescale import rescale
from mcusim.kernels.scaling import leaky_relu_scaling, prelu_scaling, rescaling, sub_scaling, svdf_scaling
from mcusim.kernels.softmax import difference_scaling, input_radius, softmax
from mcusim.kernels.sub import sub
from mcusim.kernels.sum import sum as sum_over
from mcusim.kernels.svdf import svdf
from mcusim.kernels.tanh import tanh
from mcusim.kernels.transpose_conv import transpose_conv
from mcusim.kernels.unidirectional_lstm import Gate, unidirectional_lstm

ALL_INT8 = np.arange(-128, 128, dtype=np.int8)


def scale_of(rng: np.random.Generator, low: float = -9, high: float = -1) -> float:
    """Return a float32 scale between two powers of two."""
    return float(np.float32(np.exp2(rng.uniform(low, high))))


def point(rng: np.random.Generator) -> int:
    return int(rng.integers(-128, 128)) if rng.random() < 0.8 else int(rng.choice([-128, 127]))


def q31(factor: tuple[int, int]) -> dict[str, int]:
    """Return a `struct mk_factor_q31`."""
    return {"multiplier": factor[0], "shift": factor[1]}


def how(build: str) -> str:
    """Return how a build rounds what has no float scale."""
    return ROUNDING.get(build, "double")


@EXAMPLES
@given(SEEDS, builds)
def test_transpose_conv(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    kernel, strides = tuple(map(int, rng.integers(1, 5, 2))), tuple(map(int, rng.integers(1, 4, 2)))
    size, offset = tuple(map(int, rng.integers(1, 7, 2))), tuple(map(int, rng.integers(0, 3, 2)))
    channels, outputs = int(rng.integers(1, 12)), int(rng.integers(1, 8))
    image, weights = int8(rng, *size, channels), int8(rng, outputs, *kernel, channels)
    # Some outputs less than what is reached, some more.
    wanted = [
        max(1, (size[axis] - 1) * strides[axis] + kernel[axis] - offset[axis] + int(rng.integers(-2, 3)))
        for axis in (0, 1)
    ]
    bias = rng.integers(-1 << 14, 1 << 14, outputs, np.int32) if rng.random() < 0.8 else None
    zero_point, stage = point(rng), Stage(rng, build, outputs, channels * kernel[0] * kernel[1])
    expected = transpose_conv(
        image[None], weights, bias, output_size=wanted, strides=strides, offset=offset, input_zero_point=zero_point,
        **stage.arguments,
    )[0]  # fmt: skip
    op = {
        "input": shape_of(image), "output": shape_of(expected), "kernel_height": kernel[0], "kernel_width": kernel[1],
        "stride_height": strides[0], "stride_width": strides[1], "pad_top": offset[0], "pad_left": offset[1],
        "input_zero_point": zero_point, "weights": weights, "bias": bias, "to_output": stage.members,
    }  # fmt: skip
    firmware, output = kernels(build), np.zeros_like(expected)
    room = scratch(firmware, "mk_transpose_conv", op)
    firmware.call("mk_transpose_conv_s8", op, image, output, room)
    assert room[-1] == 0x5A5A5A5A, "more scratch memory was used than the kernel asked for"
    assert np.array_equal(output, expected)


@EXAMPLES
@given(SEEDS, builds, st.booleans(), st.booleans())
def test_batch_matmul(seed: int, build: str, transpose1: bool, transpose2: bool) -> None:
    rng = np.random.default_rng(seed)
    rows, depth, columns = int(rng.integers(1, 6)), int(rng.integers(1, 24)), int(rng.integers(1, 20))
    batches = [int(each) for each in rng.integers(1, 3, 3)]
    shared = [[1 if rng.random() < 0.3 else count for count in batches] for _ in range(2)]
    first = int8(rng, *shared[0], *((depth, rows) if transpose1 else (rows, depth)))
    second = int8(rng, *shared[1], *((columns, depth) if transpose2 else (depth, columns)))
    batches = list(np.broadcast_shapes(*shared))
    points = (point(rng), point(rng) if rng.random() < 0.7 else 0)
    stage = Stage(rng, build, 1, depth)
    steps = [
        [0 if length == 1 else array.strides[axis] for axis, length in enumerate(array.shape[:3])]
        for array in (first, second)
    ]
    op = {
        "rows": rows, "depth": depth, "columns": columns, "batches": batches, "first_steps": steps[0],
        "second_steps": steps[1], "transpose_first": int(transpose1), "transpose_second": int(transpose2),
        "zero_points": list(points), "to_output": stage.members,
    }  # fmt: skip
    firmware, output = kernels(build), np.zeros((*batches, rows, columns), np.int8)
    room = scratch(firmware, "mk_batch_matmul", op)
    firmware.call("mk_batch_matmul_s8", op, first, second, output, room)
    assert room[-1] == 0x5A5A5A5A, "more scratch memory was used than the kernel asked for"
    if build == "float":
        wide = first.astype(np.int32) - points[0], second.astype(np.int32) - points[1]
        a = wide[0].swapaxes(-1, -2) if transpose1 else wide[0]
        b = wide[1].swapaxes(-1, -2) if transpose2 else wide[1]
        members = stage.members
        expected = requantize_float_scale(
            (a @ b).astype(np.int32), float(members["scales"][0]), members["zero_point"],
            minimum=members["activation_min"], maximum=members["activation_max"],
        )  # fmt: skip
    else:
        arguments = dict(stage.arguments)
        factor = {"multiplier": int(arguments.pop("multipliers")[0]), "shift": int(arguments.pop("shifts")[0])}
        expected = batch_matmul(
            first, second, **factor, transpose1=transpose1, transpose2=transpose2, input1_zero_point=points[0],
            input2_zero_point=points[1], **arguments,
        )  # fmt: skip
    assert np.array_equal(output, expected)


@EXAMPLES
@given(SEEDS, integer_builds)
def test_sum(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    image, zero_points = int8(rng, *map(int, rng.integers(1, 9, 3))), (point(rng), point(rng))
    factor = quantize_multiplier(float(np.exp2(rng.uniform(-8, 1))))
    op = {
        "input": shape_of(image), "input_zero_point": zero_points[0], "to_output": factor_stage(factor, zero_points[1])
    }  # fmt: skip
    output = np.zeros(image.shape[2], np.int8)
    kernels(build).call("mk_sum_s8", op, image, output)
    expected = sum_over(
        image, (0, 1), multiplier=factor[0], shift=factor[1], input_zero_point=zero_points[0],
        output_zero_point=zero_points[1], rounding=ROUNDING[build],
    )  # fmt: skip
    assert np.array_equal(output, expected)


@pytest.mark.parametrize("multiplier", [1 << 30, (1 << 31) - 1])
def test_shifts_at_which_requantisation_changes(multiplier: int) -> None:
    """What is requantised in one instruction where a shift leaves room, in others in several."""
    output, products = np.zeros(256, np.int8), np.zeros(256, np.int8)
    for shift in (-31, -30, -16, -9, -8, -1, 0, 1, 12, 13, 14, 15, 30):
        stage = factor_stage((multiplier, shift), -7)
        op: dict[str, Any] = {"size": 256, "input_zero_point": 127, "to_output": stage}
        kernels("dsp").call("mk_requantize_s8", op, ALL_INT8, output)
        factor = {"multiplier": multiplier, "shift": shift, "output_zero_point": -7}
        assert np.array_equal(output, rescale(ALL_INT8, input_zero_point=127, **factor)), shift
        op = {"size": 256, "zero_points": [127, -128], "to_output": stage}
        kernels("dsp").call("mk_mul_s8", op, ALL_INT8, ALL_INT8, products)
        expected = mul(ALL_INT8, ALL_INT8, input1_zero_point=127, input2_zero_point=-128, **factor)
        assert np.array_equal(products, expected), shift


@EXAMPLES
@given(SEEDS)
def test_mul_and_rescale_with_a_float_scale(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second, output = int8(rng, 21), int8(rng, 21), np.zeros(21, np.int8)
    points, stage = [point(rng), point(rng)], Stage(rng, "float", 1, 100)
    scale, given = float(stage.members["scales"][0]), dict(stage.arguments)
    given.pop("scales")
    op: dict[str, Any] = {"size": 21, "zero_points": points, "to_output": stage.members}
    kernels("float").call("mk_mul_s8", op, first, second, output)
    zeros = {"input1_zero_point": points[0], "input2_zero_point": points[1]}
    assert np.array_equal(output, mul(first, second, scale=scale, **zeros, **given))

    op = {"size": 21, "input_zero_point": points[0], "to_output": stage.members}
    kernels("float").call("mk_requantize_s8", op, first, output)
    expected = requantize_float_scale(
        first.astype(np.int32) - points[0], scale, given["output_zero_point"], minimum=given["activation_min"],
        maximum=given["activation_max"],
    )  # fmt: skip
    assert np.array_equal(output, expected)


@pytest.mark.parametrize("value", [-128, 127])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 16), (24, 25)])
def test_sums_of_many_pixels(value: int, height: int, width: int) -> None:
    """What four channels at once keep in 16 bits is 256 pixels at most."""
    image, firmware = np.full((height, width, 5), value, np.int8), kernels("dsp")
    output = np.zeros(5, np.int8)
    op = {
        "input": shape_of(image), "output": {"height": 1, "width": 1, "channels": 5}, "kernel_height": height,
        "kernel_width": width, "stride_height": 1, "stride_width": 1, "activation_min": -128, "activation_max": 127,
    }  # fmt: skip
    firmware.call("mk_average_pool_s8", op, image, output)
    assert output.tolist() == [value] * 5
    factor = quantize_multiplier(1 / (height * width))
    op = {"input": shape_of(image), "input_zero_point": 1, "to_output": factor_stage(factor, 1)}
    firmware.call("mk_mean_s8", op, image, output)
    assert output.tolist() == [value] * 5


@EXAMPLES
@given(SEEDS, builds)
def test_sub(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    first, second = int8(rng, 35), int8(rng, 35)
    points, scaling = [point(rng) for _ in range(3)], sub_scaling(scale_of(rng), scale_of(rng), scale_of(rng, -2, 0))
    limits = {"activation_min": int(rng.integers(-128, 0)), "activation_max": int(rng.integers(0, 128))}
    op = {
        "size": 35, "left_shift": scaling["left_shift"], "zero_points": points[:2],
        "multipliers": [scaling["input1_multiplier"], scaling["input2_multiplier"]],
        "shifts": [scaling["input1_shift"], scaling["input2_shift"]],
        "output_multiplier": scaling["output_multiplier"], "output_shift": scaling["output_shift"],
        "output_zero_point": points[2], **limits,
    }  # fmt: skip
    output = np.zeros(35, np.int8)
    kernels(build).call("mk_sub_s8", op, first, second, output)
    names = ("input1_zero_point", "input2_zero_point", "output_zero_point")
    named = dict(zip(names, points, strict=True))
    assert np.array_equal(output, sub(first, second, **scaling, **named, **limits, rounding=how(build)))


@pytest.mark.parametrize("build", ["dsp", "portable"])
def test_extremes_of_two_tensors(build: str) -> None:
    """All pairs of ends, with scales and zero points at theirs: what packed arithmetic must not overflow in."""
    ends = np.array([-128, -127, -1, 0, 1, 126, 127], np.int8)
    first, second = (each.reshape(-1).copy() for each in np.meshgrid(ends, ends))
    output = np.zeros_like(first)
    for name, reference in (("maximum", maximum), ("minimum", minimum)):
        kernels(build).call(f"mk_{name}_s8", first.size, first, second, output)
        assert np.array_equal(output, reference(first, second))
    for scales in ((0.5, 0.5, 0.6), (1.0, 2.0**-20, 4.0), (2.0**-12, 1.0, 300.0)):
        scaling = sub_scaling(*scales)
        for points in ((-128, 127, 127), (127, -128, -128), (-128, -128, 0)):
            op = {
                "size": first.size, "left_shift": 20, "zero_points": points[:2],
                "multipliers": [scaling["input1_multiplier"], scaling["input2_multiplier"]],
                "shifts": [scaling["input1_shift"], scaling["input2_shift"]],
                "output_multiplier": scaling["output_multiplier"], "output_shift": scaling["output_shift"],
                "output_zero_point": points[2], "activation_min": -128, "activation_max": 127,
            }  # fmt: skip
            kernels(build).call("mk_sub_s8", op, first, second, output)
            names = ("input1_zero_point", "input2_zero_point", "output_zero_point")
            assert np.array_equal(output, sub(first, second, **scaling, **dict(zip(names, points, strict=True))))


def table_of(build: str, name: str, op: dict[str, Any]) -> Array:
    """Return what the table of an activation and mk_lookup_s8 make of all int8, in place."""
    firmware, table, values = kernels(build), np.zeros(256, np.int8), ALL_INT8.copy()
    firmware.call(f"mk_{name}_table", op, table)
    firmware.call("mk_lookup_s8", 255, table, values[:255], values[:255])  # 255: not a multiple of four
    assert values[255] == 127
    values[255] = table[255]
    return values


@EXAMPLES
@given(SEEDS, builds)
def test_activations_by_table(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    scale, last, points = scale_of(rng, -9, 2.9), scale_of(rng, -6, 0), (point(rng), point(rng))
    named = {"input_zero_point": points[0], "output_zero_point": points[1]}

    fraction, shift = math.frexp(scale * (1 << 27))
    sigmoid = {
        "input_zero_point": points[0], "input_radius": input_radius(4, shift),
        "factor": q31((min(math.floor(fraction * (1 << 31) + 0.5), (1 << 31) - 1), shift)),
    }  # fmt: skip
    for name, reference in (("logistic", logistic), ("tanh", tanh)):
        expected = reference(ALL_INT8, input_scale=scale, input_zero_point=points[0])
        assert np.array_equal(table_of(build, name, sigmoid), expected), name

    alpha = float(np.float32(rng.uniform(-1.5, 1.5)))
    scaling = leaky_relu_scaling(scale, alpha, last)
    op: dict[str, Any] = {
        **named, "above": q31((scaling["multiplier"], scaling["shift"])),
        "below": q31((scaling["alpha_multiplier"], scaling["alpha_shift"])),
        "alpha_is_negative": int(scaling["alpha_is_negative"]),
    }  # fmt: skip
    expected = leaky_relu(ALL_INT8, **scaling, **named, rounding=how(build))
    assert np.array_equal(table_of(build, "leaky_relu", op), expected)

    scaling = rescaling(scale, last, single_precision=True)
    limits = {"activation_min": points[1], "activation_max": int(rng.integers(points[1], 128))}
    expected = relu(ALL_INT8, **scaling, **named, **limits, rounding=how(build))
    assert np.array_equal(
        table_of(build, "relu", {**named, **limits, "factor": q31(tuple(scaling.values()))}), expected
    )


@EXAMPLES
@given(SEEDS, builds)
def test_hard_swish(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    scale = scale_of(rng, -12, 4)
    last, points = float(np.float32(scale * np.exp2(rng.uniform(-6, 3)))), (point(rng), point(rng))
    op = {"input_zero_point": points[0], "output_zero_point": points[1], **hard_swish_scaling(scale, last)}
    expected = hard_swish(
        ALL_INT8, input_scale=scale, output_scale=last, input_zero_point=points[0], output_zero_point=points[1]
    )
    assert np.array_equal(table_of(build, "hard_swish", op), expected)


@EXAMPLES
@given(SEEDS, builds)
def test_relu6_and_prelu(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    firmware, size, alphas = kernels(build), int(rng.integers(0, 9)), int(rng.integers(1, 5))
    values, slopes = int8(rng, size * alphas), int8(rng, alphas)
    output = np.zeros_like(values)
    zero = int(rng.integers(-128, 128))
    six = int(rng.integers(zero, 128))
    firmware.call("mk_relu6_s8", {"size": values.size, "zero": zero, "six": six}, values, output)
    assert np.array_equal(output, relu6(values, zero=zero, six=six))

    scaling = prelu_scaling(scale_of(rng, -6, 3), scale_of(rng), scale_of(rng, -6, 0))
    points = {"input_zero_point": point(rng), "alpha_zero_point": point(rng), "output_zero_point": point(rng)}
    op = {
        "size": values.size, "alphas": alphas, **points, "above": q31((scaling["multiplier"], scaling["shift"])),
        "below": q31((scaling["alpha_multiplier"], scaling["alpha_shift"])),
    }  # fmt: skip
    firmware.call("mk_prelu_s8", op, values, slopes, output)
    expected = prelu(values.reshape(size, alphas), slopes, **scaling, **points, rounding=how(build))
    assert np.array_equal(output, expected.reshape(-1))


@EXAMPLES
@given(SEEDS, builds)
def test_softmax_of_16_bits_and_its_logarithm(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    rows, depth, scale = int(rng.integers(1, 4)), int(rng.integers(1, 30)), scale_of(rng, -12, 3)
    logits = int8(rng, rows, depth)
    multiplier, shift, least = difference_scaling(scale)
    op = {"rows": rows, "depth": depth, "multiplier": multiplier, "shift": shift, "smallest_difference": least}
    wide, output = np.zeros((rows, depth), np.int16), np.zeros_like(logits)
    kernels(build).call("mk_softmax_s8_s16", op, logits, wide)
    assert np.array_equal(wide, softmax(logits, input_scale=scale, output_dtype="int16"))
    kernels(build).call("mk_softmax_s8", op, logits, output)
    assert np.array_equal(output, softmax(logits, input_scale=scale))
    inverse = quantize_multiplier(2.0 ** (31 - shift) / multiplier)
    kernels(build).call("mk_log_softmax_s8", {"softmax": op, "to_input": q31(inverse)}, logits, output)
    assert np.array_equal(output, log_softmax(logits, input_scale=scale))


@EXAMPLES
@given(SEEDS, builds)
def test_quantize_and_dequantize(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    scale, zero_point = scale_of(rng, -12, 4), point(rng)
    halves = (rng.integers(-300, 300, 40) / 2).astype(np.float32) * np.float32(scale)
    values = np.concatenate([halves, rng.normal(0, 1e4, 8), [np.inf, -np.inf, 3e38, -3e38, 0.0, -0.0]])
    values = values.astype(np.float32)
    output, back = np.zeros(values.size, np.int8), np.zeros(values.size, np.float32)
    op = {"size": values.size, "scale": scale, "zero_point": zero_point}
    kernels(build).call("mk_quantize_s8", op, values, output)
    assert np.array_equal(output, quantize(values, output_scale=scale, output_zero_point=zero_point))
    kernels(build).call("mk_dequantize_s8", op, output, back)
    assert np.array_equal(back, dequantize(output, input_scale=scale, input_zero_point=zero_point))


@EXAMPLES
@given(SEEDS, builds, st.sampled_from([np.int8, np.int16]))
def test_svdf(seed: int, build: str, dtype: type) -> None:
    rng = np.random.default_rng(seed)
    features, units = int(rng.integers(1, 20)), int(rng.integers(1, 6))
    rank, memory = int(rng.integers(1, 4)), int(rng.integers(1, 9))
    filters, wide = units * rank, dtype is np.int16
    weights, bias = int8(rng, filters, features), rng.integers(-1 << 12, 1 << 12, units, np.int32)
    limits = np.iinfo(dtype)
    times = rng.integers(limits.min, limits.max + 1, (filters, memory), dtype)
    state = rng.integers(limits.min, limits.max + 1, (1, filters * memory), dtype)
    if rng.random() < 0.3:
        state[...] = limits.min
    points = (point(rng), 0 if wide else point(rng), point(rng))
    scales = (scale_of(rng), scale_of(rng), scale_of(rng, -14, -9) if wide else scale_of(rng, -4, 0))
    scaling = svdf_scaling(*scales, scale_of(rng, -18, -12) if wide else scale_of(rng), scale_of(rng, -4, 0))
    op = {
        "features": features, "units": units, "rank": rank, "memory": memory, "input_zero_point": points[0],
        "state_zero_point": points[1], "output_zero_point": points[2], "feature_weights": weights,
        "time_weights": times, "bias": bias if rng.random() < 0.8 else None,
        "to_state": q31((scaling["feature_multiplier"], scaling["feature_shift"])),
        "to_output": q31((scaling["multiplier"], scaling["shift"])),
    }  # fmt: skip
    firmware, name = kernels(build), "mk_svdf_state_s16_s8" if wide else "mk_svdf_s8"
    room = scratch(firmware, "mk_svdf", op)
    for _ in range(2):
        values, output = int8(rng, 1, features), np.zeros((1, units), np.int8)
        expected, after = svdf(
            values, weights, times, op["bias"], state.copy(), rank=rank, **scaling, input_zero_point=points[0],
            state_zero_point=points[1], output_zero_point=points[2], rounding=how(build),
        )  # fmt: skip
        firmware.call(name, op, values, state, output, room)
        assert room[-1] == 0x5A5A5A5A, "more scratch memory was used than the kernel asked for"
        assert np.array_equal(output, expected)
        assert np.array_equal(state, after)


@EXAMPLES
@given(SEEDS, builds)
def test_unidirectional_lstm(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    steps, features, units = (int(rng.integers(1, most)) for most in (4, 14, 11))
    values, hidden = int8(rng, 1, steps, features), int8(rng, 1, units)
    cell = rng.integers(-32768, 32768, (1, units), np.int16)
    points, power = {"input_zero_point": point(rng), "hidden_zero_point": point(rng)}, int(rng.integers(-15, 1))
    clip = int(rng.integers(1, 32768)) if rng.random() < 0.3 else 0

    def factor(low: float, high: float) -> tuple[int, int]:
        return quantize_multiplier(float(np.exp2(rng.uniform(low, high))))

    names = ("input_gate", "forget_gate", "cell_gate", "output_gate")
    gates = {
        name: Gate(
            int8(rng, units, features), int8(rng, units, units),
            rng.integers(-1 << 12, 1 << 12, units, np.int32) if rng.random() < 0.8 else None, factor(-6, 3),
            factor(-6, 3),
        )
        for name in names
    }  # fmt: skip
    factors = {
        "forget_factor": factor(-16, -14), "input_factor": factor(-18, -12), "hidden_factor": factor(-24, -21)
    }  # fmt: skip
    op = {
        "steps": steps, "features": features, "units": units, **points, "cell_scale_power": power, "cell_clip": clip,
        **{name: {"input_weights": gate.input_weights, "recurrent_weights": gate.recurrent_weights, "bias": gate.bias,
                  "input_factor": q31(gate.input_factor), "recurrent_factor": q31(gate.recurrent_factor)}
           for name, gate in gates.items()},
        **{name: q31(each) for name, each in factors.items()},
    }  # fmt: skip
    expected = unidirectional_lstm(
        values, hidden, cell, **gates, **factors, **points, cell_scale_power=power, cell_clip=clip, rounding=how(build)
    )
    firmware, output = kernels(build), np.zeros((1, steps, units), np.int8)
    room = scratch(firmware, "mk_lstm", op)
    firmware.call("mk_lstm_s8", op, values, hidden, cell, output, room)
    assert room[-1] == 0x5A5A5A5A, "more scratch memory was used than the kernel asked for"
    for ours, theirs in zip((output, hidden, cell), expected, strict=True):
        assert np.array_equal(ours, theirs)
