# SPDX-License-Identifier: Apache-2.0
"""Branch prediction, natively: was the branch that a block ended in predicted as it went, and what is learnt of it.

    present in the cache of branch targets   its counter says taken or not, its entry the target: nothing is lost
    not present, direct                      the decoder predicts it: taken where it has no condition or goes backward;
                                             if it is taken, what was fetched behind it is lost (a redirect)
    not present, indirect                    not predicted: it loses all that follows it, when taken

A taken branch that is not present gets an entry, in the place of the one that has had its entry longest. So which
branches are present does not change when one of them is predicted rightly, and the hot path has nothing to note: each
branch holds, for either way, whether going there is *quiet*, that is predicted and nothing to learn from. Only what is
not quiet comes here.

Where the numbers are from, and what of this is an estimate, is said in the core's `[predictor]` table; what it costs
to be wrong, in the rules of its pipeline.
"""

from __future__ import annotations

from typing import Any

from mcusim.engine import branch_tables as b
from mcusim.engine import records as rec
from mcusim.jit import as_pointer, carray, int32, int64, njit, njit_inlined

BRANCH = b.BRANCH
RIGHT, REDIRECTED, WRONG = 0, 1, 2
NEVER_PREDICTED = 0xE000_0000  # from here on nothing executes: a branch there is an exception return


@njit
def _refresh(m: Any, row: Any) -> None:
    """Find out again which ways of a branch are quiet."""
    row.quiet_taken = row.quiet_not_taken = 0
    if not m.btac_reads:
        return
    if row.kind & b.DIRECT:
        row.quiet_taken = row.counter == m.counter_highest
    if row.counter == 0 or (row.counter == b.ABSENT and not row.kind & b.BACKWARD):
        row.quiet_not_taken = 1


@njit
def _verdict(m: Any, row: Any, taken: int, address: int) -> int:
    """Return how a branch was predicted that went to an address."""
    present = row.counter != b.ABSENT and m.btac_reads
    always = not row.kind & b.CONDITIONAL
    if present:
        predicted = always or 2 * int64(row.counter) > m.counter_highest
    else:
        predicted = (row.kind & b.DIRECT) != 0 and (always or (row.kind & b.BACKWARD) != 0)
    if predicted != (taken != 0):
        return WRONG
    if not taken:
        return RIGHT
    if not present:
        return REDIRECTED
    return RIGHT if row.kind & b.DIRECT or row.target == address else WRONG


@njit
def _learn(m: Any, number: int, taken: int, address: int) -> None:
    """Update the entry of a branch; a taken one that has none gets one."""
    branches = carray(as_pointer(m.branches), (m.branch_capacity,), BRANCH)
    row = branches[number]
    if row.counter != b.ABSENT:
        if taken:
            row.counter = min(row.counter + 1, m.counter_highest)
            row.target = address
        else:
            row.counter = max(row.counter - 1, 0)
    elif taken and m.btac_allocates:
        btac = carray(as_pointer(m.btac), (m.btac_entries,), int32)
        old = btac[m.btac_next]
        if old != b.NO_BRANCH:
            branches[old].counter = b.ABSENT
            _refresh(m, branches[old])
        btac[m.btac_next] = number
        m.btac_next = (m.btac_next + 1) % m.btac_entries
        row.counter = m.counter_first if row.kind & b.CONDITIONAL else m.counter_highest
        row.target = address
    _refresh(m, row)


@njit_inlined
def is_quiet(m: Any, number: int, taken: int) -> bool:
    """Return whether a branch that goes this way was predicted so, and nothing is learnt of it."""
    row = carray(as_pointer(m.branches), (m.branch_capacity,), BRANCH)[number]
    return row.quiet_taken != 0 if taken else row.quiet_not_taken != 0


@njit
def penalty(m: Any, outcome: Any, taken: int, address: int) -> int:
    """Return the cycles that an outcome's branch costs beyond its price, having gone to an address. Nothing changes."""
    if address >= NEVER_PREDICTED:
        return int64(0)
    row = carray(as_pointer(m.branches), (m.branch_capacity,), BRANCH)[outcome.branch]
    verdict = _verdict(m, row, taken, address)
    if verdict == RIGHT:
        return int64(0)
    return int64(outcome.mispredict_cycles) if verdict == WRONG else int64(m.redirect_cycles)


@njit
def resolve(m: Any, outcome: Any, taken: int, address: int) -> int:
    """Count and learn what there is of an outcome's branch; return what it costs beyond its price, as `penalty`."""
    if address >= NEVER_PREDICTED:
        return int64(0)
    cycles = penalty(m, outcome, taken, address)
    row = carray(as_pointer(m.branches), (m.branch_capacity,), BRANCH)[outcome.branch]
    verdict = _verdict(m, row, taken, address)
    if verdict == WRONG:
        row.mispredictions += 1
    elif verdict == REDIRECTED:
        row.redirects += 1
    row.extra_cycles += cycles
    _learn(m, int64(outcome.branch), taken, address)
    return cycles


@njit
def refresh(machine: Any, first: int, end: int) -> None:
    """From Python, for new branches or when the predictor was switched: find out what is quiet of [first, end)."""
    m = machine[0]
    branches = carray(as_pointer(m.branches), (m.branch_capacity,), BRANCH)
    for number in range(first, end):
        _refresh(m, branches[number])


@njit
def forget_all(machine: Any, count: int) -> None:
    """From Python: no branch has an entry any more."""
    m = machine[0]
    branches = carray(as_pointer(m.branches), (m.branch_capacity,), BRANCH)
    for number in range(count):
        branches[number].counter = b.ABSENT
    btac = carray(as_pointer(m.btac), (m.btac_entries,), int32)
    btac[:] = b.NO_BRANCH
    m.btac_next = 0
    refresh(machine, 0, count)


@njit
def resolve_from(machine: Any, outcome: int, taken: int, address: int) -> int:
    """From Python: `resolve` for an outcome by its number."""
    m = machine[0]
    outcomes = carray(as_pointer(m.outcomes), (m.outcome_capacity,), rec.OUTCOME)
    return resolve(m, outcomes[outcome], taken, address)
