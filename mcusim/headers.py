# SPDX-License-Identifier: Apache-2.0
"""Where C for users' firmware is: `mcusim.h`, which marks layers (docs/markers.md), and kernels (docs/kernels.md)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def include_dir() -> str:
    """Return the folder that holds `mcusim.h`, for a compiler's `-I`."""
    return str(Path(__file__).resolve().parent / "include")


def target_kernels_dir() -> str:
    """Return the folder of the int8 kernels in C and of their headers, for a compiler."""
    found = find_spec("mcusim.kernels")  # finds it without running it: Numba takes its time
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).resolve().parent / "target")
