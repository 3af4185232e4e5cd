# SPDX-License-Identifier: Apache-2.0
"""Shapes of TFLite Micro's operators, followed through tables that are laid out by hand."""

from __future__ import annotations

import struct

import pytest

from mcusim.image import Array, Base, Member, Parameter, Pointer, Signature, Struct, Type
from mcusim.layers.arguments import View, read_arguments
from mcusim.layers.tensors import Interpreter, is_operator, node_shapes, operator_facts

INT = Base("int", 4, True)
Shape = tuple[int, ...]


def layout(name: str, size_bytes: int, **members: tuple[int, Type]) -> Struct:
    return Struct(name, size_bytes, False, lambda: tuple(Member(key, *value) for key, value in members.items()))


INTEGERS = layout("TfLiteIntArray", 4, size=(0, INT), data=(4, Array(INT, 0)))
TENSOR = layout("TfLiteEvalTensor", 12, dims=(4, Pointer(lambda: INTEGERS)))
NODE = layout("TfLiteNode", 28, inputs=(0, Pointer(lambda: INTEGERS)), outputs=(4, Pointer(lambda: INTEGERS)))
CONTEXT = layout("TfLiteContext", 100, tensors=(8, Pointer(lambda: TENSOR)), impl_=(12, Pointer()))
SUBGRAPH = layout("SubgraphAllocations", 8, tensors=(4, Pointer(lambda: TENSOR)))
GRAPH = layout(
    "MicroInterpreterGraph",
    24,
    subgraph_allocations_=(16, Pointer(lambda: SUBGRAPH)),
    current_subgraph_index_=(20, INT),
)
MICRO_CONTEXT = layout("MicroInterpreterContext", 44, graph_=(20, Pointer(lambda: layout("declared", 0))))
INTERPRETER = Interpreter(MICRO_CONTEXT, GRAPH)
SIGNATURE = Signature((Parameter("context", Pointer(lambda: CONTEXT)), Parameter("node", Pointer(lambda: NODE))))
RAM = 0x2000_0000


class Guest:
    """Memory of some KB that is filled from the bottom, and a call's registers."""

    def __init__(self) -> None:
        self.bytes = bytearray(8192)
        self.used = 64

    def put(self, data: bytes, size: int = 0) -> int:
        """Store bytes, padded to a size, and return their address."""
        address = RAM + self.used
        self.bytes[self.used : self.used + len(data)] = data
        self.used += (max(size, len(data)) + 3) & ~3
        return address

    def integers(self, *numbers: int) -> int:
        return self.put(struct.pack(f"<{len(numbers) + 1}i", len(numbers), *numbers))

    def tensors(self, shapes: list[Shape]) -> int:
        return self.put(b"".join(struct.pack("<III", 0, self.integers(*shape), 0) for shape in shapes))

    def memory(self, address: int, size: int) -> bytes | None:
        inside = address >= RAM and address + size <= RAM + len(self.bytes)
        return bytes(self.bytes[address - RAM : address - RAM + size]) if inside else None

    def call(self, context: int, inputs: Shape, outputs: Shape) -> list[tuple[str, View]]:
        node = self.put(struct.pack("<II", self.integers(*inputs), self.integers(*outputs)), 28)
        registers = {0: context, 1: node}
        return read_arguments(SIGNATURE, True, True, lambda number: registers[number], self.memory)


def interpreted(guest: Guest, shapes: list[Shape], subgraph: int = 1) -> int:
    """Return the address of a context whose interpreter is at a subgraph with these tensors."""
    allocations = guest.put(struct.pack("<IIII", 0, 0, 0, guest.tensors(shapes)))
    graph = guest.put(bytes(16) + struct.pack("<Ii", allocations, subgraph), 24)
    micro_context = guest.put(bytes(20) + struct.pack("<I", graph), 44)
    return guest.put(struct.pack("<IIII", 0, 0, 0, micro_context), 100)


