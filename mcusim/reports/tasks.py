# SPDX-License-Identifier: Apache-2.0
"""Tasks and stacks: who ran how long, and how deep each stack has been."""

from __future__ import annotations

from mcusim.profile import Profile, StackInfo
from mcusim.reports import numbers
from mcusim.reports.table import Column, Row, Table

_COLUMNS = (
    Column("cycles", "cycles", "count"),
    Column("percent", "share", "percent"),
    Column("switches", "switches", "count", rank=1),
    Column("used", "stack used", "count"),
    Column("size", "of bytes", "text"),
    Column("task", "task", "text", flexible=True),
)
_REMARK = (
    "stack used: the high-water mark in bytes, by the stack pointer; what a scheduler saves below it counts where its "
    "records tell (FreeRTOS, ThreadX)"
)


def tasks_table(profile: Profile) -> Table:
    """Return one row for each task; cycles are inclusive of calls, interrupt handlers are not in them."""
    stacks = {stack.name: stack for stack in profile.stacks}
    rows = []
    for task in profile.tasks:
        stack = stacks.get(task.stack)
        rows.append(
            Row((
                task.total_cycles,
                numbers.share_percent(task.total_cycles, profile.totals.cycles),
                task.switches,
                stack.used_bytes if stack else None,
                _size(stack),
                task.name,
            ))
        )  # fmt: skip
    return Table("Tasks", _COLUMNS, rows, remark=_REMARK)


def _size(stack: StackInfo | None) -> str:
    if stack is None or stack.size_bytes is None:
        return "?"
    return f"{numbers.count(stack.size_bytes)}{' (overflowed)' if stack.overflow else ''}"


def stack_fact(profile: Profile) -> str:
    """Return the line on the stack that reset starts with."""
    stack = profile.stacks[0]
    size = stack.size_bytes
    room = "" if size is None else f" of {numbers.count(size)} down to the next variable"
    return f"{numbers.count(stack.used_bytes)} bytes used at most{room}{'; overflowed' if stack.overflow else ''}"
