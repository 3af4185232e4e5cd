# SPDX-License-Identifier: Apache-2.0
"""Writes model_data.c, model_data.h and expected.txt; with --check, compares them with what it would write.

A network of the kind of MobileNet for pictures of 80x80, with random weights: its answer means nothing, its arithmetic
is that of a real one. Everything is computed in integers from one seed, so every platform writes the same bytes. Bias
and output scale of each layer are chosen from the accumulators that the picture gives, as training and calibration
would, so that the activations use the range of int8.
"""

import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "common"))
from int8_network import (
    Random,
    average_pool,
    c_array,
    c_shape,
    calibrated,
    conv2d,
    depthwise_conv2d,
    quantize_ratio,
    random_weights,
    requantize,
    same_padding,
    softmax,
    write_or_check,
)

SEED = 20260517
FOLDER = Path(__file__).resolve().parent
INPUT_SHAPE = (80, 80, 3)
INPUT_ZERO_POINT = -1
ACTIVATION_ZERO_POINT = -128  # every hidden layer ends in a ReLU: zero is the smallest value
LOGIT_ZERO_POINT = 3
LOGIT_SCALE_LOG2 = -4  # a logit step is 2^-4
# The convolutions: depthwise 3x3 or not, channels of the output, stride.
CONVOLUTIONS = [
    ("conv", 8, 2),
    ("depthwise", 8, 1), ("pointwise", 16, 1),
    ("depthwise", 16, 2), ("pointwise", 32, 1),
    ("depthwise", 32, 1), ("pointwise", 32, 1),
    ("depthwise", 32, 2), ("pointwise", 64, 1),
    ("depthwise", 64, 1), ("pointwise", 64, 1),
    ("depthwise", 64, 2), ("pointwise", 128, 1),
    ("depthwise", 128, 1), ("pointwise", 128, 1),
]  # fmt: skip
PATCHED = 8  # so many of them can be run patch by patch
CLASSES = 2


@dataclass
class Layer:
    kind: str
    output: np.ndarray  # (height, width, channels)
    parameters: dict


def picture(rng):
    """Blobs: something as smooth as a photograph, in int8."""
    coarse = rng.integers(-128, 128, (11, 11, 3))
    image = coarse.repeat(8, axis=0).repeat(8, axis=1)
    smooth = (image[:80, :80] + image[8:, :80] + image[:80, 8:] + image[8:, 8:]) // 4
    return np.clip(smooth + rng.integers(-9, 10, INPUT_SHAPE), -128, 127)


def convolution(rng, kind, image, zero_point, channels, stride):
    kernel = (1, 1) if kind == "pointwise" else (3, 3)
    centred = image.astype(np.int64) - zero_point
    if kind == "depthwise":
        weights = random_weights(rng, (*kernel, channels))
        sums = depthwise_conv2d(centred, weights, stride)
    else:
        weights = random_weights(rng, (channels, *kernel, image.shape[2]))
        sums = conv2d(centred, weights, stride)

    bias, multiplier, shift, output = calibrated(rng, sums, ACTIVATION_ZERO_POINT)
    pad = [same_padding(image.shape[axis], kernel[axis], stride)[1] for axis in (0, 1)]
    return Layer(
        kind,
        output,
        {
            "input": image.shape, "kernel": kernel, "stride": stride, "pad": pad, "input_zero_point": zero_point,
            "weights": weights, "bias": bias, "multiplier": multiplier, "shift": shift,
        },
    )  # fmt: skip


