# SPDX-License-Identifier: Apache-2.0
"""The network of tests/firmware/verify as a .tflite file, one with a branch, and the command on the first."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
from machines import prebuilt
from tflite_writer import Operator, Tensor, constant, write_model

from mcusim.cli.main import main

BOARD = "nucleo-l4r5zi"
FACTORS = np.array([3 * 2**-9, 5 * 2**-10, 7 * 2**-10, 9 * 2**-11])  # of the convolution; the depthwise one: twice
NONE, SAME, VALID = 0, 0, 1


def filled(shape: tuple[int, ...], seed: int) -> npt.NDArray[np.int8]:
    """Return what `fill` of the firmware writes."""
    values = []
    for _ in range(int(np.prod(shape))):
        seed = (seed * 1103515245 + 12345) & 0xFFFFFFFF
        values.append(seed >> 16 & 0xFF)
    return np.array(values, np.uint8).view(np.int8).reshape(shape)


def network(**changed: object) -> bytes:
    """Return the firmware's network as a model, with tensors that are replaced by their names here."""
    tensors = {
        "input": Tensor((1, 6, 6, 2), scale=0.5, zero_point=3),
        "conv_weights": constant(filled((4, 3, 3, 2), 1), list(FACTORS / 2), 0),
        "conv_bias": constant(np.array([100, -200, 300, -400], np.int32), list(FACTORS / 4), 0),
        "conv": Tensor((1, 6, 6, 4), scale=0.25, zero_point=-5),
        "depthwise_weights": constant(filled((1, 3, 3, 4), 2), list(FACTORS * 4), 0, axis=3),
        "depthwise_bias": constant(np.array([-50, 60, -70, 80], np.int32), list(FACTORS), 0),
        "depthwise": Tensor((1, 6, 6, 4), scale=0.5, zero_point=7),
        "pool": Tensor((1, 3, 3, 4), scale=0.5, zero_point=7),
        "shape": constant(np.array([1, 36], np.int32)),
        "flat": Tensor((1, 36), scale=0.5, zero_point=7),
        "dense_weights": constant(filled((5, 36), 3), 3 * 2**-12),
        "dense_bias": constant(np.array([500, -400, 300, -200, 100], np.int32), 3 * 2**-13),
        "dense": Tensor((1, 5), scale=1 / 16, zero_point=11),
        "softmax": Tensor((1, 5), scale=1 / 256, zero_point=-128),
    }
    assert changed.keys() <= tensors.keys()
    tensors.update(changed)  # type: ignore[arg-type]
    at = list(tensors).index
    window = {"StrideH": 1, "StrideW": 1, "Padding": SAME, "DilationHFactor": 1, "DilationWFactor": 1}
    operators = [
        Operator("CONV_2D", (at("input"), at("conv_weights"), at("conv_bias")), (at("conv"),), window),
        Operator(
            "DEPTHWISE_CONV_2D",
            (at("conv"), at("depthwise_weights"), at("depthwise_bias")),
            (at("depthwise"),),
            {**window, "DepthMultiplier": 1},
        ),
        Operator(
            "AVERAGE_POOL_2D",
            (at("depthwise"),),
            (at("pool"),),
            {"StrideH": 2, "StrideW": 2, "FilterHeight": 2, "FilterWidth": 2, "Padding": VALID},
        ),
        Operator("RESHAPE", (at("pool"), at("shape")), (at("flat"),), {"NewShape": (1, 36)}),
        Operator("FULLY_CONNECTED", (at("flat"), at("dense_weights"), at("dense_bias")), (at("dense"),)),
        Operator("SOFTMAX", (at("dense"),), (at("softmax"),), {"Beta": 1.0}),
    ]
    return write_model(list(tensors.values()), operators, (at("input"),), (at("softmax"),))


def run(tmp_path: Path, model: bytes, *words: str) -> int:
    """Run `mcusim verify` on the firmware and a model; results go to out.json."""
    path = tmp_path / "model.tflite"
    path.write_bytes(model)
    out = ("--format", "json", "-o", str(tmp_path / "out.json"), "--force", "-q")
    return main(["verify", str(prebuilt("verify", BOARD)), "--model", str(path), "--board", BOARD, *out, *words])


def results(tmp_path: Path) -> dict[str, object]:
    """Return what the last run wrote."""
    found: dict[str, object] = json.loads((tmp_path / "out.json").read_text())
    return found


def statuses(tmp_path: Path) -> list[str]:
    layers = results(tmp_path)["layers"]
    assert isinstance(layers, list)
    return [layer["status"] for layer in layers]


def branches() -> bytes:
    """Return a model: conv(conv(x)) + conv(x)."""
    tensors = [Tensor((1, 2, 2, 3), scale=0.5) for _ in range(5)]
    tensors += [constant(filled((3, 1, 1, 3), seed), 0.01) for seed in (6, 7, 8)]
    window = {"StrideH": 1, "StrideW": 1, "Padding": SAME, "DilationHFactor": 1, "DilationWFactor": 1}
    operators = [
        Operator("CONV_2D", (0, 5, -1), (1,), window),
        Operator("CONV_2D", (1, 6, -1), (2,), window),
        Operator("CONV_2D", (0, 7, -1), (3,), window),
        Operator("ADD", (2, 3), (4,)),
    ]
    return write_model(tensors, operators, (0,), (4,))
