# SPDX-License-Identifier: Apache-2.0
"""SEGGER RTT: the ring buffer of up-channel 0 is printed, as a debug probe would do.

Source: SEGGER UM08001, "RTT implementation", and SEGGER_RTT.h V7.94 for the layout: 16 bytes of identification, the
numbers of up and down channels, then for each channel name, buffer, size, write offset (the firmware's), read offset
(ours) and flags. The control block is the symbol `_SEGGER_RTT`; in an image without one that holds the identification
it is looked for in RAM once a millisecond until it is found. Other up-channels are not read, and a remark says so.
Down-channels get no input.

No device of the part: it sits on no bus, and a sleeping core is not woken for it, so the run loop asks it by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mcusim.board import Board
from mcusim.devices.base import NEVER, Host
from mcusim.errors import McusimError
from mcusim.image.model import Image
from mcusim.machine.memory import Memory

SYMBOL = "_SEGGER_RTT"
IDENTIFICATION = b"SEGGER RTT".ljust(16, b"\0")
UP_COUNT, CHANNELS = 16, 24  # offsets in the control block
CHANNEL_BYTES = 24
BUFFER, SIZE, WRITE, READ = 4, 8, 12, 16  # offsets in a channel
MAX_CHANNELS = 64
LOOKS_PER_SECOND = 1000

Find = Callable[[bytes], int | None]


def control_block(image: Image, board: Board, memory: Memory) -> tuple[int | None, Find | None]:
    """Return where an image has its control block, or a function that looks for it in RAM; None where it has none."""
    symbol = image.find_symbol(SYMBOL)
    if symbol is not None:
        return symbol.address, None
    text = IDENTIFICATION.rstrip(b"\0")
    if not any(text in segment.data or text[::-1] in segment.data for segment in image.segments):
        return None, None  # newer versions keep the text backwards in flash, so that probes do not find it there

    def find(wanted: bytes) -> int | None:
        for region in board.region:
            if region.kind in ("sram", "tcm"):
                offset = memory.read(region.start, region.size_bytes).find(wanted)
                if offset >= 0:
                    return region.start + offset
        return None

    return None, find


@dataclass
class Rtt:
    """Looks into the ring buffer every simulated millisecond, and when the run ends.

    `address` is the control block's, None if no symbol tells; `find` looks for bytes in RAM then.
    """

    host: Host
    read: Callable[[int, int], bytes]
    write: Callable[[int, bytes], None]
    address: int | None
    find: Find | None = None
    _next_cycles: int = 0

    def next_event_cycles(self) -> int:
        """In a millisecond, if there is something to look at."""
        if self.address is None and self.find is None:
            return NEVER
        return self._next_cycles

    def wake(self) -> None:
        """Print what has been written since last time."""
        clock = self.host.clock
        self._next_cycles = clock.cycles + max(clock.core_hz // LOOKS_PER_SECOND, 1)
        if self.address is None and self.find is not None:
            self.address = self.find(IDENTIFICATION)
        if self.address is not None:
            try:
                self._look(self.address)
            except McusimError:  # a block that points outside memory: not one of ours
                self.host.remarks.add("the RTT control block points outside memory: it is not read any more")
                self.address = self.find = None

    def _word(self, address: int) -> int:
        return int.from_bytes(self.read(address, 4), "little")

    def _look(self, block: int) -> None:
        if self.read(block, len(IDENTIFICATION)) != IDENTIFICATION:
            return  # not initialised yet
        count = self._word(block + UP_COUNT)
        if not 0 < count <= MAX_CHANNELS:
            return
        self._print(block + CHANNELS)
        for channel in range(1, count):
            start = block + CHANNELS + channel * CHANNEL_BYTES
            if self._word(start + WRITE) != self._word(start + READ):
                self.host.remarks.add(f"RTT up-channel {channel} was written: only channel 0 is printed")

    def _print(self, channel: int) -> None:
        buffer, size = self._word(channel + BUFFER), self._word(channel + SIZE)
        written, read = self._word(channel + WRITE), self._word(channel + READ)
        if written == read or written >= size or read >= size:
            return
        if written > read:
            data = self.read(buffer + read, written - read)
        else:
            data = self.read(buffer + read, size - read) + (self.read(buffer, written) if written else b"")
        self.host.transmit(data)
        self.write(channel + READ, written.to_bytes(4, "little"))
