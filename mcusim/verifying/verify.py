# SPDX-License-Identifier: Apache-2.0
"""Layers of a run against the operators of a model, which the reference kernels execute on the same input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.differences import Difference, first_difference
from mcusim.errors import McusimError
from mcusim.kernels.model import Tensors
from mcusim.kernels.model_operators import OPERATORS
from mcusim.kernels.tflite_file import Model, Operator, Tensor, read_model
from mcusim.machine.capture import CapturedLayer
from mcusim.verifying.alone import same_alone
from mcusim.verifying.flow import reordered
from mcusim.verifying.match import PASSIVE, Offered, Wanted, match, points
from mcusim.verifying.reference import Roundings, roundings, run_mixed
from mcusim.verifying.verdict import verdict

Array = npt.NDArray[Any]
FOLDED = ("PAD", "PADV2", "RESHAPE", "SQUEEZE", "EXPAND_DIMS")  # the layer behind reads what these read
FUSED = ("RELU", "RELU6", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "QUANTIZE")  # a layer may give what these give
ROUNDINGS = ("double", "single", "tinyengine")


@dataclass(frozen=True)
class Compared:
    """A layer and its operator. `elements` of the output; `problem`: why it could not be compared, '' if it was.

    `alone`: of one that differs, whether the operator gives the same on what the layer read; None: not known. `read`:
    the operator has no layer, and what was compared is what this one, behind it, read.
    """

    layer: CapturedLayer
    operator: Operator
    elements: int
    difference: Difference | None
    problem: str = ""
    alone: bool | None = None
    read: bool = False

    @property
    def status(self) -> str:
        """Return same, different, or not compared."""
        return "not compared" if self.problem else "different" if self.difference is not None else "same"


@dataclass(frozen=True)
class Verification:
    """What came out. `left_out` are the model's operators without a layer; `others` how many layers are no operator.

    `uncovered` are those of `left_out` that compute something which no layer that was compared depends on, `unreached`
    those that the run was `cut` before (how, in words). `source` says where the input came from, `verdict` what is most
    likely wrong where nothing agrees.
    """

    compared: list[Compared]
    left_out: list[Operator]
    uncovered: list[Operator]
    others: int
    rounding: str
    source: str
    cut: str = ""
    unreached: list[Operator] = field(default_factory=list)
    verdict: str = ""

    @property
    def first(self) -> Compared | None:
        """The first layer that differs."""
        return next((each for each in self.compared if each.difference is not None), None)


def load_model(path: Path) -> Model:
    """Read a model; McusimError for what is none, for unknown operators, and without the package that reads them."""
    try:
        model = read_model(path)
    except OSError as error:
        raise McusimError(f"{path}: {error.strerror or error}") from error
    except (ValueError, ImportError) as error:
        raise McusimError(str(error)) from error
    unknown = [each for each in model.operators if each.code not in OPERATORS]
    if unknown:
        raise McusimError(f"{path}: {unknown[0].label}: there is no reference kernel for it")
    return model


def load_input(path: Path) -> Array:
    """Read an array that NumPy has written; McusimError for what is none."""
    try:
        loaded = np.load(path, allow_pickle=False)
    except OSError as error:
        raise McusimError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise McusimError(f"{path}: is no array as numpy.save writes one: {error}") from error
    if not isinstance(loaded, np.ndarray):
        raise McusimError(f"{path}: holds several arrays: give a .npy file, which holds one")
    return loaded


def longest(model: Model) -> tuple[int, int]:
    """Return the bytes of the longest tensor that an operator reads, and of the longest that one writes."""
    reads = [
        index for each in model.operators for index in each.inputs if index >= 0 and model.tensors[index].data is None
    ]
    writes = [index for each in model.operators for index in each.outputs]
    return max((_bytes(model.tensors[index]) for index in reads), default=0), max(
        (_bytes(model.tensors[index]) for index in writes), default=0
    )


def verify(
    layers: Sequence[CapturedLayer], model: Model, rounding: str = "double", given: Sequence[Array] | None = None,
    *, cut: str = "", by_name: bool = False,
) -> Verification:  # fmt: skip
    """Compare the first inference of a run with the model.

    `given` are the model's inputs; None: what the first layer read. `cut` says how the run was cut, "" if it was not;
    `by_name`: a function of TinyEngine rounds as its name says. Raises McusimError where no layer is an operator of
    the model, and where the input cannot be read.
    """
    shown = _telling(layers)
    pairs = _matched(shown, model, bool(cut))
    if not pairs and cut:
        raise McusimError(
            f"the run was cut ({cut}) before a layer that fits an operator of the model: {len(shown)} ran, none of "
            "which does: let it run longer (--max-cycles, --timeout, --until)"
        )
    if not pairs:
        raise McusimError(
            f"none of the {len(shown)} layers fits the model's {len(model.operators)} operators: is it the model of "
            "this firmware, has it debug information, and does it run an inference? ('mcusim profile' shows layers)"
        )
    if not any(shown[place].facts.operands.outputs for place, _ in pairs):
        raise McusimError(
            f"{shown[pairs[0][0]].facts.name} and the other layers do not say where their tensors are: their arguments "
            "are not known without debug information: compile with -g"
        )
    how = roundings(rounding, [(shown[place].facts.name, number) for place, number in pairs], by_name)
    reading, refused = _inputs(shown, pairs, model, given)
    part, inputs, source = reading
    try:
        tensors = run_mixed(part, inputs, how)
    except ValueError as error:
        advice = " (give --input)" if given is None else ""
        raise McusimError(f"the model cannot be run on {source}: {error}{advice}") from error
    matched = {number for _, number in pairs}
    compared = [_compare(shown[place], model, number, matched, tensors, cut) for place, number in pairs]
    if refused is not None and not any(each.status == "same" for each in compared):
        raise refused  # what was taken for the input instead was not it
    begin = {
        each.outputs[0]: (each.inputs[0], each.index)
        for each in model.operators
        if each.code in FOLDED and each.index not in matched
    }
    compared = [_judged(each, model, begin, how) for each in compared]
    compared = sorted(
        [*compared, *_read(shown, pairs, part, tensors)], key=lambda each: (each.layer.number, not each.read)
    )
    return _summed(model, pairs, compared, tensors, part.inputs, replace(
        Verification([], [], [], pairs[-1][0] - pairs[0][0] + 1 - len(pairs), rounding, source), cut=cut
    ), given is not None)  # fmt: skip


def _summed(
    model: Model, pairs: list[tuple[int, int]], compared: list[Compared], tensors: Tensors, taken: Sequence[int],
    begun: Verification, given: bool,
) -> Verification:  # fmt: skip
    """Return the verification with what became of operators without a layer, and what it all means.

    `taken` are the tensors that were read, not computed.
    """
    matched = {number for _, number in pairs}
    behind = max(matched)
    left_out = [each for each in model.operators if each.index not in matched]
    unreached = [each for each in left_out if each.index > behind] if begun.cut else []
    if all(each.code in PASSIVE for each in unreached):
        unreached = []
    left_out = [each for each in left_out if each not in unreached]
    known = {each.operator.index for each in compared if each.read}
    uncovered = [
        each
        for each in left_out
        if each.code not in PASSIVE
        and each.index not in known
        and (each.outputs[0] not in tensors or each.outputs[0] in taken or each.index > behind)
    ]
    active = [each for each in model.operators if each.code not in PASSIVE and each not in unreached]
    words = verdict(compared, sum(each.index in matched for each in active), len(active), given)
    return replace(
        begun, compared=compared, left_out=left_out, uncovered=uncovered, unreached=unreached, verdict=words
    )  # fmt: skip


def _inputs(
    layers: Sequence[CapturedLayer], pairs: list[tuple[int, int]], model: Model, given: Sequence[Array] | None
) -> tuple[tuple[Model, list[Array], str], McusimError | None]:
    """Return the part of the model to run, its inputs, and where they are from; and an error that it was in spite of.

    Where the first layer that is an operator cannot tell its input, what the very first layer read may be the model's:
    that shows only when something comes out the same.
    """
    if given is not None:
        return (model, list(given), "the given file"), None
    try:
        return _read_input(layers, pairs, model), None
    except McusimError as error:
        tensor, first = model.tensors[model.inputs[0]], layers[0]
        data = first.inputs[0] if first.inputs else None
        fits = first.facts.operands.inputs[0].element_bytes in (None, _item_bytes(tensor)) if data else False
        if len(model.inputs) != 1 or data is None or not fits or len(data) < _bytes(tensor):
            raise
        array = np.frombuffer(data[: _bytes(tensor)], tensor.dtype).reshape(tensor.shape)
        source = f"what the first layer, {first.facts.name}, read, taken for the model's input ({tensor.label})"
        return (model, [array], source), error


def _read(
    layers: Sequence[CapturedLayer], pairs: list[tuple[int, int]], model: Model, tensors: Tensors
) -> list[Compared]:
    """Return comparisons of operators that have no layer, by what a layer behind them read: such as joined patches.

    What the first layer read must be it; what others read is told where it is the same, since they may be fused.
    """
    matched, found = {number for _, number in pairs}, []
    first = min(matched)
    writers = {output: each for each in model.operators for output in each.outputs}
    for place, number in pairs:
        layer = layers[place]
        for index in [index for index in _operator(model, number).inputs if index in writers]:
            writer, tensor = writers[index], model.tensors[index]
            if writer.index in matched or writer.code in PASSIVE or index not in tensors or index in model.inputs:
                continue
            held = [
                each[: _bytes(tensor)]
                for each, operand in zip(layer.inputs, layer.facts.operands.inputs, strict=False)
                if each is not None
                and len(each) >= _bytes(tensor)
                and operand.element_bytes in (None, _item_bytes(tensor))
            ]
            arrays = [np.frombuffer(each, tensor.dtype).reshape(tensor.shape) for each in held]
            differences = [first_difference(each, tensors[index]) for each in arrays]
            if None in differences or (number == first and differences):
                difference = None if None in differences else differences[0]
                found.append(Compared(layer, writer, _elements(tensor), difference, read=True))
    return found


def _operator(model: Model, number: int) -> Operator:
    """Return an operator of a model, or of a part of it, by its index."""
    return next(each for each in model.operators if each.index == number)


def _telling(layers: Sequence[CapturedLayer]) -> list[CapturedLayer]:
    """Return the innermost layers that say where their outputs are, and those without any in them that do."""
    outer: set[int] = set()
    for layer in reversed(layers):
        if layer.facts.operands.outputs or layer.number in outer:
            outer.add(layer.parent)
    return [each for each in layers if each.number not in outer]


def _matched(layers: Sequence[CapturedLayer], model: Model, cut: bool) -> list[tuple[int, int]]:
    """Return pairs of a layer and an operator, layers in order."""
    offered = [_offered(each) for each in layers]
    wanted = [_wanted(model, each) for each in model.operators]
    pairs = match(offered, wanted, cut=cut)
    paired = {layer for layer, _ in pairs}
    fits = [
        {number for number, each in enumerate(wanted) if points(layer, each)} if place in paired else set()
        for place, layer in enumerate(offered)
    ]
    return reordered(layers, model, [_bytes(tensor) for tensor in model.tensors], fits, pairs)


def _offered(layer: CapturedLayer) -> Offered:
    outputs = layer.facts.operands.outputs
    if len(outputs) != 1:
        return Offered(layer.facts.kind, None, None)
    return Offered(layer.facts.kind, outputs[0].elements, outputs[0].element_bytes)


def _wanted(model: Model, operator: Operator) -> Wanted:
    tensor = model.tensors[operator.outputs[0]]
    return Wanted(operator.code, _elements(tensor), _item_bytes(tensor))


def _elements(tensor: Tensor) -> int:
    return int(np.prod(tensor.shape, dtype=np.int64))


def _item_bytes(tensor: Tensor) -> int:
    try:
        return int(np.dtype(tensor.dtype).itemsize)
    except TypeError:
        return 0  # a type that no kernel knows: nothing fits it


def _bytes(tensor: Tensor) -> int:
    return _elements(tensor) * _item_bytes(tensor)


def _read_input(
    layers: Sequence[CapturedLayer], pairs: list[tuple[int, int]], model: Model
) -> tuple[Model, list[Array], str]:
    """Return the model from the tensor on that its first layer read, that tensor, and where it was.

    Paddings and reshapes without a layer are folded into it: it reads what they read. Operators before that one are
    not executed, so that the reference sees what the layer saw.
    """
    place, number = min(pairs, key=lambda pair: pair[1])
    layer, operator = layers[place], model.operators[number]
    index, begin = operator.inputs[0], operator.index
    writers = {output: each for each in model.operators for output in each.outputs}
    while index in writers and writers[index].code in FOLDED:
        begin = writers[index].index
        index = writers[index].inputs[0]
    tensor = model.tensors[index]
    operands = layer.facts.operands.inputs
    data = layer.inputs[0] if layer.inputs else None
    if data is None:
        raise McusimError(f"{layer.facts.name}: its arguments do not tell where its input is: give --input FILE.npy")
    if operands[0].element_bytes not in (None, _item_bytes(tensor)):
        raise McusimError(
            f"{layer.facts.name}: reads elements of {operands[0].element_bytes} bytes, {operator.label} of the model "
            f"those of {_item_bytes(tensor)}: between operators it computes in other types than the model (as "
            "microTVM's own code does), which cannot be compared; give --input FILE.npy to compare what is left"
        )
    if len(data) < _bytes(tensor):
        raise McusimError(f"{layer.facts.name}: its input is shorter than {tensor.label}: is it the firmware's model?")
    array = np.frombuffer(data[: _bytes(tensor)], tensor.dtype).reshape(tensor.shape)
    part = replace(model, inputs=(index,), operators=model.operators[begin:])
    return part, [array], f"what {layer.facts.name} read at 0x{operands[0].address:08x} ({tensor.label})"


def _compare(
    layer: CapturedLayer, model: Model, number: int, matched: set[int], tensors: Tensors, cut: str
) -> Compared:
    operator = model.operators[number]
    tensor = model.tensors[operator.outputs[0]]
    size = _bytes(tensor)
    if operator.outputs[0] not in tensors:
        return Compared(layer, operator, _elements(tensor), None, "it is before the layer whose input was read")
    data = layer.outputs[0] if layer.outputs else None
    if data is None or len(data) < size:
        return Compared(layer, operator, _elements(tensor), None, _problem(layer, size, cut))
    got = np.frombuffer(data[:size], tensor.dtype).reshape(tensor.shape)
    found = None
    for candidate in _candidates(model, number, matched, tensors):
        difference = first_difference(got.reshape(candidate.shape), candidate)
        if difference is None:
            return Compared(layer, operator, _elements(tensor), None)
        found = found or difference
    return Compared(layer, operator, _elements(tensor), found)


def _judged(each: Compared, model: Model, begin: dict[int, tuple[int, int]], how: Roundings) -> Compared:
    """Return it, with `alone` if it differs."""
    if each.difference is None or each.layer.outputs[0] is None:
        return each
    tensor = model.tensors[each.operator.outputs[0]]
    got = np.frombuffer(each.layer.outputs[0][: _bytes(tensor)], tensor.dtype).reshape(tensor.shape)
    rounding = how.of(each.operator.index)
    return replace(each, alone=same_alone(each.layer, model, each.operator.index, begin, got, rounding))


def _problem(layer: CapturedLayer, size_bytes: int, cut: str) -> str:
    if not layer.kept:
        return "it ran too late: stop earlier with --until"
    if not layer.ended:
        return f"the run was cut while it ran ({cut})" if cut else "it had not returned when the run ended"
    if not layer.facts.operands.outputs:
        return "its arguments do not tell where its output is"
    return f"its output of {size_bytes:,} bytes is not in memory"


def _candidates(model: Model, number: int, matched: set[int], tensors: Tensors) -> list[Array]:
    """Return what a layer may have computed: its operator's output, or that of the ones behind that are fused to it."""
    output = model.operators[number].outputs[0]
    found = [tensors[output]]
    for operator in model.operators[number + 1 :]:
        if operator.index in matched or operator.code not in FUSED or operator.inputs[0] != output:
            break
        output = operator.outputs[0]
        if tensors[output].size != found[0].size or tensors[output].dtype != found[0].dtype:
            break
        found.append(tensors[output])
    return found
