# SPDX-License-Identifier: Apache-2.0
"""Writes model_data.c, model_data.h and what the images print; with --check, compares them with what is there.

The network and its training are in reference.py, with the reference kernels of mcusim.kernels; where tensors lie in
memory is in plan.py. Random numbers are integers from one seed, and floating point is IEEE's single operations in a
fixed order, so every platform writes the same bytes. Needs mcusim installed.
"""

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import plan
import reference
from reference import CLASSES, CONVOLUTIONS, INPUT_SHAPE, SPARSE_FIRST, STEPS

sys.path.append(str(Path(__file__).resolve().parents[1] / "common"))
from int8_network import c_array, c_shape, write_or_check

FOLDER = Path(__file__).resolve().parent
CLASSIFIER = len(CONVOLUTIONS)  # the number of that layer
# Name, first layer that is trained, whether a gradient is applied as soon as it is there.
VARIANTS = [("FULL", 0, False), ("SPARSE", SPARSE_FIRST, False), ("REORDERED", SPARSE_FIRST, True)]


def c_float(value):
    """A float as C writes it exactly."""
    return float(np.float32(value)).hex() + "f"


def c_floats(name, values):
    numbers = [c_float(value) for value in values]
    lines = [f"    {', '.join(numbers[start : start + 5])}," for start in range(0, len(numbers), 5)]
    return "\n".join([f"static const float {name}[{len(numbers)}] = {{", *lines, "};", ""])


def c_parameters(index, layer):
    """Weights and biases of the layers that some variant leaves as they are can be constants, and so lie in flash."""
    parts = []
    for kind, name, values in (("int8_t", "weights", layer.weights), ("int32_t", "bias", layer.bias)):
        text = c_array(kind, f"layer_{index}_{name}", values)
        word = "FROZEN" if index < SPARSE_FIRST else ""
        parts.append(text.replace("static const", f"static {word}".strip(), 1))
    parts.append(c_floats(f"layer_{index}_scales", layer.scales))
    factors = [
        c_floats(f"layer_{index}_weight_factors", layer.weight_factors),
        c_floats(f"layer_{index}_bias_factors", layer.bias_factors),
    ]
    if index < SPARSE_FIRST:
        factors = ["#if MODEL_FIRST_TRAINED == 0", *factors, "#endif\n"]
    return "\n".join([*parts, *factors])


def c_stage(index, layer):
    return f"""{{
        .scales = layer_{index}_scales, .per_channel = 1, .zero_point = {layer.output_zero_point},
        .activation_min = -128, .activation_max = 127,
    }}"""


def c_convolution(index, layer):
    kernel = layer.weights.shape[1:3]
    (top, _), (left, _) = layer.padding
    return f"""    {{
        .input = {c_shape(layer.input_shape)}, .output = {c_shape(layer.output_shape)},
        .kernel_height = {kernel[0]}, .kernel_width = {kernel[1]},
        .stride_height = {layer.stride}, .stride_width = {layer.stride}, .dilation_height = 1, .dilation_width = 1,
        .pad_top = {top}, .pad_left = {left}, .input_zero_point = {layer.input_zero_point},
        .weights = layer_{index}_weights, .bias = layer_{index}_bias,
        .to_output = {c_stage(index, layer)},
    }},
"""


def c_trained(index):
    parts = [f"layer_{index}_{part}" for part in ("weights", "bias", "weight_factors", "bias_factors")]
    row = f"    {{{', '.join(parts)}}},\n"
    return f"#if MODEL_FIRST_TRAINED == 0\n{row}#else\n    {{0}},\n#endif\n" if index < SPARSE_FIRST else row


def c_plan(name, layers, first, reordered):
    tensors = plan.tensors_of(layers, first, reordered)
    arena_bytes = plan.place(tensors)

    def offsets(kind):
        found = [tensors.get(f"{kind} {index}") for index in range(len(layers))]
        return c_shape([-1 if each is None else each.offset_bytes for each in found])

    return (
        arena_bytes,
        f"""#if defined({name})
const struct model_plan model_plan = {{
    .activation = {offsets("activation")},
    .mask = {offsets("mask")},
    .gradient = {offsets("gradient")},
    .weight_gradient = {offsets("weight_gradient")},
    .pooled = {tensors["pooled"].offset_bytes}, .pooled_gradient = {tensors["pooled_gradient"].offset_bytes},
}};
#endif
""",
    )


def model_header(layers):
    cases = []
    for name, first, reordered in VARIANTS:
        arena_bytes, _ = c_plan(name, layers, first, reordered)
        cases.append(f"defined({name})\n#define MODEL_FIRST_TRAINED {first}\n#define MODEL_ARENA_BYTES {arena_bytes}\n")
    choice = "#if " + "#elif ".join(cases) + '#else\n#error "define FULL, SPARSE or REORDERED"\n#endif\n'
    return f"""/* SPDX-License-Identifier: Apache-2.0 */
/* Written by generate.py. */
#ifndef MODEL_DATA_H
#define MODEL_DATA_H

#include "mcusim_training.h"

#define MODEL_CLASSES {CLASSES}
#define MODEL_CONVOLUTIONS {len(CONVOLUTIONS)}
#define MODEL_LAYERS (MODEL_CONVOLUTIONS + 1) /* the classifier is the last */
#define MODEL_STEPS {STEPS}
#define MODEL_IMAGE_BYTES {int(np.prod(INPUT_SHAPE))}
#define MODEL_LOGIT_SCALE {c_float(reference.LOGIT_SCALE)}

/* Layers from MODEL_FIRST_TRAINED on are trained. */
{choice}
/* Where a trained layer's parameters lie, and the factors of quantisation-aware scaling. */
struct model_trained {{
    int8_t *weights;
    int32_t *bias;
    const float *weight_factors, *bias_factors;
}};

/* Offsets of tensors in the arena, by layer; -1 where there is none. A weight gradient is followed by its bias's. */
struct model_plan {{
    int32_t activation[MODEL_LAYERS], mask[MODEL_LAYERS], gradient[MODEL_LAYERS], weight_gradient[MODEL_LAYERS];
    int32_t pooled, pooled_gradient;
}};

extern const int8_t model_images[MODEL_CLASSES][MODEL_IMAGE_BYTES]; /* one of each class */
extern const char *const model_names[MODEL_LAYERS];
extern const char *const model_backward_names[MODEL_CONVOLUTIONS];
extern const int32_t model_is_depthwise[MODEL_CONVOLUTIONS];
extern const struct mk_conv2d model_convolutions[MODEL_CONVOLUTIONS];
extern const struct mk_pool model_pool;
extern const struct mk_fully_connected model_classifier;
extern const struct model_trained model_trained[MODEL_LAYERS];
extern const struct mk_sgd model_sgd;
extern const struct model_plan model_plan;

#endif
"""


