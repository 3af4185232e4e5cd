# SPDX-License-Identifier: Apache-2.0
"""Writes model_data.c, model_data.h and expected.txt; with --check, compares them with what it would write.

The network has the shape of the MLPerf Tiny keyword-spotting model, with random weights: its answer means
nothing, its arithmetic is that of a real one. Everything is computed in integers from one seed, so every
platform writes the same bytes. Bias and output scale of each layer are chosen from the accumulators that the
input gives, as training and calibration would, so that the activations use the range of int8.
"""

import argparse
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SEED = 49102564
FOLDER = Path(__file__).resolve().parent
CLASSES = ["silence", "unknown", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]
INPUT_SHAPE = (49, 10, 1)
INPUT_ZERO_POINT = 5
ACTIVATION_ZERO_POINT = -128  # every hidden layer ends in a ReLU: zero is the smallest value
LOGIT_ZERO_POINT = 11
LOGIT_SCALE_LOG2 = -4  # a logit step is 2^-4


# The arithmetic, written independently of the C sources: int64 throughout, vectorised.


def saturating_rounding_doubling_high_mul(a, b):
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    quotient = np.sign(nudged) * (np.abs(nudged) >> 31)  # truncates towards zero
    return np.minimum(quotient, (1 << 31) - 1)


def rounding_divide_by_power_of_two(value, exponent):
    value = np.asarray(value, np.int64)
    exponent = np.asarray(exponent, np.int64)
    half = np.where(exponent > 0, np.int64(1) << np.maximum(exponent - 1, 0), 0)
    return np.sign(value) * ((np.abs(value) + half) >> exponent)


def requantize(value, multiplier, shift):
    scaled = np.asarray(value, np.int64) << np.maximum(shift, 0)
    assert np.abs(scaled).max() < 1 << 31
    return rounding_divide_by_power_of_two(
        saturating_rounding_doubling_high_mul(scaled, multiplier), np.maximum(-np.asarray(shift), 0)
    )


