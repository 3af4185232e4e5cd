# SPDX-License-Identifier: Apache-2.0
"""Shapes of TFLite Micro's operators: the tensors of a node, followed through the interpreter's tables in memory.

An operator takes (TfLiteContext*, TfLiteNode*). The node names tensors by number; the context has them in a table: its
`tensors` in old versions and in Edge Impulse's generated code, and else the present subgraph's, where
`MicroInterpreterContext::GetEvalTensor` looks (tensorflow/tflite-micro, tensorflow/lite/micro/
micro_interpreter_context.cc). Names and offsets are those of the debug information, so versions may differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from mcusim.image import Image, Pointer, Struct, Type
from mcusim.layers.arguments import View, view_at
from mcusim.layers.operands import Operand, Operands
from mcusim.layers.values import LARGEST_DIMENSION

MAX_RANK = 8
MAX_TENSORS = 16  # of a node, of which we look at the first three
# Bytes of an element by TfLiteType (tensorflow/lite/core/c/c_api_types.h).
ELEMENT_BYTES = {1: 4, 2: 4, 3: 1, 4: 8, 6: 1, 7: 2, 9: 1, 10: 2, 11: 8, 12: 8, 15: 4, 16: 4, 17: 2}
_CONTEXTS = ("tflite::MicroInterpreterContext::GetEvalTensor", "tflite::MicroContext::GetEvalTensor")
_GRAPHS = ("tflite::MicroInterpreterGraph::InvokeSubgraph", "tflite::MicroGraph::InvokeSubgraph")

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Interpreter:
    """The types of what `TfLiteContext.impl_` points to, and of its `graph_`."""

    context: Type
    graph: Type


def interpreter_of(image: Image) -> Interpreter | None:
    """Return the interpreter's types, None where debug information does not tell them.

    Each is that of `this` in a method of its own: GCC describes a class with virtual functions in one unit only.
    """
    context, graph = _class_of(image, _CONTEXTS), _class_of(image, _GRAPHS)
    return Interpreter(context, graph) if context is not None and graph is not None else None


def _class_of(image: Image, methods: tuple[str, ...]) -> Type | None:
    for name in methods:
        symbol = image.find_symbol(name)
        signature = image.signature_at(symbol.address) if symbol is not None else None
        if signature is None or not signature.parameters:
            continue
        this = signature.parameters[0].type
        if isinstance(this, Pointer) and isinstance(this.target, Struct):
            return this.target
    return None


def is_operator(arguments: list[tuple[str, View]]) -> bool:
    """Return whether arguments are those of an operator of TFLite."""
    return [_pointed_name(view) for _, view in arguments] == ["TfLiteContext", "TfLiteNode"]


def _pointed_name(view: View) -> str:
    kind = view.type.target if isinstance(view.type, Pointer) else None
    return kind.name if isinstance(kind, Struct) else ""


def node_shapes(context: View, node: View, interpreter: Interpreter | None) -> tuple[list[Shape], list[Shape]]:
    """Return the shapes of a node's inputs and outputs, () for one that is left out or cannot be read."""
    table = _table(context, interpreter)
    if table is None:
        return [], []
    return _shapes(node.get("inputs"), table), _shapes(node.get("outputs"), table)


def node_operands(context: View, node: View, interpreter: Interpreter | None) -> Operands:
    """Return where a node's inputs and outputs are; those that are left out, or have no data, are not there."""
    table = _table(context, interpreter)
    if table is None:
        return Operands()
    return Operands(_operands(node.get("inputs"), table), _operands(node.get("outputs"), table))


def _operands(indices: View | None, table: View) -> tuple[Operand, ...]:
    found = []
    for index in _integers(indices, MAX_TENSORS):
        tensor = table.element(index) if index >= 0 else None
        data = tensor.get("data") if tensor is not None else None
        raw = data.read(0, 4) if data is not None else None  # a union of pointers
        address = int.from_bytes(raw, "little") if raw else 0
        if tensor is None or not address:
            continue
        kind = tensor.get("type")
        number = kind.number if kind is not None else None
        elements = prod(_integers(tensor.get("dims"), MAX_RANK)) or None
        found.append(Operand(address, elements, ELEMENT_BYTES.get(number) if number is not None else None))
    return tuple(found)


def _table(context: View, interpreter: Interpreter | None) -> View | None:
    """Return the table of tensors, as a pointer to its first."""
    plain = context.get("tensors")
    if plain is not None and plain.number:
        return plain
    inner = context.get("impl_")
    if inner is None or not inner.number or interpreter is None:
        return None
    member = view_at(inner.number, interpreter.context, context.memory).get("graph_")
    address = member.number if member is not None else None
    if not address:
        return None
    graph = view_at(address, interpreter.graph, context.memory)
    allocations, present = graph.get("subgraph_allocations_"), graph.get("current_subgraph_index_")
    number = present.number if present is not None else None
    if allocations is None or number is None or number < 0:
        return None
    subgraph = allocations.element(number)
    return subgraph.get("tensors") if subgraph is not None else None


def _integers(array: View | None, most: int) -> Shape:
    """Return the numbers in a TfLiteIntArray, () where there are none or more than make sense."""
    size, data = (array.get("size"), array.get("data")) if array is not None else (None, None)
    count = size.number if size is not None else None
    if data is None or count is None or not 0 < count <= most:
        return ()
    elements = [data.element(index) for index in range(count)]
    numbers = [each.number for each in elements if each is not None]
    known = tuple(number for number in numbers if number is not None)
    return known if len(known) == count else ()


def _shapes(indices: View | None, table: View) -> list[Shape]:
    found = []
    for index in _integers(indices, MAX_TENSORS):
        tensor = table.element(index) if index >= 0 else None
        shape = _integers(tensor.get("dims"), MAX_RANK) if tensor is not None else ()
        found.append(shape if all(1 <= side <= LARGEST_DIMENSION for side in shape) else ())
    return found


def operator_facts(kind: str, inputs: list[Shape], outputs: list[Shape]) -> tuple[str, int | None]:
    """Return shape and MACs of an operator of TFLite with these tensors; '' and None where they do not tell.

    Order of tensors and of their sides: TFLite's schema. Convolutions: input NHWC, filter OHWI; depthwise: filter 1HWO;
    fully connected: filter OI.
    """
    if not inputs or not outputs or not outputs[0]:
        return "", None
    after = outputs[0]
    if kind == "transpose_conv2d" and len(inputs) > 2:  # the first input is the shape of the output
        source, weights = inputs[2], inputs[1]
    else:
        source, weights = inputs[0], inputs[1] if len(inputs) > 1 else ()
    if not source:
        return "", None
    if kind == "fully_connected" and len(weights) == 2:
        rows = prod(after) // weights[0]
        text = f"{weights[1]} -> {weights[0]}"
        return (f"{rows}x{text}" if rows > 1 else text), rows * prod(weights)
    text = _spelled(source) if source == after else f"{_spelled(source)} -> {_spelled(after)}"
    if kind in ("conv2d", "depthwise_conv2d", "transpose_conv2d") and len(weights) == len(source) == len(after) == 4:
        text = f"{_spelled(source)} -> {_spelled(after)}, {weights[1]}x{weights[2]}"
        window = weights[1] * weights[2]
        if kind == "conv2d":
            return text, prod(after) * window * weights[3]
        return text, (prod(after) if kind == "depthwise_conv2d" else prod(source) * after[3]) * window
    return text, None


def _spelled(shape: Shape) -> str:
    """Return a shape for people, without a leading 1: one image."""
    return "x".join(map(str, shape[1:] if len(shape) > 1 and shape[0] == 1 else shape))
