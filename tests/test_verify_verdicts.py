# SPDX-License-Identifier: Apache-2.0
"""`mcusim verify` where a run is cut, where nothing agrees, and where operators have no layer of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tflite_writer import Tensor, constant
from verify_network import FACTORS, branches, filled, network, results, run, statuses

from mcusim.errors import McusimError
from mcusim.kernels.model import run_model
from mcusim.kernels.tflite_file import Model, read_model
from mcusim.layers import LayerFacts, Operand, Operands
from mcusim.machine.capture import CapturedLayer
from mcusim.verifying import verify
from mcusim.verifying.match import Offered, Wanted, match
from mcusim.verifying.reference import roundings, run_mixed

IMAGE = filled((1, 2, 2, 3), 9)


def captured(model: Model, number: int, name: str = "", kind: str = "conv2d", element_bytes: int = 1) -> CapturedLayer:
    """Return a layer that is this operator of `branches`, as the reference computes it."""
    truth, operator = run_model(model, IMAGE), model.operators[number]
    read = [index for index in operator.inputs if index >= 0 and model.tensors[index].data is None]
    operands = Operands(
        tuple(Operand(0x2000_0000 + 16 * place, None, element_bytes) for place in range(len(read))),
        (Operand(0x2000_1000, 12, 1),),
    )
    facts = LayerFacts(name or f"layer {number}", "add" if number == 3 else kind, "", None, operands)
    inputs, output = [truth[index].tobytes() for index in read], truth[operator.outputs[0]].tobytes()
    return CapturedLayer(number, -1, facts, list(inputs), [output], ended=True)


# a run that is cut


def test_a_run_that_is_cut_says_so_and_verifies_what_is_complete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, network(), "--max-cycles", "60000") == 1
    found = results(tmp_path)
    layers = statuses(tmp_path)
    assert 0 < len(layers) < 5
    assert set(layers[:-1]) <= {"same"}
    assert layers[-1] in ("same", "not compared")
    assert found["operators_not_verified"] == []
    assert str(found["cut"]) == "reached --max-cycles 60000"
    assert "operator 5 (SOFTMAX)" in list(found["operators_not_reached"])  # type: ignore[call-overload]
    assert found["verdict"] == ""


def test_a_run_that_is_cut_before_the_first_layer_that_fits_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, network(), "--max-cycles", "500") == 2
    assert "the run was cut (reached --max-cycles 500)" in capsys.readouterr().err
    model = read_model(branches())
    layer = captured(model, 0)
    odd = replace(layer, facts=replace(layer.facts, operands=Operands((), (Operand(0x2000_1000, 99, 1),))))
    with pytest.raises(McusimError, match=r"the run was cut \(the power was cut\) before a layer that fits"):
        verify([odd], model, cut="the power was cut")
    with pytest.raises(McusimError, match="none of the 1 layers fits"):
        verify([odd], model)


def test_the_rounding_that_more_layers_agree_with_is_told(tmp_path: Path) -> None:
    assert run(tmp_path, network(), "--rounding", "tinyengine") == 1
    assert str(results(tmp_path)["verdict"]).startswith("With --rounding double, 5 of 5 layers give what the model")
    assert run(tmp_path, network()) == 0
    assert results(tmp_path)["verdict"] == ""


def test_a_cut_behind_the_first_inference_does_not_matter(tmp_path: Path) -> None:
    assert run(tmp_path, network(), "--until", "mk_softmax_s8") == 1  # as it begins
    assert statuses(tmp_path)[:4] == ["same"] * 4
    model = read_model(branches())
    layers = [captured(model, number) for number in range(4)]
    again = [replace(layer, number=layer.number + 4) for layer in layers[:2]]
    found = verify([*layers, *again], model, cut="the power was cut")
    assert [each.status for each in found.compared] == ["same"] * 4
    assert (found.unreached, found.uncovered) == ([], [])


def test_operators_behind_a_cut_cost_nothing() -> None:
    operators = [Wanted("CONV_2D", 8, 1), Wanted("CONV_2D", 4, 1), *(Wanted("CONV_2D", 8, 1) for _ in range(5))]
    layers = [Offered("", 8, 1), Offered("", 4, 1), Offered("", 8, 1)]
    assert match(layers, operators, cut=True) == [(0, 0), (1, 1), (2, 2)]
    assert match(layers, operators)[-1] == (2, 6)  # nothing is left out at the end


# nothing agrees


def test_weights_of_another_version(tmp_path: Path) -> None:
    other = {
        "conv_weights": constant(filled((4, 3, 3, 2), 11), list(FACTORS / 2), 0),
        "depthwise_weights": constant(filled((1, 3, 3, 4), 12), list(FACTORS * 4), 0, axis=3),
        "dense_weights": constant(filled((5, 36), 13), 3 * 2**-12),
        "pool": Tensor((1, 3, 3, 4), scale=0.5, zero_point=-7),
        "softmax": Tensor((1, 5), scale=1 / 256, zero_point=-128),
    }
    assert run(tmp_path, network(**other)) == 1
    assert set(statuses(tmp_path)) == {"different"}
    assert "most likely this is another version of the model" in str(results(tmp_path)["verdict"])


def test_another_input(tmp_path: Path) -> None:
    np.save(tmp_path / "other.npy", filled((1, 6, 6, 2), 5))
    assert run(tmp_path, network(), "--input", str(tmp_path / "other.npy")) == 1
    assert "the firmware's input is not that of the given file" in str(results(tmp_path)["verdict"])


def test_another_model_of_which_little_fits() -> None:
    model = read_model(branches())
    layer = captured(model, 3)
    layer.inputs, layer.outputs = [bytes(12), bytes(12)], [bytes(12)]
    found = verify([layer], model, given=[IMAGE])
    assert "for only 1 of 4 operators that compute something" in found.verdict


def test_one_that_agrees_leaves_no_verdict() -> None:
    model = read_model(branches())
    layers = [captured(model, number) for number in range(4)]
    layers[1].outputs = [bytes(12)]
    assert verify(layers, model).verdict == ""


def test_without_debug_information(tmp_path: Path) -> None:
    model = read_model(branches())
    layers = [captured(model, number) for number in range(4)]
    bare = [replace(each, facts=replace(each.facts, operands=Operands((), ()))) for each in layers]
    with pytest.raises(McusimError, match=r"do not say where their tensors are: .*: compile with -g"):
        verify(bare, model, given=[IMAGE])


# operators without a layer of their own


def test_joined_patches_are_compared_as_they_are_read() -> None:
    """The two convolutions before the sum are computed in some other way: what the sum reads tells."""
    model = read_model(branches())
    last = captured(model, 3)
    found = verify([last], model, given=[IMAGE])
    assert [(each.operator.index, each.status, each.read) for each in found.compared] == [
        (1, "same", True), (2, "same", True), (3, "same", False),
    ]  # fmt: skip
    assert found.uncovered == []
    last.inputs[0] = bytes(12)
    wrong = verify([last], model, given=[IMAGE])
    assert [each.status for each in wrong.compared] == ["different", "same", "same"]


def test_what_is_read_in_another_type_is_not_compared() -> None:
    model = read_model(branches())
    wide = captured(model, 3, element_bytes=2)
    wide.inputs = [each * 2 for each in wide.inputs if each is not None]
    assert [each.read for each in verify([wide], model, given=[IMAGE]).compared] == [False]


def test_the_very_first_layer_may_have_read_the_input() -> None:
    """Between operators there are other types; the result is the model's."""
    model = read_model(branches())
    operands = Operands((Operand(0x2000_0000, 12, 1),), (Operand(0x2000_1000, 12, 2),))
    facts = LayerFacts("cast", "", "", None, operands)
    first = CapturedLayer(0, -1, facts, [IMAGE.tobytes()], [bytes(24)], ended=True)
    last = replace(captured(model, 3, element_bytes=2), number=1)
    found = verify([first, last], model)
    assert [(each.operator.index, each.status) for each in found.compared] == [(3, "same")]
    assert found.source.startswith("what the first layer, cast, read, taken for the model's input")
    last.outputs = [bytes(12)]
    with pytest.raises(McusimError, match="computes in other types than the model"):
        verify([first, last], model)


