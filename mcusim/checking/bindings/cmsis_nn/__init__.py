# SPDX-License-Identifier: Apache-2.0
"""CMSIS-NN, functions for int8 and int16 activations (Include/arm_nnfunctions.h of ARM-software/CMSIS-NN, 99f736a).

Dimensions are n, h, w, c; offsets of inputs are negated zero points, those of outputs are not. Rounding is double
unless the library was built with CMSIS_NN_USE_SINGLE_ROUNDING (`rounding = "single"` in a suite).
"""

from __future__ import annotations

from mcusim.checking.bindings.cmsis_nn import elementwise, moves, products, sequences, windows

BINDINGS = (
    *windows.BINDINGS, *products.BINDINGS, *elementwise.BINDINGS, *moves.BINDINGS, *sequences.BINDINGS,
)  # fmt: skip
