# SPDX-License-Identifier: Apache-2.0
"""The model as the firmware would compute it: each operator with the rounding of the layer that is it.

TinyEngine has functions with float32 scales (`_fpreq` in their names) and functions with integer multipliers; one image
may have both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy.typing as npt

from mcusim.kernels.model import Tensors, run_model
from mcusim.kernels.tflite_file import Model

Array = npt.NDArray[Any]
_INTEGER = re.compile(r"(?:convolve_|depthwise_|patchpadding_)(?!.*_fpreq)|add$")  # as TinyEngine names functions


@dataclass(frozen=True)
class Roundings:
    """How sums are scaled: `usual`, and operators (by index) that do otherwise."""

    usual: str
    others: Mapping[int, str]

    def of(self, operator: int) -> str:
        """Return the rounding of an operator."""
        return self.others.get(operator, self.usual)


def roundings(rounding: str, layers: Iterable[tuple[str, int]], by_name: bool) -> Roundings:
    """Return the roundings of operators; `layers` are the names of functions, each with its operator.

    With `by_name` TinyEngine's functions with integer multipliers round as gemmlowp does.
    """
    if rounding != "tinyengine" or not by_name:
        return Roundings(rounding, {})
    return Roundings(rounding, {number: "double" for name, number in layers if _INTEGER.match(name)})


def run_mixed(model: Model, inputs: Sequence[Array], how: Roundings) -> Tensors:
    """Run a model, operators with the rounding of each. Raises ValueError as `run_model` does."""
    if not how.others:
        return run_model(model, inputs, rounding=how.usual)
    values = dict(zip(model.inputs, inputs, strict=True))
    found: dict[int, Array] = {}
    for rounding, group in groupby(model.operators, key=lambda each: how.of(each.index)):
        operators = tuple(group)
        written = {index for each in operators for index in each.outputs}
        read = {index for each in operators for index in each.inputs if index in values and index not in written}
        part = replace(model, inputs=tuple(sorted(read)), operators=operators)
        tensors = run_model(part, [values[index] for index in part.inputs], rounding=rounding)
        found.update(tensors)
        values.update({index: tensors[index] for index in written})
    return Tensors(model, found)
