# SPDX-License-Identifier: Apache-2.0
"""What is known of a layer when it begins: its name and the kind of its operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mcusim.image import Image
from mcusim.layers.rules import LayerRule


@dataclass(frozen=True)
class LayerFacts:
    """Name and kind of a layer; shape and MACs where its arguments tell them."""

    name: str
    kind: str
    shape: str
    macs: int | None


class LayerReader:
    """Reads what a layer is when its function is about to run."""

    def __init__(self, image: Image, rule: LayerRule) -> None:
        self._image, self._rule = image, rule

    def read(
        self, address: int, register: Callable[[int], int], memory: Callable[[int, int], bytes | None]
    ) -> LayerFacts:
        """Return the facts of the function at an address, whose arguments are in registers and memory."""
        symbol = self._image.function_at(address)
        return LayerFacts(symbol.name if symbol else f"sub_{address:08x}", "", "", None)
