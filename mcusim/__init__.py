# SPDX-License-Identifier: Apache-2.0
"""mcusim: a cycle-approximate Cortex-M simulator and profiler for TinyML firmware.

    import mcusim

    image = mcusim.load("firmware.elf")
    board, reason = mcusim.guess_board(image)
    trace = mcusim.run(image, board, board_reason=reason)
    profile = mcusim.attribute(trace)
    print(mcusim.render(profile))

Names are imported when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcusim.attribution import attribute
    from mcusim.board import Board, load_board
    from mcusim.calling import CallResult, Firmware, GuestPointer
    from mcusim.core import Core, load_core
    from mcusim.errors import McusimError
    from mcusim.guess import guess_board
    from mcusim.headers import include_dir, target_kernels_dir
    from mcusim.image import Image, load
    from mcusim.machine import Progress, Settings, run
    from mcusim.profile import Profile
    from mcusim.profile_io import load_profile, save
    from mcusim.reports import RenderOptions, render, render_bytes
    from mcusim.sweeping import SweepRow, sweep
    from mcusim.trace import Trace

__version__ = "0.1.0"

_HOMES = {
    "attribute": "mcusim.attribution",
    "Board": "mcusim.board",
    "load_board": "mcusim.board",
    "CallResult": "mcusim.calling",
    "Firmware": "mcusim.calling",
    "GuestPointer": "mcusim.calling",
    "Core": "mcusim.core",
    "load_core": "mcusim.core",
    "McusimError": "mcusim.errors",
    "guess_board": "mcusim.guess",
    "include_dir": "mcusim.headers",
    "target_kernels_dir": "mcusim.headers",
    "Image": "mcusim.image",
    "load": "mcusim.image",
    "Progress": "mcusim.machine",
    "Settings": "mcusim.machine",
    "run": "mcusim.machine",
    "Profile": "mcusim.profile",
    "load_profile": "mcusim.profile_io",
    "save": "mcusim.profile_io",
    "RenderOptions": "mcusim.reports",
    "render": "mcusim.reports",
    "render_bytes": "mcusim.reports",
    "SweepRow": "mcusim.sweeping",
    "sweep": "mcusim.sweeping",
    "Trace": "mcusim.trace",
}

__all__ = [
    "Board",
    "CallResult",
    "Core",
    "Firmware",
    "GuestPointer",
    "Image",
    "McusimError",
    "Profile",
    "Progress",
    "RenderOptions",
    "Settings",
    "SweepRow",
    "Trace",
    "attribute",
    "guess_board",
    "include_dir",
    "load",
    "load_board",
    "load_core",
    "load_profile",
    "render",
    "render_bytes",
    "run",
    "save",
    "sweep",
    "target_kernels_dir",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mcusim' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