def quantize_ratio(numerator, denominator):
    """A positive ratio as (multiplier, shift): multiplier * 2^(shift - 31), multiplier in [2^30, 2^31)."""
    shift = 0
    while numerator >= denominator << shift:
        shift += 1
    while shift <= 0 and numerator << (1 - shift) < denominator:
        shift -= 1
    multiplier = ((numerator << (32 - shift)) // denominator + 1) // 2
    if multiplier == 1 << 31:
        multiplier, shift = 1 << 30, shift + 1
    assert 1 << 30 <= multiplier < 1 << 31
    return multiplier, shift


def same_padding(size, kernel, stride):
    output = -(-size // stride)
    total = max((output - 1) * stride + kernel - size, 0)
    return output, total // 2, total - total // 2


def patches(image, kernel, stride):
    """Windows of a (height, width, channels) image with SAME padding by zeros: (oh, ow, kh, kw, channels)."""
    height, top, bottom = same_padding(image.shape[0], kernel[0], stride)
    width, left, right = same_padding(image.shape[1], kernel[1], stride)
    padded = np.pad(image, ((top, bottom), (left, right), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(0, 1))[::stride, ::stride]
    assert windows.shape[:2] == (height, width)
    return windows.transpose(0, 1, 3, 4, 2)


def conv2d(image, weights, stride):
    return np.einsum("hwyxi,oyxi->hwo", patches(image, weights.shape[1:3], stride), weights)


def depthwise_conv2d(image, weights, stride):
    return np.einsum("hwyxc,yxc->hwc", patches(image, weights.shape[:2], stride), weights)


def average_pool(image):
    total = image.astype(np.int64).sum(axis=(0, 1))
    count = image.shape[0] * image.shape[1]
    return np.sign(total) * ((2 * np.abs(total) + count) // (2 * count))


def exp_of_negative(x):
    """exp of one number <= 0 in Q5.26 as Q0.31, the way gemmlowp computes it."""

    def multiply(a, b):
        return int(saturating_rounding_doubling_high_mul(a, b))

    def divide(value, exponent):
        return int(rounding_divide_by_power_of_two(value, exponent))

    if x == 0:
        return (1 << 31) - 1
    quarter = 1 << 24
    small = x % quarter - quarter
    t = (small << 5) + (1 << 28)
    t2 = multiply(t, t)
    t3 = multiply(t2, t)
    t4_over_4 = divide(multiply(t2, t2), 2)
    polynomial = divide(multiply(t4_over_4 + t3, 715827883) + t2, 1)
    result = 1895147668 + multiply(1895147668, t + polynomial)
    quarters = (small - x) // quarter
    factors = [1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242]
    for bit, factor in enumerate(factors):
        if quarters >> bit & 1:
            result = multiply(result, factor)
    return result


def reciprocal_of_one_plus(x):
    """1 / (1 + x) for x in Q0.31, the way gemmlowp computes it."""

    def multiply(a, b):
        return int(saturating_rounding_doubling_high_mul(a, b))

    half_denominator = (x + (1 << 31)) >> 1
    estimate = 1515870810 + multiply(half_denominator, -1010580540)
    for _ in range(3):
        error = (1 << 29) - multiply(half_denominator, estimate)
        estimate += multiply(estimate, error) << 2
    return min(estimate << 1, (1 << 31) - 1)


def softmax(logits, multiplier, shift, smallest_difference):
    differences = [int(value) - int(logits.max()) for value in logits]
    exponentials = [
        exp_of_negative(int(saturating_rounding_doubling_high_mul(d << shift, multiplier)))
        if d >= smallest_difference
        else None
        for d in differences
    ]
    total = sum(int(rounding_divide_by_power_of_two(e, 12)) for e in exponentials if e is not None)
    integer_bits = total.bit_length() - 20  # total is Q12.19
    fraction = (total << (32 - total.bit_length())) - (1 << 31)
    inverse = reciprocal_of_one_plus(fraction)
    result = []
    for e in exponentials:
        share = 0
        if e is not None:
            share = rounding_divide_by_power_of_two(
                saturating_rounding_doubling_high_mul(inverse, e), integer_bits + 31 - 8
            )
        result.append(min(int(share) - 128, 127))
    return np.array(result)


# The network.


@dataclass
class Layer:
    kind: str
    output: np.ndarray  # (height, width, channels), int8
    parameters: dict


class Random:
    """Integers from the bit generator itself: NumPy keeps its stream the same in every release."""

    def __init__(self, seed):
        self.bits = np.random.PCG64(seed)

    def integers(self, low, high, shape):
        raw = self.bits.random_raw(int(np.prod(shape))) >> np.uint64(32)
        return low + (raw % np.uint64(high - low)).astype(np.int64).reshape(shape)


def random_weights(rng, shape):
    """Weights with a triangular distribution over the whole of [-127, 127]."""
    return (rng.integers(-127, 128, shape) + rng.integers(-127, 128, shape)) // 2


def convolution(rng, kind, image, zero_point, channels, kernel=(1, 1), stride=1):
    centred = image.astype(np.int64) - zero_point
    if kind == "depthwise_conv2d":
        weights = random_weights(rng, (*kernel, channels))
        sums = depthwise_conv2d(centred, weights, stride)
    else:
        weights = random_weights(rng, (channels, *kernel, image.shape[2]))
        sums = conv2d(centred, weights, stride)

    # Per channel: centre the sums, move them up or down by up to one mean deviation, and give one deviation
    # 64 steps, so that the few values beyond four deviations saturate.
    columns = sums.reshape(-1, channels)
    mean = columns.sum(axis=0) // len(columns)
    deviation = np.maximum(np.abs(columns - mean).sum(axis=0) // len(columns), 1)
    bias = deviation * rng.integers(-4, 9, channels) // 8 - mean
    multiplier, shift = np.array([quantize_ratio(64, int(d)) for d in deviation]).T
    values = requantize(sums + bias, multiplier, shift) + ACTIVATION_ZERO_POINT
    output = np.clip(values, ACTIVATION_ZERO_POINT, 127)
    return Layer(
        kind,
        output,
        {
            "input": image.shape,
            "kernel": kernel,
            "stride": stride,
            "pad": [same_padding(image.shape[axis], kernel[axis], stride)[1] for axis in (0, 1)],
            "input_zero_point": zero_point,
            "weights": weights,
            "bias": bias,
            "multiplier": multiplier,
            "shift": shift,
        },
    )


def classifier(rng, features):
    weights = random_weights(rng, (len(CLASSES), features.size))
    sums = weights @ (features.reshape(-1).astype(np.int64) - ACTIVATION_ZERO_POINT)
    bias = -(sums.sum() // len(sums)) + rng.integers(-2000, 2001, len(CLASSES))
    deviation = int(np.abs(sums + bias).sum()) // len(CLASSES)
    multiplier, shift = quantize_ratio(36, deviation)
    logits = np.clip(requantize(sums + bias, multiplier, shift) + LOGIT_ZERO_POINT, -128, 127)
    return Layer(
        "fully_connected",
        logits.reshape(1, 1, -1),
        {
            "input_zero_point": ACTIVATION_ZERO_POINT,
            "weights": weights,
            "bias": bias,
            "multiplier": np.array([multiplier]),
            "shift": np.array([shift]),
        },
    )


def build_network():
    """(input, layers)"""
    rng = Random(SEED)

    # Something like cepstral coefficients: each a slow random walk over time.
    image = np.zeros(INPUT_SHAPE, np.int64)
    value = rng.integers(-60, 61, INPUT_SHAPE[1])
    for row in range(INPUT_SHAPE[0]):
        value = np.clip(value + rng.integers(-30, 31, value.size), -128, 127)
        image[row, :, 0] = value

    layers = [convolution(rng, "conv2d", image, INPUT_ZERO_POINT, 64, kernel=(10, 4), stride=2)]
    for _ in range(4):
        for kind, kernel in (("depthwise_conv2d", (3, 3)), ("conv2d_1x1", (1, 1))):
            layers.append(convolution(rng, kind, layers[-1].output, ACTIVATION_ZERO_POINT, 64, kernel))
    last = layers[-1].output
    layers.append(Layer("average_pool", average_pool(last).reshape(1, 1, -1), {"input": last.shape}))
    layers.append(classifier(rng, layers[-1].output))

    # The factor from a logit step to Q5.26 is a power of two here: 2^(26 + log2 of the scale).
    multiplier, shift = quantize_ratio(1 << (26 + LOGIT_SCALE_LOG2), 1)
    parameters = {"multiplier": multiplier, "shift": shift, "smallest_difference": -((31 << 26) >> shift)}
    logits = layers[-1].output
    scores = softmax(logits.reshape(-1), **parameters)
    layers.append(Layer("softmax", scores.reshape(1, 1, -1), parameters))
    for layer in layers:
        assert layer.output.min() >= -128
        assert layer.output.max() <= 127
        layer.output = layer.output.astype(np.int8)
    return image.astype(np.int8), layers


# The files.


def c_array(kind, name, values):
    numbers = [str(int(value)) for value in np.asarray(values).reshape(-1)]
    lines, line = [], "   "
    for number in numbers:
        if len(line) + len(number) + 2 > 118:
            lines.append(line)
            line = "   "
        line += f" {number},"
    lines.append(line)
    return "\n".join([f"static const {kind} {name}[{len(numbers)}] = {{", *lines, "};", ""])


def c_shape(shape):
    return "{" + ", ".join(str(size) for size in shape) + "}"


def c_layer(index, layer):
    """The constants of one layer: arrays and the operator's parameters."""
    name, p = f"layer_{index}", layer.parameters
    parts = [f"/* Layer {index}: {layer.kind} */\n"]
    if "weights" in p:
        for array in ("weights", "bias", "multiplier", "shift"):
            kind = "int8_t" if array in ("weights", "shift") else "int32_t"
            parts.append(c_array(kind, f"{name}_{array}", p[array]))
    constants = f"{name}_weights, .bias = {name}_bias"
    lowest = ACTIVATION_ZERO_POINT if layer.kind != "fully_connected" else LOGIT_ZERO_POINT
    stage = f"{{{name}_multiplier, {name}_shift, .zero_point = {lowest}, .min = -128, .max = 127}}"
    if layer.kind in ("conv2d", "depthwise_conv2d", "conv2d_1x1"):
        parts.append(f"""static const struct conv2d {name} = {{
    .input = {c_shape(p["input"])},
    .output = {c_shape(layer.output.shape)},
    .kernel_height = {p["kernel"][0]},
    .kernel_width = {p["kernel"][1]},
    .stride = {p["stride"]},
    .pad_top = {p["pad"][0]},
    .pad_left = {p["pad"][1]},
    .input_zero_point = {p["input_zero_point"]},
    .weights = {constants},
    .stage = {stage},
}};
""")
    elif layer.kind == "average_pool":
        parts.append(f"static const struct average_pool {name} = {{.input = {c_shape(p['input'])}}};\n")
    elif layer.kind == "fully_connected":
        parts.append(f"""static const struct fully_connected {name} = {{
    .inputs = {p["weights"].shape[1]},
    .outputs = {p["weights"].shape[0]},
    .input_zero_point = {p["input_zero_point"]},
    .weights = {constants},
    .stage = {stage},
}};
""")
    else:
        parts.append(f"""static const struct softmax {name} = {{
    .size = {layer.output.size},
    .multiplier = {p["multiplier"]},
    .shift = {p["shift"]},
    .smallest_difference = {p["smallest_difference"]},
}};
""")
    return "\n".join(parts)


def model_header(layers):
    return f"""/* SPDX-License-Identifier: Apache-2.0 */
/* Written by generate.py. */
#ifndef MODEL_DATA_H
#define MODEL_DATA_H

#include "network.h"

#define MODEL_LAYERS {len(layers)}
#define MODEL_CLASSES {len(CLASSES)}
#define MODEL_LARGEST_OUTPUT {max(layer.output.size for layer in layers)}

extern const struct shape model_input_shape;
extern const int8_t model_input[{int(np.prod(INPUT_SHAPE))}];
extern const struct layer model_layers[MODEL_LAYERS];
extern const char *const model_class_names[MODEL_CLASSES];

#endif
"""


def model_source(image, layers):
    parts = ['/* SPDX-License-Identifier: Apache-2.0 */\n/* Written by generate.py. */\n#include "model_data.h"\n']
    parts.append(f"const struct shape model_input_shape = {c_shape(INPUT_SHAPE)};\n")
    parts.append(c_array("int8_t", "model_input", image).removeprefix("static "))
    parts += [c_layer(index, layer) for index, layer in enumerate(layers)]
    rows = []
    for index, layer in enumerate(layers):
        member = "conv2d" if "conv2d" in layer.kind else layer.kind
        shape = c_shape(layer.output.shape)
        rows.append(f'    {{{layer.kind.upper()}, "{layer.kind}", {shape}, {{.{member} = &layer_{index}}}}},\n')
    parts.append("const struct layer model_layers[MODEL_LAYERS] = {\n" + "".join(rows) + "};\n")
    names = ", ".join(f'"{name}"' for name in CLASSES)
    parts.append(f"const char *const model_class_names[MODEL_CLASSES] = {{\n    {names},\n}};\n")
    return "\n".join(parts)


def expected_output(layers):
    lines = ["keyword spotting, int8, " + "x".join(map(str, INPUT_SHAPE))]
    for index, layer in enumerate(layers):
        shape = "x".join(map(str, layer.output.shape))
        lines.append(f"layer {index} {layer.kind} {shape} crc {zlib.crc32(layer.output.tobytes()):08x}")
    scores = layers[-1].output.reshape(-1)
    top = int(scores.argmax())
    lines += ["scores: " + " ".join(map(str, scores)), f"top: {top} ({CLASSES[top]})", "done"]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    check = parser.parse_args().check

    image, layers = build_network()
    files = {
        "model_data.h": model_header(layers),
        "model_data.c": model_source(image, layers),
        "expected.txt": expected_output(layers),
    }
    stale = []
    for name, text in files.items():
        path = FOLDER / name
        if not check:
            path.write_bytes(text.encode())
        elif not path.exists() or path.read_bytes() != text.encode():
            stale.append(name)
    if stale:
        sys.exit("not what generate.py writes: " + ", ".join(stale))


if __name__ == "__main__":
    main()
