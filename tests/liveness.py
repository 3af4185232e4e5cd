# SPDX-License-Identifier: Apache-2.0
"""Which bytes were live when, as plain data: what `memory_truth` derives and `naive_liveness` observes.

A byte is live from its last write to the last read before its next write. Time is counted in *stretches*: each layer's
activation begins one and ends one, so within a stretch one activation is the innermost, or none (-1).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Life(NamedTuple):
    """One value of one byte: the stretches of its write and of its last read."""

    address: int
    writer: int
    reader: int


class Buffer(NamedTuple):
    """Neighbouring bytes [start, end) that one activation wrote and one read last; -1 is outside every layer."""

    start: int
    end: int
    writer: int
    reader: int


@dataclass
class Activation:
    """One run of a layer. `parent` is an index into the activations; `stack_bytes` what it added to the stack."""

    name: str
    parent: int
    stack_bytes: int = 0


@dataclass
class Liveness:
    """All lives of all bytes. `stretches` holds the activation of each stretch."""

    activations: list[Activation]
    stretches: list[int]
    lives: set[Life]

    def within(self, start: int, end: int) -> Liveness:
        """Return the same of the bytes in [start, end) alone."""
        lives = {life for life in self.lives if start <= life.address < end}
        return Liveness(self.activations, self.stretches, lives)

    def live_in(self, stretch: int) -> set[int]:
        """Return the addresses that are live at some time within a stretch."""
        return {life.address for life in self.lives if life.writer <= stretch <= life.reader}

    def live_bytes(self) -> list[int]:
        """Return how many bytes are live at some time within each stretch."""
        return [len(self.live_in(stretch)) for stretch in range(len(self.stretches))]

    def end_live_bytes(self) -> list[int]:
        """Return how many bytes are live across the end of each stretch."""
        return [
            sum(life.writer <= stretch < life.reader for life in self.lives) for stretch in range(len(self.stretches))
        ]

    def live_peak_bytes(self) -> list[int]:
        """Return the most bytes that were live within one stretch of each activation, nested ones not counted."""
        peaks = [0] * len(self.activations)
        for activation, live in zip(self.stretches, self.live_bytes(), strict=True):
            if activation >= 0:
                peaks[activation] = max(peaks[activation], live)
        return peaks

    def buffers(self) -> list[Buffer]:
        """Return what was written by one activation and last read by one, neighbours joined, by address."""
        parties: dict[tuple[int, int], set[int]] = defaultdict(set)
        for life in self.lives:
            parties[self.stretches[life.writer], self.stretches[life.reader]].add(life.address)
        return sorted(
            Buffer(start, end, writer, reader)
            for (writer, reader), addresses in parties.items()
            for start, end in runs(addresses)
        )


def runs(addresses: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of neighbouring addresses, half-open, in order."""
    start = end = None
    for address in sorted(addresses):
        if address != end:
            if start is not None and end is not None:
                yield start, end
            start = address
        end = address + 1
    if start is not None and end is not None:
        yield start, end
