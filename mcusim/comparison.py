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

from mcusim.batch import Job, Listener, run_jobs
from mcusim.machine import Settings
from mcusim.profile import Profile


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
    """A row of a comparison: what it is called, and its profile or the reason why there is none."""

    name: str
    profile: Profile | None = None
    error: str = ""
    settings: dict[str, str] = field(default_factory=dict)


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


def compare_runs(
    image: Path, wanted: WhatIf, settings: Settings, *, board: str | None = None, base: int | None = None,
    processes: int = 1, finished: Listener | None = None,
) -> list[Variant]:  # fmt: skip
    """Run the firmware at every point, and return a variant for each; one that cannot run has its error."""
    chosen = points(wanted, settings)
    jobs = [Job(image, each, name or board, base) for _, name, each in chosen]
    done = run_jobs(jobs, processes=processes, finished=finished)
    return [
        Variant(describe(named), result.profile, result.error, named)
        for (named, _, _), result in zip(chosen, done, strict=True)
    ]


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
        Variant(path.name if names.count(path.name) == 1 else str(path), profile) for path, profile in profiles
    ]  # fmt: skip
