# SPDX-License-Identifier: Apache-2.0
"""Reads a TensorFlow Lite model: tensors with their quantisation, and operators in the order of execution.

    model = read_model("model.tflite")
    model.tensors[3].shape, model.operators[0].code, model.operators[0].option("StrideH")

Needs the package `tflite` (the classes of the schema), which is imported when the first model is read: everything else
in mcusim.kernels works without it. Source: tensorflow/lite/schema/schema.fbs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

AnyArray = npt.NDArray[Any]
IDENTIFIER = b"TFL3"
# Element types that the kernels know; others are refused where they are used.
DTYPES = {0: "float32", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 9: "int8"}
LEFT_OUT = -1


@dataclass(frozen=True)
class Tensor:
    """One tensor of a model. Quantisation: real = scale * (quantised - zero point), one pair or one per channel.

    `scales` is float32 and `zero_points` int64, both empty without quantisation; `channel_axis` is the axis that they
    belong to if there are several. `data` holds a constant in the tensor's shape and dtype, and is None for a tensor
    that the model computes. A `variable` keeps its value between runs.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    scales: npt.NDArray[np.float32]
    zero_points: npt.NDArray[np.int64]
    channel_axis: int
    data: AnyArray | None
    variable: bool

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"tensor {self.index} ({self.name})" if self.name else f"tensor {self.index}"

    @property
    def scale(self) -> np.float32:
        """The one scale of a tensor that is quantised as a whole. Raises ValueError if it is not."""
        if len(self.scales) != 1:
            raise ValueError(f"{self.label}: has {len(self.scales)} scales, one is needed here")
        return np.float32(self.scales[0])

    @property
    def zero_point(self) -> int:
        """The zero point that belongs to `scale`; 0 where the file has none, as the interpreters take it."""
        if len(self.zero_points) > 1:
            raise ValueError(f"{self.label}: has {len(self.zero_points)} zero points, one is needed here")
        return int(self.zero_points[0]) if len(self.zero_points) else 0


@dataclass(frozen=True)
class Operator:
    """One operator: `code` as in the schema ("CONV_2D"), indices of tensors (`LEFT_OUT` for one that is not there)."""

    index: int
    code: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    intermediates: tuple[int, ...]
    options: Any

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"operator {self.index} ({self.code})"

    def option(self, name: str) -> Any:
        """Return an option by its name in the schema's classes ("StrideH"): a number, or an array for a list.

        Raises ValueError if the operator has no options.
        """
        if self.options is None:
            raise ValueError(f"the file has no options for it, {name} is needed")
        if hasattr(self.options, f"{name}AsNumpy"):
            values = getattr(self.options, f"{name}AsNumpy")()
            return np.empty(0, np.int32) if isinstance(values, int) else np.array(values)
        return getattr(self.options, name)()


@dataclass(frozen=True)
class Model:
    """The first graph of a model file: its tensors, operators, and the indices of its inputs and outputs."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @cached_property
    def names(self) -> dict[str, int]:
        """Tensor by name; the first one where a name occurs twice."""
        return {tensor.name: tensor.index for tensor in reversed(self.tensors)}


def read_model(source: str | PathLike[str] | bytes) -> Model:
    """Read a `.tflite` file, or its bytes. Raises ValueError for what is no model, ImportError without `tflite`."""
    name = "model" if isinstance(source, bytes) else str(source)
    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    if content[4:8] != IDENTIFIER:
        raise ValueError(f"{name}: is no TensorFlow Lite model (no {IDENTIFIER.decode()} at byte 4)")
    try:
        import tflite
    except ImportError as missing:
        raise ImportError(
            "reading a .tflite file needs the package 'tflite': pip install 'mcusim[models]'"
        ) from missing
    try:
        return _read(tflite, tflite.Model.GetRootAs(content, 0), name)
    except (struct.error, IndexError, TypeError, UnicodeDecodeError) as broken:
        raise ValueError(f"{name}: is damaged or cut short ({broken})") from broken


def _read(schema: Any, model: Any, name: str) -> Model:
    if model.SubgraphsLength() != 1:
        raise ValueError(f"{name}: has {model.SubgraphsLength()} graphs, run_model takes one")
    graph = model.Subgraphs(0)
    tensors = tuple(_tensor(model, graph.Tensors(index), index) for index in range(graph.TensorsLength()))
    operators = tuple(
        _operator(schema, model, graph.Operators(index), index) for index in range(graph.OperatorsLength())
    )
    return Model(tensors, operators, _indices(graph.InputsAsNumpy()), _indices(graph.OutputsAsNumpy()))


def _indices(found: Any) -> tuple[int, ...]:
    """Return a list of the file; the schema's classes give 0 for one that is absent."""
    return () if isinstance(found, int) else tuple(int(index) for index in found)


def _tensor(model: Any, tensor: Any, index: int) -> Tensor:
    name = (tensor.Name() or b"").decode()
    shape = _indices(tensor.ShapeAsNumpy())
    dtype = DTYPES.get(tensor.Type(), f"type {tensor.Type()} of the schema")
    quantisation = tensor.Quantization()
    scales, zero_points, axis = np.empty(0, np.float32), np.empty(0, np.int64), 0
    if quantisation is not None and quantisation.ScaleLength():
        scales = np.array(quantisation.ScaleAsNumpy(), np.float32)
        axis = quantisation.QuantizedDimension()
        if quantisation.ZeroPointLength():
            zero_points = np.array(quantisation.ZeroPointAsNumpy(), np.int64)
    data = None
    buffer = model.Buffers(tensor.Buffer())
    if buffer.DataLength():
        if dtype not in DTYPES.values():
            raise ValueError(f"tensor {index} ({name}): {dtype} is not supported")
        raw = np.asarray(buffer.DataAsNumpy()).tobytes()
        if len(raw) != np.prod(shape, dtype=np.int64) * np.dtype(dtype).itemsize:
            raise ValueError(f"tensor {index} ({name}): {len(raw)} bytes of data do not fill {shape} of {dtype}")
        data = np.frombuffer(raw, dtype).reshape(shape)
    return Tensor(index, name, shape, dtype, scales, zero_points, axis, data, bool(tensor.IsVariable()))


def _operator(schema: Any, model: Any, operator: Any, index: int) -> Operator:
    code = model.OperatorCodes(operator.OpcodeIndex())
    # Files of old writers have the number in a field of one byte.
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    name = _name_of(schema.BuiltinOperator, number)
    if name == "CUSTOM":
        name = f"CUSTOM {(code.CustomCode() or b'').decode()}"
    options = None
    if operator.BuiltinOptions() is not None:
        table = operator.BuiltinOptions()
        options = getattr(schema, _name_of(schema.BuiltinOptions, operator.BuiltinOptionsType()))()
        options.Init(table.Bytes, table.Pos)
    return Operator(
        index,
        name,
        _indices(operator.InputsAsNumpy()),
        _indices(operator.OutputsAsNumpy()),
        _indices(operator.IntermediatesAsNumpy()),
        options,
    )


def _name_of(enumeration: Any, number: int) -> str:
    """Return the name of a number in an enumeration of the schema."""
    names: dict[int, str] = {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}
    if number not in names:
        raise ValueError(f"{enumeration.__name__} {number} is not in the schema of the installed package 'tflite'")
    return names[number]
