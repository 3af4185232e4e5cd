# SPDX-License-Identifier: Apache-2.0
"""Runs a TensorFlow Lite model in interpreters that others wrote: what the reference kernels are compared with.

    tflite-micro   TensorFlow Lite Micro for the host: the reference kernels that CMSIS-NN agrees with bit for bit
    litert         LiteRT with its reference kernels, no delegate (the former TensorFlow Lite)

Each takes the bytes of a model and its inputs in order, and returns tensors by index: those of the graph that are not
constants and that the interpreter can give back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

AnyArray = npt.NDArray[Any]
Tensors = dict[int, AnyArray]
ARENA_BYTES = 8 << 20


def produced(model: bytes) -> list[int]:
    """Return the indices of the tensors that operators write, in the order in which they do."""
    graph = tflite.Model.GetRootAs(model, 0).Subgraphs(0)
    operators = [graph.Operators(number) for number in range(graph.OperatorsLength())]
    return [int(index) for operator in operators for index in operator.OutputsAsNumpy()]


def run_tflite_micro(model: bytes, inputs: Sequence[AnyArray]) -> Tensors:
    """Run a model in TensorFlow Lite Micro, with no sharing of memory between its tensors."""
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(
        model, arena_size=ARENA_BYTES, intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors
    )
    for number, value in enumerate(inputs):
        interpreter.set_input(value, number)
    interpreter.invoke()
    return {index: np.array(interpreter.GetTensor(index, 0)["tensor_data"]) for index in produced(model)}


def run_litert(model: bytes, inputs: Sequence[AnyArray]) -> Tensors:
    """Run a model in LiteRT with its reference kernels, on one thread."""
    from ai_edge_litert import interpreter as litert

    interpreter = litert.Interpreter(
        model_content=model,
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return {index: np.array(interpreter.get_tensor(index)) for index in produced(model)}


ORACLES: dict[str, Callable[[bytes, Sequence[AnyArray]], Tensors]] = {
    "tflite-micro": run_tflite_micro,
    "litert": run_litert,
}
