# SPDX-License-Identifier: Apache-2.0
"""Writes TensorFlow Lite models for tests: tensors with chosen quantisation, and operators with chosen options.

    model = write_model(
        [Tensor((1, 4, 4, 8), scale=0.1, zero_point=-3), Tensor((1, 4, 4, 8), scale=0.2)],
        [Operator("RELU", (0,), (1,))],
        inputs=(0,),
        outputs=(1,),
    )

The result is the bytes of a `.tflite` file, as the schema of TensorFlow Lite says (its classes: package `tflite`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
import tflite

AnyArray = npt.NDArray[Any]

# Operator -> the table that holds its options; an operator without options is not here.
OPTIONS = {
    "ADD": "AddOptions",
    "ARG_MAX": "ArgMaxOptions",
    "ARG_MIN": "ArgMinOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "CONCATENATION": "ConcatenationOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "GATHER": "GatherOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "MUL": "MulOptions",
    "RESHAPE": "ReshapeOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "SOFTMAX": "SoftmaxOptions",
    "SPLIT": "SplitOptions",
    "SPLIT_V": "SplitVOptions",
    "SQUEEZE": "SqueezeOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "SUB": "SubOptions",
    "SUM": "ReducerOptions",
    "SVDF": "SVDFOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions",
}
# The interpreters pick an operator's kernel by its version, which says what types it takes. 1 where nothing is said.
VERSIONS = {
    "ADD": 2, "AVERAGE_POOL_2D": 2, "CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4, "MAX_POOL_2D": 2,
    "MEAN": 2, "MUL": 2, "SOFTMAX": 2, "SUB": 2, "SUM": 2, "SVDF": 3, "UNIDIRECTIONAL_SEQUENCE_LSTM": 3,
}  # fmt: skip
DTYPES = {"float32": "FLOAT32", "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64", "uint8": "UINT8",
          "bool": "BOOL"}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """One tensor: a constant if it has `data`. `scale` and `zero_point` are numbers, or one per channel of `axis`."""

    shape: tuple[int, ...]
    dtype: str = "int8"
    scale: float | Sequence[float] | None = None
    zero_point: int | Sequence[int] = 0
    data: AnyArray | None = None
    axis: int = 0
    variable: bool = False


@dataclass(frozen=True)
class Operator:
    """One operator: its code in the schema, indices of tensors (-1: left out), options by their names in the schema."""

    code: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    intermediates: tuple[int, ...] = ()


def constant(
    data: AnyArray, scale: float | Sequence[float] | None = None, zero_point: int | Sequence[int] = 0, axis: int = 0
) -> Tensor:
    """Return the tensor that holds an array."""
    return Tensor(data.shape, data.dtype.name, scale, zero_point, data, axis)


def write_model(
    tensors: Sequence[Tensor], operators: Sequence[Operator], inputs: Sequence[int], outputs: Sequence[int]
) -> bytes:
    """Return the file of a model with one graph. Tensors are named t0, t1 ... and numbered as given."""
    builder = flatbuffers.Builder(1024)
    buffers = [_buffer(builder, None)]
    table = []
    for number, tensor in enumerate(tensors):
        buffer = 0
        if tensor.data is not None:
            buffer = len(buffers)
            buffers.append(_buffer(builder, tensor.data))
        table.append(_tensor(builder, number, tensor, buffer))
    codes = list(dict.fromkeys(operator.code for operator in operators))
    parts = {
        "Tensors": _offsets(builder, table),
        "Inputs": _vector(builder, inputs, np.int32),
        "Outputs": _vector(builder, outputs, np.int32),
        "Operators": _offsets(builder, [_operator(builder, each, codes.index(each.code)) for each in operators]),
        "Name": builder.CreateString("main"),
    }
    graph = _table(builder, "SubGraph", parts)
    model = {
        "Version": 3,
        "OperatorCodes": _offsets(builder, [_code(builder, code) for code in codes]),
        "Subgraphs": _offsets(builder, [graph]),
        "Description": builder.CreateString("test"),
        "Buffers": _offsets(builder, buffers),
    }
    builder.Finish(_table(builder, "Model", model), b"TFL3")
    return bytes(builder.Output())


def _table(builder: flatbuffers.Builder, name: str, fields: Mapping[str, Any]) -> int:
    """Write a table of the schema; `fields` are numbers, or offsets of what has been written before."""
    getattr(tflite, f"{name}Start")(builder)
    for key, value in fields.items():
        getattr(tflite, f"{name}Add{key}")(builder, value)
    return int(getattr(tflite, f"{name}End")(builder))


def _vector(builder: flatbuffers.Builder, values: Sequence[float] | AnyArray, dtype: type[np.generic]) -> int:
    return int(builder.CreateNumpyVector(np.asarray(values, dtype)))


def _offsets(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _buffer(builder: flatbuffers.Builder, data: AnyArray | None) -> int:
    if data is None:
        return _table(builder, "Buffer", {})
    raw = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
    builder.StartVector(1, len(raw), 16)  # the interpreters read weights in place: the schema asks for 16 bytes
    builder.head -= len(raw)
    builder.Bytes[builder.head : builder.head + len(raw)] = raw.tobytes()
    return _table(builder, "Buffer", {"Data": builder.EndVector()})


def _tensor(builder: flatbuffers.Builder, number: int, tensor: Tensor, buffer: int) -> int:
    fields: dict[str, Any] = {
        "Shape": _vector(builder, tensor.shape, np.int32),
        "Type": getattr(tflite.TensorType, DTYPES[tensor.dtype]),
        "Buffer": buffer,
        "Name": builder.CreateString(f"t{number}"),
        "IsVariable": tensor.variable,
    }
    if tensor.scale is not None:
        scales = np.atleast_1d(np.asarray(tensor.scale, np.float32))
        zero_points = np.broadcast_to(np.asarray(tensor.zero_point, np.int64), scales.shape)
        quantisation = {
            "Scale": _vector(builder, scales, np.float32),
            "ZeroPoint": _vector(builder, np.array(zero_points), np.int64),
            "QuantizedDimension": tensor.axis,
        }
        fields["Quantization"] = _table(builder, "QuantizationParameters", quantisation)
    return _table(builder, "Tensor", fields)


def _code(builder: flatbuffers.Builder, code: str) -> int:
    number = getattr(tflite.BuiltinOperator, code)
    version = VERSIONS.get(code, 1)
    # Old readers look at the field of one byte, new ones at the larger of both.
    return _table(
        builder,
        "OperatorCode",
        {"DeprecatedBuiltinCode": min(number, 127), "BuiltinCode": number, "Version": version},
    )


def _operator(builder: flatbuffers.Builder, operator: Operator, code: int) -> int:
    fields: dict[str, Any] = {
        "OpcodeIndex": code,
        "Inputs": _vector(builder, operator.inputs, np.int32),
        "Outputs": _vector(builder, operator.outputs, np.int32),
    }
    if operator.intermediates:
        fields["Intermediates"] = _vector(builder, operator.intermediates, np.int32)
    if operator.code in OPTIONS:
        name = OPTIONS[operator.code]
        options = {
            key: _vector(builder, value, np.int32) if isinstance(value, (list, tuple)) else value
            for key, value in operator.options.items()
        }
        fields["BuiltinOptions"] = _table(builder, name, options)
        fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, name)
    elif operator.options:
        raise ValueError(f"{operator.code} has no options here")
    return _table(builder, "Operator", fields)
