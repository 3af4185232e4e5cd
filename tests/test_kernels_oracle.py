# SPDX-License-Identifier: Apache-2.0
"""The kernels compute what interpreters that others wrote compute, bit for bit, on random models of one operator.

tflite-micro is the reference for every operator. LiteRT's reference kernels are a second one; where the two of them
differ is in `LITERT`, and the difference is tested, too.
"""

from __future__ import annotations

import numpy as np
import pytest
from conftest import LONG
from oracles import Tensors, run_litert, run_tflite_micro
from random_models import Draw
from random_models_rest import CASES

from mcusim.kernels.model import run_model

SEEDS = 200 if LONG else 25

# Kinds of operator in which LiteRT's reference kernels differ from tflite-micro.
SINGLE = "single rounding"  # and equal ours with rounding="single"
STEP = "by a step"  # of the output's scale at most
WRONG = "LiteRT is not right"  # its results are far from the real numbers
LITERT = {
    "fully_connected": SINGLE,
    "fully_connected int16": STEP,
    "fully_connected per channel": SINGLE,
    "batch_matmul int16": SINGLE,
    "mul int16": STEP,
    "leaky_relu int16": STEP,
    "softmax int16": STEP,
    "sum": WRONG,
}


def largest_difference(expected: Tensors, found: dict[int, np.ndarray]) -> float:  # type: ignore[type-arg]
    """Return the largest difference between the same tensors."""
    assert expected
    gaps = [
        np.abs(value.astype(np.float64) - found[index].astype(np.float64).reshape(value.shape))
        for index, value in expected.items()
    ]
    return float(max(gap.max(initial=0) for gap in gaps))


@pytest.mark.oracles
@pytest.mark.parametrize("kind", CASES)
def test_tflite_micro_computes_the_same(kind: str) -> None:
    for seed in range(SEEDS):
        case = CASES[kind](Draw(seed))
        expected = run_tflite_micro(case.model, case.inputs)
        found = run_model(case.model, case.inputs)
        for index, value in expected.items():
            assert value.dtype == found[index].dtype
            np.testing.assert_array_equal(found[index], value.reshape(found[index].shape), f"seed {seed}")


@pytest.mark.oracles
@pytest.mark.parametrize("kind", CASES)
def test_litert_computes_the_same_or_differs_as_we_say(kind: str) -> None:
    rounding = "single" if LITERT.get(kind) == SINGLE else "double"
    largest = 0.0
    for seed in range(SEEDS):
        case = CASES[kind](Draw(seed))
        found = dict(run_model(case.model, case.inputs, rounding=rounding))
        largest = max(largest, largest_difference(run_litert(case.model, case.inputs), found))
    if LITERT.get(kind, SINGLE) == SINGLE:
        assert largest == 0
    elif LITERT[kind] == STEP:
        assert largest <= 1
    else:
        assert largest > 1
