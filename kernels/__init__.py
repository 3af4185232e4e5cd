# SPDX-License-Identifier: Apache-2.0
"""Reference kernels: the int8 operators of TinyML firmware, one per file. Imports nothing of mcusim.

Each operator is a function in a module of the same name (`mcusim.kernels.conv2d.conv2d`). `run_model` runs a whole
TensorFlow Lite model with them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcusim.kernels.model import run_model

__all__ = ["run_model"]


def __getattr__(name: str) -> Any:
    """Import what is asked for: whoever wants one kernel does not wait for all of them."""
    if name == "run_model":
        return import_module("mcusim.kernels.model").run_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