def model_source(images, layers):
    convolutions, classifier = layers[:CLASSIFIER], layers[CLASSIFIER]
    height, width, channels = convolutions[-1].output_shape
    parts = [
        """/* SPDX-License-Identifier: Apache-2.0 */
/* Written by generate.py. */
#include "model_data.h"

#if MODEL_FIRST_TRAINED == 0
#define FROZEN
#else
#define FROZEN const
#endif
"""
    ]
    rows = [c_array("int8_t", "", image).split("{\n", 1)[1].removesuffix("};\n").rstrip() for image in images]
    pictures = "".join(f"    {{\n{row}\n    }},\n" for row in rows)
    parts.append(f"const int8_t model_images[MODEL_CLASSES][MODEL_IMAGE_BYTES] = {{\n{pictures}}};\n")
    parts += [c_parameters(index, layer) for index, layer in enumerate(layers)]
    body = "".join(c_convolution(index, layer) for index, layer in enumerate(convolutions))
    parts.append(f"const struct mk_conv2d model_convolutions[MODEL_CONVOLUTIONS] = {{\n{body}}};\n")
    names = (
        "".join(f'    "{layer.kind} {index}",\n' for index, layer in enumerate(convolutions)) + '    "classifier",\n'
    )
    parts.append(f"const char *const model_names[MODEL_LAYERS] = {{\n{names}}};\n")
    names = "".join(f'    "backward {layer.kind} {index}",\n' for index, layer in enumerate(convolutions))
    parts.append(f"const char *const model_backward_names[MODEL_CONVOLUTIONS] = {{\n{names}}};\n")
    kinds = c_shape([int(layer.kind == "depthwise") for layer in convolutions])
    parts.append(f"const int32_t model_is_depthwise[MODEL_CONVOLUTIONS] = {kinds};\n")
    limit = reference.GRADIENT_MAX
    parts.append(f"""const struct mk_pool model_pool = {{
    .input = {c_shape((height, width, channels))}, .output = {c_shape((1, 1, channels))},
    .kernel_height = {height}, .kernel_width = {width}, .stride_height = 1, .stride_width = 1,
    .activation_min = -128, .activation_max = 127,
}};

const struct mk_fully_connected model_classifier = {{
    .inputs = {channels}, .outputs = MODEL_CLASSES, .input_zero_point = {classifier.input_zero_point},
    .weights = layer_{CLASSIFIER}_weights, .bias = layer_{CLASSIFIER}_bias,
    .to_output = {c_stage(CLASSIFIER, classifier)},
}};

const struct mk_sgd model_sgd = {{
    .learning_rate = {c_float(reference.LEARNING_RATE)},
    .gradient_min = {c_float(-limit)}, .gradient_max = {c_float(limit)},
}};
""")
    trained = "".join(c_trained(index) for index in range(len(layers)))
    parts.append(f"const struct model_trained model_trained[MODEL_LAYERS] = {{\n{trained}}};\n")
    parts += [c_plan(name, layers, first, reordered)[1] for name, first, reordered in VARIANTS]
    return "\n".join(parts)


def crc_of(layers):
    """The CRC-32 of the CRC-32s of the layers' weights and biases, each a little-endian word."""
    parts = [part for layer in layers for part in (layer.weights.tobytes(), layer.bias.astype("<i4").tobytes())]
    return zlib.crc32(b"".join(struct.pack("<I", zlib.crc32(part)) for part in parts))


def expected_output(images, layers, first):
    lines = [f"training, int8, 16x16x3, layers {first} to {len(layers) - 1}"]
    epoch = np.float32(0)
    for step in range(STEPS):
        label = step % CLASSES
        loss, layers = reference.train_step(layers, first, images[label], label)
        epoch = np.float32(epoch + loss)
        bits = int(loss.view(np.uint32))
        lines.append(f"step {step} loss {bits:08x} weights {crc_of(layers[first:]):08x}")
        if label == CLASSES - 1:
            mean = int(epoch * np.float32(1000) / np.float32(CLASSES))
            lines.append(f"mean loss of all images, in thousandths: {mean}")
            epoch = np.float32(0)
    return "\n".join([*lines, "done", ""])


def main():
    images, layers = reference.make_network()
    files = {
        "model_data.h": model_header(layers),
        "model_data.c": model_source(images, layers),
        "expected.txt": expected_output(images, layers, SPARSE_FIRST),
        "expected_full.txt": expected_output(images, layers, 0),
    }
    write_or_check(FOLDER, files, __doc__)


if __name__ == "__main__":
    main()
