# SPDX-License-Identifier: Apache-2.0
"""Inferences told apart, by frames and by repetition, and the place of each layer in the network."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from mcusim.attribution.inferences import find_places
from mcusim.layer_trace import Identity, LayerActivation

ROOT, MAIN, NETWORK, STEP = range(4)  # nodes
Path = tuple[tuple[int, int], ...]
IN_MAIN: Path = ((ROOT, 1), (MAIN, 1))


def activation(name: str, index: int, path: Path = (), parent: int = -1, site: int = 0) -> LayerActivation:
    """Return an activation of which only the place matters."""
    return LayerActivation(Identity(name, 0, site), "", "", None, parent, index, path, 0, 0, 0)


def flat(names: Sequence[str], paths: Sequence[Path]) -> list[LayerActivation]:
    """Return activations that follow each other at the top."""
    return [activation(name, index, path) for index, (name, path) in enumerate(zip(names, paths, strict=True))]


def test_each_call_of_the_network_is_an_inference() -> None:
    paths = [(*IN_MAIN, (NETWORK, call)) for call in (1, 1, 1, 2, 2, 2)]
    places = find_places(flat(["conv", "pool", "fc"] * 2, paths))
    assert places.inferences == 2
    assert places.inference_of == [0, 0, 0, 1, 1, 1]
    assert places.slot_of == [0, 1, 2, 0, 1, 2]
    assert [slot.index for slot in places.slots] == [0, 1, 2]


def test_a_function_called_for_each_layer_makes_no_inferences() -> None:
    paths = [(*IN_MAIN, (STEP, call)) for call in range(1, 5)]
    places = find_places(flat(["conv", "depthwise", "conv", "pool"], paths))
    assert (places.inferences, places.slot_of) == (1, [0, 1, 2, 3])


def test_one_inference_of_blocks_is_one() -> None:
    network = (*IN_MAIN, (NETWORK, 1))
    paths = [network, (*network, (STEP, 1)), (*network, (STEP, 1)), (*network, (STEP, 2)), (*network, (STEP, 2))]
    places = find_places(flat(["conv", "depthwise", "pointwise", "depthwise", "pointwise"], paths))
    assert places.inferences == 1


def test_layers_called_by_main_repeat() -> None:
    names = ["conv", "depthwise", "pointwise", "depthwise", "pointwise", "pool"]
    places = find_places(flat((names * 3)[:-2], [IN_MAIN] * 16))  # the run was cut in the third
    assert places.inferences == 3
    assert places.slot_of == [*range(6), *range(6), *range(4)]


def test_layers_of_one_kind_in_main_are_one_inference() -> None:
    assert find_places(flat(["fc"] * 4, [IN_MAIN] * 4)).inferences == 1


def test_the_place_of_a_call_tells_layers_apart() -> None:
    layers = [activation("fc", index, IN_MAIN, site=index % 2) for index in range(6)]
    places = find_places(layers)
    assert (places.inferences, places.slot_of) == (3, [0, 1, 0, 1, 0, 1])


def test_nested_layers_belong_to_the_inference_around_them() -> None:
    paths = [(*IN_MAIN, (NETWORK, call)) for call in (1, 2)]
    layers = []
    for path in paths:
        first = len(layers)
        layers.append(activation("patches", first and 1, path))
        layers += [activation("conv", index, parent=first) for index in range(2)]
    places = find_places(layers)
    assert places.inference_of == [0, 0, 0, 1, 1, 1]
    assert places.slot_of == [0, 1, 2, 0, 1, 2]
    assert [(slot.parent, slot.index) for slot in places.slots] == [(-1, 0), (0, 0), (0, 1)]


def test_tasks_have_inferences_of_their_own() -> None:
    layers = [
        activation("a", 0, ((ROOT, 1), (MAIN, 1))),
        activation("b", 0, ((7, 1),)),
        activation("c", 1, ((ROOT, 1), (MAIN, 1))),
    ]
    places = find_places(layers)
    assert places.inference_of == [0, 1, 0]
    assert [slot.index for slot in places.slots] == [0, 0, 1]


def test_no_layers() -> None:
    places = find_places([])
    assert (places.inferences, places.slots) == (0, [])


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=6), st.integers(1, 4), st.integers(0, 5))
def test_whole_repetitions_are_found(names: list[str], times: int, cut: int) -> None:
    """With a head that comes nowhere else the network is its own shortest period."""
    names = ["head", *names]
    sequence = names * times + names[: min(cut, len(names) - 1)]
    places = find_places(flat(sequence, [IN_MAIN] * len(sequence)))
    whole = 2 * len(names) <= len(sequence)
    assert places.inferences == (-(-len(sequence) // len(names)) if whole else 1)
