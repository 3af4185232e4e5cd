# SPDX-License-Identifier: Apache-2.0
"""Where the header for users' firmware is: `mcusim.h`, which marks layers (docs/markers.md)."""

from __future__ import annotations

from pathlib import Path


def include_dir() -> str:
    """Return the folder that holds `mcusim.h`, for a compiler's `-I`."""
    return str(Path(__file__).resolve().parent / "include")
