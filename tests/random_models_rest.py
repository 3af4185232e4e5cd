# SPDX-License-Identifier: Apache-2.0
"""Random models of one operator, continued: pooling, arithmetic by elements, shapes, activations, types."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from random_models import ACTIVATIONS, PRODUCTS, Case, Draw, ints, reached, run_case, window_options
from tflite_writer import Tensor, constant


def pool(draw: Draw, code: str, dtype: str = "int8") -> Case:
    """A pool; its output has the quantisation of its input."""
    kernel = draw.one(1, 4), draw.one(1, 4)
    shape = (draw.one(1, 2), draw.one(kernel[0], 9), draw.one(kernel[1], 9), draw.one(1, 9))
    options = window_options(draw, dilation=False) | {"FilterHeight": kernel[0], "FilterWidth": kernel[1]}
    output = (
        shape[0],
        reached(shape[1], kernel[0], options, "H"),
        reached(shape[2], kernel[1], options, "W"),
        shape[3],
    )
    source = draw.input(shape, dtype)
    return run_case(draw, code, [source, Tensor(output, dtype, source.scale, source.zero_point)], options)


def reduce(draw: Draw, code: str, dtype: str = "int8") -> Case:
    """MEAN or SUM over some axes, kept or dropped."""
    rank = draw.one(2, 4)
    shape = tuple(draw.one(1, 6) for _ in range(rank))
    if rank == 4 and draw.chance(0.4):
        axes = [1, 2]  # what global pooling becomes
    else:
        axes = sorted(draw.random.choice(rank, draw.one(1, rank), replace=False).tolist())
    keep = draw.chance()
    output = tuple(1 if axis in axes else size for axis, size in enumerate(shape) if keep or axis not in axes)
    source = draw.input(shape, dtype)
    gain = draw.scale(0.5, 2.0) * (np.prod(shape) / np.prod(output) if code == "SUM" else 1)
    result = draw.input(output, dtype, float(np.float32(source.scale * gain)))  # type: ignore[operator]
    if draw.chance(0.3):
        result = Tensor(output, dtype, source.scale, source.zero_point)
    return run_case(draw, code, [source, ints(*axes), result], {"KeepDims": keep})


def broadcast_shapes(draw: Draw) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return two shapes and that of their result."""
    rank = draw.one(1, 4)
    output = tuple(draw.one(1, 5) for _ in range(rank))
    if draw.chance():
        return output, output, output
    left = [size if draw.chance(0.7) else 1 for size in output]
    right = [size if left[axis] == 1 or draw.chance(0.7) else 1 for axis, size in enumerate(output)]
    return tuple(left), tuple(right), output


def arithmetic(draw: Draw, code: str, dtype: str = "int8") -> Case:
    """ADD, SUB or MUL of two tensors, one of which may broadcast."""
    left, right, output = broadcast_shapes(draw)
    scales = draw.scale(), draw.scale()
    top = 127 * scales[0] * scales[1] if code == "MUL" else max(scales)
    if dtype == "int16":
        scales = scales[0] / 256, scales[1] / 256
        top = 32767 * scales[0] * scales[1] if code == "MUL" else max(scales)
    tensors = [
        draw.input(left, dtype, float(np.float32(scales[0]))),
        draw.input(right, dtype, float(np.float32(scales[1]))),
        draw.input(output, dtype, float(np.float32(top * draw.scale(0.4, 1.5)))),
    ]
    return run_case(draw, code, tensors, {"FusedActivationFunction": draw.one(0, ACTIVATIONS - 1)})


def extremum(draw: Draw, code: str) -> Case:
    """MINIMUM or MAXIMUM; all three tensors have one quantisation."""
    left, right, output = broadcast_shapes(draw)
    scale, zero_point = draw.scale(), draw.zero_point()
    return run_case(draw, code, [Tensor(shape, "int8", scale, zero_point) for shape in (left, right, output)])


