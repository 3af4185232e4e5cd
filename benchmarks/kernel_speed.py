# SPDX-License-Identifier: Apache-2.0
"""How fast are the reference kernels, compared with LiteRT's, on one core?

    python benchmarks/kernel_speed.py [--repetitions N] [--least RATIO]

Convolutions of the shapes of MobileNet (v1, width 1, images of 224 x 224) are run in turns by

    mcusim      the kernels of mcusim.kernels
    reference   LiteRT with its reference kernels
    XNNPACK     LiteRT with its optimised ones, the delegate that it uses unless told otherwise

each on one thread, on the same layer and input. The best of each counts, in CPU time, from input to output; compiling,
and what is prepared once for a model, come before. Results must be equal to the reference kernels'; XNNPACK's may
differ by a step.

Needs `make oracles`. With --least the exit code is 1 if mcusim is not so many times as fast as the reference kernels.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[variable] = "1"  # read when NumPy is imported

import numpy as np  # noqa: E402

from mcusim.kernels.conv2d import conv2d  # noqa: E402
from mcusim.kernels.depthwise_conv2d import depthwise_conv2d  # noqa: E402
from mcusim.kernels.scaling import convolution_scaling  # noqa: E402
from mcusim.kernels.shapes import same_padding  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from tflite_writer import Operator, Tensor, constant, write_model  # noqa: E402

# Operator, image size, input channels, output channels, kernel, stride.
SHAPES = (
    ("CONV_2D", 224, 3, 32, 3, 2),
    ("CONV_2D", 112, 32, 64, 1, 1),
    ("CONV_2D", 56, 128, 128, 1, 1),
    ("CONV_2D", 28, 256, 256, 1, 1),
    ("CONV_2D", 14, 512, 512, 1, 1),
    ("CONV_2D", 7, 1024, 1024, 1, 1),
    ("CONV_2D", 28, 64, 64, 3, 1),
    ("DEPTHWISE_CONV_2D", 112, 32, 32, 3, 1),
    ("DEPTHWISE_CONV_2D", 112, 64, 64, 3, 2),
    ("DEPTHWISE_CONV_2D", 56, 128, 128, 3, 1),
    ("DEPTHWISE_CONV_2D", 28, 256, 256, 3, 1),
    ("DEPTHWISE_CONV_2D", 14, 512, 512, 3, 1),
    ("DEPTHWISE_CONV_2D", 7, 1024, 1024, 3, 1),
)


@dataclass(frozen=True)
class Layer:
    """One convolution with SAME padding: its model, its input, our kernel with everything prepared."""

    name: str
    kind: str
    model: bytes
    image: Any
    run: Callable[[], Any]
    multiplications: int


def layer(code: str, size: int, depth: int, channels: int, kernel: int, stride: int) -> Layer:
    """Return a layer with random weights."""
    random = np.random.default_rng(0)
    depthwise = code == "DEPTHWISE_CONV_2D"
    image = random.integers(-128, 128, (1, size, size, depth)).astype(np.int8)
    shape = (1, kernel, kernel, channels) if depthwise else (channels, kernel, kernel, depth)
    weights = random.integers(-127, 128, shape).astype(np.int8)
    bias = random.integers(-9999, 9999, channels).astype(np.int32)
    scale, weight_scales = 0.05, random.uniform(0.001, 0.01, channels).astype(np.float32)
    products, outputs = kernel * kernel * (1 if depthwise else depth), -(-size // stride)
    output_scale = 0.02 * products**0.5
    options = {"StrideH": stride, "StrideW": stride, "Padding": 0, "DilationHFactor": 1, "DilationWFactor": 1}
    options |= {"DepthMultiplier": 1} if depthwise else {}
    tensors = [
        Tensor(image.shape, scale=scale, zero_point=-5),
        constant(weights, weight_scales.tolist(), axis=3 if depthwise else 0),
        constant(bias, (weight_scales * np.float32(scale)).tolist()),
        Tensor((1, outputs, outputs, channels), scale=output_scale, zero_point=3),
    ]
    function = depthwise_conv2d if depthwise else conv2d
    parameters: dict[str, Any] = {
        "strides": (stride, stride),
        "padding": same_padding((size, size), (kernel, kernel), (stride, stride)),
        "input_zero_point": -5,
        "output_zero_point": 3,
        **convolution_scaling(scale, weight_scales, output_scale),
    }
    return Layer(
        f"{function.__name__} {kernel}x{kernel}/{stride}, {size}x{size}x{depth} to {channels}",
        function.__name__,
        write_model(tensors, [Operator(code, (0, 1, 2), (3,), options)], (0,), (3,)),
        image,
        lambda: function(image, weights, bias, **parameters),
        products * outputs * outputs * channels,
    )


def litert(model: bytes, image: Any, *, reference: bool) -> Callable[[], Any]:
    """Return a function that runs a model in LiteRT and returns its output."""
    from ai_edge_litert import interpreter as runtime

    resolvers = runtime.OpResolverType
    interpreter = runtime.Interpreter(
        model_content=model,
        experimental_op_resolver_type=resolvers.BUILTIN_REF if reference else resolvers.AUTO,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    given, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run() -> Any:
        interpreter.set_tensor(given, image)
        interpreter.invoke()
        return interpreter.get_tensor(result)

    return run


def best_of(functions: list[Callable[[], Any]], repetitions: int) -> list[float]:
    """Return the shortest time of each function in seconds; they take turns."""
    best = [float("inf")] * len(functions)
    for _ in range(repetitions):
        for number, function in enumerate(functions):
            start = time.process_time()
            function()
            best[number] = min(best[number], time.process_time() - start)
    return best


def main() -> int:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--least", type=float, default=0.0, metavar="RATIO")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print("| layer | MMAC | mcusim ms | reference ms | XNNPACK ms | times the reference | times XNNPACK |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    totals: dict[str, list[float]] = {}
    for shape in SHAPES:
        each = layer(*shape)
        functions = [
            each.run,
            litert(each.model, each.image, reference=True),
            litert(each.model, each.image, reference=False),
        ]
        ours, reference, optimised = (function().astype(np.int32) for function in functions)
        if not np.array_equal(ours, reference) or np.abs(ours - optimised).max() > 1:
            raise SystemExit(f"{each.name}: results differ")
        seconds = best_of(functions, options.repetitions)
        print_row(each.name, each.multiplications, seconds)
        row = [each.multiplications, *seconds]
        totals[each.kind] = [a + b for a, b in zip(totals.get(each.kind, [0.0] * 4), row, strict=True)]
    for kind, (multiplications, *seconds) in totals.items():
        print_row(f"**{kind}, all**", multiplications, seconds)
    slowest = min(seconds[2] / seconds[1] for seconds in totals.values())
    return int(slowest < options.least)


def print_row(name: str, multiplications: float, seconds: list[float]) -> None:
    """Print a row of the table."""
    ours, reference, optimised = seconds
    times = " | ".join(f"{1000 * each:.2f}" for each in seconds)
    print(f"| {name} | {multiplications / 1e6:.1f} | {times} | {reference / ours:.1f} | {optimised / ours:.2f} |")


if __name__ == "__main__":
    sys.exit(main())
