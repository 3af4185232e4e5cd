# SPDX-License-Identifier: Apache-2.0
"""The top of the page: key figures, budget bars of flash and SRAM, what ran where, the fault in which a run ended."""

from __future__ import annotations

from dataclasses import dataclass

from mcusim.html_report.markup import Look, escape, facts, paragraph, table_html
from mcusim.plots.palette import BLUE, ORANGE, SKY, VERMILION
from mcusim.profile import Profile
from mcusim.reports import numbers
from mcusim.reports.report import Report

_FULL_PERCENT = 90.0  # of a memory: from here on its bar is a warning
_FLASH, _STATICS, _STACK, _HEAP = "#7A5195", BLUE, VERMILION, ORANGE


@dataclass(frozen=True)
class Share:
    """A part of a memory: its name, how many bytes, and the colour of its piece of the bar."""

    name: str
    size_bytes: int
    color: str


def head(profile: Profile) -> str:
    """Return the line below the page's title: how the run ended, and the key figures as cards."""
    return ending(profile) + cards(profile)


def ending(profile: Profile) -> str:
    """Return a warning where the run ended in a fault or was cut, else ''."""
    if profile.fault is not None:
        fault = profile.fault
        likely = f" Likely: {fault.cause}" if fault.cause else ""
        return paragraph(f"The run ended in a fault. {fault.exception}: {fault.words}.{likely}", "alarm")
    if profile.end.partial:
        return paragraph(f"The run was cut: {profile.end.text}. Another run may end elsewhere.", "alarm")
    return ""


def cards(profile: Profile) -> str:
    """Return the key figures."""
    totals, image, board = profile.totals, profile.image, profile.board
    interval = profile.accuracy.interval_percent
    cpi = numbers.per(totals.cycles, totals.instructions)
    figures = [
        ("cycles", numbers.count(totals.cycles),
         profile.accuracy.level if interval is None else f"±{interval:g}%: see how sure"),
        ("time", numbers.duration(totals.time_s), _clock(profile)),
        ("instructions", numbers.count(totals.instructions), "" if cpi is None else f"CPI {numbers.ratio(cpi)}"),
        ("flash", f"{numbers.count(image.flash_bytes)} bytes", _of(image.flash_bytes, board.flash_bytes)),
    ]  # fmt: skip
    memory = profile.memory
    if memory is not None:
        reserved_bytes = memory.budget.statics_bytes + memory.budget.stack_bytes + memory.budget.heap_bytes
        figures.append(("SRAM reserved", f"{numbers.count(reserved_bytes)} bytes",
                        _of(reserved_bytes, memory.budget.sram_bytes)))  # fmt: skip
        figures.append(("SRAM live at most", f"{numbers.count(memory.peak_bytes)} bytes", "at the same time"))
    else:
        figures.append(("SRAM", f"{numbers.count(image.sram_bytes)} bytes", "statics, without stack and heap"))
    layers = profile.layers
    if layers is not None and layers.layers:
        often = numbers.things(layers.inferences, "inference", "inferences")
        figures.append(("layers", numbers.count(len(layers.layers)), often))
    cells = "".join(f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd><dd>{escape(more)}</dd></div>"
                    for key, value, more in figures)  # fmt: skip
    return f'<dl class="cards">{cells}</dl>'


def _of(used_bytes: int, available_bytes: int) -> str:
    return numbers.memory(used_bytes, available_bytes).partition(", ")[2]


def _clock(profile: Profile) -> str:
    phases = profile.totals.clock
    if not phases:
        return ""
    last = f"at {numbers.frequency(phases[-1].core_hz)}"
    return last if len(phases) == 1 else f"{last} at the end; the clock changed"


def budgets(profile: Profile) -> str:
    """Return bars of what is used of the board's memories as a whole."""
    image, board = profile.image, profile.board
    bars = [_bar("flash", [Share("code and constants", image.flash_bytes, _FLASH)], board.flash_bytes)]
    memory = profile.memory
    if memory is None:
        bars.append(_bar("SRAM", [Share("statics", image.sram_bytes, _STATICS)], board.sram_bytes,
                         remark="memory was not tracked: stack and heap are not in it"))  # fmt: skip
    else:
        budget = memory.budget
        shares = [Share("statics", budget.statics_bytes, _STATICS), Share("stacks", budget.stack_bytes, _STACK),
                  Share("heap", budget.heap_bytes, _HEAP)]  # fmt: skip
        bars.append(_bar("SRAM reserved", [each for each in shares if each.size_bytes], budget.sram_bytes))
        bars.append(_bar("SRAM live at most", [Share("live", memory.peak_bytes, SKY)], budget.sram_bytes))
    return f'<div class="budgets">{"".join(bars)}</div>'


def _bar(name: str, shares: list[Share], available_bytes: int, *, remark: str = "") -> str:
    """Return one bar. Of a memory that is too small it is full, and the text says by how much."""
    used_bytes = sum(each.size_bytes for each in shares)
    whole = max(used_bytes, available_bytes, 1)
    pieces = "".join(
        f'<span style="--share:{100 * each.size_bytes / whole:.4g}%;--color:{each.color}" '
        f'title="{escape(each.name)}: {numbers.count(each.size_bytes)} bytes"></span>'
        for each in shares
        if each.size_bytes
    )
    texts = [numbers.memory(used_bytes, available_bytes)]
    if len(shares) > 1:
        texts.append(" + ".join(f"{numbers.count(each.size_bytes)} {each.name}" for each in shares))
    if available_bytes:
        left = available_bytes - used_bytes
        texts.append(f"{numbers.count(left)} left" if left >= 0 else f"{numbers.count(-left)} too many")
    texts += [remark] if remark else []
    share = numbers.share_percent(used_bytes, available_bytes) or 0.0
    style = " full" if share > 100 else (" tight" if share >= _FULL_PERCENT else "")
    return (
        f'<div class="budget{style}"><span class="what">{escape(name)}</span>'
        f'<span class="gauge" aria-hidden="true">{pieces}</span>'
        f'<span class="words">{escape("; ".join(texts))}</span></div>'
    )


def summary(profile: Profile, report: Report) -> str:
    """Return budget bars, and the head of the text report: what ran where, and what it cost."""
    run = facts((fact.key, fact.text) for fact in report.run)
    totals = facts((fact.key, fact.text) for fact in report.totals)
    return f'{budgets(profile)}<div class="columns"><div>{run}</div><div>{totals}</div></div>'


def fault_section(report: Report) -> str:
    """Return the backtrace of a run that ended in a fault, '' for any other."""
    found = [each for each in report.tables if each.title.startswith("Backtrace")]
    return "".join(table_html(each, Look("backtrace", sortable=False)) for each in found)
