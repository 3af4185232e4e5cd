# SPDX-License-Identifier: Apache-2.0
"""Whole models: what `run_model` returns, what it refuses, and three public models against TensorFlow Lite Micro."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from oracles import run_tflite_micro
from tflite_writer import Operator, Tensor, constant, write_model

from mcusim import kernels
from mcusim.kernels.model import run_model
from mcusim.kernels.tflite_file import read_model

# Models that are not part of this repository: a folder of .tflite files, if there is one.
MODELS = Path(os.environ.get("MCUSIM_MODELS") or Path(__file__).resolve().parents[2] / "shared" / "models")
NAMES = ("kws_ref_model.tflite", "pretrainedResnet_quant.tflite", "vww.tflite")


def two_layers() -> bytes:
    """Return the model of a sum over pairs of values, plus itself."""
    tensors = [
        Tensor((2, 2), scale=1.0, zero_point=-1),
        constant(np.array([[1, 1]], np.int8), 1.0),
        Tensor((2, 1), scale=1.0, zero_point=0),
        Tensor((2, 1), scale=2.0, zero_point=3),
    ]
    operators = [Operator("FULLY_CONNECTED", (0, 1, -1), (2,), {}), Operator("ADD", (2, 2), (3,), {})]
    return write_model(tensors, operators, (0,), (3,))


def test_every_tensor_is_there_by_index_and_by_name() -> None:
    given = np.array([[4, 5], [-7, 0]], np.int8)
    tensors = run_model(two_layers(), given)
    assert list(tensors) == [1, 0, 2, 3]
    assert len(tensors) == 4
    assert tensors[0] is given
    assert tensors[1].tolist() == [[1, 1]]
    assert tensors["t2"].tolist() == [[11], [-5]]
    assert [output.tolist() for output in tensors.outputs] == [[[14], [-2]]]
    for other in ([given], {"t0": given}):
        assert run_model(two_layers(), other).outputs[0].tolist() == [[14], [-2]]
    with pytest.raises(KeyError):
        _ = tensors["t9"]


def test_run_model_is_part_of_the_package() -> None:
    assert kernels.run_model is run_model


def test_inputs_that_do_not_fit() -> None:
    given = np.zeros((2, 2), np.int8)
    model = read_model(two_layers())
    with pytest.raises(ValueError, match="inputs: are 2, the model has 1"):
        run_model(model, [given, given])
    with pytest.raises(ValueError, match=r"inputs: tensor 0 \(t0\) is int8 \(2, 2\), not int8 \(4,\)"):
        run_model(model, given.reshape(4))
    with pytest.raises(ValueError, match=r"inputs: tensor 0 \(t0\) is int8 \(2, 2\), not float32 \(2, 2\)"):
        run_model(model, given.astype(np.float32))
    with pytest.raises(ValueError, match="inputs: are named 'x', the model's 't0'"):
        run_model(model, {"x": given})


def test_operators_without_a_kernel_are_named() -> None:
    tensors = [Tensor((2,), "float32"), Tensor((2,), "float32"), Tensor((2,), "float32")]
    model = write_model(tensors, [Operator("COS", (0,), (1,)), Operator("ATAN2", (0, 1), (2,))], (0,), (2,))
    with pytest.raises(ValueError, match=r"^operator 0 \(COS\): there is no kernel for ATAN2, COS$"):
        run_model(model, np.zeros(2, np.float32))


def test_what_a_kernel_refuses_is_said_with_the_operator() -> None:
    tensors = [Tensor((2,), "float32"), Tensor((2,), "float32", 1.0), Tensor((2,), scale=1.0)]
    model = write_model(tensors, [Operator("RELU", (0,), (1,))], (0,), (1,))
    with pytest.raises(ValueError, match=r"^operator 0 \(RELU\): tensor 0 \(t0\): has 0 scales, one is needed here$"):
        run_model(model, np.zeros(2, np.float32))
    model = write_model(tensors, [Operator("LOGISTIC", (1,), (2,))], (1,), (2,))
    with pytest.raises(
        ValueError, match=r"^operator 0 \(LOGISTIC\): inputs: dtype is float32, it must be int8 or int16$"
    ):
        run_model(model, np.zeros(2, np.float32))
    model = write_model([tensors[2]] * 2, [Operator("ADD", (0, 0), (1,), {"FusedActivationFunction": 4})], (0,), (1,))
    with pytest.raises(ValueError, match=r"^operator 0 \(ADD\): activation: number 4 is not one of 0 to 3$"):
        run_model(model, np.zeros(2, np.int8))


def test_a_model_that_reads_what_nobody_writes() -> None:
    tensors = [Tensor((2,), scale=1.0), Tensor((2,), scale=1.0), Tensor((2,), scale=1.0)]
    model = write_model(tensors, [Operator("ADD", (0, 1), (2,), {})], (0,), (2,))
    with pytest.raises(ValueError, match=r"operator 0 \(ADD\): nothing writes tensor 1 \(t1\) before it"):
        run_model(model, np.zeros(2, np.int8))


def test_results_that_contradict_the_file() -> None:
    tensors = [Tensor((2,), scale=1.0), Tensor((3,), scale=1.0)]
    model = write_model(tensors, [Operator("ADD", (0, 0), (1,), {})], (0,), (1,))
    with pytest.raises(ValueError, match=r"operator 0 \(ADD\): gives int8 \(2,\), the file says int8 \(3,\)"):
        run_model(model, np.zeros(2, np.int8))


@pytest.mark.oracles
@pytest.mark.parametrize("name", NAMES)
def test_all_tensors_of_public_models_equal_tflite_micro(name: str) -> None:
    path = MODELS / name
    if not path.is_file():
        pytest.skip(f"no {name} in the folder that MCUSIM_MODELS names")
    content = path.read_bytes()
    model = read_model(content)
    tensor = model.tensors[model.inputs[0]]
    random = np.random.default_rng(7)
    for _ in range(2):
        if tensor.dtype == "float32":
            given = random.uniform(-1, 1, tensor.shape).astype(np.float32)
        else:
            given = random.integers(-128, 128, tensor.shape).astype(np.int8)
        expected = run_tflite_micro(content, [given])
        found = run_model(model, given)
        assert len(expected) >= len(model.operators)
        for index, value in expected.items():
            np.testing.assert_array_equal(found[index], value.reshape(found[index].shape), tensor.label)
