# SPDX-License-Identifier: Apache-2.0
"""How many bytes that one activation wrote and another read last are live in each stretch.

Intervals of the same two are merged, or a kernel that goes through memory in steps would leave one for each byte.
Before that, what is lost by it is added up here: when such bytes came to life, and when they were read last.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

# `bytes` came to life in stretch `stretch`, or, where negative, were read last in it.
CHANGE = np.dtype(
    [("writer", np.int64), ("reader", np.int64), ("zone", np.int64), ("stretch", np.int64), ("bytes", np.int64)]
)
KEYS = ("writer", "reader", "zone", "stretch")


class Pairs:
    """Changes by writer, reader (parties, see `Stretches.parties`) and zone, in order."""

    def __init__(self) -> None:
        self.changes = np.zeros(0, CHANGE)

    def add(
        self,
        rows: npt.NDArray[Any],
        writers: npt.NDArray[np.int64],
        readers: npt.NDArray[np.int64],
        zones: npt.NDArray[np.int64],
    ) -> None:
        """Take in intervals (`access_tables.INTERVAL`) with the parties and the zone of each."""
        if not len(rows):
            return
        sizes = rows["end"].astype(np.int64) - rows["start"]
        new = np.zeros(2 * len(rows), CHANGE)
        for half, stretches, sign in ((new[: len(rows)], rows["writer"], 1), (new[len(rows) :], rows["reader"], -1)):
            half["writer"], half["reader"], half["zone"] = writers, readers, zones
            half["stretch"], half["bytes"] = stretches, sign * sizes
        self._put(np.concatenate([self.changes, new]))

    def renumber(self, numbers: npt.NDArray[Any]) -> None:
        """Stretches have been merged: `numbers` gives the new number of each."""
        changed = self.changes.copy()
        changed["stretch"] = numbers[changed["stretch"]]
        self._put(changed)

    def _put(self, changes: npt.NDArray[Any]) -> None:
        """Keep what comes and what goes apart, each added up."""
        gone = changes["bytes"] < 0
        order = np.lexsort((gone, *(changes[key] for key in reversed(KEYS))))
        changes, gone = changes[order], gone[order]
        first = np.ones(len(changes), np.bool_)
        first[1:] = gone[1:] != gone[:-1]
        for key in KEYS:
            first[1:] |= changes[key][1:] != changes[key][:-1]
        starts = np.flatnonzero(first)
        kept = changes[starts]
        kept["bytes"] = np.add.reduceat(changes["bytes"], starts)
        self.changes = kept
