# SPDX-License-Identifier: Apache-2.0
"""What a training step adds: gradients through convolutions, masks and biases, the step itself, the loss.

Sums of floats depend on their order and on which products are fused with sums. So half of the cases have gradients
that are small whole numbers (and factors that are powers of two): then every sum is exact in any order, and a function
is compared bit for bit. In the others an output may be as far from the reference's as two ways to compute it can be:

A float32 sum of n products, in any order, fused or not, is within g * S of the true one, where S is the sum of the
products' absolute values, g = n * u / (1 - n * u), u = 2^-24 (Higham, Accuracy and Stability of Numerical Algorithms,
section 3.1). Two such sums are within 2 * g * S of each other; S, computed in float32 too, may be g too small.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcusim.checking.case import Array, Operator, Style, Values, Variant, small_or_large, tensor, zero_point
from mcusim.checking.operators.windows import window
from mcusim.checking.space import Space
from mcusim.kernels.conv2d_backward import conv2d_input_gradient, conv2d_weight_gradient
from mcusim.kernels.depthwise_conv2d_backward import depthwise_conv2d_input_gradient
from mcusim.kernels.float_math import exp
from mcusim.kernels.gradients import bias_gradient
from mcusim.kernels.output_gradient import output_gradient, pack_mask
from mcusim.kernels.sgd import update_weights
from mcusim.kernels.softmax_cross_entropy import softmax_cross_entropy
from mcusim.kernels.strided_slice import strided_slice

Bounds = tuple[Array, Array]
UNIT = 2.0**-24  # by which an operation in float32 rounds at most, relative to its result
LARGEST = np.finfo(np.float32).max
EXACT = 2.0**24  # up to which float32 has all whole numbers
WHOLE = 32  # the largest of whole gradients: 1,000 of them times 255 add up to less than that


def gradients(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, bool]:
    """Return float32 gradients, a tenth of them 0 (clamped), and whether they are whole numbers."""
    whole = bool(rng.integers(2))
    values = rng.integers(-WHOLE, WHOLE + 1, shape) if whole else rng.normal(0, 2.0 ** rng.uniform(-12, 2), shape)
    return np.where(rng.random(shape) < 0.1, 0, values).astype(np.float32), whole


def distance(products: int, absolute: Array) -> Array:
    """Return how far two sums of that many products may be apart, by sums of their absolute values, float64."""
    error = products * UNIT / (1 - products * UNIT)
    return np.asarray(2 * error / (1 - error) * absolute.astype(np.float64))


def _around(values: Values, expected: Array, products: int, absolute: Array) -> Bounds:
    """Return the least and the greatest that a sum may be."""
    exact = values["whole"] & (absolute < EXACT)
    reach = np.where(exact, 0.0, distance(products, absolute))
    return expected - reach, expected + reach


def _draw_back(values: Values, rng: np.random.Generator, sums: int) -> Values:
    """Add gradients of the forward operator's outputs, and the result: the gradient of its inputs.

    `sums` is how many inputs each gradient adds to, for each element of the kernel.
    """
    batches = values["batches"]
    given, whole = gradients(rng, (batches, values["output_h"], values["output_w"], values["output_c"]))
    shape = (batches, values["input_h"], values["input_w"], values["input_c"])
    kernel = values["kernel_h"] * values["kernel_w"]
    return values | {
        "gradients": given, "whole": whole, "input_shape": shape, "output": np.zeros(shape, np.float32),
        "products": kernel * values["output_c"], "least": -LARGEST, "most": LARGEST, "macs": given.size * kernel * sums,
    }  # fmt: skip


def _draw_conv2d(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    values = window(sizes, rng, style) | {"per_output": True}
    shape = (values["output_c"], *values["kernel"], values["input_c"])
    return _draw_back(values | {"weights": small_or_large(rng, shape)}, rng, values["input_c"])


def _draw_depthwise(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    values = window(sizes, rng, style) | {"per_output": False}
    values["output_c"] = values["input_c"]
    values["weights"] = small_or_large(rng, (1, *values["kernel"], values["input_c"]))
    return _draw_back(values, rng, 1) | {"products": values["kernel_h"] * values["kernel_w"]}


def _input_gradient(values: Values) -> Array:
    how = {name: values[name] for name in ("strides", "dilations", "padding")}
    function = conv2d_input_gradient if values["per_output"] else depthwise_conv2d_input_gradient
    return function(values["gradients"], values["weights"], values["input_shape"], **how)


def _input_gradient_bounds(values: Values, expected: Array) -> Bounds:
    absolute = {name: np.abs(values[name]) for name in ("gradients", "weights")}
    return _around(values, expected, values["products"], _input_gradient(values | absolute))


def _draw_update(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    """Draw inputs, gradients, weights, and factors by which weights move some steps, or beyond int8."""
    values = window(sizes, rng, style)
    batches, depth = values["batches"], values["input_c"]
    given, whole = gradients(rng, (batches, values["output_h"], values["output_w"], values["output_c"]))
    weights = tensor(rng, (values["output_c"], *values["kernel"], depth))
    point = zero_point(rng) if style.input_zero_point is None else style.input_zero_point
    values |= {
        "input": tensor(rng, (batches, values["input_h"], values["input_w"], depth)), "input_zero_point": point,
        "gradients": given, "whole": whole, "weights": weights, "output": np.zeros_like(weights),
        "products": given.size // values["output_c"], "macs": given.size * weights.shape[1] * weights.shape[2] * depth,
        "gradient_min": -LARGEST, "gradient_max": LARGEST,
    }  # fmt: skip
    size = max(float(np.abs(_weight_gradient(values)).max()), 1e-6)
    if rng.integers(3) == 0:
        end = np.float32(round(size / 2) if whole else size / 2)
        values |= {"gradient_min": -end, "gradient_max": end}
    octaves = rng.uniform(0, 6 + 4 * style.extremes, values["output_c"]) - np.log2(size)
    if whole:  # exact in any order
        octaves = np.round(octaves)
    rate = np.float32(2.0 ** rng.integers(-6, 0)) if whole else np.float32(rng.uniform(0.01, 0.9))
    return values | {"factors": (2.0**octaves).astype(np.float32), "learning_rate": rate}


def _weight_gradient(values: Values) -> Array:
    return conv2d_weight_gradient(
        values["input"], values["gradients"], values["kernel"], input_zero_point=values["input_zero_point"],
        strides=values["strides"], dilations=values["dilations"], padding=values["padding"],
    )  # fmt: skip


def _update(values: Values) -> Array:
    return update_weights(
        values["weights"], _weight_gradient(values), values["factors"], float(values["learning_rate"]),
        gradient_min=float(values["gradient_min"]), gradient_max=float(values["gradient_max"]), overflow="wrap",
    )  # fmt: skip


def _update_bounds(values: Values, expected: Array) -> Bounds:
    """Return bounds of the weight before it wraps to int8: those of its gradient, moved and cut like it.

    Two products and a difference follow, which round by less than three units of what they are about on either side.
    """
    gradient = _weight_gradient(values)
    # |a - z| for int8 a is no int8: the gradient of those above the zero point and of those below it, apart.
    point, given = values["input_zero_point"], np.abs(values["gradients"])
    above = _weight_gradient(values | {"input": np.maximum(values["input"], point), "gradients": given})
    below = _weight_gradient(values | {"input": np.minimum(values["input"], point), "gradients": given})
    absolute = above.astype(np.float64) - below
    if values["whole"] and (absolute < EXACT).all():
        return expected.astype(np.int64), expected.astype(np.int64)
    reach = distance(values["products"], absolute)
    factor = values["factors"].astype(np.float64).reshape(-1, 1, 1, 1) * float(values["learning_rate"])
    weights, ends = values["weights"].astype(np.float64), []
    for sign in (1, -1):
        step = np.clip(gradient + sign * reach, values["gradient_min"], values["gradient_max"]) * factor
        ends.append(np.trunc(weights - step - sign * 6 * UNIT * (np.abs(step) + np.abs(weights))))
    return ends[0].astype(np.int64), ends[1].astype(np.int64)


def _draw_rows(sizes: dict[str, int], rng: np.random.Generator, _style: Style) -> Values:
    """Draw gradients (rows, channels), and what is done to them on their way back."""
    rows, channels = sizes["rows"], sizes["input_c"]
    given, whole = gradients(rng, (rows, channels))
    passed = rng.random((rows, channels)) < rng.choice([0.5, 0.9, 1.0])
    return {
        **sizes, "gradients": given, "whole": whole, "macs": given.size, "size": given.size, "passed": passed,
        "mask": pack_mask(passed), "scales": rng.uniform(0.001, 2, channels).astype(np.float32),
    }  # fmt: skip


def _draw_bias(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    return _draw_rows(sizes, rng, style) | {"output": np.zeros(sizes["input_c"], np.float32)}


def _bias_bounds(values: Values, expected: Array) -> Bounds:
    return _around(values, expected, values["rows"], bias_gradient(np.abs(values["gradients"])))


def _draw_output(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    values = _draw_rows(sizes, rng, style)
    return values | {"output": np.zeros_like(values["gradients"]), "masked": True, "scaled": True}


def _output_gradient(values: Values) -> Array:
    scales = values["scales"] if values["scaled"] else np.float32(1)
    return output_gradient(values["gradients"], scales, values["mask"] if values["masked"] else None)


def _draw_loss(sizes: dict[str, int], rng: np.random.Generator, _style: Style) -> Values:
    """Draw logits of one row, as int8 and as floats, and the logarithms of their probabilities."""
    # A scale of one is what TinyEngine's generated code has: it casts logits to float as they are.
    classes, scale = sizes["classes"], np.float32(2.0 ** rng.uniform(-7, 0) if rng.integers(3) else 1)
    logits, label = tensor(rng, (1, classes)), int(rng.integers(classes))
    values: Values = {**sizes, "logits": logits, "scale": scale, "label": label, "macs": classes}
    return values | {
        "input": logits.astype(np.float32) * scale, "labels": np.eye(classes, dtype=np.float32)[label],
        "logarithms": _logarithms(values), "output": np.zeros((1, classes), np.float32),
    }  # fmt: skip


def _losses(values: Values) -> Array:
    """Return the loss that each class would have as the label, float32 (classes,)."""
    classes = values["logits"].shape[1]
    labels = np.arange(classes, dtype=np.int32)
    return softmax_cross_entropy(np.repeat(values["logits"], classes, 0), labels, input_scale=float(values["scale"]))[0]


def _logarithms(values: Values) -> Array:
    return -_losses(values)[np.newaxis]


def _logarithms_bounds(values: Values, expected: Array) -> Bounds:
    """Return bounds for x - max - log(sum of exp(x - max)).

    Differences round by 2^-24 of the logits on either side; as much goes, through exp, into the sum relatively, and
    with it each exp's 2 units in the last place (4 * 2^-24) and one for each addition; then the logarithm's 4 * 2^-24
    of itself, and two differences. What is relative to the sum is absolute in its logarithm.
    """
    largest, classes = float(np.abs(values["input"]).max()), values["classes"]
    result = np.abs(expected.astype(np.float64))
    reach = 2 * UNIT * (6 * largest + classes + 4 + 4 * np.log(classes) + 2 * result)
    return expected - reach, expected + reach


def _draw_one_loss(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    return _draw_loss(sizes, rng, style) | {"output": np.zeros(1, np.float32)}


def _draw_exp(sizes: dict[str, int], rng: np.random.Generator, _style: Style) -> Values:
    given = -rng.exponential(8.0, sizes["size"]).clip(0, 80).astype(np.float32)
    return {**sizes, "input": given, "output": np.zeros_like(given), "macs": given.size}


def _exp_bounds(_values: Values, expected: Array) -> Bounds:
    """Return bounds: the reference is within 2 units in the last place, C's within one."""
    reach = 3 * np.spacing(np.abs(expected)).astype(np.float64)
    return expected - reach, expected + reach


