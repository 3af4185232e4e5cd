# SPDX-License-Identifier: Apache-2.0
"""What if: the same firmware under several settings, each a run of its own.

Nothing is repriced: firmware may read the clock and takes interrupts when they are due, so another clock, core or wait
state can lead it elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

from mcusim.machine import Settings
from mcusim.profile import Profile
from mcusim.summary import Summary, summarize


@dataclass(frozen=True)
class WhatIf:
    """What is varied; an empty list leaves a setting alone. `memory` holds lists of alternatives, one for each key."""

    boards: tuple[str, ...] = ()
    cores: tuple[str, ...] = ()
    clocks_hz: tuple[int, ...] = ()
    wait_states: tuple[int, ...] = ()
    memory: tuple[tuple[str, ...], ...] = ()


@dataclass
class Variant:
    """A row of a comparison: what it is called, and its profile or the reason why there is none.

    `image` and `board` are the names that a sweep has for them, '' for a saved profile. `fits` is None where that is
    not known, and `reason` says why it does not fit. `figures` are those of the profile, which may have been slimmed.
    """

    name: str
    profile: Profile | None = None
    error: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    image: str = ""
    board: str = ""
    fits: bool | None = None
    reason: str = ""
    figures: Summary | None = None


def slim(profile: Profile) -> Profile:
    """Return what a comparison needs of a profile: not its instructions, call tree, lines, buffers and layers."""
    return replace(profile, instructions=[], tree=[], tasks=[], sources={}, layers=None, memory=None, caches=None)


def points(wanted: WhatIf, base: Settings) -> list[tuple[dict[str, str], str | None, Settings]]:
    """Return every combination: what was varied, in words; the board (None: guessed); the settings."""
    found = []
    boards: tuple[str | None, ...] = wanted.boards or (None,)
    cores: tuple[str | None, ...] = wanted.cores or (None,)
    clocks: tuple[int | None, ...] = wanted.clocks_hz or (None,)
    waits: tuple[int | None, ...] = wanted.wait_states or (None,)
    for (board, core, clock_hz, wait_states), memory in product(
        product(boards, cores, clocks, waits), product(*wanted.memory)
    ):
        words = {"board": board, "core": core, "clock": clock_hz, "wait-states": wait_states}
        named = {key: str(value) for key, value in words.items() if value is not None}
        named |= dict(item.split("=", 1) for item in memory)
        settings = replace(base, core=core, clock_hz=clock_hz, wait_states=wait_states, memory=memory)
        found.append((named, board, settings))
    return found


def describe(named: dict[str, str]) -> str:
    """Return a point in words: 'clock 80 MHz, wait-states 5'."""
    parts = []
    for key, value in named.items():
        text = f"{int(value) / 1e6:g} MHz" if key == "clock" else value
        parts.append(f"{key}={text}" if "." in key else f"{key} {text}")
    return ", ".join(parts) or "as it is"


def saved_variants(profiles: Sequence[tuple[Path, Profile]]) -> list[Variant]:
    """Return a variant for each saved profile, named by its file, with its folder where names are equal."""
    names = [path.name for path, _ in profiles]
    return [
        Variant(path.name if names.count(path.name) == 1 else str(path), profile, figures=summarize(profile))
        for path, profile in profiles
    ]
