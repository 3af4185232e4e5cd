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
    Column("deepest", "deepest in", "text", rank=2),
    Column("task", "task", "text", flexible=True),
)
_REMARK = (
    "stack used: the high-water mark in bytes, by the stack pointer; what a scheduler saves below it counts where its "
    "records tell (FreeRTOS, ThreadX)"
)


def short_function(name: str) -> str:
    """Return a function's name without parameters and the namespaces around it."""
    return name.replace("(anonymous namespace)::", "").partition("(")[0].rpartition("::")[2] or name


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
                short_function(stack.path[-1]) if stack and stack.path else "",
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


def deepest_fact(profile: Profile) -> str:
    """Return the calls that made the stack of reset deepest; '' where that was not seen."""
    return " > ".join(short_function(name) for name in profile.stacks[0].path) if profile.stacks else ""
