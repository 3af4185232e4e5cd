# SPDX-License-Identifier: Apache-2.0
"""Which sections a report shows: those that were asked for by --show, or what the profile has of the default ones."""

from __future__ import annotations

from collections.abc import Callable

from mcusim.advice import advise
from mcusim.errors import McusimError
from mcusim.profile import Profile
from mcusim.reports.advice import advice_table
from mcusim.reports.findings import findings_table
from mcusim.reports.flash import flash_table, symbols_table
from mcusim.reports.layers import layers_table
from mcusim.reports.memory import (
    activations_table,
    arenas_table,
    buffers_table,
    heap_table,
    peak_table,
    regions_table,
    statics_table,
)
from mcusim.reports.options import DEFAULT_SECTIONS, SECTION_GROUPS, SECTIONS, RenderOptions
from mcusim.reports.table import Table
from mcusim.reports.timeline import LEAST_WIDTH, timeline_table

# Sections of layers and memory: name -> its one table. The others are `mcusim.reports.report`'s.
TABLES: dict[str, Callable[..., Table]] = {
    "layers": layers_table,
    "activations": activations_table,
    "timeline": timeline_table,
    "peak": peak_table,
    "findings": findings_table,
    "arenas": arenas_table,
    "buffers": buffers_table,
    "heap": heap_table,
    "statics": statics_table,
    "regions": regions_table,
    "flash": flash_table,
    "symbols": symbols_table,
    "advice": advice_table,
}


def chosen(profile: Profile, options: RenderOptions) -> list[str]:
    """Return the sections to be shown, in the order of `SECTIONS`.

    Raises `McusimError` where a section was asked for by name that the profile has nothing for.
    """
    if not options.show:
        without = {"timeline"} if options.width < LEAST_WIDTH else set()
        return [name for name in DEFAULT_SECTIONS if name not in without and not missing(profile, name)]
    wanted: set[str] = set()
    for word in options.show:
        names = SECTION_GROUPS.get(word, (word,))
        have = [name for name in names if not missing(profile, name) or (name == word and _is_answer(profile, name))]
        if not have:
            raise McusimError(f"--show {word}: {missing(profile, names[0])}")
        wanted.update(have)
    return [name for name in SECTIONS if name in wanted]


def _is_answer(profile: Profile, section: str) -> bool:
    """Return whether there is nothing to show because nothing was found, as was hoped for."""
    return section == "advice" or (section == "findings" and profile.memory is not None and profile.memory.sanitized)


def missing(profile: Profile, section: str) -> str:
    """Return why the profile has nothing for a section, and what to do; '' where it has something."""
    memory = profile.memory
    if section in ("causes", "functions"):
        return ""
    if section == "advice":
        return "" if advise(profile) else "nothing stands out in this run"
    if section == "tasks":
        return "" if profile.tasks else "no operating system switched tasks in this run"
    if section == "registers":
        return "" if profile.guessed else "every register that was used has a model"
    if section in ("layers", "activations"):
        return "" if profile.layers is not None else no_layers()
    if memory is None:
        return no_memory()
    if section == "timeline" and not any(memory.timeline.live_bytes):
        return "no byte of SRAM was ever live in this run"
    if section == "heap" and memory.heap is None:
        return "the profile has no heap: the firmware has no functions that allocate, or none was recognised"
    if section == "findings" and not memory.findings:
        done = "the sanitizer found nothing"
        return done if memory.sanitized else "the sanitizer was off: run 'mcusim profile' with --sanitize"
    if section == "arenas" and not memory.arenas:
        return "no arena was recognised: run 'mcusim profile' with --arena SYMBOL"
    return ""


def no_layers() -> str:
    """Return what to do where a profile has no layers."""
    return "no layers were found in this run: run 'mcusim profile' with --layers RULE"


def no_memory() -> str:
    """Return what to do where a profile says nothing of memory."""
    return "memory was not tracked in this run: run 'mcusim profile' with --memory on"
