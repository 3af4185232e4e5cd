# SPDX-License-Identifier: Apache-2.0
"""CMSIS-NN's functions that move elements: padding, concatenation, reshape, transpose."""

from __future__ import annotations

import numpy as np

from mcusim.checking.binding import Binding, Deviation, Spec
from mcusim.checking.bindings.cmsis_nn.words import INPUT, LIBRARY
from mcusim.checking.case import FILL, Array, Values


def _sides(side: str) -> Spec:
    return {axis: f"{side}_{axis}" for axis in "nhwc"}


def _first_in_place(values: Values) -> Array:
    """Return an output that has the first input already: each call adds one."""
    output: Array = np.full_like(values["output"], FILL)
    output[tuple(slice(length) for length in values["input1"].shape)] = values["input1"]
    return output


def _concatenation(letter: str, axis: int) -> Binding:
    """Return the binding of a concatenation. CMSIS-NN's x is the last of our axes, y, z, w are those before it."""
    size: tuple[Spec, ...] = ("input2_c", "input2_w", "input2_h", "input2_n")
    place: tuple[Spec, ...] = ("offset_axis",) if letter == "w" else (f"output_{'nhwc'[axis]}", "offset_axis")
    return Binding(
        f"arm_concatenation_s8_{letter}", "concatenation", ("input2", *size, "output", *place), LIBRARY,
        space={"axis": axis}, before=_first_in_place,
    )  # fmt: skip


def _axes(name: str) -> Spec:
    return {letter: f"{name}_{axis}" for axis, letter in enumerate("nhwc")}


_ALWAYS_EXCHANGED = Deviation(
    "two axes are exchanged whatever the permutation says", lambda values: values["order"] == (0, 1)
)

BINDINGS = (
    Binding("arm_pad_s8", "pad", ("input", "output", "value", INPUT, _sides("before"), _sides("after")), LIBRARY,
            success=0),
    *(_concatenation(letter, axis) for letter, axis in zip("xyzw", (3, 2, 1, 0), strict=True)),
    Binding("arm_reshape_s8", "reshape", ("input", "output", "size"), LIBRARY),
    Binding("arm_transpose_s8", "transpose",
            ("input", "output", _axes("input"), _axes("output"),
             {"num_dims": "rank", "permutations": "permutations"}), LIBRARY, success=0,
            deviations=(_ALWAYS_EXCHANGED,)),
)  # fmt: skip
