# SPDX-License-Identifier: Apache-2.0
"""Which layer of a firmware is which operator of a model: an alignment of the two lists, in order, by kind and size.

Either list may have what the other lacks: a firmware folds paddings and leaves out reshapes, computes layers patch by
patch or several times, and runs more than one inference. Values are not looked at: a wrong layer must not match less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# What a layer may be called (`mcusim.layers.kinds`) that is this operator; others are called like the operator.
KINDS = {
    "CONV_2D": ("conv2d", "group_conv2d"),
    "DEPTHWISE_CONV_2D": ("depthwise_conv2d",),
    "TRANSPOSE_CONV": ("transpose_conv2d",),
    "AVERAGE_POOL_2D": ("average_pool", "pool"),
    "MAX_POOL_2D": ("max_pool", "pool"),
    "MEAN": ("mean", "reduce", "average_pool"),
    "SUM": ("reduce", "sum"),
    "PADV2": ("pad",),
    "SPLIT_V": ("split",),
    "RESIZE_NEAREST_NEIGHBOR": ("resize",),
    "RESIZE_BILINEAR": ("resize",),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": ("lstm",),
    "ADD": ("add", "eltwise"),
    "SUB": ("sub", "eltwise"),
    "MUL": ("mul", "eltwise"),
}
# What it may be called as well, if the size fits: 1x1 convolutions on vectors, depthwise ones of one channel.
ALSO = {
    "CONV_2D": ("depthwise_conv2d", "fully_connected"),
    "DEPTHWISE_CONV_2D": ("conv2d", "group_conv2d"),
    "FULLY_CONNECTED": ("conv2d", "batch_matmul"),
    "BATCH_MATMUL": ("fully_connected",),
}
# A layer that is called like one operator is no other one. Other names say little: cast, eltwise, none at all.
CLEAR = {kind for kinds in KINDS.values() for kind in kinds} - {"pool", "eltwise", "reduce"} | {
    "fully_connected", "softmax", "log_softmax", "logistic", "tanh", "hard_swish", "batch_matmul",
    "concatenation", "reshape", "transpose",
}  # fmt: skip
# Operators that a firmware often does without: they compute nothing, or what the layer before or after them does.
PASSIVE = frozenset(
    {
        "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "PAD", "PADV2", "QUANTIZE", "DEQUANTIZE", "TRANSPOSE", "CAST", "SHAPE",
        "RELU", "RELU6",
    }
)  # fmt: skip
SAME_KIND, SAME_SIZE = 4, 2  # points; a layer may be a fused one with an odd name, so size alone counts
LEFT_OUT, LEFT_OUT_PASSIVE, IN_BETWEEN = 3, 0, 1  # what an operator without a layer costs, a layer without an operator


@dataclass(frozen=True)
class Offered:
    """A layer of the firmware: its kind ('' unknown), elements of its output and their size (None unknown)."""

    kind: str
    elements: int | None
    element_bytes: int | None


@dataclass(frozen=True)
class Wanted:
    """An operator of the model and its first output."""

    code: str
    elements: int
    element_bytes: int


def points(layer: Offered, operator: Wanted) -> int:
    """Return how well a layer fits an operator; 0: it is not this one."""
    if layer.elements is not None and layer.elements != operator.elements:
        return 0
    if layer.element_bytes is not None and layer.element_bytes != operator.element_bytes:
        return 0
    by_size = SAME_SIZE if layer.elements is not None else 0
    kinds = KINDS.get(operator.code, (operator.code.lower(),))
    if layer.kind in kinds:
        return SAME_KIND + by_size
    if layer.kind in CLEAR and layer.kind not in ALSO.get(operator.code, ()):
        return 0
    # Some other layer has the size of a passive operator by chance: its input's or output's.
    return 0 if operator.code in PASSIVE and layer.kind else by_size


def match(layers: Sequence[Offered], operators: Sequence[Wanted], *, cut: bool = False) -> list[tuple[int, int]]:
    """Return pairs (layer, operator), both ascending: the best alignment of all operators, the earliest of several.

    What comes before the first pair and after the last one, such as a second inference, costs nothing; nor do operators
    after the last one where the run was `cut`.
    """
    costs = [LEFT_OUT_PASSIVE if each.code in PASSIVE else LEFT_OUT for each in operators]
    row = [0]
    for cost in costs:
        row.append(row[-1] - cost)
    table, moves = [row], [b""]
    for layer in layers:
        before, row, move = table[-1], [0], bytearray(len(operators) + 1)
        for number, operator in enumerate(operators):
            free = number + 1 == len(operators)
            best, way = before[number + 1] - (0 if free else IN_BETWEEN), 1
            if row[number] - costs[number] > best:
                best, way = row[number] - costs[number], 2
            fit = points(layer, operator)
            # Of several operators that fit alike, the last one: its result is what the layer leaves.
            if fit and (before[number] + fit > best or (way == 2 and before[number] + fit == best)):
                best, way = before[number] + fit, 3
            row.append(best)
            move[number + 1] = way
        table.append(row)
        moves.append(bytes(move))
    last = len(operators)
    if cut:
        last = max(range(last + 1), key=lambda number: (table[-1][number], number))
    return _pairs(moves, last)


def _pairs(moves: list[bytes], operators: int) -> list[tuple[int, int]]:
    """Follow the moves back: 1 a layer is left out, 2 an operator is, 3 they are a pair."""
    layer, operator, found = len(moves) - 1, operators, []
    while layer and operator:
        way = moves[layer][operator]
        if way == 3:
            found.append((layer - 1, operator - 1))
        layer -= way != 2
        operator -= way != 1
    return found[::-1]
