# SPDX-License-Identifier: Apache-2.0
"""The fetch unit of the Cortex-M3 and M4: a small buffer of words that runs beside the pipeline.

From code memory it asks for a word a cycle while it has room, two cycles from request to use (Arm KA 8521). In the
space of the system bus (SRAM) its requests are registered: a word takes two cycles, none follows right behind, and
data goes over the same bus (Arm DDI 0337E 14.5); that data goes first is an estimate. Its part of the state vector of
`mcusim.pipelines.single_issue` is named here.
"""

from __future__ import annotations

from typing import Any

from mcusim.isa import decode as isa
from mcusim.jit import njit

READY = 8  # words in the fetch buffer, the one being decoded included
REQUESTED = 9  # words asked for in the last cycle
WIDE_RUN = 15  # behind an instruction of several cycles: 1 and the 32-bit ones at halfword addresses since; else 0
LATE_RUN = 19  # `WIDE_RUN` counts from a load that was late
RESTARTED = 21  # fetch has begun at the target of a branch just before
FETCHING = 22  # code in SRAM: cycles until the word that was asked for is there; 0: none was
WIDE_RUN_LENGTH = 4  # of `WIDE_RUN` when the third has come


@njit
def tick(state: Any, cycles: int, words: int) -> None:
    """Let the fetch unit run for some cycles while nothing is decoded. It asks when it has room, and fills in two."""
    for _ in range(cycles):
        held = state[READY] + state[REQUESTED]
        state[REQUESTED] = 1 if held < words else 0
        state[READY] = held


@njit
def _words_needed(op: Any) -> int:
    """Return how many words an instruction lies in."""
    return 2 if (op.address & 2) and op.size_bytes == 4 else 1


@njit
def _words_freed(op: Any) -> int:
    """Return how many words end with an instruction."""
    return ((op.address & 2) + op.size_bytes) // 4


@njit
def await_words(op: Any, state: Any, words: int) -> int:
    """Wait until the instruction's words are in the buffer; return the cycles waited."""
    needed = _words_needed(op)
    waited = 0
    while state[READY] < needed:
        tick(state, 1, words)
        waited += 1
    return waited


@njit
def consume(op: Any, state: Any, words: int, cycles: int, slots_taken: int) -> None:
    """Decode the instruction: free the words it ends, and let fetch run for its cycles.

    A conditional branch that falls through has used `slots_taken` fetch slots for its target.
    """
    freed = _words_freed(op)
    if cycles == 0:
        state[READY] -= freed
        return
    held = state[READY] + state[REQUESTED]
    state[REQUESTED] = 1 if held < words and slots_taken == 0 else 0
    state[READY] = held - freed
    tick(state, cycles - 1, words)


@njit
def wide_run(op: Any, waited: int, is_late: bool, state: Any, stall_cycles: int) -> int:
    """Return how long fetch is late for the third of a run of 32-bit instructions at halfword addresses.

    It is, if the run comes behind an instruction of several cycles: meanwhile the buffer has filled up and fetch has
    stopped, and it starts again too late for the third. Then it keeps up, until the next instruction of several cycles.
    A 16-bit instruction or an aligned one ends the run. If the third waits for a load's data anyway that hides it, but
    not behind a load that memory made late (`is_late`: and whose own words were there, as they are not where a branch
    has just arrived and the buffer is empty).
    """
    unhidden = 0
    is_wide = op.address & 2 and op.size_bytes == 4
    if waited and stall_cycles:
        if is_wide and state[LATE_RUN] and state[WIDE_RUN] == WIDE_RUN_LENGTH - 1:
            unhidden = stall_cycles
        state[WIDE_RUN] = 1
        state[LATE_RUN] = 1 if is_late else 0
    if not is_wide:
        state[WIDE_RUN] = 0
    elif state[WIDE_RUN]:
        state[WIDE_RUN] += 1
        if state[WIDE_RUN] == WIDE_RUN_LENGTH:
            state[WIDE_RUN] = 0
            return stall_cycles
    return unhidden


@njit
def _tick_shared(state: Any, cycles: int, words: int, fetch_cycles: int, taken: int) -> None:
    """As `tick`, for code on the system bus: a word takes `fetch_cycles`, and the next is asked for after it.

    In the first `taken` of the cycles data is asked for, and a fetch that has not got the bus yet waits.
    """
    for cycle in range(cycles):
        if state[FETCHING] == 0 and state[READY] < words:
            state[FETCHING] = fetch_cycles
        if state[FETCHING] == 0 or (cycle < taken and state[FETCHING] == fetch_cycles):
            continue
        state[FETCHING] -= 1
        if state[FETCHING] == 0:
            state[READY] += 1


@njit
def await_words_shared(op: Any, state: Any, words: int, fetch_cycles: int) -> int:
    """As `await_words`, for code on the system bus."""
    needed = _words_needed(op)
    waited = 0
    while state[READY] < needed:
        _tick_shared(state, 1, words, fetch_cycles, 0)
        waited += 1
    return waited


@njit
def consume_shared(op: Any, runs: bool, state: Any, words: int, waited: int, cycles: int, fetch_cycles: int) -> None:
    """Let fetch run while an instruction on the system bus waits; then decode it, and share the bus with data."""
    _tick_shared(state, waited, words, fetch_cycles, 0)
    taken = 0
    if runs and op.beside_fetch:
        taken = max(int(op.registers), 1) + (1 if op.flags & isa.DOUBLE else 0)
    state[READY] -= _words_freed(op)
    _tick_shared(state, cycles, words, fetch_cycles, taken)


@njit
def enter_shared(state: Any, fetch_cycles: int) -> None:
    """Begin a block of code on the system bus: behind a branch its first word comes later than over the code bus."""
    if state[RESTARTED]:
        state[READY] = 0
        state[FETCHING] = fetch_cycles - 1
    state[REQUESTED] = 0
