# SPDX-License-Identifier: Apache-2.0
"""Products of matrices: fully connected layers, batches of matrices."""

from __future__ import annotations

import numpy as np

from mcusim.checking import mistakes
from mcusim.checking.case import (
    Array,
    Operator,
    Style,
    Values,
    activation,
    bias,
    near,
    output_scales,
    quantised,
    reach_of,
    small_or_large,
    stage_of,
    tensor,
    zero_point,
)
from mcusim.kernels.batch_matmul import batch_matmul
from mcusim.kernels.fully_connected import fully_connected
from mcusim.kernels.quantization import quantize_multiplier


def _draw_fully_connected(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    values: Values = dict(sizes)
    weights = small_or_large(rng, (values["output_c"], values["input_c"]))
    reach = reach_of(weights, values["output_c"])
    values |= quantised(rng, values["output_c"], reach, style, per_channel=style.per_channel)
    values |= {
        "input": tensor(rng, (values["batches"], values["input_c"]), dtype=style.dtype),
        "weights": weights,
        "bias": bias(rng, values["output_c"], reach, style),
        "output": np.zeros((values["batches"], values["output_c"]), style.dtype),
        "macs": values["batches"] * values["output_c"] * values["input_c"],
    }
    return values


def _fully_connected(values: Values) -> Array:
    zero = values["input_zero_point"]
    return fully_connected(
        values["input"], values["weights"], values["bias"], input_zero_point=zero, **stage_of(values)
    )  # fmt: skip


def _draw_batch_matmul(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    """Draw two stacks (batches, heads) of matrices, the second transposed; `broadcast` has a bit for each axis of one.

    1 and 2: the first operand has one batch, one head; 4 and 8: the second has.
    """
    values: Values = dict(sizes)
    stacks = []
    for number in (1, 2):
        bits = values["broadcast"] >> 2 * (number - 1)
        stacks.append((1 if bits & 1 else values["batches"], 1 if bits & 2 else values["heads"]))
        values[f"input{number}_batches"], values[f"input{number}_heads"] = stacks[-1]
    output = tuple(max(pair) for pair in zip(*stacks, strict=True))
    values["output_batches"], values["output_heads"] = output
    values["input1"] = tensor(rng, (*stacks[0], values["rows"], values["depth"]), dtype=style.dtype)
    for name in ("input1", "input2", "output"):
        values[f"{name}_zero_point"] = zero_point(rng, style.dtype)
    point = values["input2_zero_point"]
    values["input2"] = tensor(rng, (*stacks[1], values["columns"], values["depth"]), dtype=style.dtype)
    if rng.integers(2):
        values["input2"] = near(rng, values["input2"].shape, point, style.dtype)
    reach = reach_of(values["input2"].astype(np.int64) - point, values["input2"].size // values["depth"])
    factor = output_scales(rng, 1, reach, style.extremes and not rng.integers(4))
    values["multiplier"], values["shift"] = quantize_multiplier(float(factor[0]))
    values["activation_min"], values["activation_max"] = activation(rng, style)
    shape = (*output, values["rows"], values["columns"])
    products = int(np.prod(shape)) * values["depth"]
    return values | {"output": np.zeros(shape, style.dtype), "rounding": style.rounding, "macs": products}


def _batch_matmul(values: Values) -> Array:
    names = ("input1_zero_point", "input2_zero_point", "output_zero_point", "activation_min", "activation_max",
             "multiplier", "shift", "rounding")  # fmt: skip
    how = {name: values[name] for name in names}
    return batch_matmul(values["input1"], values["input2"], transpose2=True, **how)


OPERATORS = (
    Operator("fully_connected", {"batches": (1, 1, 2, 3), "input_c": tuple(range(1, 65)),
                                 "output_c": tuple(range(1, 18))},
             _draw_fully_connected, _fully_connected, mistakes.WITH_SUMS),
    Operator("batch_matmul", {"batches": (1, 2, 3), "heads": (1, 2, 3), "rows": tuple(range(1, 9)),
                              "columns": tuple(range(1, 9)), "depth": tuple(range(1, 33)),
                              "broadcast": (0, 0, 0, 1, 2, 4, 8, 3, 12)},
             _draw_batch_matmul, _batch_matmul, mistakes.PAIRS),
)  # fmt: skip
