# SPDX-License-Identifier: Apache-2.0
"""Functions of tests/firmware/callable, for each kind of core and with or without debug information."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from machines import FIRMWARE

from mcusim import Firmware

BOARDS = {"hard": "nucleo-l4r5zi", "nodebug": "nucleo-l4r5zi", "soft": "nucleo-f103rb", "m0": "nucleo-f072rb"}
DEBUG = ("hard", "soft", "m0")


def path_of(variant: str) -> Path:
    """Return the ELF of a variant: hard, nodebug, soft, m0."""
    return FIRMWARE / "callable" / f"callable-{variant}.elf"


@cache
def firmware(variant: str = "hard") -> Firmware:
    """Return the variant on its board, the same for all tests."""
    return Firmware(path_of(variant), BOARDS[variant])
