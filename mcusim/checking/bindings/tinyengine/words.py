# SPDX-License-Identifier: Apache-2.0
"""What the families of TinyEngine's functions share: sizes, and weights and bias as its code generator writes them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mcusim.checking.case import Values

LIBRARY = "tinyengine"
INPUT = ("input", "input_w", "input_h", "input_c")
OUTPUT = ("output", "output_w", "output_h", "output_c")
PARTS = ("weights_sram", "weights_flash", "first")
CLAMP = ("activation_min", "activation_max")
# A convolution of one pixel, that goes from pixel to pixel.
WITHOUT_STEPS = {
    "batches": 1, "kernel_h": 1, "kernel_w": 1, "stride_h": 1, "stride_w": 1, "dilation_h": 1, "dilation_w": 1,
    "output_c": "2..16:2",
}  # fmt: skip


def by_channel(values: Values) -> Values:
    """Add weights by channel, and the bias with what the zero point adds, in the parts that do and do not fit."""
    kernel = values["weights"][0].transpose(2, 0, 1)
    sums = kernel.astype(np.int64).sum(axis=(1, 2)) * -values["input_zero_point"]
    return values | {
        "weights_chw": np.ascontiguousarray(kernel),
        "offset_bias": (values["bias"] + sums).astype(np.int32),
        "offset_bias_rest": np.zeros(len(sums), np.int32),
    }


def in_parts(step: int) -> Callable[[Values], Values]:
    """Return what adds weights in two parts, of some first input channels (a multiple of `step`) and of the others."""

    def prepare(values: Values) -> Values:
        weights, steps = values["weights"], values["input_c"] // step
        first = step * (1 + (values["input_h"] + values["output_c"]) % (steps - 1))
        return values | {
            "first": first, "weights_sram": np.ascontiguousarray(weights[..., :first]),
            "weights_flash": np.ascontiguousarray(weights[..., first:]),
        }  # fmt: skip

    return prepare