SHAPES: list[Shape] = [(1, 49, 10, 1), (64, 10, 4, 1), (64,), (1, 25, 5, 64)]


def test_an_interpreter_s_tensors() -> None:
    guest = Guest()
    arguments = guest.call(interpreted(guest, SHAPES), (0, 1, 2), (3,))
    assert is_operator(arguments)
    (_, context), (_, node) = arguments
    assert node_shapes(context, node, INTERPRETER) == (SHAPES[:3], SHAPES[3:])
    assert node_shapes(context, node, None) == ([], [])


def test_a_context_with_tensors_of_its_own() -> None:
    guest = Guest()
    context = guest.put(struct.pack("<IIII", 4, 0, guest.tensors(SHAPES), 0), 100)
    (_, context_view), (_, node) = guest.call(context, (0, 1, -1), (3,))
    assert node_shapes(context_view, node, None) == ([SHAPES[0], SHAPES[1], ()], [SHAPES[3]])


@pytest.mark.parametrize("context", [0, 0xE000_0000, RAM + 8188])
def test_pointers_that_lead_nowhere(context: int) -> None:
    guest = Guest()
    (_, view), (_, node) = guest.call(context, (0, 99), (3,))
    assert node_shapes(view, node, INTERPRETER) == ([], [])


def test_tables_that_make_no_sense() -> None:
    guest = Guest()
    context = interpreted(guest, [(1, -5, 10, 1), (1 << 30,), (1,) * 9, (1, 2)])
    (_, view), (_, node) = guest.call(context, (0, 1, 2), (3, 5000))
    assert node_shapes(view, node, INTERPRETER) == ([(), (), ()], [(1, 2), ()])
    (_, view), (_, node) = guest.call(interpreted(guest, SHAPES, -1), (0,), (3,))
    assert node_shapes(view, node, INTERPRETER) == ([], [])


def test_other_functions_are_no_operators() -> None:
    guest = Guest()
    assert not is_operator(guest.call(0, (), ())[:1])
    assert not is_operator([])


@pytest.mark.parametrize(
    ("kind", "inputs", "outputs", "shape", "macs"),
    [
        ("conv2d", SHAPES[:3], SHAPES[3:], "49x10x1 -> 25x5x64, 10x4", 320_000),
        ("conv2d", [(2, 4, 4, 8), (6, 3, 3, 4)], [(2, 4, 4, 6)], "2x4x4x8 -> 2x4x4x6, 3x3", 2 * 96 * 36),
        ("depthwise_conv2d", [(1, 8, 8, 4), (1, 3, 3, 4)], [(1, 8, 8, 4)], "8x8x4 -> 8x8x4, 3x3", 2304),
        ("transpose_conv2d", [(4,), (5, 2, 2, 3), (1, 4, 4, 3)], [(1, 8, 8, 5)], "4x4x3 -> 8x8x5, 2x2", 960),
        ("fully_connected", [(1, 64), (12, 64), (12,)], [(1, 12)], "64 -> 12", 768),
        ("fully_connected", [(3, 64), (12, 64)], [(3, 12)], "3x64 -> 12", 3 * 768),
        ("average_pool", [(1, 25, 5, 64)], [(1, 1, 1, 64)], "25x5x64 -> 1x1x64", None),
        ("softmax", [(1, 12)], [(1, 12)], "12", None),
        ("reshape", [(1, 1, 1, 64), (2,)], [(1, 64)], "1x1x64 -> 64", None),
        ("conv2d", [(), (64, 10, 4, 1)], [(1, 25, 5, 64)], "", None),
        ("conv2d", [(1, 49, 10, 1), ()], [(1, 25, 5, 64)], "49x10x1 -> 25x5x64", None),
        ("add", [], [], "", None),
    ],
)
def test_facts_of_operators(kind: str, inputs: list[Shape], outputs: list[Shape], shape: str, macs: int | None) -> None:
    assert operator_facts(kind, inputs, outputs) == (shape, macs)
