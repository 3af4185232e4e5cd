# SPDX-License-Identifier: Apache-2.0
"""Which activations are the same layer: inferences told apart, and a place in the network for each layer.

An inference is found in two ways, below each root of the call tree:

1. By its frame: going down from the root, the first function of which there are several calls that hold layers makes an
   inference with each call, if all of them begin with the same layer.
2. By repetition: the sequence of outermost layers (name and place of the call) repeats as a whole. The last repetition
   may have been cut.

Otherwise all layers below a root are one inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mcusim.layer_trace import Identity, LayerActivation


@dataclass
class Slot:
    """A layer as a place in the network: `parent` is a slot, `index` its place among that one's layers."""

    parent: int
    index: int
    first: int  # its first activation


@dataclass
class Places:
    """For each activation its slot and its inference (numbered by their starts)."""

    slots: list[Slot]
    slot_of: list[int]
    inference_of: list[int]
    inferences: int


def find_places(activations: Sequence[LayerActivation]) -> Places:
    """Tell inferences apart and number the layers within them."""
    starts = _inference_starts(activations)
    slots: list[Slot] = []
    numbers: dict[tuple[int, int, str], int] = {}
    slot_of: list[int] = []
    inference_of: list[int] = []
    inference, first_index = -1, {}
    current: dict[int, int] = {}  # root -> inference
    for number, activation in enumerate(activations):
        if activation.parent >= 0:
            parent, index = slot_of[activation.parent], activation.index
            inference_of.append(inference_of[activation.parent])
        else:
            root = activation.path[0][0]
            if number in starts:
                inference += 1
                current[root], first_index[root] = inference, activation.index
            parent, index = -1, activation.index - first_index[root]
            inference_of.append(current[root])
        key = (parent, index, activation.identity.name)
        if key not in numbers:
            numbers[key] = len(slots)
            slots.append(Slot(parent, index, number))
        slot_of.append(numbers[key])
    return Places(slots, slot_of, inference_of, inference + 1)


def _inference_starts(activations: Sequence[LayerActivation]) -> set[int]:
    """Return the activations that begin an inference."""
    by_root: dict[int, list[int]] = {}
    for number, activation in enumerate(activations):
        if activation.parent < 0:
            by_root.setdefault(activation.path[0][0], []).append(number)
    starts: set[int] = set()
    for numbers in by_root.values():
        paths = [activations[number].path for number in numbers]
        names = [activations[number].identity for number in numbers]
        found = _by_frame(paths, names) or _by_repetition(names) or [0]
        starts.update(numbers[index] for index in found)
    return starts


def _by_frame(paths: Sequence[tuple[tuple[int, int], ...]], names: Sequence[Identity]) -> list[int]:
    """Return the indices at which a new call of the same function begins the same layers; none if it is not so."""
    depth = 0
    while all(len(path) > depth and path[depth] == paths[0][depth] for path in paths):
        depth += 1
    starts = [
        index
        for index, path in enumerate(paths)
        if index == 0 or path[depth : depth + 1] != paths[index - 1][depth : depth + 1]
    ]
    nodes = {path[depth][0] if len(path) > depth else -1 for path in paths}
    same = len(nodes) == 1 and len({names[index] for index in starts}) == 1
    return starts if len(starts) > 1 and same else []


def _by_repetition(names: Sequence[Identity]) -> list[int]:
    """Return the indices at which the sequence starts again; none if it does not."""
    period = _period(names)
    return list(range(0, len(names), period)) if period > 1 and 2 * period <= len(names) else []


def _period(names: Sequence[Identity]) -> int:
    """Return the shortest period of a sequence (Knuth, Morris, Pratt: its length less its longest border)."""
    border = [0] * len(names)
    for index in range(1, len(names)):
        length = border[index - 1]
        while length and names[index] != names[length]:
            length = border[length - 1]
        border[index] = length + (names[index] == names[length])
    return len(names) - border[-1] if names else 0