def alike(draw: Draw, shape: Sequence[int], outputs: Sequence[Sequence[int]]) -> list[Tensor]:
    """Return an input and outputs of the same quantisation: what only moves values."""
    source = draw.input(shape)
    return [source, *(Tensor(tuple(each), "int8", source.scale, source.zero_point) for each in outputs)]


def random_shape(draw: Draw, low: int = 1, high: int = 4) -> tuple[int, ...]:
    """Return a shape of `low` to `high` axes."""
    return tuple(draw.one(1, 5) for _ in range(draw.one(low, high)))


def pad(draw: Draw, *, valued: bool = False) -> Case:
    """PAD with the zero point, or PADV2 with a value."""
    shape = random_shape(draw)
    widths = draw.random.integers(0, 3, (len(shape), 2)).astype(np.int32)
    output = [size + int(pair.sum()) for size, pair in zip(shape, widths, strict=True)]
    source, result = alike(draw, shape, [output])
    if not valued:
        return run_case(draw, "PAD", [source, constant(widths), result])
    value = constant(draw.values((1,)), source.scale, source.zero_point)
    return run_case(draw, "PADV2", [source, constant(widths), value, result])


def concatenation(draw: Draw) -> Case:
    """CONCATENATION of 1 to 4 tensors along an axis."""
    shape = random_shape(draw)
    axis = draw.one(0, len(shape) - 1)
    sizes = [draw.one(1, 4) for _ in range(draw.one(1, 4))]
    scale, zero_point = draw.scale(), draw.zero_point()
    shapes = [(*shape[:axis], size, *shape[axis + 1 :]) for size in (*sizes, sum(sizes))]
    tensors = [Tensor(each, "int8", scale, zero_point) for each in shapes]
    return run_case(draw, "CONCATENATION", tensors, {"Axis": axis - len(shape) if draw.chance() else axis})


def split(draw: Draw) -> Case:
    """SPLIT into equal parts; the axis is the first input."""
    shape = random_shape(draw)
    axis, parts = draw.one(0, len(shape) - 1), draw.one(1, 3)
    part, whole = shape, (*shape[:axis], shape[axis] * parts, *shape[axis + 1 :])
    source, *results = alike(draw, whole, [part] * parts)
    return run_case(draw, "SPLIT", [ints(axis), source, *results], {"NumSplits": parts}, outputs=parts)


def split_v(draw: Draw) -> Case:
    """SPLIT_V into parts of given sizes."""
    shape = random_shape(draw)
    axis = draw.one(0, len(shape) - 1)
    sizes = [draw.one(1, 3) for _ in range(draw.one(1, 3))]
    shapes = [(*shape[:axis], size, *shape[axis + 1 :]) for size in (sum(sizes), *sizes)]
    source, *results = alike(draw, shapes[0], shapes[1:])
    tensors = [source, ints(*sizes), ints(axis), *results]
    return run_case(draw, "SPLIT_V", tensors, {"NumSplits": len(sizes)}, outputs=len(sizes))


def slice_(draw: Draw) -> Case:
    """SLICE; a size of -1 goes to the end."""
    shape = random_shape(draw)
    begin = [draw.one(0, size - 1) for size in shape]
    sizes = [draw.one(1, size - start) for size, start in zip(shape, begin, strict=True)]
    asked = [-1 if start + taken == size else taken for size, start, taken in zip(shape, begin, sizes, strict=True)]
    source, result = alike(draw, shape, [sizes])
    return run_case(draw, "SLICE", [source, ints(*begin), ints(*asked), result])


