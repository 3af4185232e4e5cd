# SPDX-License-Identifier: Apache-2.0
"""The table of operators of docs/kernels.md: roundings, where oracles differ, and the speed on host and target.

    python benchmarks/operators.py [--repetitions N]

On the target: cycles for each multiply-accumulate or element, of the C kernels in examples/kernel_speed, whose layers
have the operators' names, profiled on NUCLEO-L4R5ZI (Cortex-M4, no wait states) and NUCLEO-H743ZI (Cortex-M7, caches
on). On the host: nanoseconds of CPU time for each of them, on one core, of the Python kernel on tensors of the same
shapes, the best of the repetitions.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[variable] = "1"  # read when NumPy is imported

import numpy as np  # noqa: E402

import mcusim  # noqa: E402
from mcusim.kernels.add import add  # noqa: E402
from mcusim.kernels.argmax import argmax  # noqa: E402
from mcusim.kernels.average_pool2d import average_pool2d  # noqa: E402
from mcusim.kernels.batch_matmul import batch_matmul  # noqa: E402
from mcusim.kernels.concatenation import concatenation  # noqa: E402
from mcusim.kernels.conv2d import conv2d  # noqa: E402
from mcusim.kernels.depthwise_conv2d import depthwise_conv2d  # noqa: E402
from mcusim.kernels.dequantize import dequantize  # noqa: E402
from mcusim.kernels.embedding_lookup import embedding_lookup  # noqa: E402
from mcusim.kernels.expand_dims import expand_dims  # noqa: E402
from mcusim.kernels.fully_connected import fully_connected  # noqa: E402
from mcusim.kernels.gather import gather  # noqa: E402
from mcusim.kernels.hard_swish import hard_swish  # noqa: E402
from mcusim.kernels.leaky_relu import leaky_relu  # noqa: E402
from mcusim.kernels.log_softmax import log_softmax  # noqa: E402
from mcusim.kernels.logistic import logistic  # noqa: E402
from mcusim.kernels.max_pool2d import max_pool2d  # noqa: E402
from mcusim.kernels.maximum import maximum  # noqa: E402
from mcusim.kernels.mean import mean  # noqa: E402
from mcusim.kernels.minimum import minimum  # noqa: E402
from mcusim.kernels.mul import mul  # noqa: E402
from mcusim.kernels.pad import pad  # noqa: E402
from mcusim.kernels.prelu import prelu  # noqa: E402
from mcusim.kernels.quantize import quantize  # noqa: E402
from mcusim.kernels.relu import relu  # noqa: E402
from mcusim.kernels.relu6 import relu6  # noqa: E402
from mcusim.kernels.rescale import rescale  # noqa: E402
from mcusim.kernels.reshape import reshape  # noqa: E402
from mcusim.kernels.resize_bilinear import resize_bilinear  # noqa: E402
from mcusim.kernels.resize_nearest_neighbor import resize_nearest_neighbor  # noqa: E402
from mcusim.kernels.scaling import (  # noqa: E402  # noqa: E402
    add_scaling,
    leaky_relu_scaling,
    lstm_scaling,
    prelu_scaling,
    sub_scaling,
    svdf_scaling,
)
from mcusim.kernels.slice import slice as box  # noqa: E402
from mcusim.kernels.softmax import softmax  # noqa: E402
from mcusim.kernels.split import split  # noqa: E402
from mcusim.kernels.squeeze import squeeze  # noqa: E402
from mcusim.kernels.strided_slice import strided_slice  # noqa: E402
from mcusim.kernels.sub import sub  # noqa: E402
from mcusim.kernels.sum import sum as sum_over  # noqa: E402
from mcusim.kernels.svdf import svdf  # noqa: E402
from mcusim.kernels.tanh import tanh  # noqa: E402
from mcusim.kernels.transpose import transpose  # noqa: E402
from mcusim.kernels.transpose_conv import transpose_conv  # noqa: E402
from mcusim.kernels.unidirectional_lstm import Gate, unidirectional_lstm  # noqa: E402

BOARDS = ("nucleo-l4r5zi", "nucleo-h743zi")
FIRMWARE = Path(__file__).resolve().parents[1] / "examples" / "kernel_speed"
# Layers whose names are not the operator's.
LAYERS = {"conv2d": "conv 1x1 64>64 12x12", "depthwise_conv2d": "dw 3x3 64 12x12"}

# Operator; what there is beside int8; roundings; where LiteRT differs from tflite-micro, which all are equal to.
OPERATORS = (
    ("conv2d", "16x8", "d s f", "16x8 with an int32 bias: 64-bit sums"),
    ("depthwise_conv2d", "16x8", "d s f", ""),
    ("transpose_conv", "16x8", "d s f", ""),
    ("fully_connected", "16x8", "d s f", "rounds once; 16x8 by a step"),
    ("batch_matmul", "16x8", "d s", "16x8 by two steps"),
    ("average_pool2d", "16x8", "", ""),
    ("max_pool2d", "16x8", "", ""),
    ("mean", "16x8", "d s", ""),
    ("sum", "16x8", "d s", "far off"),
    ("add", "16x8", "d s f", ""),
    ("sub", "16x8", "d s", ""),
    ("mul", "16x8", "d s f", "16x8 by a step"),
    ("maximum", "16x8", "", ""),
    ("minimum", "16x8", "", ""),
    ("relu", "16x8", "d s", ""),
    ("relu6", "16x8", "", ""),
    ("leaky_relu", "16x8", "d s", "16x8 by a step"),
    ("prelu", "16x8", "d s", ""),
    ("hard_swish", "", "", ""),
    ("logistic", "16x8", "", ""),
    ("tanh", "16x8", "", ""),
    ("softmax", "to int16, 16x8", "", "16x8 by a step"),
    ("log_softmax", "", "", ""),
    ("quantize", "int16", "", ""),
    ("dequantize", "int16", "", ""),
    ("rescale", "int16, int32", "d s", ""),
    ("svdf", "memory int16", "d s", "needs RELU, and there applies none"),
    ("unidirectional_lstm", "16x8", "d s", "by a step; no 16x8"),
    ("pad", "any", "", ""),
    ("concatenation", "any", "", ""),
    ("split", "any", "", ""),
    ("slice", "any", "", ""),
    ("strided_slice", "any", "", ""),
    ("reshape", "any", "", ""),
    ("squeeze", "any", "", ""),
    ("expand_dims", "any", "", ""),
    ("transpose", "any", "", ""),
    ("gather", "any; tflite-micro int8 only", "", ""),
    ("embedding_lookup", "any; tflite-micro int8 only", "", ""),
    ("argmax", "int16, int32; oracles int8 only", "", ""),
    ("resize_nearest_neighbor", "int16", "", ""),
    ("resize_bilinear", "int16; tflite-micro int8 only", "", ""),
)


def int8(*shape: int) -> Any:
    """Return random values, the same in each run."""
    return np.random.default_rng(sum(shape)).integers(-128, 128, shape, np.int8)


def products() -> dict[str, Callable[[], Any]]:
    """Return the operators that are sums of products, on tensors of the shapes of examples/kernel_speed."""
    pixels, pointwise, depthwise, same = int8(1, 12, 12, 64), int8(64, 1, 1, 64), int8(1, 3, 3, 64), ((1, 1), (1, 1))
    image, windows, vector, matrix = int8(1, 8, 8, 32), int8(16, 3, 3, 32), int8(1, 256), int8(64, 256)
    first, second, sequence = int8(2, 32, 64), int8(2, 32, 64), int8(1, 8, 32)
    by: dict[str, Any] = {"multipliers": 1 << 30, "shifts": -8}
    gate = Gate(int8(32, 32), int8(32, 32), np.zeros(32, np.int32), (1 << 30, -2), (1 << 30, -2))
    gates: dict[str, Any] = {f"{name}_gate": gate for name in ("input", "forget", "cell", "output")}
    hidden, cell, lstm = np.zeros((1, 32), np.int8), np.zeros((1, 32), np.int16), lstm_scaling(2.0**-11, 2.0**-7)
    features, weights, times, state = int8(1, 40), int8(64, 40), int8(64, 10), np.zeros((1, 640), np.int8)
    memory = svdf_scaling(0.05, 0.02, 0.1, 0.02, 0.05)
    return {
        "conv2d": lambda: conv2d(pixels, pointwise, **by),
        "depthwise_conv2d": lambda: depthwise_conv2d(pixels, depthwise, padding=same, **by),
        "transpose_conv": lambda: transpose_conv(image, windows, output_size=(16, 16), strides=(2, 2), **by),
        "fully_connected": lambda: fully_connected(vector, matrix, **by),
        "batch_matmul": lambda: batch_matmul(first, second, transpose2=True, multiplier=1 << 30, shift=-8),
        "unidirectional_lstm": lambda: unidirectional_lstm(sequence, hidden, cell, **gates, **lstm),
        "svdf": lambda: svdf(features, weights, times, None, state, rank=1, **memory),
    }


def arithmetic() -> dict[str, Callable[[], Any]]:
    """Return what computes elements: pools, two tensors, functions of one element, softmax."""
    image, other, rows, alphas = int8(1, 24, 24, 16), int8(24, 24, 16)[None], int8(16, 32), int8(16)
    numbers = np.random.default_rng(0).normal(0, 3, 2048).astype(np.float32)
    few, by = int8(2048), {"multiplier": 1 << 30, "shift": -8}
    leaky: dict[str, Any] = dict(leaky_relu_scaling(0.0625, 0.2, 0.0625))
    sums, differences, slopes = (
        add_scaling(0.04, 0.03, 0.05), sub_scaling(0.04, 0.03, 0.05), prelu_scaling(0.0625, 0.01, 0.0625)
    )  # fmt: skip
    return {
        "average_pool2d": lambda: average_pool2d(image, (2, 2), strides=(2, 2)),
        "max_pool2d": lambda: max_pool2d(image, (2, 2), strides=(2, 2)),
        "mean": lambda: mean(image, (1, 2), **by),
        "sum": lambda: sum_over(image, (1, 2), **by),
        "add": lambda: add(image, other, **sums),
        "sub": lambda: sub(image, other, **differences),
        "mul": lambda: mul(image, other, **by),
        "maximum": lambda: maximum(image, other),
        "minimum": lambda: minimum(image, other),
        "relu": lambda: relu(image, **by),
        "relu6": lambda: relu6(image, zero=-5, six=91),
        "leaky_relu": lambda: leaky_relu(image, **leaky),
        "prelu": lambda: prelu(image, alphas, **slopes),
        "hard_swish": lambda: hard_swish(image, input_scale=0.0625, output_scale=0.0625),
        "logistic": lambda: logistic(image, input_scale=0.0625),
        "tanh": lambda: tanh(image, input_scale=0.0625),
        "softmax": lambda: softmax(rows, input_scale=0.0625),
        "log_softmax": lambda: log_softmax(rows, input_scale=0.0625),
        "quantize": lambda: quantize(numbers, output_scale=0.05),
        "dequantize": lambda: dequantize(few, input_scale=0.05),
        "rescale": lambda: rescale(image, **by),
    }


def moves() -> dict[str, Callable[[], Any]]:
    """Return what moves elements, finds them, or lies between them."""
    image, small, table = int8(24, 24, 16), int8(1, 12, 12, 16), int8(256, 32)
    halves, indices = (image[..., :8].copy(), image[..., 8:].copy()), np.arange(64, dtype=np.int32) * 3
    return {
        "pad": lambda: pad(image, ((1, 1), (1, 1), (0, 0)), value=-5),
        "concatenation": lambda: concatenation(halves, 2),
        "split": lambda: split(image, 2, 2),
        "slice": lambda: box(image, (2, 3, 0), (20, 20, 16)),
        "strided_slice": lambda: strided_slice(image, (0, 0, 0), (24, 24, 16), (2, 2, 1)),
        "reshape": lambda: reshape(image, (16, 24, 24)),
        "squeeze": lambda: squeeze(small),
        "expand_dims": lambda: expand_dims(image, 0),
        "transpose": lambda: transpose(image, (2, 0, 1)),
        "gather": lambda: gather(table, indices),
        "embedding_lookup": lambda: embedding_lookup(indices, table),
        "argmax": lambda: argmax(image.reshape(36, 256), 1),
        "resize_nearest_neighbor": lambda: resize_nearest_neighbor(small, (24, 24), half_pixel_centers=True),
        "resize_bilinear": lambda: resize_bilinear(small, (24, 24), half_pixel_centers=True),
    }


@dataclass(frozen=True)
class Layer:
    """What the firmware says of a layer, and what the simulator does."""

    count: int
    unit: str
    cycles: int

    @property
    def each(self) -> float:
        """Return the cycles of one multiply-accumulate or element."""
        return self.cycles / self.count


def layers_on(board: str) -> dict[str, Layer]:
    """Run the firmware of a board; return its layers by name."""
    image = mcusim.load(FIRMWARE / f"kernel_speed-{board}.elf")
    trace = mcusim.run(image, mcusim.load_board(board), mcusim.Settings(layers="markers"))
    profile = mcusim.attribute(trace)
    if profile.layers is None:
        raise SystemExit(f"{image.path}: has no layers; build it anew with make prebuilt in its folder")
    counts = re.findall(r"^(.+): (\d+) (MACs|elements), [0-9a-f]+$", profile.output, re.MULTILINE)
    cycles = {layer.name: sum(layer.causes.values()) for layer in profile.layers.layers}
    return {name: Layer(int(count), unit, cycles[name]) for name, count, unit in counts}


def nanoseconds(run: Callable[[], Any], repetitions: int) -> float:
    """Return the shortest CPU time of a call, after one that compiles; clocks are coarse, so many calls make a time."""
    run()
    best, calls = float("inf"), 16
    for _ in range(repetitions):
        start = time.process_time_ns()
        for _ in range(calls):
            run()
        best = min(best, (time.process_time_ns() - start) / calls)
    return best


def main() -> None:
    """Measure and print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=15)
    options = parser.parse_args()
    calls = products() | arithmetic() | moves()
    boards = [layers_on(board) for board in BOARDS]
    print("| operator | beside int8 | roundings | LiteRT | for each | host, ns | M4 | M7 |")
    print("|---|---|---|---|---|---:|---:|---:|")
    for name, wide, roundings, differs in OPERATORS:
        # What keeps the elements as they are is one function on the target.
        layer = LAYERS.get(name, "reshape" if name in ("squeeze", "expand_dims") else name)
        there = [layers[layer] for layers in boards]
        size = 12 * 12 * 16 if name == "squeeze" else there[0].count
        host = nanoseconds(calls[name], options.repetitions) / size
        cells = " | ".join(f"{each.each:.{0 if each.each >= 100 else 1 if each.each >= 10 else 2}f}" for each in there)
        unit = there[0].unit.removesuffix("s")
        print(f"| `{name}` | {wide} | {roundings} | {differs or '='} | {unit} | {host:.2f} | {cells} |")


if __name__ == "__main__":
    main()
