# SPDX-License-Identifier: Apache-2.0
"""What a machine is made of, by its board and the settings: address ranges of devices, exceptions, the core."""

from __future__ import annotations

from collections.abc import Iterator

from mcusim.board import BIT_BANDS, PERIPHERAL_SPACE, Board
from mcusim.core import Core, load_core
from mcusim.engine.engine import PAGE_BYTES, Engine
from mcusim.image.model import Image
from mcusim.machine.exceptions import Exceptions
from mcusim.machine.memory import Port
from mcusim.machine.settings import Settings
from mcusim.machine.system import PPB_START

ARMV6M_PRIORITY_BITS = 2  # ARM DDI 0419E, B1.5.4


def device_ranges(board: Board) -> list[tuple[int, int]]:
    """Return the address ranges that devices and guessed registers answer for: (start, end), in engine pages.

    The whole peripheral space but for memories in it, and the pages of devices elsewhere.
    """
    pages = [
        (start & -PAGE_BYTES, end + PAGE_BYTES - 1 & -PAGE_BYTES)
        for device in board.device
        for start, end in device.ranges
        if start not in PERIPHERAL_SPACE and start < PPB_START
    ]
    wanted = sorted([(PERIPHERAL_SPACE.start, PERIPHERAL_SPACE.stop), *set(pages)])
    bands = [(start, start + size_bytes) for start, size_bytes, _ in BIT_BANDS] if board.bit_band else []
    memories = sorted([*(span for region in board.region for span in region.ranges), *bands])
    ranges: list[tuple[int, int]] = []
    for start, end in wanted:
        for low, high in memories:
            if low < end and start < high:
                ranges.append((start, low))
                start = high
        ranges.append((start, end))
    return [(start, end) for start, end in ranges if start < end]


def make_exceptions(image: Image, board: Board, core: Core, engine: Engine, memory: Port) -> Exceptions:
    """Return the exception model of a board's core."""
    mainline = core.architecture not in ("armv6-m", "armv8-m.base")
    default_bits = 8 if mainline else ARMV6M_PRIORITY_BITS
    return Exceptions(
        engine, memory, core.fpu != "none", mainline, image.vectors.address,
        priority_bits=board.interrupts.priority_bits if board.interrupts else default_bits,
        armv8m=core.architecture.startswith("armv8"), secure=board.security == "secure",
    )  # fmt: skip


def core_of(board: Board) -> Core:
    """Return the board's core, with the multiplier that the part was made with."""
    core = load_core(board.core)
    if board.multiplier is None:
        return core
    return core.with_multiplier(board.multiplier.cycles, board.multiplier.source)


def what_if(settings: Settings, board: Board, core: Core, timing_core: Core) -> Iterator[str]:
    """Yield what is not as on the board because the user wants to know what would be."""
    if settings.clock_hz is not None:
        yield (
            f"the core runs at {settings.clock_hz:,} Hz whatever the firmware programs (--clock); "
            "clocks of peripherals are as programmed"
        )
        if board.clock.max_hz < settings.clock_hz:
            yield f"{settings.clock_hz:,} Hz is more than the part allows ({board.clock.max_hz:,} Hz)"
    if settings.core is not None and timing_core.name != core.name:
        yield f"cycles are those of {timing_core.title} (--core); otherwise the part behaves as its {core.title}"


def wait_states_in_doubt(settings: Settings, board: Board, wait_states: int | None) -> str:
    """Return why flash may answer sooner than the part allows at the clock that the user chose; '' where it does not.

    `wait_states` are the most that it had in the run, None where flash does not wait. They do not follow `--clock`.
    """
    if settings.clock_hz is None or wait_states is None:
        return ""
    clock, needed = f"{settings.clock_hz / 1e6:g} MHz", board.clock.wait_states_at(settings.clock_hz)
    given = settings.wait_states is not None
    if given and (needed is None or wait_states >= needed):
        return ""
    has = f"{wait_states} wait state{'' if wait_states == 1 else 's'}"
    has += " (--wait-states)" if given else " at most, as at the firmware's own clock"
    if needed is None:
        return f"flash has {has}: give --wait-states with what the part needs at {clock}"
    if wait_states >= needed:
        return ""
    return f"flash has {has}, and needs {needed} at {clock}: no board can be that fast; give --wait-states {needed}"
