# SPDX-License-Identifier: Apache-2.0
"""Which lines of flash a block needs, and when: found once for each outcome, from its price without wait states."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mcusim.isa import decode as isa
from mcusim.pipelines.causes import ADDRESS, FETCH, LOAD, MEMORY, RESULT, STORE

WORD_BYTES = 4
LineAt = Callable[[int], int]  # address -> number of the line of flash; negative elsewhere
Row = tuple[int, int, int, int]  # line, need, request, index of the instruction

# An instruction waits for these before it issues, and for its words at the same time.
_BEFORE_ISSUE = [LOAD, STORE, MEMORY, ADDRESS, RESULT, FETCH]


def moments(ops: isa.OpArray, costs: npt.NDArray[np.int32]) -> list[tuple[int, int, int, int]]:
    """Return the MOMENT rows of a block."""
    issues = (np.cumsum(costs.sum(axis=1)) - costs.sum(axis=1) + costs[:, _BEFORE_ISSUE].sum(axis=1)).tolist()
    sizes, fetch = ops["size_bytes"].tolist(), costs[:, FETCH].tolist()
    rows: list[tuple[int, int, int, int]] = []
    after = behind_run = 0
    for index in reversed(range(len(ops))):
        if sizes[index] == 2:
            behind_run = after
        rows = [(index, issues[index], after, behind_run)] * (sizes[index] // 2) + rows
        after += fetch[index]
    return rows


def _request(
    word: int, first_word: int, addresses: npt.NDArray[np.uint32], starts: list[int], words: int, per_cycle: int
) -> int:
    """Return when the fetch unit asks for a word: so many a cycle, and when there is room in its buffer of `words`."""
    request = (word - first_word) // per_cycle - 1
    used_up = (word - words + 1) * WORD_BYTES  # the first address behind the last word that must be
    if addresses[0] < used_up:
        index = int(np.searchsorted(addresses, used_up))
        request = max(request, starts[min(index, len(starts) - 1)] + 1)
    return request


def fetch_lead(ops: isa.OpArray, costs: npt.NDArray[np.int32], words: int, per_cycle: int = 1) -> int:
    """Return by how many cycles fetch is ahead of decoding at the end of a block that control leaves at its end."""
    if not len(ops):
        return 1
    totals = np.cumsum(costs.sum(axis=1))
    starts = [0, *totals.tolist()]
    addresses = ops["address"]
    end = int(addresses[-1]) + int(ops[-1]["size_bytes"])
    request = _request(-(-end // WORD_BYTES), int(addresses[0]) // WORD_BYTES, addresses, starts, words, per_cycle)
    return max(starts[-1] - request, 1)


def lines_needed(
    ops: isa.OpArray, costs: npt.NDArray[np.int32], words: int, line_at: LineAt, per_cycle: int = 1
) -> list[Row]:
    """Return the lines that a block fetches, in order, each with when it is needed and when it is asked for.

    Cycles count from the block's start. The fetch unit asks for a word a cycle (or `per_cycle`) while its buffer has
    room: for a word when the one `words` before it has been used up, which shows a cycle later; for the first word of
    a block the cycle before. So 32-bit instructions that take a cycle each are asked for just in time, and others
    earlier.
    """
    starts = [0, *np.cumsum(costs.sum(axis=1)).tolist()]
    waits = costs[:, _BEFORE_ISSUE].sum(axis=1).tolist()
    addresses = ops["address"]
    rows: list[Row] = []
    first_word = int(addresses[0]) // WORD_BYTES if len(ops) else 0
    last = None
    for index in range(len(ops)):
        address = int(addresses[index])
        for part in (address, address + int(ops[index]["size_bytes"]) - 2):
            line = line_at(part)
            if line < 0 or line == last:
                continue
            last = line
            need = starts[index] + waits[index]
            request = _request(part // WORD_BYTES, first_word, addresses, starts, words, per_cycle)
            rows.append((line, need, min(request, need - 1), index))
    return rows
