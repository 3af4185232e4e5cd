# SPDX-License-Identifier: Apache-2.0
"""What layers read and wrote: bytes of guest memory, taken as a layer begins and as it ends.

Where its tensors are, its arguments say (`mcusim.layers.operands`). How long they are is not always known: then as many
bytes are taken as the longest tensor that is asked for, or up to the memory's end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mcusim.layers import LayerFacts, Operand
from mcusim.machine.memory import Memory

MAX_TOTAL_BYTES = 1 << 30  # of all that is kept; layers that run after that have no bytes


@dataclass
class CapturedLayer:
    """One run of a layer. `inputs` are bytes as it began, `outputs` as it ended, in the order of its facts' operands.

    None where the address is outside memory. `kept` is false where nothing was taken any more; `ended` where it
    returned before the run was over.
    """

    number: int
    parent: int
    facts: LayerFacts
    inputs: list[bytes | None] = field(default_factory=list)
    outputs: list[bytes | None] = field(default_factory=list)
    kept: bool = True
    ended: bool = False


class Capture:
    """Keeps the layers of a run. Give it to `mcusim.machine.run`."""

    def __init__(self, input_bytes: int, output_bytes: int) -> None:
        """Take the sizes of the longest input and output that somebody will look at."""
        self._input_bytes, self._output_bytes = input_bytes, output_bytes
        self._memory: Memory | None = None
        self._total_bytes = 0
        self.layers: list[CapturedLayer] = []

    def attach(self, memory: Memory) -> None:
        """The machine is there."""
        self._memory = memory

    def began(self, number: int, parent: int, facts: LayerFacts) -> None:
        """A layer is about to run: take its inputs."""
        assert number == len(self.layers)
        layer = CapturedLayer(number, parent, facts)
        self.layers.append(layer)
        layer.inputs = [self._take(operand, self._input_bytes, layer) for operand in facts.operands.inputs]

    def detailed(self, number: int, facts: LayerFacts) -> None:
        """A kernel in it runs: if the layer did not say where its inputs are, take the kernel's."""
        layer = self.layers[number]
        layer.facts = layer.facts.completed_by(facts)
        if not layer.inputs:
            layer.inputs = [self._take(operand, self._input_bytes, layer) for operand in layer.facts.operands.inputs]

    def ended(self, number: int) -> None:
        """A layer has returned: take its outputs."""
        layer = self.layers[number]
        layer.ended = True
        layer.outputs = [self._take(operand, self._output_bytes, layer) for operand in layer.facts.operands.outputs]

    def _take(self, operand: Operand, most_bytes: int, layer: CapturedLayer) -> bytes | None:
        assert self._memory is not None
        if operand.elements is not None and operand.element_bytes is not None:
            most_bytes = min(most_bytes, operand.elements * operand.element_bytes)
        if self._total_bytes >= MAX_TOTAL_BYTES:
            layer.kept = False
            return None
        data = self._memory.read_up_to(operand.address, most_bytes)
        self._total_bytes += len(data)
        return data or None
