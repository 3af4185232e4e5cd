# SPDX-License-Identifier: Apache-2.0
"""Layers in the order of the network, and how tables and pictures name them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mcusim.errors import McusimError
from mcusim.profile_memory import Activation, Layers

OUTSIDE = "outside of layers"


@dataclass(frozen=True)
class Place:
    """A layer's place: `number` counts from 0 at each level ('0.2': the third layer in the first one).

    `guides` are the lines in front of its name in a table, `depth` says how deep it is nested.
    """

    layer: int
    number: str
    guides: str
    depth: int


def in_order(layers: Layers) -> list[Place]:
    """Return the layers as the network runs them, nested ones below their parent."""
    below: dict[int, list[int]] = {}
    for at, layer in enumerate(layers.layers):
        below.setdefault(layer.parent, []).append(at)
    for children in below.values():
        children.sort(key=lambda at: (layers.layers[at].index, at))
    places: list[Place] = []
    stack = [(at, str(layers.layers[at].index), "", "", 0) for at in reversed(below.get(-1, []))]
    while stack:
        at, number, indent, joint, depth = stack.pop()
        places.append(Place(at, number, indent + joint, depth))
        if depth:
            indent += "│  " if joint.startswith("├") else "   "
        children = below.get(at, [])
        for child in reversed(children):
            branch = "└─ " if child == children[-1] else "├─ "
            stack.append((child, f"{number}.{layers.layers[child].index}", indent, branch, depth + 1))
    return places


class Labels:
    """Names of layers and of their runs outside of the layer table: '3 conv2d'. Without layers every name is ''."""

    def __init__(self, layers: Layers | None) -> None:
        self._layers = layers
        self.numbers = {place.layer: place.number for place in in_order(layers)} if layers is not None else {}

    def layer(self, layer: int) -> str:
        """Return the name of a layer; -1 is outside of all."""
        if self._layers is None:
            return ""
        return OUTSIDE if layer < 0 else f"{self.numbers[layer]} {self._layers.layers[layer].name}"

    def activation(self, activation: int) -> str:
        """Return the name of one run of a layer, with its inference where there are several."""
        if self._layers is None or activation < 0:
            return self.layer(-1)
        run = self._layers.activations[activation]
        label = self.layer(run.layer)
        return f"{label} (inference {run.inference + 1})" if self._layers.inferences > 1 else label

    def several(self, layers: Sequence[int], most: int = 3) -> str:
        """Return the numbers of layers: '0, 2, 4 and 3 more'."""
        shown = ", ".join(self.numbers[layer] for layer in layers[:most])
        return f"{shown} and {len(layers) - most} more" if len(layers) > most else shown


def chosen_activations(layers: Layers, inference: int | None) -> list[Activation]:
    """Return the activations of one inference (from 1), or of all. Raises `McusimError` where there is none such."""
    if inference is None:
        return layers.activations
    if not 1 <= inference <= layers.inferences:
        there = "there is one" if layers.inferences == 1 else f"there are {layers.inferences}"
        raise McusimError(f"--inference {inference}: {there}: give a number from 1 to {layers.inferences}")
    return [each for each in layers.activations if each.inference == inference - 1]
