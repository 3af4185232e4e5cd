# SPDX-License-Identifier: Apache-2.0
"""Plain twins of transposed convolution, matrix products, and of layers with a memory; they check nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import naive_fixed_point
import numpy as np
import numpy.typing as npt
from naive_kernels import bits_of_sums, clamp, finish, rescale, rescale_wide, wrap

Array = npt.NDArray[Any]


def transpose_conv(
    inputs: Array, weights: Array, bias: Array | None, output_size: tuple[int, int], **options: Any
) -> Array:
    """Each input element adds a window to the output."""
    outputs, kernel_height, kernel_width, _depth = weights.shape
    bits, offset, strides = bits_of_sums(inputs, bias), options.get("offset", (0, 0)), options.get("strides", (1, 1))
    shape = (inputs.shape[0], *output_size, outputs)
    sums = {place: 0 if bias is None else int(bias[place[3]]) for place in np.ndindex(*shape)}
    for batch, y, x, i in np.ndindex(*inputs.shape):
        for o, ky, kx in np.ndindex(outputs, kernel_height, kernel_width):
            place = (batch, y * strides[0] + ky - offset[0], x * strides[1] + kx - offset[1], o)
            if place in sums:
                difference = int(inputs[batch, y, x, i]) - options.get("input_zero_point", 0)
                sums[place] += int(weights[o, ky, kx, i]) * difference
    results = np.zeros(shape, inputs.dtype)
    for place, total in sums.items():
        results[place] = finish(wrap(total, bits), place[3], inputs.dtype, bits, options)
    return results


def batch_matmul(inputs1: Array, inputs2: Array, **options: Any) -> Array:
    """Products of pairs of matrices."""
    first = inputs1.swapaxes(-1, -2) if options.get("transpose1") else inputs1
    second = inputs2.swapaxes(-1, -2) if options.get("transpose2") else inputs2
    leading = np.broadcast_shapes(first.shape[:-2], second.shape[:-2])
    left = np.broadcast_to(first, (*leading, *first.shape[-2:]))
    right = np.broadcast_to(second, (*leading, *second.shape[-2:]))
    bits = 64 if inputs1.dtype == np.int16 else 32
    factor = {"multipliers": options["multiplier"], "shifts": options["shift"]}
    results = np.zeros((*leading, first.shape[-2], second.shape[-1]), inputs1.dtype)
    for place in np.ndindex(*results.shape):
        total = sum(
            (int(left[(*place[:-1], k)]) - options.get("input1_zero_point", 0))
            * (int(right[(*place[:-2], k, place[-1])]) - options.get("input2_zero_point", 0))
            for k in range(first.shape[-1])
        )
        results[place] = finish(wrap(total, bits), 0, inputs1.dtype, bits, options | factor)
    return results


def svdf(
    inputs: Array, feature_weights: Array, time_weights: Array, bias: Array | None, state: Array, **options: Any
) -> tuple[Array, Array]:
    """One step in time of a layer of filters with a memory."""
    (batches, features), (filters, memory) = inputs.shape, time_weights.shape
    rank, point = options["rank"], options.get("state_zero_point", 0)
    rounding = options.get("rounding", "double")
    size = 8 * state.dtype.itemsize
    memories = state.reshape(batches, filters, memory).tolist()
    for batch, number in np.ndindex(batches, filters):
        total = sum(
            int(feature_weights[number, i]) * (int(inputs[batch, i]) - options.get("input_zero_point", 0))
            for i in range(features)
        )
        newest = rescale(wrap(total, 32), options["feature_multiplier"], options["feature_shift"], rounding)
        memories[batch][number] = [*memories[batch][number][1:], wrap(clamp(newest, state.dtype, {}) + point, size)]
    outputs = np.zeros((batches, filters // rank), np.int8)
    for batch, unit in np.ndindex(*outputs.shape):
        total = 0 if bias is None else int(bias[unit])
        for number in range(unit * rank, (unit + 1) * rank):
            for weight, value in zip(time_weights[number].tolist(), memories[batch][number], strict=True):
                total += weight * (value - point)
        result = rescale(wrap(total, 32), options["multiplier"], options["shift"], rounding)
        outputs[batch, unit] = clamp(wrap(result + options.get("output_zero_point", 0), 32), np.int8, {})
    return outputs, np.array(memories, state.dtype).reshape(state.shape)


def lstm(
    inputs: Array, hidden: Array, cell: Array, gates: Mapping[str, Any], table: list[int], **options: Any
) -> tuple[Array, Array, Array]:
    """Steps of a long short-term memory; `gates` by name, `table` that of the logistic function."""
    batches, steps, features = inputs.shape
    units, rounding = hidden.shape[1], options.get("rounding", "double")
    wide = inputs.dtype == np.int16
    outputs = np.zeros((batches, steps, units), inputs.dtype)
    hidden, cell = hidden.copy(), cell.copy()

    def scaled(total: int, factor: tuple[int, int]) -> int:
        value = rescale_wide(total, *factor) if wide else rescale(wrap(total, 32), *factor, rounding)
        return clamp(value, np.int16, {})

    def squash(value: int, function: str, power: int = -12) -> int:
        multiplier, shift = (3 << (power + 12), 0) if power >= -12 else (3, -12 - power)
        return naive_fixed_point.squash_int16(value, multiplier, shift, function, table)

    def product(first: int, second: int, factor: tuple[int, int], dtype: Any = np.int16, point: int = 0) -> int:
        return clamp(wrap(rescale(first * second, *factor, rounding) + point, 32), dtype, {})

    for batch, step in np.ndindex(batches, steps):
        before, features_now = hidden[batch].copy(), inputs[batch, step]
        for unit in range(units):
            found = {}
            for name, gate in gates.items():
                total = 0 if gate.bias is None else int(gate.bias[unit])
                for i in range(features):
                    difference = int(features_now[i]) - options.get("input_zero_point", 0)
                    total += int(gate.input_weights[unit, i]) * difference
                recurrent = sum(
                    int(gate.recurrent_weights[unit, i]) * (int(before[i]) - options.get("hidden_zero_point", 0))
                    for i in range(units)
                )
                value = scaled(total, gate.input_factor) + scaled(recurrent, gate.recurrent_factor)
                found[name] = squash(clamp(value, np.int16, {}), "tanh" if name == "cell" else "logistic")
            kept = product(found["forget"], int(cell[batch, unit]), options["forget_factor"])
            new = kept + product(found["input"], found["cell"], options["input_factor"])
            new = clamp(new, np.int16, {})
            if options.get("cell_clip"):
                new = min(max(new, -options["cell_clip"]), options["cell_clip"])
            cell[batch, unit] = new
            result = squash(new, "tanh", options["cell_scale_power"])
            point = options.get("hidden_zero_point", 0)
            hidden[batch, unit] = product(result, found["output"], options["hidden_factor"], inputs.dtype, point)
        outputs[batch, step] = hidden[batch]
    return outputs, hidden, cell
