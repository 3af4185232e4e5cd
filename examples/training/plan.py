# SPDX-License-Identifier: Apache-2.0
"""Where each tensor of a training step lies in the arena: when it is needed, and a place that is free then.

A step is a row of times: the forward pass layer by layer, then backward from the classifier, in the order in which
training.c calls the kernels. A tensor is needed from the time that writes it to the last one that reads it, both
included.
"""

from dataclasses import dataclass

import numpy as np

ALIGNMENT_BYTES = 4
FLOAT_BYTES = 4


@dataclass
class Tensor:
    name: str
    size_bytes: int
    start: int  # time
    end: int  # last time it is needed
    offset_bytes: int = -1


class Times:
    """Hands out one time after the other, and notes who writes and reads what then."""

    def __init__(self):
        self.now = 0
        self.tensors = {}

    def step(self, writes=(), reads=()):
        """One kernel runs: `writes` are (name, bytes) of new tensors, `reads` names of old ones."""
        for name, size_bytes in writes:
            self.tensors[name] = Tensor(name, size_bytes, self.now, self.now)
        for name in reads:
            self.tensors[name].end = self.now
        self.now += 1


def tensors_of(layers, first, reordered):
    """The tensors of a step that trains the layers from `first` on, {name: Tensor}.

    Names are a kind and the layer's number: `activation` (int8, a layer's output), `mask`, `gradient` (float, of a
    layer's output), `weight_gradient` (float, the bias's behind the weights'). The average pool's output and its
    gradient are numbered as the classifier's inputs: `pooled`, `pooled_gradient`.
    """
    times, last = Times(), len(layers) - 1
    elements = [int(np.prod(layer.output_shape)) for layer in layers]
    pooled = layers[last].input_shape[2]
    for index in range(len(layers)):
        source = [f"activation {index - 1}"] if index else []  # the image lies in flash
        if index == last:
            times.step([("pooled", pooled)], source)
            source = ["pooled"]
        mask = [(f"mask {index}", -(-elements[index] // 8))] if index >= first else []
        times.step([(f"activation {index}", elements[index]), *mask], source)
    times.step([(f"gradient {last}", FLOAT_BYTES * elements[last])], [f"activation {last}"])

    for index in range(last, first - 1, -1):
        times.step(reads=[f"gradient {index}", f"mask {index}"])
        if index == last:
            times.step([("pooled_gradient", FLOAT_BYTES * pooled)], [f"gradient {index}"])
            source, before = ["pooled"], "pooled_gradient"
        else:
            source, before = ([f"activation {index - 1}"] if index else []), f"gradient {index - 1}"
            if index > first:
                times.step([(before, FLOAT_BYTES * elements[index - 1])], [f"gradient {index}"])
        parameters = layers[index].weights.size + layers[index].bias.size
        times.step([(f"weight_gradient {index}", FLOAT_BYTES * parameters)], [*source, f"gradient {index}"])
        if reordered:
            times.step(reads=[f"weight_gradient {index}"])
        if index == last and index > first:
            unpooled = [(f"gradient {index - 1}", FLOAT_BYTES * elements[index - 1])]
            times.step(unpooled, ["pooled_gradient"])
    if not reordered:
        times.step(reads=[f"weight_gradient {index}" for index in range(first, len(layers))])
    return times.tensors


def place(tensors):
    """Give each tensor its offset, the largest first, each as low as it can lie; returns the bytes of the arena."""
    placed = []
    for tensor in sorted(tensors.values(), key=lambda each: (-each.size_bytes, each.name)):
        others = [each for each in placed if each.start <= tensor.end and tensor.start <= each.end]
        offset = 0
        for other in sorted(others, key=lambda each: each.offset_bytes):
            if offset + tensor.size_bytes <= other.offset_bytes:
                break
            end = other.offset_bytes + other.size_bytes
            offset = max(offset, -(-end // ALIGNMENT_BYTES) * ALIGNMENT_BYTES)
        tensor.offset_bytes = offset
        placed.append(tensor)
    return max(each.offset_bytes + each.size_bytes for each in placed)
