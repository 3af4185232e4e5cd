# SPDX-License-Identifier: Apache-2.0
"""What keeps a state from step to step: svdf, unidirectional_lstm."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcusim.checking import mistakes
from mcusim.checking.case import (
    Array,
    Operator,
    Style,
    Values,
    bias,
    output_scales,
    reach_of,
    small_or_large,
    tensor,
    zero_point,
)
from mcusim.kernels.quantization import quantize_multiplier
from mcusim.kernels.scaling import lstm_scaling
from mcusim.kernels.svdf import svdf
from mcusim.kernels.unidirectional_lstm import GATES, Gate, unidirectional_lstm


def _factor(rng: np.random.Generator, reach: float, octaves: float = 0.0) -> tuple[int, int]:
    """Return a multiplier and shift that spread sums of this size over int8, or so many octaves more."""
    return quantize_multiplier(float(output_scales(rng, 1, reach, False)[0]) * 2.0**octaves)


def _draw_svdf(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    """Draw filters over features and time; `style.dtype` is that of the state and of the weights over time."""
    batches, units, rank, memory = (sizes[name] for name in ("batches", "units", "rank", "memory"))
    filters, wide = units * rank, style.dtype == "int16"
    features = small_or_large(rng, (filters, sizes["input_c"]))
    values: Values = {**sizes, "filters": filters, "feature_weights": features, "rounding": style.rounding}
    times = small_or_large(rng, (filters, memory))
    values["time_weights"] = times.astype(np.int16) * 64 if wide else times
    values["state"] = tensor(rng, (batches, filters * memory), dtype=style.dtype)
    values["input"] = tensor(rng, (batches, sizes["input_c"]))
    reach = reach_of(features, filters)
    values["feature_multiplier"], values["feature_shift"] = _factor(rng, reach, 8 if wide else 0)
    second = reach_of(times, units) * (64.0 * 256.0 if wide else 1.0)
    values["multiplier"], values["shift"] = _factor(rng, second)
    values["bias"] = bias(rng, units, second, Style())
    values["input_zero_point"], values["output_zero_point"] = zero_point(rng), zero_point(rng)
    products = batches * filters * (sizes["input_c"] + memory)
    return values | {"output": np.zeros((batches, units), np.int8), "macs": products}


def svdf_step(values: Values) -> tuple[Array, Array]:
    """Return the outputs and the new state."""
    names = ("rank", "feature_multiplier", "feature_shift", "multiplier", "shift", "input_zero_point",
             "output_zero_point", "rounding")  # fmt: skip
    operands = (values[name] for name in ("input", "feature_weights", "time_weights", "bias", "state"))
    return svdf(*operands, **{name: values[name] for name in names})


def _draw_lstm(sizes: dict[str, int], rng: np.random.Generator, style: Style) -> Values:
    """Draw four gates and states as at the beginning of a sequence: hidden at its zero point, the cell zero."""
    batches, steps, units = (sizes[name] for name in ("batches", "steps", "units"))
    wide = style.dtype == "int16"
    values: Values = {**sizes, "rounding": style.rounding, "input_zero_point": zero_point(rng, style.dtype)}
    values["hidden_zero_point"] = zero_point(rng, style.dtype)
    for name in GATES:
        gate: dict[str, Any] = {}
        for part, columns in (("input", sizes["input_c"]), ("recurrent", units)):
            weights = small_or_large(rng, (units, columns))
            # Sums go to 2^-12, so those of int8 by 2^4 or so more than to int8, for curves that are not all saturated.
            gate[f"{part}_weights"], gate[f"{part}_factor"] = (
                weights,
                _factor(rng, reach_of(weights, units), -3 if wide else 6),
            )
        gate["bias"] = bias(rng, units, reach_of(gate["input_weights"], units), style)
        values[f"{name}_gate"] = Gate(**gate)
    order = (steps, batches) if sizes["time_major"] else (batches, steps)
    values["input"] = tensor(rng, (*order, sizes["input_c"]), dtype=style.dtype)
    values["hidden"] = np.full((batches, units), values["hidden_zero_point"], style.dtype)
    values["cell"] = np.zeros((batches, units), np.int16)
    values |= lstm_scaling(2.0 ** -int(rng.integers(9, 13)), 2.0 ** (-15 if wide else -7))
    values["cell_clip"] = int(rng.choice([32767, int(rng.integers(1000, 32767))]))
    products = batches * steps * 4 * units * (sizes["input_c"] + units)
    return values | {"output": np.zeros((*order, units), style.dtype), "macs": products}


def lstm_sequence(values: Values) -> tuple[Array, Array, Array]:
    """Return the outputs, and the hidden and cell state after the last step."""
    names = ("input_gate", "forget_gate", "cell_gate", "output_gate", "forget_factor", "input_factor", "hidden_factor",
             "cell_scale_power", "cell_clip", "input_zero_point", "hidden_zero_point", "rounding")  # fmt: skip
    how: dict[str, Any] = {name: values[name] for name in names}
    return unidirectional_lstm(
        values["input"], values["hidden"], values["cell"], time_major=bool(values["time_major"]), **how
    )  # fmt: skip


OPERATORS = (
    Operator("svdf", {"batches": (1, 2, 3), "units": tuple(range(1, 8)), "rank": (1, 2, 3),
                      "memory": tuple(range(1, 12)), "input_c": tuple(range(1, 33))},
             _draw_svdf, lambda values: svdf_step(values)[0], mistakes.ROUNDED),
    Operator("unidirectional_lstm", {"batches": (1, 2, 3), "steps": (1, 2, 3, 5), "units": tuple(range(1, 12)),
                                     "input_c": tuple(range(1, 17)), "time_major": (0, 1)},
             _draw_lstm, lambda values: lstm_sequence(values)[0], mistakes.ROUNDED),
)  # fmt: skip