def strided_slice(draw: Draw) -> Case:
    """STRIDED_SLICE with negative strides and masks for open ends; no axis is dropped."""
    shape = random_shape(draw)
    begin, end, strides, begin_mask, end_mask, output = [], [], [], 0, 0, []
    for axis, size in enumerate(shape):
        stride = draw.one(1, 3) * (-1 if draw.chance(0.3) else 1)
        start = draw.one(0, size - 1)
        stop = draw.one(start + 1, size) if stride > 0 else draw.one(-1, start - 1)
        if draw.chance(0.3):
            begin_mask |= 1 << axis
            start = 0 if stride > 0 else size - 1
        if stop == -1 or draw.chance(0.3):
            end_mask |= 1 << axis
            stop = size if stride > 0 else -1
        output.append(len(range(start, stop, stride)))
        begin.append(start - size if draw.chance(0.3) else start)
        end.append(stop)
        strides.append(stride)
    source, result = alike(draw, shape, [output])
    options = {"BeginMask": begin_mask, "EndMask": end_mask}
    return run_case(draw, "STRIDED_SLICE", [source, ints(*begin), ints(*end), ints(*strides), result], options)


def reshape(draw: Draw) -> Case:
    """RESHAPE, with one size left open."""
    shape = (draw.one(1, 4), draw.one(1, 4), draw.one(1, 4))
    output = (shape[0] * shape[2], shape[1])
    source, result = alike(draw, shape, [output])
    return run_case(draw, "RESHAPE", [source, ints(-1, output[1]), result], {"NewShape": (-1, output[1])})


def squeeze(draw: Draw) -> Case:
    """SQUEEZE of the axes that are 1."""
    shape = (1, draw.one(2, 4), 1, draw.one(2, 4))
    source, result = alike(draw, shape, [(shape[1], shape[3])])
    return run_case(draw, "SQUEEZE", [source, result], {"SqueezeDims": (0, 2)})


def expand_dims(draw: Draw) -> Case:
    """EXPAND_DIMS at an axis."""
    shape = random_shape(draw, 1, 3)
    axis = draw.one(0, len(shape))
    source, result = alike(draw, shape, [(*shape[:axis], 1, *shape[axis:])])
    return run_case(draw, "EXPAND_DIMS", [source, ints(axis), result])


def transpose(draw: Draw) -> Case:
    """TRANSPOSE by a permutation."""
    shape = random_shape(draw)
    order = draw.random.permutation(len(shape)).tolist()
    source, result = alike(draw, shape, [[shape[axis] for axis in order]])
    return run_case(draw, "TRANSPOSE", [source, ints(*order), result])


def resize(draw: Draw, code: str) -> Case:
    """RESIZE_BILINEAR or RESIZE_NEAREST_NEIGHBOR: aligned corners, half-pixel centres, or neither."""
    shape = (draw.one(1, 2), draw.one(1, 6), draw.one(1, 6), draw.one(1, 4))
    size = draw.one(1, 9), draw.one(1, 9)
    source, result = alike(draw, shape, [(shape[0], *size, shape[3])])
    mode = draw.one(0, 2)
    return run_case(
        draw, code, [source, ints(*size), result], {"AlignCorners": mode == 1, "HalfPixelCenters": mode == 2}
    )


def gather(draw: Draw) -> Case:
    """GATHER along an axis."""
    shape = random_shape(draw)
    axis = draw.one(0, len(shape) - 1)
    indices = draw.random.integers(0, shape[axis], draw.one(1, 6)).astype(np.int32)
    source, result = alike(draw, shape, [(*shape[:axis], len(indices), *shape[axis + 1 :])])
    return run_case(draw, "GATHER", [source, constant(indices), result], {"Axis": axis})


def embedding_lookup(draw: Draw) -> Case:
    """EMBEDDING_LOOKUP: rows of a table of int8, as real numbers."""
    rows, width = draw.one(1, 9), draw.one(1, 6)
    indices = draw.random.integers(0, rows, draw.one(1, 6)).astype(np.int32)
    table = constant(draw.values((rows, width)), draw.scale())
    return run_case(draw, "EMBEDDING_LOOKUP", [constant(indices), table, Tensor((len(indices), width), "float32")])


