# SPDX-License-Identifier: Apache-2.0
"""A branch predictor in plain Python, the twin of the compiled one: entries in the order in which they were given."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class NaiveEntry:
    """What the cache of branch targets keeps of a branch."""

    counter: int
    target: int


@dataclass
class NaivePredictor:
    """A cache of branch targets, and a decoder that predicts what is not in it."""

    size: int
    highest: int
    first: int
    reads: bool = True
    allocates: bool = True
    entries: dict[str, NaiveEntry] = field(default_factory=dict)  # the one that was given first comes first

    def predicted(self, name: str, conditional: bool, direct: bool, backward: bool) -> tuple[bool, int | None, bool]:
        """Return whether a branch is predicted taken, to where (None: to its target), and whether an entry said so."""
        entry = self.entries.get(name) if self.reads else None
        if entry is not None:
            return not conditional or entry.counter > self.highest / 2, None if direct else entry.target, True
        return direct and (not conditional or backward), None, False

    def run(self, name: str, conditional: bool, direct: bool, backward: bool, taken: bool, target: int) -> str:
        """Let a branch go somewhere; return how that compares with the prediction: right, redirected, wrong."""
        expected, place, known = self.predicted(name, conditional, direct, backward)
        if expected != taken or (taken and place is not None and place != target):
            result = "wrong"
        else:
            result = "redirected" if taken and not known else "right"
        self._learn(name, conditional, taken, target)
        return result

    def _learn(self, name: str, conditional: bool, taken: bool, target: int) -> None:
        entry = self.entries.get(name)
        if entry is not None:
            entry.counter = max(0, min(self.highest, entry.counter + (1 if taken else -1)))
            if taken:
                entry.target = target
        elif taken and self.allocates:
            if len(self.entries) == self.size:
                del self.entries[next(iter(self.entries))]
            self.entries[name] = NaiveEntry(self.first if conditional else self.highest, target)
