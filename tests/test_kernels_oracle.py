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
from mcusim.kernels.model_operators import OPERATORS
from mcusim.kernels.tflite_file import read_model

SEEDS = 50 if LONG else 15

# Kinds of operator in which LiteRT's reference kernels differ from tflite-micro: by at most so many steps of the
# output, or as said.
SINGLE = "single rounding"  # equal ours with rounding="single"
WRONG = "LiteRT is not right"  # its results are far from the real numbers
MISSING = "not in LiteRT"
LITERT = {
    "fully_connected": SINGLE,
    "fully_connected per channel": SINGLE,
    "fully_connected int16": 1,
    "batch_matmul int16": 2,
    "mul int16": 1,
    "leaky_relu int16": 1,
    "softmax int16": 1,
    "sum": WRONG,
    "unidirectional_lstm": 1,
    "unidirectional_lstm int16": MISSING,
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
@pytest.mark.parametrize("kind", [kind for kind in CASES if LITERT.get(kind) != MISSING])
def test_litert_computes_the_same_or_differs_as_we_say(kind: str) -> None:
    said = LITERT.get(kind, 0)
    rounding = "single" if said == SINGLE else "double"
    largest = 0.0
    for seed in range(SEEDS):
        case = CASES[kind](Draw(seed))
        found = dict(run_model(case.model, case.inputs, rounding=rounding))
        largest = max(largest, largest_difference(run_litert(case.model, case.inputs), found))
    if said == WRONG:
        assert largest > 1
    else:
        assert largest <= (said if isinstance(said, int) else 0)


def test_single_rounding_is_not_double_rounding() -> None:
    """Some outputs differ, so that it shows which one LiteRT's FULLY_CONNECTED has."""
    case = CASES["fully_connected"](Draw(312))
    once, twice = (run_model(case.model, case.inputs, rounding=each).outputs[0] for each in ("single", "double"))
    assert np.count_nonzero(once != twice) == 1
    assert np.abs(once.astype(int) - twice).max() == 1


def test_every_operator_has_its_cases() -> None:
    codes = {operator.code for make in CASES.values() for operator in read_model(make(Draw(0)).model).operators}
    assert codes == set(OPERATORS)
