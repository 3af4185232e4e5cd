# SPDX-License-Identifier: Apache-2.0
"""The table of registers that no model answered for: who used them, what they gave, and what depended on that."""

from __future__ import annotations

from mcusim.profile import GuessedRegister, Profile
from mcusim.reports import numbers
from mcusim.reports.table import Column, Row, Table

_COLUMNS = (
    Column("address", "address", "address"),
    Column("name", "register", "text", rank=1),
    Column("reads", "reads", "count"),
    Column("writes", "writes", "count"),
    Column("answered", "answered", "address", rank=3),
    Column("decides", "decides", "text", rank=2),
    Column("function", "first used by", "text", rank=4),
    Column("meaning", "how it was answered", "text", flexible=True, wrap=True, least=18),
)
_TITLE = "Registers that nobody models"
_REMARK = "decides: whether control flow depended on what it gave; docs/guessed-registers.md says how to fix an answer"


def guessed_table(profile: Profile) -> Table:
    """Return the table: one row for each register without a model."""
    rows = [
        Row((
            register.address, register.name, register.reads, register.writes, register.answered,
            register.decides or None, register.function, _how(register),
        ))
        for register in profile.guessed
    ]  # fmt: skip
    named = any(register.name for register in profile.guessed)
    keep = [index for index, column in enumerate(_COLUMNS) if named or column.key != "name"]
    rows = [Row(tuple(row.cells[index] for index in keep)) for row in rows]
    return Table(_TITLE, tuple(_COLUMNS[index] for index in keep), rows, _REMARK)


def _how(register: GuessedRegister) -> str:
    """Return how a register was answered, in words."""
    parts = ["remembers writes" if register.answer == "guessed" else f"{register.answer}, by the overlay"]
    if register.waits_ended:
        waits = numbers.things(register.waits_ended, "wait", "waits")
        parts.append(f"{waits} let through, first in {register.waiter}: changed {_bits(register.flipped)}")
    if register.stuck:
        parts.append("something waits for it, and no value that was tried ends that")
    return "; ".join(parts)


def _bits(mask: int) -> str:
    """Return a mask as bit numbers: 'bit 17', 'bits 0, 4-7'."""
    runs: list[list[int]] = []
    for bit in (bit for bit in range(32) if mask >> bit & 1):
        if runs and runs[-1][1] == bit - 1:
            runs[-1][1] = bit
        else:
            runs.append([bit, bit])
    text = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)
    return f"bit {text}" if mask.bit_count() == 1 else f"bits {text}"