def _draw_slice(sizes: dict[str, int], rng: np.random.Generator, _style: Style) -> Values:
    """Draw gradients and where a part of them begins and ends, for each axis."""
    shape = tuple(sizes[name] for name in ("batches", "input_h", "input_w", "input_c"))
    given, whole = gradients(rng, shape)
    begin = tuple(sizes[f"begin_{axis}"] % length for axis, length in zip("nhwc", shape, strict=True))
    end = tuple(int(rng.integers(first + 1, length + 1)) for first, length in zip(begin, shape, strict=True))
    values: Values = {**sizes, "input": given, "whole": whole, "begin": begin, "end": end}
    for axis, first, last in zip("nhwc", begin, end, strict=True):
        values |= {f"begin_{axis}": first, f"end_{axis}": last, f"output_{axis}": last - first}
    output = np.zeros(tuple(values[f"output_{axis}"] for axis in "nhwc"), np.float32)
    return values | {"output": output, "macs": output.size}


def _turned(values: Values) -> Values:
    return values | {"weights": np.ascontiguousarray(values["weights"][:, ::-1, ::-1])}


def _added(values: Values) -> Values:
    ends = {"gradient_min": -values["gradient_max"], "gradient_max": -values["gradient_min"]}
    return values | ends | {"gradients": -values["gradients"]}