def argmax(draw: Draw, code: str) -> Case:
    """ARG_MAX or ARG_MIN along an axis."""
    shape = random_shape(draw, 2)
    axis = draw.one(0, len(shape) - 1)
    result = Tensor(tuple(size for place, size in enumerate(shape) if place != axis), "int32")
    return run_case(draw, code, [draw.input(shape), ints(axis), result], {"OutputType": 2})


def unary(draw: Draw, code: str, dtype: str = "int8", **options: float) -> Case:
    """An activation from one quantisation to another one."""
    shape = random_shape(draw)
    scale = draw.scale() if dtype == "int8" else draw.scale(1e-4, 1e-3)
    source = draw.input(shape, dtype, scale)
    result = draw.input(shape, dtype, float(np.float32(scale * draw.scale(0.5, 1.5))))
    if code == "RELU6":  # clamps and does not requantise
        result = source
    return run_case(draw, code, [source, result], dict(options))


def prelu(draw: Draw) -> Case:
    """PRELU with slopes for each channel."""
    shape = (1, draw.one(1, 4), draw.one(1, 4), draw.one(1, 6))
    source = draw.input(shape)
    slopes = constant(draw.values((1, 1, shape[3])), draw.scale(0.005, 0.02), draw.zero_point())
    return run_case(draw, "PRELU", [source, slopes, draw.input(shape, "int8", source.scale)])  # type: ignore[arg-type]


def fixed_output(draw: Draw, code: str, dtype: str = "int8", to: str = "int8", **options: float) -> Case:
    """LOGISTIC, TANH, SOFTMAX, LOG_SOFTMAX, whose output has a quantisation that the operator prescribes."""
    shape = random_shape(draw, 2)
    prescribed = {
        ("LOGISTIC", "int8"): (1 / 256, -128),
        ("LOGISTIC", "int16"): (1 / 32768, 0),
        ("TANH", "int8"): (1 / 128, 0),
        ("TANH", "int16"): (1 / 32768, 0),
        ("SOFTMAX", "int8"): (1 / 256, -128),
        ("LOG_SOFTMAX", "int8"): (16 / 256, 127),
    }
    scale, zero_point = prescribed.get((code, to), (1 / 65536, -32768))
    if code == "SOFTMAX" and dtype == "int16":
        scale, zero_point = 1 / 32768, 0
    source_scale = draw.scale() if dtype == "int8" else draw.scale(1e-4, 1e-3)
    if dtype == "int16" and code in ("LOGISTIC", "TANH") and draw.chance(0.4):
        source_scale = 2.0**-12  # the power of two that the operator has a short way for
    source = draw.input(shape, dtype, source_scale)
    return run_case(draw, code, [source, Tensor(shape, to, scale, zero_point)], dict(options))


def quantize(draw: Draw, source_dtype: str, dtype: str) -> Case:
    """QUANTIZE from real numbers, or from one quantisation to another one."""
    shape = random_shape(draw)
    if source_dtype == "float32":
        scale = draw.scale(0.01, 0.1) if dtype == "int8" else draw.scale(1e-4, 1e-3)
        return run_case(draw, "QUANTIZE", [Tensor(shape, "float32"), draw.input(shape, dtype, scale)])
    steps = {"int8": 1.0, "int16": 1 / 256}
    scale = draw.scale()
    source = draw.input(shape, source_dtype, float(np.float32(scale * steps[source_dtype])))
    result = draw.input(shape, dtype, float(np.float32(scale * steps[dtype] * draw.scale(0.5, 2.0))))
    return run_case(draw, "QUANTIZE", [source, result])


def dequantize(draw: Draw, dtype: str) -> Case:
    """DEQUANTIZE to real numbers."""
    shape = random_shape(draw)
    return run_case(draw, "DEQUANTIZE", [draw.input(shape, dtype), Tensor(shape, "float32")])


