# SPDX-License-Identifier: Apache-2.0
"""What a run leaves of layers and of the heap: activations, and what each has spent, still as raw counts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


@dataclass
class Spending:
    """What ran while one activation (or the code outside layers below one root) was current.

    `rows` are by the name of a native table (see `mcusim.machine.spending.SOURCES`): which of its rows grew, and by how
    much, in pieces that add up. `stalls` are waits for flash by the load's address, `extra` cycles outside instructions
    by (function, cause). `traffic` is regions x (bytes read, bytes written), in the board's order.
    """

    cycles: int = 0
    rows: dict[str, list[tuple[Counts, Counts]]] = field(default_factory=dict)
    stalls: dict[int, int] = field(default_factory=dict)
    extra: dict[tuple[int, str], int] = field(default_factory=dict)
    traffic: Counts | None = None

    def dense(self, name: str, length: int) -> Counts:
        """Return by how much each row of a table grew."""
        total = np.zeros(length, np.int64)
        for numbers, growth in self.rows.get(name, ()):
            np.add.at(total, numbers, growth)
        return total

    def add(self, other: Spending) -> None:
        """Take in what another has spent."""
        self.cycles += other.cycles
        for name, pieces in other.rows.items():
            self.rows.setdefault(name, []).extend(pieces)
        for address, cycles in other.stalls.items():
            self.stalls[address] = self.stalls.get(address, 0) + cycles
        for key, cycles in other.extra.items():
            self.extra[key] = self.extra.get(key, 0) + cycles
        if other.traffic is not None:
            self.traffic = other.traffic if self.traffic is None else self.traffic + other.traffic


@dataclass(frozen=True)
class Identity:
    """What tells layers apart: the name, the function's number (-1: a marker), and where it was called from."""

    name: str
    function: int
    site: int


@dataclass
class LayerActivation:
    """One run of a layer, as it was seen.

    `parent` is an activation, -1 at the top; `index` counts the layers of one parent, or of one root. `path` holds the
    nodes above it and which of their calls this was in, outermost first. SP at its start, and the lowest within it.
    """

    identity: Identity
    kind: str
    shape: str
    macs: int | None
    parent: int
    index: int
    path: tuple[tuple[int, int], ...]
    start_cycles: int
    sp: int
    low_sp: int
    end_cycles: int = -1
    spending: Spending = field(default_factory=Spending)


@dataclass
class LayerTrace:
    """Layers of a run, activations by their starts. `outside` is by root node of the call tree.

    `left_out` are activations beyond the limit, `unbalanced_ends` end markers where no marker's layer was active.
    """

    rule: str | None
    activations: list[LayerActivation]
    outside: dict[int, Spending]
    left_out: int
    unbalanced_ends: int = 0


@dataclass
class HeapBlock:
    """An allocation: where, how much was asked for, by which node of the call tree, from when to when (-1: never)."""

    address: int
    size_bytes: int
    node: int
    start_cycles: int
    end_cycles: int = -1


@dataclass
class HeapTrace:
    """Every allocation of a run. [reserved_start, reserved_end) is what _sbrk has handed out."""

    blocks: list[HeapBlock]
    peak_bytes: int
    peak_cycles: int
    reserved_start: int
    reserved_end: int
    allocations: int
    frees: int
    failed: int
    bad_frees: list[tuple[int, int, int, str]]  # address, node, cycles, what is wrong
