# SPDX-License-Identifier: Apache-2.0
"""What came of a task, as it is kept and sent: whether the firmware fits, and its profile.

`fits` is yes, no with a reason, or not known (None): the run failed for another reason than memory.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import msgspec

from mcusim.board import PERIPHERAL_SPACE, PPB_SPACE, Board
from mcusim.image.model import Image
from mcusim.profile import Profile
from mcusim.profile_io import dumps, loads

_SRAM_KINDS = ("sram", "tcm", "external")


@dataclass(frozen=True)
class Outcome:
    """`error` says why there is no profile, '' where there is one; `packed` is the profile, compressed.

    `final` is False for what another attempt may turn out otherwise: a run cut by the clock on the wall, one that was
    lost with its process. That is not kept.
    """

    fits: bool | None
    reason: str
    error: str = ""
    packed: bytes = b""
    final: bool = True

    def profile(self) -> Profile | None:
        """Return the profile, None where there is none."""
        return loads(zlib.decompress(self.packed)) if self.packed else None


def outcome_of(profile: Profile, board: Board) -> Outcome:
    """Return what came of a run that left a profile."""
    fits, reason = judge(profile, board)
    return Outcome(fits, reason, packed=zlib.compress(dumps(profile)), final=not profile.end.partial)


def encode(outcome: Outcome) -> bytes:
    """Return an outcome as bytes for a file."""
    return msgspec.msgpack.encode(outcome)


def decode(data: bytes) -> Outcome:
    """Return what `encode` made. Raises ValueError where the bytes are no outcome, or its profile is damaged."""
    try:
        outcome = msgspec.msgpack.decode(data, type=Outcome)
        if outcome.packed:
            zlib.decompress(outcome.packed)
    except (msgspec.DecodeError, zlib.error) as error:
        raise ValueError(str(error)) from error
    return outcome


def misfit(image: Image, board: Board) -> str:
    """Return why an image cannot be put on a board at all, '' if nothing speaks against it: sizes before addresses."""
    for memory, used, there in _sizes(image, board):
        if used > there:
            return f"{memory}: {used:,} of {there:,} bytes"
    return ""


def by_size(image: Image, board: Board) -> str:
    """Return how a reason goes on where `misfit` has none, but addresses are not the board's: sizes against its own."""
    sizes = ", ".join(
        f"{memory} {-(-used // 1024):,} of {there // 1024:,} KiB" for memory, used, there in _sizes(image, board)
    )
    return f"; linked for another memory map: by size it would fit ({sizes})"


def _sizes(image: Image, board: Board) -> tuple[tuple[str, int, int], ...]:
    """Return each kind of memory: its name, the bytes that the image takes of it, the bytes that the board has."""
    flash = sum(region.size_bytes for region in board.region if region.kind == "flash")
    sram = sum(region.size_bytes for region in board.region if region.kind in _SRAM_KINDS)
    return ("flash", image.flash_bytes, flash), ("SRAM", image.sram_bytes, sram)


def judge(profile: Profile, board: Board) -> tuple[bool | None, str]:
    """Return whether a firmware that ran fits its board, and the reason if it does not."""
    for stack in profile.stacks:
        if stack.overflow:
            return False, f"SRAM: stack '{stack.name}' overflowed: {stack.overflow}"
    if profile.memory is not None:
        budget, heap = profile.memory.budget, profile.memory.heap
        if budget.left_bytes < 0:
            return False, f"SRAM: {budget.sram_bytes - budget.left_bytes:,} of {budget.sram_bytes:,} bytes"
        if heap is not None and heap.failed:
            return False, f"SRAM: {heap.failed:,} allocation{'' if heap.failed == 1 else 's'} of the heap failed"
    fault = profile.fault
    if fault is None:
        return True, ""
    function = profile.end.function or "no function"
    if fault.address is not None and not _has_memory(board, fault.address):
        return False, f"access at 0x{fault.address:08x} outside the board in {fault.backtrace[0].function or function}"
    return None, f"ended in a fault: {profile.end.text}"


def _has_memory(board: Board, address: int) -> bool:
    """Return whether something answers at an address: memory, a device, or the space of peripherals."""
    if address in PERIPHERAL_SPACE or address in PPB_SPACE:
        return True
    memories = [span for region in board.region for span in region.ranges]
    devices = [span for device in board.device for span in device.ranges]
    return any(start <= address < end for start, end in memories + devices)
