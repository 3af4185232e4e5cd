# SPDX-License-Identifier: Apache-2.0
"""Training kernels equal their plain twins to the bit, and are the derivatives of what the forward kernels compute."""

from __future__ import annotations

from typing import Any

import naive_training as naive
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcusim.kernels import conv2d_backward, depthwise_conv2d_backward, fully_connected_backward, pool_backward, sgd
from mcusim.kernels.average_pool2d import average_pool2d
from mcusim.kernels.conv2d import conv2d
from mcusim.kernels.depthwise_conv2d import depthwise_conv2d
from mcusim.kernels.fully_connected import fully_connected
from mcusim.kernels.gradients import bias_gradient
from mcusim.kernels.output_gradient import add_gradients, output_gradient, pack_mask, unpack_mask
from mcusim.kernels.shapes import output_size
from mcusim.kernels.softmax_cross_entropy import softmax_cross_entropy

Array = npt.NDArray[Any]
NO_PADDING = ((0, 0), (0, 0))


def small(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return gradients of very different sizes, some of them zero."""
    values = random.standard_normal(shape) * 10.0 ** random.integers(-3, 4, shape)
    return np.where(random.random(shape) < 0.1, 0, values).astype(np.float32)


def int8s(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return int8 values, the ends more often."""
    values = random.integers(-128, 128, shape)
    return np.where(random.random(shape) < 0.1, random.choice([-128, 127], shape), values).astype(np.int8)


@st.composite
def windows(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an image, a kernel, and how it moves, such that at least one output results."""
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilations = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    strides = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    padding = draw(st.tuples(st.tuples(st.integers(0, 2), st.integers(0, 2)), st.tuples(st.just(1), st.integers(0, 2))))
    image = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    size = output_size(image, kernel, strides, dilations, padding)
    if not size[0] * size[1]:
        image = ((kernel[0] - 1) * dilations[0] + 1, (kernel[1] - 1) * dilations[1] + 1)
        size = output_size(image, kernel, strides, dilations, padding)
    return {
        "kernel": kernel,
        "size": size,
        "image": image,
        "moves": {"strides": strides, "dilations": dilations, "padding": padding},
        "batches": draw(st.integers(1, 2)),
        "random": np.random.default_rng(draw(st.integers(0, 2**32))),
    }


@settings(max_examples=40)
@given(windows(), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2), st.integers(-128, 127))
def test_conv2d_gradients_equal_their_twins(
    window: dict[str, Any], depth: int, each: int, groups: int, zero_point: int
) -> None:
    random, moves = window["random"], window["moves"]
    inputs = int8s(random, (window["batches"], *window["image"], depth * groups))
    weights = int8s(random, (each * groups, *window["kernel"], depth))
    gradients = small(random, (window["batches"], *window["size"], each * groups))
    found = conv2d_backward.conv2d_input_gradient(gradients, weights, inputs.shape, **moves)
    np.testing.assert_array_equal(found, naive.conv2d_input_gradient(gradients, weights, inputs.shape, **moves))
    found = conv2d_backward.conv2d_weight_gradient(
        inputs, gradients, window["kernel"], groups=groups, input_zero_point=zero_point, **moves
    )
    expected = naive.conv2d_weight_gradient(inputs, zero_point, gradients, weights.shape, **moves)
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=40)
@given(windows(), st.integers(1, 3), st.integers(1, 2), st.integers(-128, 127))
def test_depthwise_gradients_equal_their_twins(
    window: dict[str, Any], channels: int, multiplier: int, zero_point: int
) -> None:
    random, moves = window["random"], window["moves"]
    inputs = int8s(random, (window["batches"], *window["image"], channels))
    weights = int8s(random, (1, *window["kernel"], channels * multiplier))
    gradients = small(random, (window["batches"], *window["size"], channels * multiplier))
    found = depthwise_conv2d_backward.depthwise_conv2d_input_gradient(gradients, weights, inputs.shape, **moves)
    np.testing.assert_array_equal(found, naive.depthwise_input_gradient(gradients, weights, inputs.shape, **moves))
    found = depthwise_conv2d_backward.depthwise_conv2d_weight_gradient(
        inputs, gradients, window["kernel"], input_zero_point=zero_point, **moves
    )
    expected = naive.depthwise_weight_gradient(inputs, zero_point, gradients, window["kernel"], **moves)
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=40)
@given(windows(), st.integers(1, 3))
def test_pool_gradients_equal_their_twins(window: dict[str, Any], channels: int) -> None:
    random, moves = window["random"], {k: v for k, v in window["moves"].items() if k != "dilations"}
    kernel, shape = window["kernel"], (window["batches"], *window["image"], channels)
    size = output_size(window["image"], kernel, moves["strides"], (1, 1), moves["padding"])
    gradients = small(random, (window["batches"], *size, channels))
    found = pool_backward.average_pool2d_gradient(gradients, shape, kernel, **moves)
    np.testing.assert_array_equal(found, naive.average_pool_gradient(gradients, shape, kernel, **moves))
    inputs = random.integers(-2, 3, shape).astype(np.int8)  # equal ones are frequent
    found = pool_backward.max_pool2d_gradient(inputs, gradients, kernel, **moves)
    np.testing.assert_array_equal(found, naive.max_pool_gradient(inputs, gradients, kernel, **moves))


def real_conv2d(inputs: Array, weights: Array, size: tuple[int, int], moves: dict[str, Any]) -> Array:
    """Return a convolution with one group in double precision."""
    result = np.zeros((inputs.shape[0], *size, weights.shape[0]))
    for n, oy, ox, ky, kx, y, x in naive.windows(result, inputs.shape, weights.shape[1:3], **moves):
        result[n, oy, ox] += weights[:, ky, kx] @ inputs[n, y, x]
    return result


def finite_differences(function: Any, at: Array, step: float = 0.5) -> Array:
    """Return the gradient of a function of an array of doubles, from differences about each element."""
    result = np.zeros(at.shape)
    for place in np.ndindex(at.shape):
        moved = at.copy()
        moved[place] += step
        result[place] = function(moved)
        moved[place] -= 2 * step
        result[place] = (result[place] - function(moved)) / (2 * step)
    return result


@pytest.mark.parametrize("seed", range(3))
def test_conv2d_gradients_are_derivatives(seed: int) -> None:
    random = np.random.default_rng(seed)
    moves: dict[str, Any] = {"strides": (2, 1), "dilations": (1, 2), "padding": ((1, 0), (1, 1))}
    inputs, weights = int8s(random, (1, 4, 5, 2)), int8s(random, (3, 2, 2, 2))
    size = output_size((4, 5), (2, 2), moves["strides"], moves["dilations"], moves["padding"])
    gradients = random.standard_normal((1, *size, 3)).astype(np.float32)

    def loss(x: Array, w: Array) -> float:
        return float((gradients * real_conv2d(x, w, size, moves)).sum())

    real_inputs, real_weights = inputs.astype(np.float64) + 7, weights.astype(np.float64)
    found = conv2d_backward.conv2d_input_gradient(gradients, weights, inputs.shape, **moves)
    np.testing.assert_allclose(
        found, finite_differences(lambda x: loss(x, real_weights), real_inputs), rtol=1e-4, atol=1e-3
    )
    found = conv2d_backward.conv2d_weight_gradient(inputs, gradients, (2, 2), input_zero_point=-7, **moves)
    np.testing.assert_allclose(
        found, finite_differences(lambda w: loss(real_inputs, w), real_weights), rtol=1e-4, atol=1e-3
    )
    np.testing.assert_allclose(bias_gradient(gradients), gradients.sum((0, 1, 2), np.float64), rtol=1e-5)


def test_depthwise_is_a_grouped_convolution() -> None:
    random = np.random.default_rng(3)
    moves: dict[str, Any] = {"strides": (1, 2), "padding": ((1, 1), (0, 1))}
    inputs, weights = int8s(random, (2, 5, 6, 3)), int8s(random, (6, 3, 2, 1))
    gradients = small(random, (2, *output_size((5, 6), (3, 2), (1, 2), (1, 1), moves["padding"]), 6))
    turned = weights.transpose(3, 1, 2, 0)
    np.testing.assert_array_equal(
        depthwise_conv2d_backward.depthwise_conv2d_input_gradient(gradients, turned, inputs.shape, **moves),
        conv2d_backward.conv2d_input_gradient(gradients, weights, inputs.shape, **moves),
    )
    np.testing.assert_array_equal(
        depthwise_conv2d_backward.depthwise_conv2d_weight_gradient(inputs, gradients, (3, 2), **moves),
        conv2d_backward.conv2d_weight_gradient(inputs, gradients, (3, 2), groups=3, **moves).transpose(3, 1, 2, 0),
    )


def test_sparse_gradients_are_parts_of_the_whole() -> None:
    random = np.random.default_rng(4)
    inputs, gradients = int8s(random, (2, 4, 4, 6)), small(random, (2, 3, 3, 8))
    whole = conv2d_backward.conv2d_weight_gradient(inputs, gradients, (2, 2))
    part = conv2d_backward.conv2d_weight_gradient(
        inputs, gradients, (2, 2), input_channels=(1, 4), output_channels=(0, 5)
    )
    np.testing.assert_array_equal(part, whole[:5, :, :, 1:4])
    whole = conv2d_backward.conv2d_weight_gradient(inputs, gradients, (2, 2), groups=2)
    part = conv2d_backward.conv2d_weight_gradient(inputs, gradients, (2, 2), groups=2, output_channels=(4, 8))
    np.testing.assert_array_equal(part, whole[4:])
    gradients = small(random, (2, 3, 3, 12))
    whole = depthwise_conv2d_backward.depthwise_conv2d_weight_gradient(inputs, gradients, (2, 2))
    part = depthwise_conv2d_backward.depthwise_conv2d_weight_gradient(inputs, gradients, (2, 2), input_channels=(2, 5))
    np.testing.assert_array_equal(part, whole[..., 4:10])
    np.testing.assert_array_equal(bias_gradient(gradients, channels=(3, 7)), bias_gradient(gradients)[3:7])


def test_fully_connected_gradients() -> None:
    random = np.random.default_rng(5)
    inputs, weights, gradients = int8s(random, (3, 7)), int8s(random, (4, 7)), small(random, (3, 4))
    found = fully_connected_backward.fully_connected_input_gradient(gradients, weights)
    for r, d in np.ndindex(3, 7):
        total = np.float32(0)
        for u in range(4):
            total = np.float32(total + gradients[r, u] * np.float32(weights[u, d]))
        assert found[r, d] == total
    found = fully_connected_backward.fully_connected_weight_gradient(inputs, gradients, input_zero_point=9)
    for u, d in np.ndindex(4, 7):
        total = np.float32(0)
        for r in range(3):
            total = np.float32(total + gradients[r, u] * np.float32(int(inputs[r, d]) - 9))
        assert found[u, d] == total
    part = fully_connected_backward.fully_connected_weight_gradient(
        inputs, gradients, input_zero_point=9, input_channels=(2, 6), output_channels=(1, 3)
    )
    np.testing.assert_array_equal(part, found[1:3, 2:6])


def test_mean_gradient() -> None:
    gradients = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = pool_backward.mean_gradient(gradients, (2, 4, 5, 3), (1, 2), input_scale=0.5, output_scale=0.25)
    expected = np.broadcast_to(gradients.reshape(2, 1, 1, 3) * np.float32(0.1), (2, 4, 5, 3))
    np.testing.assert_array_equal(found, expected)
    kept = pool_backward.mean_gradient(
        gradients.reshape(2, 1, 1, 3), (2, 4, 5, 3), (1, 2), input_scale=0.5, output_scale=0.25
    )
    np.testing.assert_array_equal(kept, expected)


@settings(max_examples=40)
@given(st.lists(st.booleans(), max_size=40))
def test_masks_are_packed_lowest_bit_first(bits: list[bool]) -> None:
    mask = pack_mask(np.array(bits, np.bool_))
    assert int.from_bytes(mask.tobytes(), "little") == sum(bit << place for place, bit in enumerate(bits))
    assert len(mask) == -(-len(bits) // 8)
    assert unpack_mask(mask, (len(bits),)).tolist() == bits


def test_gradients_through_the_output() -> None:
    gradients = np.array([[1, -2, 3], [4, 5, -6]], np.float32)
    passed = np.array([[True, False, True], [True, True, False]])
    scales = np.array([0.5, 2, 0.1], np.float32)
    expected = [[0.5, 0, np.float32(3) * np.float32(0.1)], [2, 10, 0]]
    assert output_gradient(gradients, scales, pack_mask(passed)).tolist() == expected
    assert output_gradient(gradients, 2.0).tolist() == (gradients * 2).tolist()
    first, second = add_gradients(gradients, pack_mask(passed), input1_scale=0.5, input2_scale=0.75, output_scale=0.25)
    assert first.tolist() == [[2, 0, 6], [8, 10, 0]]
    assert second.tolist() == [[3, 0, 9], [12, 15, 0]]


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 12), st.floats(2.0**-10, 0.5, width=32))
def test_cross_entropy_is_the_loss_and_its_derivative(seed: int, classes: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    logits, labels = int8s(random, (2, classes)), random.integers(0, classes, 2).astype(np.int32)
    losses, gradients = softmax_cross_entropy(logits, labels, input_scale=scale)

    def loss(values: Array) -> float:
        real = values * scale
        return float(np.log(np.exp(real - real.max()).sum()) - (real[labels[row]] - real.max()))

    for row in range(2):
        real = logits[row].astype(np.float64)
        np.testing.assert_allclose(losses[row], loss(real), rtol=1e-5, atol=1e-6)
        expected = finite_differences(loss, real, 1e-3)
        np.testing.assert_allclose(gradients[row], expected, rtol=1e-4, atol=1e-6)


numbers = st.floats(-(2.0**20), 2.0**20, width=32)
positive = st.floats(2.0**-20, 2.0**20, width=32)


@settings(max_examples=100)
@given(
    st.integers(-128, 127),
    numbers,
    positive,
    positive,
    st.sampled_from([(-np.inf, np.inf), (-1.0, 1.0)]),
    st.booleans(),
)
def test_weights_are_updated_as_their_twin(
    weight: int, gradient: float, factor: float, rate: float, limits: tuple[float, float], wrap: bool
) -> None:
    found = sgd.update_weights(
        np.array([[weight]], np.int8),
        np.array([[gradient]], np.float32),
        np.array([factor], np.float32),
        rate,
        gradient_min=limits[0],
        gradient_max=limits[1],
        overflow="wrap" if wrap else "saturate",
    )
    assert found.tolist() == [[naive.update_weight(weight, gradient, factor, rate, *limits, wrap)]]


@settings(max_examples=100)
@given(st.integers(-(2**31), 2**31 - 1), numbers, positive, positive)
def test_biases_are_updated_as_their_twin(bias: int, gradient: float, factor: float, rate: float) -> None:
    found = sgd.update_bias(
        np.array([bias], np.int32), np.array([gradient], np.float32), np.array([factor], np.float32), rate
    )
    assert found.tolist() == [naive.update_bias(bias, gradient, factor, rate)]


def test_updates_go_towards_zero_and_by_channel() -> None:
    weights, factors = np.array([[10, -10], [10, -10]], np.int8), np.array([1, 100], np.float32)
    gradients = np.full((2, 2), 0.25, np.float32)
    assert sgd.update_weights(weights, gradients, factors, 1.0).tolist() == [[9, -10], [-15, -35]]
    assert sgd.update_weights(weights, gradients, factors, 1.0, channel_axis=1).tolist() == [[9, -35], [9, -35]]
    assert sgd.weight_factors(np.array([0.5, 0.125], np.float32)).tolist() == [4, 64]
    assert sgd.bias_factors(0.5, 0.25).tolist() == [64]


def test_a_step_with_scaling_moves_what_weights_are_worth() -> None:
    """The point of quantisation-aware scaling: a step of the quantised weight is worth rate * the real gradient."""
    scale, rate, real_gradient = 0.01, 0.1, 3.0
    weights = np.array([[100]], np.int8)
    gradients = np.array([[real_gradient * scale]], np.float32)
    moved = sgd.update_weights(weights, gradients, sgd.weight_factors(scale), rate)
    assert (100 - moved[0, 0]) * scale == pytest.approx(rate * real_gradient, abs=scale)


def test_what_does_not_fit_is_named() -> None:
    image, gradients = np.zeros((1, 4, 4, 2), np.int8), np.zeros((1, 3, 3, 2), np.float32)
    weights = np.zeros((2, 2, 2, 2), np.int8)
    with pytest.raises(
        ValueError, match=r"gradients: shape is \(1, 3, 3, 2\), outputs have \(1, 2, 2\) before channels"
    ):
        conv2d_backward.conv2d_weight_gradient(image, gradients, (3, 3))
    with pytest.raises(ValueError, match="gradients: dtype is float64, it must be float32"):
        conv2d_backward.conv2d_input_gradient(gradients.astype(np.float64), weights, image.shape)
    with pytest.raises(ValueError, match="gradients: have 2 channels, the weights 4 outputs"):
        conv2d_backward.conv2d_input_gradient(gradients, np.zeros((4, 2, 2, 2), np.int8), image.shape)
    with pytest.raises(ValueError, match="input_channels: 3 is not between 0 and 2"):
        conv2d_backward.conv2d_weight_gradient(image, gradients, (2, 2), input_channels=(0, 3))
    with pytest.raises(ValueError, match="output_channels: 1 to 2 are no whole groups of 2"):
        conv2d_backward.conv2d_weight_gradient(
            image, np.zeros((1, 3, 3, 4), np.float32), (2, 2), groups=2, output_channels=(1, 2)
        )
    with pytest.raises(ValueError, match="labels: 4 is no class, there are 4"):
        softmax_cross_entropy(np.zeros((1, 4), np.int8), np.array([4], np.int32), input_scale=0.1)
    with pytest.raises(ValueError, match="mask: has 1 bytes, 9 elements need 2"):
        output_gradient(np.zeros((3, 3), np.float32), 1.0, np.zeros(1, np.uint8))
    with pytest.raises(ValueError, match="gradients: are not all finite"):
        sgd.update_weights(weights, np.full(weights.shape, np.nan, np.float32), np.ones(1, np.float32), 0.1)


@pytest.mark.parametrize("rounding", ["double", "float"])
@pytest.mark.parametrize("kernel", ["conv2d", "depthwise_conv2d", "fully_connected"])
def test_forward_kernels_say_what_was_clamped(kernel: str, rounding: str) -> None:
    """An output was clamped if and only if it differs from what a wider range gives, or lies beyond int8 in there."""
    random = np.random.default_rng(8)
    function = {"conv2d": conv2d, "depthwise_conv2d": depthwise_conv2d, "fully_connected": fully_connected}[kernel]
    shape = {"conv2d": (4, 2, 2, 3), "depthwise_conv2d": (1, 2, 2, 3), "fully_connected": (4, 3)}[kernel]
    inputs = int8s(random, (4, 8, 8, 3) if kernel != "fully_connected" else (200, 3))
    factor: dict[str, Any] = {"multipliers": 1 << 30, "shifts": -7} if rounding == "double" else {"scales": 2.0**-8}
    weights = int8s(random, shape)
    common: dict[str, Any] = {"input_zero_point": 3, "output_zero_point": -20, **factor}
    outputs = function(inputs, weights, activation_min=-20, activation_max=60, **common)
    passed = np.zeros(outputs.shape, np.bool_)
    again = function(inputs, weights, activation_min=-20, activation_max=60, passed=passed, **common)
    np.testing.assert_array_equal(again, outputs)
    wide = function(inputs, weights, **common)
    np.testing.assert_array_equal(passed, (wide >= -20) & (wide <= 60))
    assert {(-20, True), (-20, False)} <= set(zip(outputs.flat, passed.flat, strict=True))
    with pytest.raises(ValueError, match="passed: shape is "):
        function(inputs, weights, passed=passed[:1], **common)


def test_a_small_network_learns() -> None:
    """A convolution, a pool and a classifier: with int8 weights and these kernels alone, the loss falls."""
    random = np.random.default_rng(9)
    images = random.integers(-100, 101, (8, 6, 6, 2)).astype(np.int8)
    labels = np.arange(8, dtype=np.int32) % 2
    images[labels == 1, :3] //= 4  # the upper half is fainter: what there is to learn
    scales = {"image": 0.05, "conv": 0.02, "map": 0.1, "head": 0.02, "logit": 0.1}
    conv_weights, conv_bias = random.integers(-30, 31, (4, 3, 3, 2)).astype(np.int8), np.zeros(4, np.int32)
    head_weights, head_bias = random.integers(-30, 31, (2, 16)).astype(np.int8), np.zeros(2, np.int32)
    first = np.array([scales["image"] * scales["conv"] / scales["map"]], np.float32)
    second = np.array([scales["map"] * scales["head"] / scales["logit"]], np.float32)
    losses = []
    for _ in range(12):
        passed, kept = np.zeros((8, 4, 4, 4), np.bool_), np.zeros((8, 2), np.bool_)
        maps = conv2d(images, conv_weights, conv_bias, scales=first, activation_min=0, passed=passed)
        pooled = average_pool2d(maps, (2, 2), strides=(2, 2))
        logits = fully_connected(pooled.reshape(8, 16), head_weights, head_bias, scales=second, passed=kept)
        loss, gradient = softmax_cross_entropy(logits, labels, input_scale=scales["logit"])
        losses.append(float(loss.mean()))
        gradient = output_gradient(gradient, second, pack_mask(kept))
        inner = fully_connected_backward.fully_connected_input_gradient(gradient, head_weights)
        head = fully_connected_backward.fully_connected_weight_gradient(pooled.reshape(8, 16), gradient)
        inner = pool_backward.average_pool2d_gradient(inner.reshape(8, 2, 2, 4), maps.shape, (2, 2), strides=(2, 2))
        inner = output_gradient(inner, first, pack_mask(passed))
        conv = conv2d_backward.conv2d_weight_gradient(images, inner, (3, 3))
        head_weights = sgd.update_weights(head_weights, head, sgd.weight_factors(scales["head"]), 0.01)
        head_bias = sgd.update_bias(
            head_bias, bias_gradient(gradient), sgd.bias_factors(scales["map"], scales["head"]), 0.01
        )
        conv_weights = sgd.update_weights(conv_weights, conv, sgd.weight_factors(scales["conv"]), 0.01)
        conv_bias = sgd.update_bias(
            conv_bias, bias_gradient(inner), sgd.bias_factors(scales["image"], scales["conv"]), 0.01
        )
    assert losses[-1] < 0.5 * losses[0]
