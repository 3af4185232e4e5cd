# SPDX-License-Identifier: Apache-2.0
"""The fault in which a run ended, for people: what, where, how it got there, what is likely behind it."""

from __future__ import annotations

from mcusim.profile import BacktraceLine, FaultInfo, Profile
from mcusim.reports import numbers
from mcusim.reports.table import Column, Row, Table

_BACKTRACE = (
    Column("address", "address", "text"),
    Column("how", "", "text"),
    Column("function", "function", "text"),
    Column("source", "source", "text", flexible=True),
)
_REGISTERS_PER_LINE = 6


def fault_facts(fault: FaultInfo) -> list[tuple[str, str]]:
    """Return (key, text) pairs on a fault."""
    facts = [("fault", f"{fault.exception}: {fault.words}"), ("then", fault.outcome)]
    if fault.instruction:
        facts.append(("instruction", fault.instruction))
    facts += [(name, meaning) for name, meaning in fault.status.items() if not name.endswith("VALID")]
    if fault.address is not None:
        facts.append(("address", numbers.address(fault.address)))
    if fault.cause:
        facts.append(("likely", fault.cause))
    names = list(fault.registers)
    for start in range(0, len(names), _REGISTERS_PER_LINE):
        part = names[start : start + _REGISTERS_PER_LINE]
        line = "  ".join(f"{name} {fault.registers[name]:08x}" for name in part)
        facts.append(("registers" if start == 0 else "", line))
    return facts


def backtrace_table(profile: Profile) -> Table:
    """Return the backtrace, innermost first. Calls are shown where they were made."""
    assert profile.fault is not None
    rows = [
        Row((numbers.address(line.address), line.how, _function(line), _source(line)))
        for line in profile.fault.backtrace
    ]
    return Table("Backtrace of the fault", _BACKTRACE, rows)


def _function(line: BacktraceLine) -> str:
    if not line.function:
        return "no function"
    return f"{line.function}+0x{line.offset:x}" if line.offset else line.function


def _source(line: BacktraceLine) -> str:
    return f"{line.file}:{line.line}" if line.file is not None and line.line is not None else ""
