# SPDX-License-Identifier: Apache-2.0
"""Operators that a firmware runs in another order than the model lists them, such as the branches of a residual block.

Layers and operators were matched in order. Which of several layers of the same kind and size is which operator, what
they read tells: a layer's input has the bytes that another layer of the firmware wrote. The reference's values are not
looked at, so a wrong layer is not mistaken for another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import permutations

from mcusim.kernels.tflite_file import Model
from mcusim.machine.capture import CapturedLayer

WINDOW = 4  # so many operators in a row may change places
MOVES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")  # these pass on the bytes that they read
Pairs = list[tuple[int, int]]


def reordered(layers: Sequence[CapturedLayer], model: Model, sizes: Sequence[int], fits: Sequence[set[int]],
              pairs: Pairs) -> Pairs:  # fmt: skip
    """Return pairs (layer, operator) of which more read what the model says that they read, layers in order.

    `sizes` are bytes of the model's tensors, `fits` the operators that each layer may be.
    """
    writers = {output: operator.index for operator in model.operators for output in operator.outputs}

    @cache
    def reads(layer: int, writer: int, index: int) -> bool:
        """Return whether a layer read the tensor that another one wrote."""
        size, written = sizes[index], layers[writer].outputs
        data = written[0][:size] if written and written[0] is not None else None
        return any(each is not None and each[:size] == data for each in layers[layer].inputs)

    @cache
    def sources(operator: int) -> tuple[tuple[int, int], ...]:
        """Return tensors that an operator reads, each with the operator that computes its bytes."""
        found = []
        for read in model.operators[operator].inputs:
            index = read
            while index in writers and model.operators[writers[index]].code in MOVES:
                index = model.operators[writers[index]].inputs[0]
            if index in writers:
                found.append((writers[index], index))
        return tuple(found)

    def score(some: Pairs) -> int:
        layer_of = {operator: layer for layer, operator in some}
        return sum(
            reads(layer, layer_of[writer], index)
            for layer, operator in some
            for writer, index in sources(operator)
            if layer_of.get(writer, layer) < layer
        )

    best = score(pairs)
    for start in range(max(len(pairs) - 1, 0)):
        window = pairs[start : start + WINDOW]
        operators = [operator for _, operator in window]
        for order in permutations(operators):
            trial = [(layer, operator) for (layer, _), operator in zip(window, order, strict=True)]
            if order == tuple(operators) or not all(operator in fits[layer] for layer, operator in trial):
                continue
            whole = [*pairs[:start], *trial, *pairs[start + WINDOW :]]
            found = score(whole)
            if found > best:
                best, pairs = found, whole
    return pairs
