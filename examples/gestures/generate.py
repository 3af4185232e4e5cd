# SPDX-License-Identifier: Apache-2.0
"""Writes model_data.h and expected.txt; with --check, compares them with what it would write.

The weights are random; bias and output scale of each layer are chosen so that the activations use the range of int8.
The weights of the two pointwise layers are there in two orders: by input channel, and by output channel.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "common"))
from int8_network import (
    Random,
    average_pool,
    c_array,
    calibrated,
    conv2d,
    depthwise_conv2d,
    quantize_ratio,
    random_weights,
    requantize,
    write_or_check,
)

SEED = 240604
FOLDER = Path(__file__).resolve().parent
SIZE = 24
GESTURES = 4
ZERO = -128  # zero point of the picture and of all layers but the last
BY_OUTPUT = "WEIGHTS_BY_OUTPUT"


def layers(picture):
    """Return (name, arrays by name) of each layer with weights, and the scores."""
    rng = Random(SEED)
    found = []
    image = picture

    def add(name, weights, sums):
        bias, multiplier, shift, output = calibrated(rng, sums, ZERO)
        found.append((name, {"weights": weights, "bias": bias, "multiplier": multiplier, "shift": shift}))
        return output

    weights = random_weights(rng, (8, 3, 3, 1))
    image = add("first", weights, conv2d(image - ZERO, weights, 2))
    weights = random_weights(rng, (3, 3, 8))
    image = add("second", weights, depthwise_conv2d(image - ZERO, weights, 1))
    weights = random_weights(rng, (32, 8))
    image = add("third", weights, (image - ZERO) @ weights.T)
    weights = random_weights(rng, (3, 3, 32))
    image = add("fourth", weights, depthwise_conv2d(image - ZERO, weights, 2))
    weights = random_weights(rng, (128, 32))
    image = add("fifth", weights, (image - ZERO) @ weights.T)

    features = average_pool(image)
    weights = random_weights(rng, (GESTURES, features.size))
    sums = weights @ (features - ZERO)
    bias = -(sums.sum() // len(sums)) + rng.integers(-2000, 2001, GESTURES)
    multiplier, shift = quantize_ratio(36, int(np.abs(sums + bias).sum()) // GESTURES)
    arrays = {"weights": weights, "bias": bias, "multiplier": [multiplier], "shift": [shift]}
    found.append(("last", arrays))
    return found, np.clip(requantize(sums + bias, multiplier, shift), -128, 127)


def source(picture, found):
    """Return model_data.h: constants are static, as only network.c uses them."""
    parts = [
        "/* SPDX-License-Identifier: Apache-2.0 */\n/* Written by generate.py. */\n#ifndef MODEL_DATA_H\n"
        "#define MODEL_DATA_H\n\n#include <stdint.h>\n",
        c_array("int8_t", "picture", picture),
    ]
    for name, arrays in found:
        pointwise = name in ("third", "fifth")
        for array, values in arrays.items():
            kind = "int8_t" if array == "weights" or (array == "shift" and not pointwise) else "int32_t"
            text = c_array(kind, f"{name}_{array}", values)
            if array == "weights" and pointwise:
                other = c_array(kind, f"{name}_{array}", values.T)
                text = f"#ifdef {BY_OUTPUT}\n{text}#else\n{other}#endif\n"
            parts.append(text)
    return "\n".join([*parts, "#endif\n"])


def main():
    y, x = np.mgrid[:SIZE, :SIZE]
    picture = ((x * 9 + (y - 12) ** 2) % 256 - 128).astype(np.int64).reshape(SIZE, SIZE, 1)
    found, scores = layers(picture)
    files = {
        "model_data.h": source(picture, found),
        "expected.txt": "scores: " + " ".join(str(int(score)) for score in scores) + "\n",
    }
    write_or_check(FOLDER, files, __doc__)


if __name__ == "__main__":
    main()
