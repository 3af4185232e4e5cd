# SPDX-License-Identifier: Apache-2.0
"""Layers of a neural network in a firmware: which calls they are, by symbols, and what their arguments say of them.

`find_rule` says which calls begin layers, `LayerReader` what kind of operator a layer is, its shape and its MACs. Both
know the image and nothing of the machine that runs it.
"""

from __future__ import annotations

from mcusim.layers.operands import Operand, Operands
from mcusim.layers.presets import PRESETS
from mcusim.layers.reader import LayerFacts, LayerReader, text_at
from mcusim.layers.rules import LayerRule, find_rule

__all__ = ["PRESETS", "LayerFacts", "LayerReader", "LayerRule", "Operand", "Operands", "find_rule", "text_at"]
