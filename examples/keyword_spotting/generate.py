# SPDX-License-Identifier: Apache-2.0
"""Writes model_data.c, model_data.h and expected.txt; with --check, compares them with what it would write.

The network has the shape of the MLPerf Tiny keyword-spotting model, with random weights: its answer means
nothing, its arithmetic is that of a real one. Everything is computed in integers from one seed, so every
platform writes the same bytes. Bias and output scale of each layer are chosen from the accumulators that the
input gives, as training and calibration would, so that the activations use the range of int8.
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

SEED = 49102564
FOLDER = Path(__file__).resolve().parent
CLASSES = ["silence", "unknown", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]
INPUT_SHAPE = (49, 10, 1)
INPUT_ZERO_POINT = 5
ACTIVATION_ZERO_POINT = -128  # every hidden layer ends in a ReLU: zero is the smallest value
LOGIT_ZERO_POINT = 11
LOGIT_SCALE_LOG2 = -4  # a logit step is 2^-4


# The network.


@dataclass
class Layer:
    kind: str
    output: np.ndarray  # (height, width, channels), int8
    parameters: dict


def convolution(rng, kind, image, zero_point, channels, kernel=(1, 1), stride=1):
    centred = image.astype(np.int64) - zero_point
    if kind == "depthwise_conv2d":
        weights = random_weights(rng, (*kernel, channels))
        sums = depthwise_conv2d(centred, weights, stride)
    else:
        weights = random_weights(rng, (channels, *kernel, image.shape[2]))
        sums = conv2d(centred, weights, stride)

    bias, multiplier, shift, output = calibrated(rng, sums, ACTIVATION_ZERO_POINT)
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
    image, layers = build_network()
    files = {
        "model_data.h": model_header(layers),
        "model_data.c": model_source(image, layers),
        "expected.txt": expected_output(layers),
    }
    write_or_check(FOLDER, files, __doc__)


if __name__ == "__main__":
    main()