CASES: dict[str, Callable[[Draw], Case]] = {
    **PRODUCTS,
    "average_pool2d": lambda draw: pool(draw, "AVERAGE_POOL_2D"),
    "average_pool2d int16": lambda draw: pool(draw, "AVERAGE_POOL_2D", "int16"),
    "max_pool2d": lambda draw: pool(draw, "MAX_POOL_2D"),
    "max_pool2d int16": lambda draw: pool(draw, "MAX_POOL_2D", "int16"),
    "mean": lambda draw: reduce(draw, "MEAN"),
    "mean int16": lambda draw: reduce(draw, "MEAN", "int16"),
    "sum": lambda draw: reduce(draw, "SUM"),
    "add": lambda draw: arithmetic(draw, "ADD"),
    "add int16": lambda draw: arithmetic(draw, "ADD", "int16"),
    "sub": lambda draw: arithmetic(draw, "SUB"),
    "sub int16": lambda draw: arithmetic(draw, "SUB", "int16"),
    "mul": lambda draw: arithmetic(draw, "MUL"),
    "mul int16": lambda draw: arithmetic(draw, "MUL", "int16"),
    "minimum": lambda draw: extremum(draw, "MINIMUM"),
    "maximum": lambda draw: extremum(draw, "MAXIMUM"),
    "pad": pad,
    "pad with a value": lambda draw: pad(draw, valued=True),
    "concatenation": concatenation,
    "split": split,
    "split_v": split_v,
    "slice": slice_,
    "strided_slice": strided_slice,
    "reshape": reshape,
    "squeeze": squeeze,
    "expand_dims": expand_dims,
    "transpose": transpose,
    "resize_nearest_neighbor": lambda draw: resize(draw, "RESIZE_NEAREST_NEIGHBOR"),
    "resize_bilinear": lambda draw: resize(draw, "RESIZE_BILINEAR"),
    "gather": gather,
    "embedding_lookup": embedding_lookup,
    "argmax": lambda draw: argmax(draw, "ARG_MAX"),
    "argmin": lambda draw: argmax(draw, "ARG_MIN"),
    "relu": lambda draw: unary(draw, "RELU"),
    "relu6": lambda draw: unary(draw, "RELU6"),
    "leaky_relu": lambda draw: unary(draw, "LEAKY_RELU", Alpha=draw.scale(0.01, 0.9)),
    "leaky_relu int16": lambda draw: unary(draw, "LEAKY_RELU", "int16", Alpha=draw.scale(0.01, 0.9)),
    "prelu": prelu,
    "hard_swish": lambda draw: unary(draw, "HARD_SWISH"),
    "logistic": lambda draw: fixed_output(draw, "LOGISTIC"),
    "logistic int16": lambda draw: fixed_output(draw, "LOGISTIC", "int16", "int16"),
    "tanh": lambda draw: fixed_output(draw, "TANH"),
    "tanh int16": lambda draw: fixed_output(draw, "TANH", "int16", "int16"),
    "softmax": lambda draw: fixed_output(draw, "SOFTMAX", Beta=1.0),
    "softmax to int16": lambda draw: fixed_output(draw, "SOFTMAX", to="int16", Beta=1.0),
    "softmax int16": lambda draw: fixed_output(draw, "SOFTMAX", "int16", "int16", Beta=1.0),
    "log_softmax": lambda draw: fixed_output(draw, "LOG_SOFTMAX"),
    "quantize to int8": lambda draw: quantize(draw, "float32", "int8"),
    "quantize to int16": lambda draw: quantize(draw, "float32", "int16"),
    "requantize": lambda draw: quantize(draw, "int8", "int8"),
    "requantize int8 to int16": lambda draw: quantize(draw, "int8", "int16"),
    "requantize int16 to int8": lambda draw: quantize(draw, "int16", "int8"),
    "requantize int16": lambda draw: quantize(draw, "int16", "int16"),
    "dequantize": lambda draw: dequantize(draw, "int8"),
    "dequantize int16": lambda draw: dequantize(draw, "int16"),
}
