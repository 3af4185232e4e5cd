# SPDX-License-Identifier: Apache-2.0
"""One operator of a model as it is about to be executed: its tensors, their values, its options."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.quantization import activation_range
from mcusim.kernels.shapes import VALID, Padding, Pair, same_padding
from mcusim.kernels.tflite_file import LEFT_OUT, Model, Operator, Tensor

Array = npt.NDArray[Any]
Results = tuple[Array, ...]
SAME = 0


@dataclass(frozen=True)
class Step:
    """An operator of a model, and the values of all tensors so far; inputs and outputs are counted from 0."""

    model: Model
    operator: Operator
    values: MutableMapping[int, Array]
    rounding: str
    float_scales: bool = False  # TinyEngine's arithmetic, where it has its own

    def tensor(self, place: int) -> Tensor:
        """Return what the file says of an input. Raises ValueError if it is left out."""
        if not self.has(place):
            raise ValueError(f"input {place} is missing")
        return self.model.tensors[self.operator.inputs[place]]

    def has(self, place: int) -> bool:
        """Return whether there is such an input."""
        return place < len(self.operator.inputs) and self.operator.inputs[place] != LEFT_OUT

    def value(self, place: int) -> Array:
        """Return the value of an input."""
        return self.values[self.tensor(place).index]

    def optional(self, place: int) -> Array | None:
        """Return the value of an input that may be left out."""
        return self.value(place) if self.has(place) else None

    def result(self, place: int = 0) -> Tensor:
        """Return what the file says of an output."""
        return self.model.tensors[self.operator.outputs[place]]

    def scale(self, place: int) -> float:
        """Return the scale of an input that is quantised as a whole."""
        return float(self.tensor(place).scale)

    def result_scale(self, place: int = 0) -> float:
        """Return the scale of an output."""
        return float(self.result(place).scale)

    def option(self, name: str) -> Any:
        """Return an option by its name in the schema's classes."""
        return self.operator.option(name)

    def keep(self, place: int, value: Array) -> None:
        """Replace the value of an input that is a variable."""
        self.values[self.tensor(place).index] = value

    def integers(self, place: int) -> tuple[int, ...]:
        """Return the value of an input that holds sizes, axes or indices."""
        return tuple(int(number) for number in np.ravel(self.value(place)))

    def activation(self) -> dict[str, Any]:
        """Return the range of the fused activation as kernels take it."""
        result = self.result()
        number = self.option("FusedActivationFunction")
        low, high = activation_range(number, float(result.scale), result.zero_point, result.dtype)
        return {"activation_min": low, "activation_max": high}

    def pair(self, name: str) -> Pair:
        """Return options such as StrideH and StrideW as (vertical, horizontal); `name` has {} for the letter."""
        return int(self.option(name.format("H"))), int(self.option(name.format("W")))

    def padding(self, input_size: Pair, kernel_size: Pair, strides: Pair, dilations: Pair = (1, 1)) -> Padding:
        """Return the padding that the option Padding asks for."""
        if self.option("Padding") != SAME:
            return VALID
        return same_padding(input_size, kernel_size, strides, dilations)
