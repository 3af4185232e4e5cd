# SPDX-License-Identifier: Apache-2.0
"""Where a layer's tensors are, from its arguments: addresses of inputs and outputs, and how long they are.

By names: CMSIS-NN's `input_data` and `output_data` (`src` and `dst` of its pools, `input_1_vect`), TinyEngine's and
our kernels' `input` and `output`, microTVM's `input_`, `output_`, `p0`. An operator of microTVM has no name for its
output but that of the expression that it computes: it is the one pointer that is nothing else (tvmgen_*, as in
tum-ei-eda/etiss_riscv_examples target_code/tvm). Tensors of TFLite Micro are in its tables (`tensors.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mcusim.image import Base, Pointer
from mcusim.layers.arguments import View
from mcusim.layers.names import snake

_TAIL = r"(?:_?\d)?(?:_?(?:data|vec|vect|vector|ptr|buf|buffer|tensor))?_?\d?_?"
_OUTPUT = re.compile(rf"(?:output|out|dst|result){_TAIL}")
_INPUT = re.compile(rf"(?:input|in|src|image|first|second|p\d+|placeholder){_TAIL}")
_TVM = re.compile(r"tvmgen_\w+|fused_\w+")
_TVM_OTHER = re.compile(
    r"\w*workspace\w*|filter\w*|weights?\w*|bias\w*|multiplier\w*|\w*scale\w*|\w*constant\w*|\w*shift\w*"
)


@dataclass(frozen=True)
class Operand:
    """A tensor in the guest's memory. `elements` and `element_bytes` are None where nothing tells them."""

    address: int
    elements: int | None = None
    element_bytes: int | None = None


@dataclass(frozen=True)
class Operands:
    """The tensors that a layer reads and writes, as far as its arguments say, in the arguments' order."""

    inputs: tuple[Operand, ...] = ()
    outputs: tuple[Operand, ...] = ()

    def completed_by(self, kernel: Operands) -> Operands:
        """Return these with what they lack from those of a kernel below: all of it, or how long the outputs are."""
        lengths = {each.address: each for each in kernel.outputs if each.elements is not None}
        outputs = tuple(each if each.elements is not None else lengths.get(each.address, each) for each in self.outputs)
        return Operands(self.inputs or kernel.inputs, outputs or kernel.outputs)


UNKNOWN = Operands()


def operands_of(function: str, arguments: list[tuple[str, View]], elements: int | None) -> Operands:
    """Return the tensors among the arguments of a function; `elements` of its one output, None if unknown."""
    pointers = [(snake(name), view) for name, view in arguments if _is_data(view) and view.number]
    inputs = [view for name, view in pointers if _INPUT.fullmatch(name)]
    outputs = [view for name, view in pointers if _OUTPUT.fullmatch(name)]
    if not outputs and _TVM.fullmatch(function):
        rest = [view for name, view in pointers if not _INPUT.fullmatch(name) and not _TVM_OTHER.fullmatch(name)]
        outputs = rest if len(rest) == 1 else []
    alone = elements if len(outputs) == 1 else None
    return Operands(tuple(_operand(view, None) for view in inputs), tuple(_operand(view, alone) for view in outputs))


def _is_data(view: View) -> bool:
    """Return whether a value is a pointer to numbers, or to something without a type."""
    return isinstance(view.type, Pointer) and (view.type.target is None or isinstance(view.type.target, Base))


def _operand(view: View, elements: int | None) -> Operand:
    assert isinstance(view.type, Pointer)
    target = view.type.target
    size = target.size_bytes if isinstance(target, Base) and "char" not in target.name.split() else None
    if isinstance(target, Base) and target.name in ("signed char", "unsigned char"):
        size = 1  # what int8_t and uint8_t are; a plain char may be anything
    return Operand(view.number or 0, elements, size)
