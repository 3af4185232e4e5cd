# SPDX-License-Identifier: Apache-2.0
"""Layers of a firmware against its model: tests/firmware/verify beside the same network as a .tflite file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tflite_writer import Tensor, constant
from verify_network import FACTORS, branches, filled, network, results, run, statuses

from mcusim.errors import McusimError
from mcusim.image import Base, Pointer
from mcusim.kernels.conv2d import conv2d
from mcusim.kernels.model import run_model
from mcusim.kernels.tflite_file import read_model
from mcusim.layers import LayerFacts, Operand, Operands
from mcusim.layers.arguments import View
from mcusim.layers.operands import operands_of
from mcusim.machine.capture import CapturedLayer
from mcusim.verifying import verify
from mcusim.verifying.match import PASSIVE, Offered, Wanted, match, points


def test_every_layer_of_the_right_model_is_the_same(tmp_path: Path) -> None:
    assert run(tmp_path, network()) == 0
    found = results(tmp_path)
    assert statuses(tmp_path) == ["same"] * 5
    assert found["operators_without_a_layer"] == ["operator 3 (RESHAPE)"]
    assert found["layers_without_an_operator"] == 0  # the second inference is not in between
    assert found["first_difference"] is None
    assert str(found["input"]).startswith("what mk_conv2d_s8 read at 0x2000")


def test_the_input_can_be_given(tmp_path: Path) -> None:
    np.save(tmp_path / "first.npy", filled((1, 6, 6, 2), 4))
    assert run(tmp_path, network(), "--input", str(tmp_path / "first.npy")) == 0
    np.save(tmp_path / "other.npy", filled((1, 6, 6, 2), 5))
    assert run(tmp_path, network(), "--input", str(tmp_path / "other.npy")) == 1
    np.save(tmp_path / "small.npy", filled((1, 6, 6, 1), 5))
    assert run(tmp_path, network(), "--input", str(tmp_path / "small.npy")) == 2


def test_a_channel_with_another_scale_is_named(tmp_path: Path) -> None:
    scales = FACTORS * 4
    scales[2] /= 4  # less is clamped than in the firmware
    assert run(tmp_path, network(depthwise_weights=constant(filled((1, 3, 3, 4), 2), list(scales), 0, axis=3))) == 1
    assert statuses(tmp_path)[:2] == ["same", "different"]
    layers = results(tmp_path)["layers"]
    assert isinstance(layers, list)
    # What follows is right, but for its input.
    assert [each["alone"] for each in layers] == ["", "different"] + [
        "same" * (each["status"] == "different") for each in layers[2:]
    ]
    assert layers[2]["status"] == "different"
    first = str(results(tmp_path)["first_difference"])
    assert first.startswith("layer 1, mk_depthwise_conv2d_s8 (operator 1 (DEPTHWISE_CONV_2D)), at [0, 0, ")
    assert "likely cause: per-channel multiplier, shift or bias: only channels 2 differ, of 4" in first


def test_another_zero_point_is_named(tmp_path: Path) -> None:
    assert run(tmp_path, network(dense=Tensor((1, 5), scale=1 / 16, zero_point=12))) == 1
    assert statuses(tmp_path)[:4] == ["same", "same", "same", "different"]
    assert "output zero point: everything that is not clamped is off by -1" in str(
        results(tmp_path)["first_difference"]
    )


def test_another_rounding_is_named(tmp_path: Path) -> None:
    wanted = run_model(network(), filled((1, 6, 6, 2), 4))["t3"]
    other = run_model(network(), filled((1, 6, 6, 2), 4), rounding="tinyengine")["t3"]
    assert (wanted != other).any()
    assert run(tmp_path, network(), "--rounding", "tinyengine") == 1
    assert "rounding mode" in str(results(tmp_path)["first_difference"])


def test_tinyengine_s_rounding_is_that_of_float32_scales() -> None:
    image, weights = filled((1, 6, 6, 2), 4), filled((4, 3, 3, 2), 1)
    wanted = conv2d(
        image,
        weights,
        np.array([100, -200, 300, -400], np.int32),
        padding=((1, 1), (1, 1)),
        input_zero_point=3,
        output_zero_point=-5,
        scales=FACTORS.astype(np.float32),
    )
    assert (run_model(network(), image, rounding="tinyengine")["t3"] == wanted).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--layers", "match=print"], "none of the"),
        (["--layers", "none"], "no layers are recognised"),
        (["--input", "missing.npy"], "missing.npy"),
    ],
)
def test_what_cannot_work_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert run(tmp_path, network(), *words) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, b"0123456789") == 2
    assert "is no TensorFlow Lite model" in capsys.readouterr().err


def test_what_no_layer_depends_on_is_not_verified(tmp_path: Path) -> None:
    assert run(tmp_path, network(), "--layers", "match=mk_(average|fully).*") == 1
    assert statuses(tmp_path) == ["same", "same"]
    assert results(tmp_path)["operators_not_verified"] == [
        "operator 0 (CONV_2D)", "operator 1 (DEPTHWISE_CONV_2D)", "operator 5 (SOFTMAX)",
    ]  # fmt: skip


# Matching


def test_what_is_folded_left_out_or_repeated() -> None:
    conv, pool = Offered("conv2d", 100, 1), Offered("average_pool", None, None)
    model = [Wanted("PAD", 120, 1), Wanted("CONV_2D", 100, 1), Wanted("RELU", 100, 1), Wanted("AVERAGE_POOL_2D", 10, 1)]
    assert match([conv, pool, conv, pool], model) == [(0, 1), (1, 3)]
    assert match([Offered("copy", None, None), conv, Offered("", None, None), pool], model) == [(1, 1), (3, 3)]
    assert match([], model) == match([conv], []) == []


def test_sizes_that_are_known_must_be_equal() -> None:
    assert not points(Offered("conv2d", 100, 1), Wanted("CONV_2D", 50, 1))
    assert not points(Offered("conv2d", 100, 2), Wanted("CONV_2D", 100, 1))
    assert points(Offered("", 100, 1), Wanted("CONV_2D", 100, 1)) < points(
        Offered("conv2d", None, None), Wanted("CONV_2D", 100, 1)
    )


CODES = st.sampled_from(["CONV_2D", "ADD", "RESHAPE"])
WANTED = st.lists(st.builds(Wanted, CODES, st.sampled_from([4, 8]), st.just(1)), max_size=5)
OFFERED = st.lists(
    st.builds(Offered, st.sampled_from(["conv2d", "add", ""]), st.sampled_from([4, 8, None]), st.just(1)), max_size=5
)


def score(layers: list[Offered], operators: list[Wanted], pairs: list[tuple[int, int]]) -> int:
    """Return how good an alignment is: points, less what is left out of the model, or of the layers in between."""
    taken = {operator for _, operator in pairs}
    left_out = sum(0 if each.code in PASSIVE else 3 for n, each in enumerate(operators) if n not in taken)
    between = pairs[-1][0] - pairs[0][0] + 1 - len(pairs) if pairs else 0
    return sum(points(layers[layer], operators[operator]) for layer, operator in pairs) - left_out - between


def alignments(layers: int, operators: int) -> list[list[tuple[int, int]]]:
    """Return all lists of ascending pairs."""
    found: list[list[tuple[int, int]]] = [[]]
    for layer in range(layers):
        found += [
            [*before, (layer, operator)]
            for before in found
            for operator in range(before[-1][1] + 1 if before else 0, operators)
        ]
    return found


@given(OFFERED, WANTED)
def test_no_alignment_is_better(layers: list[Offered], operators: list[Wanted]) -> None:
    pairs = match(layers, operators)
    assert all(points(layers[layer], operators[operator]) for layer, operator in pairs)
    possible = [
        each
        for each in alignments(len(layers), len(operators))
        if all(points(layers[layer], operators[operator]) for layer, operator in each)
    ]
    assert score(layers, operators, pairs) == max(score(layers, operators, each) for each in possible)


# Where tensors are

INT8 = Pointer(lambda: Base("signed char", 1, True))


def pointers(**addresses: int) -> list[tuple[str, View]]:
    def view(address: int) -> View:
        data = address.to_bytes(4, "little")
        return View(INT8, lambda offset, size: data[offset : offset + size], lambda _address, _size: None)

    return [(name, view(address)) for name, address in addresses.items()]


@pytest.mark.parametrize(
    ("function", "names", "inputs", "outputs"),
    [
        ("arm_convolve_s8", ["input_data", "filter_data", "bias_data", "output_data"], [0], [3]),
        ("arm_avgpool_s8", ["src", "dst"], [0], [1]),
        ("arm_elementwise_add_s8", ["input_1_vect", "input_2_vect", "output"], [0, 1], [2]),
        ("convolve_1x1_s8_fpreq", ["input", "kernel", "output"], [0], [2]),
        ("tvmgen_default_fused_nn_softmax", ["p0", "T_softmax", "global_workspace_1_var"], [0], [1]),
        ("tvmgen_default_fused_odd", ["p0", "a", "b"], [0], []),
        ("tidy_up", ["a", "b"], [], []),
    ],
)
def test_tensors_by_their_names(function: str, names: list[str], inputs: list[int], outputs: list[int]) -> None:
    arguments = pointers(**{name: 0x2000_0000 + 16 * place for place, name in enumerate(names)})
    found = operands_of(function, arguments, 5)
    assert [operand.address & 0xFFF for operand in found.inputs] == [16 * place for place in inputs]
    assert found.outputs == tuple(Operand(0x2000_0000 + 16 * place, 5, 1) for place in outputs)


# Layers in another order than the model's


def test_branches_may_run_in_another_order() -> None:
    """Two convolutions and the shortcut beside them have the same size: what a layer reads tells which it is."""
    model = read_model(branches())
    image = filled((1, 2, 2, 3), 9)
    truth = run_model(model, image)
    values = {number: truth[operator.outputs[0]] for number, operator in enumerate(model.operators)}
    reads = {0: [image], 1: [values[0]], 2: [image], 3: [values[1], values[2]]}
    layers = []
    for place, number in enumerate([2, 0, 1, 3]):
        operands = Operands(
            tuple(Operand(0x2000_0000, 12, 1) for _ in reads[number]), (Operand(0x2000_1000 + place, 12, 1),)
        )
        facts = LayerFacts(f"layer {number}", "add" if number == 3 else "conv2d", "", None, operands)
        read = [array.tobytes() for array in reads[number]]
        layers.append(CapturedLayer(place, -1, facts, read, [values[number].tobytes()], ended=True))
    found = verify(layers, model)
    assert [(each.layer.facts.name, each.operator.index, each.status) for each in found.compared] == [
        (f"layer {number}", number, "same") for number in (2, 0, 1, 3)
    ]
    layers[2] = replace(layers[2], outputs=[bytes(12)])
    layers[3] = replace(layers[3], inputs=[bytes(12), values[2].tobytes()])
    assert [each.status for each in verify(layers, model).compared] == ["same", "same", "different", "same"]


def test_an_input_of_another_type_is_not_guessed() -> None:
    operands = Operands((Operand(0x2000_0000, None, 2),), (Operand(0x2000_1000, 12, 1),))
    layer = CapturedLayer(0, -1, LayerFacts("conv", "conv2d", "", None, operands), [bytes(24)], [bytes(12)], ended=True)
    with pytest.raises(McusimError, match="reads elements of 2 bytes"):
        verify([layer], read_model(branches()))