def classifier(rng, features):
    weights = random_weights(rng, (CLASSES, features.size))
    sums = weights @ (features.reshape(-1).astype(np.int64) - ACTIVATION_ZERO_POINT)
    bias = -(sums.sum() // len(sums)) + rng.integers(-2000, 2001, CLASSES)
    deviation = max(int(np.abs(sums + bias).sum()) // CLASSES, 1)
    multiplier, shift = quantize_ratio(12, deviation)
    logits = np.clip(requantize(sums + bias, multiplier, shift) + LOGIT_ZERO_POINT, -128, 127)
    parameters = {"weights": weights, "bias": bias, "multiplier": [multiplier], "shift": [shift]}
    return Layer("fully_connected", logits.reshape(1, 1, -1), parameters)


def build_network():
    """(picture, layers)"""
    rng = Random(SEED)
    image = picture(rng)
    layers, tensor, zero_point = [], image, INPUT_ZERO_POINT
    for kind, channels, stride in CONVOLUTIONS:
        layers.append(convolution(rng, kind, tensor, zero_point, channels, stride))
        tensor, zero_point = layers[-1].output, ACTIVATION_ZERO_POINT
    layers.append(Layer("average_pool", average_pool(tensor).reshape(1, 1, -1), {"input": tensor.shape}))
    layers.append(classifier(rng, layers[-1].output))
    multiplier, shift = quantize_ratio(1 << (26 + LOGIT_SCALE_LOG2), 1)
    parameters = {"multiplier": multiplier, "shift": shift, "smallest_difference": -((31 << 26) >> shift)}
    scores = softmax(layers[-1].output.reshape(-1), **parameters)
    layers.append(Layer("softmax", scores.reshape(1, 1, -1), parameters))
    return image.astype(np.int8), layers


# The files.


def c_constants(name, parameters):
    parts = []
    for array in ("weights", "bias", "multiplier", "shift"):
        parts.append(c_array("int8_t" if array == "weights" else "int32_t", f"{name}_{array}", parameters[array]))
    return "\n".join(parts)


def c_stage(name, zero_point, per_channel):
    return f"""{{
        .multipliers = {name}_multiplier, .shifts = {name}_shift, .per_channel = {per_channel},
        .zero_point = {zero_point}, .activation_min = -128, .activation_max = 127,
    }}"""


def c_convolution(index, layer):
    p, name = layer.parameters, f"layer_{index}"
    return f"""    {{
        .input = {c_shape(p["input"])}, .output = {c_shape(layer.output.shape)},
        .kernel_height = {p["kernel"][0]}, .kernel_width = {p["kernel"][1]},
        .stride_height = {p["stride"]}, .stride_width = {p["stride"]}, .dilation_height = 1, .dilation_width = 1,
        .pad_top = {p["pad"][0]}, .pad_left = {p["pad"][1]}, .input_zero_point = {p["input_zero_point"]},
        .weights = {name}_weights, .bias = {name}_bias,
        .to_output = {c_stage(name, ACTIVATION_ZERO_POINT, 1)},
    }},
"""


def model_header():
    return f"""/* SPDX-License-Identifier: Apache-2.0 */
/* Written by generate.py. */
#ifndef MODEL_DATA_H
#define MODEL_DATA_H

#include "mcusim_kernels.h"

#define MODEL_CONVOLUTIONS {len(CONVOLUTIONS)}
#define MODEL_PATCHED {PATCHED}
#define MODEL_CLASSES {CLASSES}

extern const int8_t model_input[{int(np.prod(INPUT_SHAPE))}];
extern const struct mk_conv2d model_convolutions[MODEL_CONVOLUTIONS];
extern const char *const model_names[MODEL_CONVOLUTIONS]; /* they begin with "depthwise" where they are */
extern const struct mk_pool model_pool;
extern const struct mk_fully_connected model_classifier;
extern const struct mk_softmax model_softmax;

#endif
"""


def model_source(image, layers):
    convolutions = layers[: len(CONVOLUTIONS)]
    pool, classes, scores = layers[len(CONVOLUTIONS) :]
    parts = ['/* SPDX-License-Identifier: Apache-2.0 */\n/* Written by generate.py. */\n#include "model_data.h"\n']
    parts.append(c_array("int8_t", "model_input", image).removeprefix("static "))
    parts += [c_constants(f"layer_{index}", layer.parameters) for index, layer in enumerate(convolutions)]
    parts.append(c_constants("classifier", classes.parameters))
    rows = "".join(c_convolution(index, layer) for index, layer in enumerate(convolutions))
    parts.append(f"const struct mk_conv2d model_convolutions[MODEL_CONVOLUTIONS] = {{\n{rows}}};\n")
    names = "".join(f'    "{kind} {index}",\n' for index, (kind, _, _) in enumerate(CONVOLUTIONS))
    parts.append(f"const char *const model_names[MODEL_CONVOLUTIONS] = {{\n{names}}};\n")
    height, width, _ = pool.parameters["input"]
    parts.append(f"""const struct mk_pool model_pool = {{
    .input = {c_shape(pool.parameters["input"])}, .output = {c_shape(pool.output.shape)},
    .kernel_height = {height}, .kernel_width = {width}, .stride_height = 1, .stride_width = 1,
    .activation_min = -128, .activation_max = 127,
}};

const struct mk_fully_connected model_classifier = {{
    .inputs = {pool.output.size}, .outputs = MODEL_CLASSES, .input_zero_point = {ACTIVATION_ZERO_POINT},
    .weights = classifier_weights, .bias = classifier_bias,
    .to_output = {c_stage("classifier", LOGIT_ZERO_POINT, 0)},
}};

const struct mk_softmax model_softmax = {{
    .rows = 1, .depth = MODEL_CLASSES,
    .multiplier = {scores.parameters["multiplier"]}, .shift = {scores.parameters["shift"]},
    .smallest_difference = {scores.parameters["smallest_difference"]},
}};
""")
    return "\n".join(parts)


def expected_output(layers):
    features = layers[PATCHED - 1].output.astype(np.int8)
    scores = layers[-1].output.reshape(-1)
    return f"""visual wake words, int8, 80x80x3
features {"x".join(map(str, features.shape))} crc {zlib.crc32(features.tobytes()):08x}
scores: {" ".join(map(str, scores))}
done
"""


def main():
    image, layers = build_network()
    files = {
        "model_data.h": model_header(),
        "model_data.c": model_source(image, layers),
        "expected.txt": expected_output(layers),
    }
    write_or_check(FOLDER, files, __doc__)


if __name__ == "__main__":
    main()
