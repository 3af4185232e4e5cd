# SPDX-License-Identifier: Apache-2.0
"""The loss at the end of a classifier, and its gradient: `softmax_cross_entropy`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array, check_scale, check_zero_point
from mcusim.kernels.compiled import compiled
from mcusim.kernels.float_math import exp_float32, log_float32
from mcusim.kernels.gradients import Float32Array

Int8Array = npt.NDArray[np.int8]


@compiled
def _loss(
    logits: Int8Array,
    labels: npt.NDArray[np.int32],
    scale: np.float32,
    losses: Float32Array,
    gradients: Float32Array,
) -> None:
    for row in range(logits.shape[0]):
        # The zero point drops out of differences.
        largest = np.int32(logits[row, 0])
        for column in range(1, logits.shape[1]):
            largest = max(largest, np.int32(logits[row, column]))
        total = np.float32(0)
        for column in range(logits.shape[1]):
            exponential = exp_float32(np.float32(np.int32(logits[row, column]) - largest) * scale)
            gradients[row, column] = exponential
            total = total + exponential
        label = labels[row]
        losses[row] = log_float32(total) - np.float32(np.int32(logits[row, label]) - largest) * scale
        for column in range(logits.shape[1]):
            probability = gradients[row, column] / total
            if column == label:
                probability = probability - np.float32(1)
            gradients[row, column] = probability * scale


def softmax_cross_entropy(
    logits: Int8Array, labels: npt.NDArray[np.int32], *, input_scale: float, input_zero_point: int = 0
) -> tuple[Float32Array, Float32Array]:
    """Return losses and the logits' gradient; int8 (rows, classes), int32 (rows,) -> float32 (rows,), (rows, classes).

        d[c]           = float32(logits[r, c] - largest of the row) * input_scale
        loss[r]        = log(sum of exp(d)) - d[label]
        gradient[r, c] = (exp(d[c]) / sum of exp(d) - (1 if c is the label else 0)) * input_scale

    in float32, with the exp and the log of `float_math.py`; the sum goes over classes from the first. Rows are not
    averaged. `input_zero_point` makes no difference and is checked only. Raises ValueError naming the operand, also for
    a label that is no class.
    """
    check_array("logits", logits, ("int8",), 2)
    check_array("labels", labels, ("int32",), 1)
    check_zero_point("input_zero_point", input_zero_point, logits.dtype)
    scale = np.float32(check_scale("input_scale", input_scale))
    rows, classes = logits.shape
    if labels.shape != (rows,):
        raise ValueError(f"labels: shape is {labels.shape}, it must be ({rows},), one for each row of logits")
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise ValueError(f"labels: {wrong[0]} is no class, there are {classes}")
    losses, gradients = np.empty(rows, np.float32), np.empty((rows, classes), np.float32)
    _loss(np.ascontiguousarray(logits), np.ascontiguousarray(labels), scale, losses, gradients)
    return losses, gradients
