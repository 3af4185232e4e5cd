# SPDX-License-Identifier: Apache-2.0
"""Which lines of flash a block needs, and when: found once for each outcome, from its price without wait states."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mcusim.isa import decode as isa
from mcusim.pipelines.causes import ADDRESS, FETCH, LOAD, STORE

WORD_BYTES = 4
LineAt = Callable[[int], int]  # address -> number of the line of flash; negative elsewhere
Row = tuple[int, int, int, int]  # line, need, request, index of the instruction

# An instruction waits for these before it issues, and for its words at the same time.
_BEFORE_ISSUE = [LOAD, STORE, ADDRESS, FETCH]


def lines_needed(ops: isa.OpArray, costs: npt.NDArray[np.int32], buffer_words: int, line_at: LineAt) -> list[Row]:
    """Return the lines that a block fetches, in order, each with when it is needed and when it is asked for.

    Cycles count from the block's start. The fetch unit asks for one word a cycle, while its buffer has room: for a word
    when the one `buffer_words` before it has been used up; for the first word of a block the cycle before.
    """
    starts = np.concatenate(([0], np.cumsum(costs.sum(axis=1))))[: len(ops)]
    waits = costs[:, _BEFORE_ISSUE].sum(axis=1)
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
            need = int(starts[index] + waits[index])
            word = part // WORD_BYTES
            request = word - first_word - 1
            # The first instruction behind the last word that must be used up.
            behind = np.searchsorted(addresses, (word - buffer_words + 1) * WORD_BYTES)
            if addresses[0] < (word - buffer_words + 1) * WORD_BYTES:
                request = max(request, int(starts[min(behind, index)]))
            rows.append((line, need, min(request, need - 1), index))
    return rows
