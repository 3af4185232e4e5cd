# SPDX-License-Identifier: Apache-2.0
"""Plain Unicorn with an image in a board's memory: what the slow twins of our own hooks run in."""

from __future__ import annotations

from typing import Any

from tracer import PERIPHERALS
from unicorn import arm_const, unicorn_const
from unicorn.unicorn_py3.unicorn import Uc

from mcusim.board import Board
from mcusim.image.model import Image

NOWHERE = 0xFFFF_FFFE  # an address that is never reached: run until a hook stops the engine


def bare_engine(image: Image, board: Board) -> Any:
    """Return an engine with the image loaded and SP set.

    Peripherals read as all ones, whatever is written to them: that is what our examples wait for. No interrupts.
    """
    make: Any = Uc
    uc: Any = make(unicorn_const.UC_ARCH_ARM, unicorn_const.UC_MODE_THUMB, arm_const.UC_CPU_ARM_CORTEX_M4)
    for region in board.region:
        uc.mem_map(region.start, region.size_bytes)
    for start, size in PERIPHERALS:
        uc.mmio_map(start, size, lambda *_: 0xFFFF_FFFF, None, lambda *_: None, None)
    for segment in image.segments:
        uc.mem_write(segment.load_address, segment.data)
    uc.reg_write(arm_const.UC_ARM_REG_SP, image.vectors.initial_sp)
    return uc
