# SPDX-License-Identifier: Apache-2.0
"""Put the user's device overlays and the board's devices without a model in front of the guesses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mcusim.board import PERIPHERAL_SPACE, PPB_SPACE, Board
from mcusim.errors import McusimError, unknown_name
from mcusim.machine.bus import Bus
from mcusim.machine.guesses import Guesses
from mcusim.overlay import Overlay, OverlayRegister
from mcusim.svd import Svd

REMEMBERING = "registers"  # the type of a device that only remembers what is written


def declare_devices(guesses: Guesses, board: Board) -> None:
    """Name the registers of devices that the board knows to be there and that nobody models."""
    for entry in board.device:
        if entry.type == REMEMBERING:
            for start, end in entry.ranges:
                guesses.declare(entry.name, start, end)


def apply_overlays(guesses: Guesses, bus: Bus, board: Board, overlays: Iterable[Overlay], svd: Svd | None) -> None:
    """Let overlays answer for their registers. Raises McusimError for one that is nowhere, or that two of them fix."""
    fixed: dict[int, str] = {}
    for overlay in overlays:
        for address, register in _placed(overlay, board, svd):
            if address in fixed:
                raise McusimError(f"{overlay.name}: register 0x{address:08x} is fixed already, in {fixed[address]}")
            fixed[address] = overlay.name
            guesses.fix(address, register)
            bus.overlay(address)


def _placed(overlay: Overlay, board: Board, svd: Svd | None) -> Iterator[tuple[int, OverlayRegister]]:
    bases = {**(svd.bases if svd is not None else {}), **{device.name: device.start for device in board.device}}
    for register in overlay.registers:
        address = register.address
        if address is None:
            assert register.peripheral is not None
            assert register.offset is not None
            if register.peripheral not in bases:
                raise McusimError(f"{overlay.name}: {unknown_name('peripheral', register.peripheral, bases)}")
            address = bases[register.peripheral] + register.offset
        if not _is_device(address, board):
            raise McusimError(
                f"{overlay.name}: register 0x{address:08x} is not in the address space of devices on {board.name}"
            )
        yield address, register


def _is_device(address: int, board: Board) -> bool:
    if any(start <= address < end for region in board.region for start, end in region.ranges):
        return False
    listed = any(start <= address < end for device in board.device for start, end in device.ranges)
    return listed or address in PERIPHERAL_SPACE or address in PPB_SPACE
