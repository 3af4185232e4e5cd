# SPDX-License-Identifier: Apache-2.0
"""A line for the first run, whose native code is compiled: without it a terminal would be silent for up to a minute."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mcusim.cli import console

WORDS = "compiling native code for the first time, which takes up to a minute; later runs start at once"


def is_cold(folder: Path) -> bool:
    """Return whether nothing compiled is kept in a folder of Numba's cache yet."""
    return not any(folder.glob("*.nbi"))


def tell(*, quiet: bool) -> None:
    """Say it on a terminal, where a run is about to compile; for --quiet and for files and pipes say nothing."""
    if quiet or not sys.stderr.isatty():
        return
    from mcusim.engine.branches import penalty

    compiled: Any = penalty  # any function of the engine: they are kept in one folder
    if is_cold(Path(compiled.stats.cache_path)):
        console.say(WORDS)
