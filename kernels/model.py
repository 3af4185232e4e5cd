# SPDX-License-Identifier: Apache-2.0
"""Runs a whole TensorFlow Lite model with the reference kernels and keeps every tensor: `run_model`.

    tensors = run_model("model.tflite", image)
    tensors.outputs[0], tensors["conv2d/Relu"], tensors[17]

Operators are executed one after the other in the order of the file. Which kernel an operator is, and with which
parameters, is in `model_operators.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.model_operators import OPERATORS
from mcusim.kernels.model_step import Step
from mcusim.kernels.tflite_file import LEFT_OUT, Model, Tensor, read_model

Array = npt.NDArray[Any]
TINYENGINE = "tinyengine"


class Tensors(Mapping[int, Array]):
    """The values of a model's tensors after a run, by index; also by name with `tensors["name"]`.

    Holds inputs, constants and everything that operators wrote. `model` describes them; `outputs` are the model's.
    """

    def __init__(self, model: Model, values: dict[int, Array]) -> None:
        """Take the values over."""
        self.model = model
        self._values = values

    def __getitem__(self, key: int | str) -> Array:
        """Return a tensor by its index or its name; KeyError where there is none, or it has no value."""
        return self._values[self.model.names[key] if isinstance(key, str) else key]

    def __iter__(self) -> Iterator[int]:
        """Iterate over indices."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return how many tensors have a value."""
        return len(self._values)

    @property
    def outputs(self) -> list[Array]:
        """The model's outputs in order."""
        return [self._values[index] for index in self.model.outputs]


def run_model(
    source: str | PathLike[str] | bytes | Model,
    inputs: Array | Sequence[Array] | Mapping[str, Array],
    *,
    rounding: str = "double",
) -> Tensors:
    """Run a model on its inputs and return all tensors, exactly as TensorFlow Lite Micro computes them.

    `source` is a `.tflite` file, its bytes, or what `read_model` returns. `inputs` is an array, a sequence of them in
    the model's order, or a mapping by name. Variables (the state of SVDF and LSTM) begin as real zeros. `rounding`
    "single" is for interpreters built with it (see `requantize.py`), "tinyengine" computes convolutions, fully
    connected layers and sums as TinyEngine does, by float32 scales, and everything else as with "double".

    Raises ValueError for what is no model, for inputs of the wrong number, shape or dtype, and for an operator that
    there is no kernel for; ImportError without the package `tflite`.
    """
    model = source if isinstance(source, Model) else read_model(source)
    unknown = [operator for operator in model.operators if operator.code not in OPERATORS]
    if unknown:
        codes = sorted({operator.code for operator in unknown})
        raise ValueError(f"{unknown[0].label}: there is no kernel for {', '.join(codes)}")
    values = {tensor.index: tensor.data for tensor in model.tensors if tensor.data is not None}
    for tensor in model.tensors:
        if tensor.variable:
            real_zero = tensor.zero_point if tensor.dtype == "int8" else 0  # as TensorFlow Lite Micro resets them
            values[tensor.index] = np.full(tensor.shape, real_zero, tensor.dtype)
    values.update(_inputs(model, inputs))
    float_scales = rounding == TINYENGINE
    integer_rounding = "double" if float_scales else rounding
    for operator in model.operators:
        missing = [index for index in operator.inputs if index != LEFT_OUT and index not in values]
        if missing:
            raise ValueError(f"{operator.label}: nothing writes {model.tensors[missing[0]].label} before it")
        try:
            results = OPERATORS[operator.code](Step(model, operator, values, integer_rounding, float_scales))
        except ValueError as error:
            raise ValueError(f"{operator.label}: {error}") from error
        for index, result in zip(operator.outputs, results, strict=True):
            values[index] = _fitting(model.tensors[index], result, operator.label)
    return Tensors(model, values)


def _inputs(model: Model, inputs: Array | Sequence[Array] | Mapping[str, Array]) -> dict[int, Array]:
    """Return the model's inputs by index, having checked them."""
    wanted = [model.tensors[index] for index in model.inputs]
    names = [tensor.name for tensor in wanted]
    if isinstance(inputs, Mapping):
        if sorted(inputs) != sorted(names):
            raise ValueError(
                f"inputs: are named {', '.join(map(repr, inputs))}, the model's {', '.join(map(repr, names))}"
            )
        given = [inputs[name] for name in names]
    else:
        given = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
    if len(given) != len(wanted):
        raise ValueError(f"inputs: are {len(given)}, the model has {len(wanted)}")
    for tensor, value in zip(wanted, given, strict=True):
        if not isinstance(value, np.ndarray) or value.dtype != tensor.dtype or value.shape != tensor.shape:
            found = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
            raise ValueError(f"inputs: {tensor.label} is {tensor.dtype} {tensor.shape}, not {found}")
    return {tensor.index: value for tensor, value in zip(wanted, given, strict=True)}


def _fitting(tensor: Tensor, result: Array, label: str) -> Array:
    """Return a result in the shape that the file says, having checked that it is one of that dtype and size."""
    if result.dtype != tensor.dtype or result.size != np.prod(tensor.shape, dtype=np.int64):
        said = f"the file says {tensor.dtype} {tensor.shape} ({tensor.label})"
        raise ValueError(f"{label}: gives {result.dtype} {result.shape}, {said}")
    return result.reshape(tensor.shape)