# roundings by function


def test_tinyengine_s_functions_round_as_their_names_say() -> None:
    names = {
        "convolve_1x1_s8_ch8": "double", "convolve_1x1_s8_fpreq_bitmask": "tinyengine", "add": "double",
        "add_fpreq": "tinyengine", "depthwise_kernel3x3_stride1_inplace_CHW": "double", "avg_pooling": "tinyengine",
        "depthwise_kernel3x3_stride1_inplace_CHW_fpreq": "tinyengine",
    }  # fmt: skip
    layers = [(name, number) for number, name in enumerate(names)]
    how = roundings("tinyengine", layers, True)
    assert [how.of(number) for number in range(len(names))] == list(names.values())
    assert not roundings("tinyengine", layers, False).others
    assert not roundings("double", layers, True).others


def test_a_model_with_both_roundings() -> None:
    model = read_model(network())
    image = filled((1, 6, 6, 2), 4)
    whole = {name: run_model(model, image, rounding=name) for name in ("double", "tinyengine")}
    mixed = run_mixed(model, [image], roundings("tinyengine", [("depthwise_kernel3x3_stride1_inplace_CHW", 1)], True))
    np.testing.assert_array_equal(mixed["t3"], whole["tinyengine"]["t3"])
    alone = replace(model, inputs=(model.names["t3"],), operators=model.operators[1:2])
    for name in ("double", "tinyengine"):
        wanted = run_model(alone, whole["tinyengine"]["t3"], rounding=name)["t6"]
        assert np.array_equal(mixed["t6"], wanted) == (name == "double")
