# SPDX-License-Identifier: Apache-2.0
"""The C kernels for training on a simulated core against the reference, bit for bit; and the example that trains."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from conftest import LONG
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import EXAMPLES as EXAMPLES_FOLDER
from machines import prebuilt, run_profile

import mcusim
from mcusim.image import load
from mcusim.kernels import conv2d_backward, depthwise_conv2d_backward, float_math, fully_connected_backward, sgd
from mcusim.kernels.conv2d import conv2d
from mcusim.kernels.depthwise_conv2d import depthwise_conv2d
from mcusim.kernels.fully_connected import fully_connected
from mcusim.kernels.gradients import bias_gradient
from mcusim.kernels.output_gradient import output_gradient, pack_mask
from mcusim.kernels.pool_backward import average_pool2d_gradient
from mcusim.kernels.quantization import quantize_multiplier
from mcusim.kernels.shapes import output_size
from mcusim.kernels.softmax_cross_entropy import softmax_cross_entropy

NUCLEO = "nucleo-l4r5zi"
EXAMPLES = settings(max_examples=60 if LONG else 10, deadline=None)
SEEDS = st.integers(0, 1 << 30)
builds = st.sampled_from(("double", "float"))

Array = npt.NDArray[Any]


@cache
def kernels(build: str = "double") -> mcusim.Firmware:
    return mcusim.Firmware(prebuilt(f"training_kernels_{build}", NUCLEO), board=NUCLEO)


def assert_same_bits(found: Array, expected: Array) -> None:
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.view(np.uint8), np.ascontiguousarray(expected).view(np.uint8))


def int8(rng: np.random.Generator, *shape: int) -> Array:
    return rng.integers(-128, 128, shape, np.int8)


def floats(rng: np.random.Generator, *shape: int) -> Array:
    """Return gradients of all sizes, of which a third are zeros of either sign."""
    values = (rng.standard_normal(shape) * np.exp2(rng.integers(-12, 6, shape))).astype(np.float32)
    return np.where(rng.random(shape) < 0.3, np.float32(0) * values, values)


def shape_of(image: Array) -> dict[str, int]:
    return dict(zip(("height", "width", "channels"), map(int, image.shape), strict=True))


class Convolution:
    """A random `struct mk_conv2d` without a last step, and the arguments of the reference."""

    def __init__(self, rng: np.random.Generator, *, depthwise: bool) -> None:
        self.kernel = tuple(map(int, rng.integers(1, 5, 2)))
        strides, dilations = tuple(map(int, rng.integers(1, 4, 2))), tuple(map(int, rng.integers(1, 3, 2)))
        if rng.random() < 0.6:
            dilations = (1, 1)
        reach = [(k - 1) * d + 1 for k, d in zip(self.kernel, dilations, strict=True)]
        pads = [tuple(map(int, rng.integers(0, reach[axis], 2))) for axis in (0, 1)]
        size = [max(int(rng.integers(1, 8)), reach[axis] - sum(pads[axis])) for axis in (0, 1)]
        channels, outputs = int(rng.integers(1, 10)), int(rng.integers(1, 12))
        outputs = channels if depthwise else outputs
        self.image = int8(rng, *size, channels)
        self.weights = int8(rng, *((1, *self.kernel, channels) if depthwise else (outputs, *self.kernel, channels)))
        self.zero_point = int(rng.integers(-128, 128))
        self.moves: dict[str, Any] = {"strides": strides, "dilations": dilations, "padding": pads}
        rows, columns = output_size((size[0], size[1]), self.kernel, strides, dilations, pads)
        self.gradients = floats(rng, rows, columns, outputs)
        self.op = {
            "input": shape_of(self.image), "output": shape_of(self.gradients), "kernel_height": self.kernel[0],
            "kernel_width": self.kernel[1], "stride_height": strides[0], "stride_width": strides[1],
            "dilation_height": dilations[0], "dilation_width": dilations[1], "pad_top": pads[0][0],
            "pad_left": pads[1][0], "input_zero_point": self.zero_point, "weights": self.weights, "bias": None,
        }  # fmt: skip


class Stage:
    """A last step that clamps about half of the outputs."""

    def __init__(self, rng: np.random.Generator, build: str, outputs: int, depth: int) -> None:
        size = np.exp2(rng.uniform(-5, 1, outputs)) / (60.0 * np.sqrt(depth))
        factors = np.array([quantize_multiplier(float(each)) for each in size], np.int32)
        scales, limits = size.astype(np.float32), (int(rng.integers(-128, 0)), int(rng.integers(0, 128)))
        multipliers, shifts = np.ascontiguousarray(factors[:, 0]), np.ascontiguousarray(factors[:, 1])
        shared = {"activation_min": limits[0], "activation_max": limits[1]}
        zero_point = int(rng.integers(-128, 128))
        self.members = {
            "multipliers": multipliers, "shifts": shifts, "scales": scales, "per_channel": 1,
            "zero_point": zero_point, **shared,
        }  # fmt: skip
        factor = {"scales": scales} if build == "float" else {"multipliers": multipliers, "shifts": shifts}
        self.arguments = {**factor, "output_zero_point": zero_point, **shared}


@pytest.mark.parametrize("kind", ["conv2d", "depthwise_conv2d"])
@EXAMPLES
@given(SEEDS)
def test_gradients_of_convolutions(kind: str, seed: int) -> None:
    case = Convolution(np.random.default_rng(seed), depthwise=kind == "depthwise_conv2d")
    module: Any = depthwise_conv2d_backward if kind == "depthwise_conv2d" else conv2d_backward
    given_gradients = case.gradients[None]
    expected = getattr(module, f"{kind}_input_gradient")(
        given_gradients, case.weights, (1, *case.image.shape), **case.moves
    )
    found = np.full(case.image.shape, np.nan, np.float32)
    kernels().call(f"mk_{kind}_input_gradient", case.op, case.gradients, found)
    assert_same_bits(found, expected[0])

    expected = getattr(module, f"{kind}_weight_gradient")(
        case.image[None], given_gradients, case.kernel, input_zero_point=case.zero_point, **case.moves
    )
    found = np.full(case.weights.shape, np.nan, np.float32)
    kernels().call(f"mk_{kind}_weight_gradient", case.op, case.image, case.gradients, found)
    assert_same_bits(found, expected)

    channels = case.gradients.shape[2]
    found = np.full(channels, np.nan, np.float32)
    kernels().call("mk_bias_gradient", case.gradients, case.gradients.size // channels, channels, found)
    assert_same_bits(found, bias_gradient(case.gradients))


@pytest.mark.parametrize("kind", ["conv2d", "depthwise_conv2d"])
@EXAMPLES
@given(SEEDS, builds)
def test_masks_of_convolutions_and_gradients_through_them(kind: str, seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    case = Convolution(rng, depthwise=kind == "depthwise_conv2d")
    channels = case.gradients.shape[2]
    stage = Stage(rng, build, channels, case.weights[..., 0].size if kind != "conv2d" else case.weights[0].size)
    bias = rng.integers(-1 << 12, 1 << 12, channels, np.int32)
    passed = np.zeros((1, *case.gradients.shape), np.bool_)
    reference = depthwise_conv2d if kind == "depthwise_conv2d" else conv2d
    outputs = reference(
        case.image[None], case.weights, bias, input_zero_point=case.zero_point, passed=passed,
        **case.moves, **stage.arguments,
    )  # fmt: skip
    found, expected = np.full(-(-outputs.size // 8), 0xA5, np.uint8), pack_mask(passed)
    op = {**case.op, "bias": bias, "to_output": stage.members}
    kernels(build).call(f"mk_{kind}_mask", op, case.image, outputs[0], found)
    assert_same_bits(found, expected)

    gradients = case.gradients.copy()
    pixels = gradients.size // channels
    kernels(build).call("mk_output_gradient", stage.members, pixels, channels, expected, gradients)
    assert_same_bits(gradients, output_gradient(case.gradients, stage.members["scales"], expected))


@EXAMPLES
@given(SEEDS, builds)
def test_fully_connected(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    inputs, outputs, zero_point = int(rng.integers(1, 40)), int(rng.integers(1, 20)), int(rng.integers(-128, 128))
    values, weights, gradients = int8(rng, inputs), int8(rng, outputs, inputs), floats(rng, outputs)
    stage, passed = Stage(rng, build, outputs, inputs), np.zeros((1, outputs), np.bool_)
    result = fully_connected(values[None], weights, input_zero_point=zero_point, passed=passed, **stage.arguments)
    op = {
        "inputs": inputs, "outputs": outputs, "input_zero_point": zero_point, "weights": weights, "bias": None,
        "to_output": stage.members,
    }  # fmt: skip
    mask = np.full(-(-outputs // 8), 0xA5, np.uint8)
    kernels(build).call("mk_fully_connected_mask", op, values, result[0], mask)
    assert_same_bits(mask, pack_mask(passed))
    found = np.full(inputs, np.nan, np.float32)
    kernels(build).call("mk_fully_connected_input_gradient", op, gradients, found)
    assert_same_bits(found, fully_connected_backward.fully_connected_input_gradient(gradients[None], weights)[0])
    found = np.full((outputs, inputs), np.nan, np.float32)
    kernels(build).call("mk_fully_connected_weight_gradient", op, values, gradients, found)
    expected = fully_connected_backward.fully_connected_weight_gradient(
        values[None], gradients[None], input_zero_point=zero_point
    )
    assert_same_bits(found, expected)


@EXAMPLES
@given(SEEDS)
def test_average_pool_gradient(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kernel, strides = tuple(map(int, rng.integers(1, 5, 2))), tuple(map(int, rng.integers(1, 4, 2)))
    pads = [tuple(map(int, rng.integers(0, kernel[axis], 2))) for axis in (0, 1)]
    size = [max(int(rng.integers(1, 9)), kernel[axis]) for axis in (0, 1)]
    found = np.full((*size, int(rng.integers(1, 6))), np.nan, np.float32)
    rows, columns = output_size((size[0], size[1]), kernel, strides, (1, 1), pads)
    gradients = floats(rng, rows, columns, found.shape[2])
    op = {
        "input": shape_of(found), "output": shape_of(gradients), "kernel_height": kernel[0], "kernel_width": kernel[1],
        "stride_height": strides[0], "stride_width": strides[1], "pad_top": pads[0][0], "pad_left": pads[1][0],
    }  # fmt: skip
    kernels().call("mk_average_pool_gradient", op, gradients, found)
    expected = average_pool2d_gradient(gradients[None], (1, *found.shape), kernel, strides=strides, padding=pads)
    assert_same_bits(found, expected[0])


@EXAMPLES
@given(SEEDS)
def test_softmax_cross_entropy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes, scale = int(rng.integers(1, 20)), float(np.float32(2.0 ** rng.uniform(-6, 0)))
    logits, label, gradients = int8(rng, classes), int(rng.integers(0, classes)), np.zeros(classes, np.float32)
    result = kernels().call("mk_softmax_cross_entropy", logits, classes, scale, label, gradients)
    losses, expected = softmax_cross_entropy(logits[None], np.array([label], np.int32), input_scale=scale)
    assert np.float32(result.value) == losses[0]
    assert_same_bits(gradients, expected[0])


@EXAMPLES
@given(SEEDS)
def test_steps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    channels, depthwise = int(rng.integers(1, 9)), bool(rng.random() < 0.5)
    count = int(rng.integers(1, 30))
    shape = (count, channels) if depthwise else (channels, count)
    weights, gradients, factors = int8(rng, *shape), floats(rng, *shape), rng.uniform(1, 1e5, channels)
    step = {
        "learning_rate": float(np.float32(rng.uniform(1e-4, 1e-1))), "gradient_min": -2.0, "gradient_max": 1.5,
    }  # fmt: skip
    rows = factors.astype(np.float32)
    expected = sgd.update_weights(
        weights, gradients, rows, step["learning_rate"], channel_axis=1 if depthwise else 0,
        gradient_min=step["gradient_min"], gradient_max=step["gradient_max"],
    )  # fmt: skip
    order = (count, channels, 1) if depthwise else (1, channels, count)
    kernels().call("mk_update_weights", step, rows, *order, gradients, weights)
    assert_same_bits(weights, expected)

    bias = rng.integers(-1 << 31, 1 << 31, channels).astype(np.int32)
    large = floats(rng, channels) * np.float32(1e7)
    expected = sgd.update_bias(bias, large, rows, step["learning_rate"])
    kernels().call("mk_update_bias", step, rows, channels, large, bias)
    assert_same_bits(bias, expected)


def test_exp_and_log() -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 1 << 32, 1000, np.uint32).view(np.float32)
    ends = np.array([0, -0.0, 1, np.inf, -np.inf, np.nan, 88.72283, 88.7229, -87.33654, -87.3366], np.float32)
    values = np.concatenate([bits, ends, rng.uniform(-88, 89, 2000).astype(np.float32)])
    found = np.zeros_like(values)
    kernels().call("exp_of_all", values, len(values), found)
    np.testing.assert_array_equal(found, float_math.exp(values))
    kernels().call("log_of_all", values, len(values), found)
    np.testing.assert_array_equal(found, float_math.log(values))


# The example.


def test_generated_files_are_what_the_reference_gives() -> None:
    script = EXAMPLES_FOLDER / "training" / "generate.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def peak_bytes(variant: str, max_cycles: int) -> int:
    """Return the live bytes at most of the first step, which must take less than so many cycles."""
    image = load(prebuilt(f"training_{variant}", NUCLEO))
    profile = run_profile(image, NUCLEO, memory_tracking=True, layers="auto", max_cycles=max_cycles)
    assert profile.memory is not None
    assert profile.layers is not None
    names = [profile.layers.layers[each.layer].name for each in profile.layers.activations]
    assert "loss" in names[: names.index("conv 0", 1)], "a whole step ran"
    return profile.memory.peak_bytes


def test_memory_falls_from_full_to_sparse_to_reordered() -> None:
    full, sparse, reordered = (
        peak_bytes(variant, max_cycles)
        for variant, max_cycles in (("full", 4_000_000), ("sparse", 1_500_000), ("reordered", 1_500_000))
    )
    # What the plans say, examples/training/model_data.h; beside the arena there are the trained weights and the stack.
    assert full > 2 * sparse
    assert 3 * sparse > 4 * reordered