def _unmasked(values: Values) -> Values | None:
    return values | {"masked": False} if values["masked"] else None


def _mask_of(change: Any) -> Any:
    return lambda values: values | {"mask": pack_mask(change(values["passed"]))}


_SIZES: Space = {"batches": (1, 2), "input_h": tuple(range(1, 9)), "input_w": tuple(range(1, 9)),
                 "input_c": tuple(range(1, 17)), "kernel_h": (1, 2, 3), "kernel_w": (1, 2, 3), "stride_h": (1, 2),
                 "stride_w": (1, 2), "dilation_h": (1, 1, 1, 2), "dilation_w": (1, 1, 1, 2)}  # fmt: skip
_OUTPUTS: Space = {"output_c": tuple(range(1, 17))}
_ROWS: Space = {"rows": tuple(range(1, 40)), "input_c": tuple(range(1, 20))}
_SLICE: Space = {"batches": (1, 2), "input_h": tuple(range(1, 7)), "input_w": tuple(range(1, 7)),
                 "input_c": tuple(range(1, 17)), **{f"begin_{axis}": (*[0] * 8, 1, 2) for axis in "nhwc"}}  # fmt: skip
_CLASSES: Space = {"classes": tuple(range(2, 40))}
_TURNED = Variant("the kernel is not turned around", _turned)
_STEP = (
    Variant("zero point: the input's is ignored", lambda values: values | {"input_zero_point": 0}),
    Variant("the gradient is not clamped",
            lambda values: values | {"gradient_min": -LARGEST, "gradient_max": LARGEST}),
    Variant("the first channel's factor is used for all",
            lambda values: values | {"factors": np.full_like(values["factors"], values["factors"][0])}),
    Variant("the step is added, not subtracted", _added),
)  # fmt: skip
_MASKED = (
    Variant("the mask is ignored", _unmasked),
    Variant("the mask says what was clamped, not what was not", _mask_of(np.logical_not)),
)
OPERATORS = (
    Operator("conv2d_input_gradient", _SIZES | _OUTPUTS, _draw_conv2d, _input_gradient, (_TURNED,),
             _input_gradient_bounds),
    Operator("depthwise_conv2d_input_gradient", _SIZES, _draw_depthwise, _input_gradient, (_TURNED,),
             _input_gradient_bounds),
    Operator("conv2d_update", _SIZES | _OUTPUTS, _draw_update, _update, _STEP, _update_bounds),
    Operator("bias_gradient", _ROWS, _draw_bias, lambda values: bias_gradient(values["gradients"]), (), _bias_bounds),
    Operator("output_gradient", _ROWS, _draw_output, _output_gradient, _MASKED),
    Operator("strided_slice", _SLICE, _draw_slice,
             lambda values: strided_slice(values["input"], values["begin"], values["end"], (1, 1, 1, 1))),
    Operator("log_probabilities", _CLASSES, _draw_loss, _logarithms, (), _logarithms_bounds),
    Operator("cross_entropy_loss", _CLASSES, _draw_one_loss,
             lambda values: _losses(values)[values["label"]].reshape(1)),
    Operator("exp", {"size": tuple(range(1, 100))}, _draw_exp, lambda values: exp(values["input"]), (), _exp_bounds),
)  # fmt: skip
