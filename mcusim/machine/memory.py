# SPDX-License-Identifier: Apache-2.0
"""Guest memory: one NumPy array per region, mapped into the engine, read and written by the host through here only."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mcusim.board import Board
from mcusim.engine.engine import Engine
from mcusim.engine.guard_tables import MAX_WINDOWS
from mcusim.errors import McusimError
from mcusim.image.model import Image
from mcusim.jit import address_of

ERASED = 0xFF  # what flash holds where nothing is programmed


@dataclass(frozen=True)
class _Window:
    start: int
    end: int
    array: npt.NDArray[np.uint8]
    writable: bool
    place: int
    late_cycles: int


PERIPHERALS = 255  # the place of what is no memory


class Memory:
    """The board's memories with the image loaded. Addresses outside every region raise McusimError.

    Nobody is told of what is read and written here; accesses that belong to the run go through `port`.
    """

    def __init__(self, board: Board, engine: Engine) -> None:
        self._engine = engine
        self._windows: list[_Window] = []
        self.loaded: list[tuple[int, int]] = []  # (address, size in bytes) of what the image has put here
        self.port = Port(self)
        for place, region in enumerate(board.region, 1):
            writable = region.writable
            late = region.late_cycles.value
            array = np.full(region.size_bytes, 0 if writable else ERASED, np.uint8)
            content = bytes.fromhex(region.content)
            array[: len(content)] = np.frombuffer(content, np.uint8)
            for offset, word in region.words.items():
                array[int(offset, 16) : int(offset, 16) + 4].view(np.uint32)[0] = word
            for start in (region.start, *region.aliases):
                self._windows.append(_Window(start, start + region.size_bytes, array, writable, place, late))
        # The largest first, or writes to data may drop the translation of code: see `mcusim.engine.engine`.
        for window in sorted(self._windows, key=lambda window: -len(window.array)):
            engine.map_memory(window.start, window.array, writable=window.writable)
        self._windows.sort(key=lambda window: window.start)
        self._starts = [window.start for window in self._windows]

    def _window(self, address: int) -> _Window | None:
        index = bisect_right(self._starts, address) - 1
        if index >= 0 and address < self._windows[index].end:
            return self._windows[index]
        return None

    def load(self, image: Image) -> None:
        """Put every segment where the file says it lies (its load address)."""
        for segment in image.segments:
            self.write(segment.load_address, segment.data)
            self.loaded.append((segment.load_address, len(segment.data)))

    def windows(self) -> list[tuple[int, npt.NDArray[np.uint8], bool]]:
        """Return every start address, the array that lies there, and whether the guest can write it."""
        return [(window.start, window.array, window.writable) for window in self._windows]

    def holds(self, address: int) -> bool:
        """Return whether an address is in some region."""
        return self._window(address) is not None

    def place_of(self, address: int) -> int:
        """Return a number for the memory that an address is in: regions count from 1, all else is one place."""
        window = self._window(address)
        return PERIPHERALS if window is None else window.place

    def late_cycles(self, address: int) -> int:
        """Return by how many cycles the memory at an address answers late (`Region.late_cycles`)."""
        window = self._window(address)
        return 0 if window is None else window.late_cycles

    def guarded_windows(self) -> list[tuple[int, int, int]]:
        """Return start, size and our address of each piece of the memory map; none where all answer alike."""
        if not any(window.late_cycles for window in self._windows) or len(self._windows) > MAX_WINDOWS:
            return []
        return [(window.start, window.end - window.start, address_of(window.array)) for window in self._windows]

    def peek(self, address: int, size_bytes: int) -> int | None:
        """Return the little-endian value at an address, None where there is no memory."""
        window = self._window(address)
        if window is None or address + size_bytes > window.end:
            return None
        return int.from_bytes(self.read(address, size_bytes), "little")

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return bytes; they may span adjacent regions."""
        parts = []
        while size_bytes > 0:
            window = self._window(address)
            if window is None:
                raise McusimError(f"address 0x{address:08x} is outside the board's memory")
            count = min(size_bytes, window.end - address)
            offset = address - window.start
            parts.append(window.array[offset : offset + count].tobytes())
            address, size_bytes = address + count, size_bytes - count
        return b"".join(parts)

    def read_up_to(self, address: int, most_bytes: int) -> bytes:
        """Return bytes up to the end of the region that an address is in; none outside all."""
        window = self._window(address)
        return b"" if window is None else self.read(address, min(most_bytes, window.end - address))

    def write(self, address: int, data: bytes) -> None:
        """Write bytes as the host (flash too), and drop translated code that they replace."""
        position = 0
        while position < len(data):
            window = self._window(address + position)
            if window is None:
                raise McusimError(f"address 0x{address + position:08x} is outside the board's memory")
            offset = address + position - window.start
            count = min(len(data) - position, window.end - window.start - offset)
            window.array[offset : offset + count] = np.frombuffer(data, np.uint8, count, position)
            self._engine.drop_translation(address + position, count)
            position += count

    def read_word(self, address: int) -> int:
        """Return the little-endian 32-bit word at an address."""
        return int.from_bytes(self.read(address, 4), "little")

    def writable(self, address: int, size_bytes: int) -> bool:
        """Return whether the firmware may write all of a range (which spans less than a region)."""
        return all(
            window is not None and window.writable
            for window in (self._window(address), self._window(address + size_bytes - 1))
        )

    def write_word(self, address: int, value: int) -> None:
        """Write a little-endian 32-bit word."""
        self.write(address, (value & 0xFFFF_FFFF).to_bytes(4, "little"))

    def writable_host_address(self, address: int) -> int:
        """Return where a guest byte lies in host memory if the guest can write it, else 0."""
        window = self._window(address)
        if window is None or not window.writable:
            return 0
        return address_of(window.array) + address - window.start


Listener = Callable[[int, int, bool], None]  # (address, size in bytes, is it a write?)


class Port:
    """Memory as DMA, exception frames, bit-band aliases, semihosting and probes access it: `listener` is told.

    These accesses are part of the run, though the engine does not see them. What mcusim looks at for itself (to decode,
    to name a task, for a debugger) goes to `Memory`.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.listener: Listener | None = None
        self.holds, self.writable, self.peek = memory.holds, memory.writable, memory.peek  # these are no accesses

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return bytes (`Memory.read`)."""
        data = self._memory.read(address, size_bytes)
        if self.listener is not None:
            self.listener(address, size_bytes, False)
        return data

    def write(self, address: int, data: bytes) -> None:
        """Write bytes (`Memory.write`)."""
        self._memory.write(address, data)
        if self.listener is not None:
            self.listener(address, len(data), True)

    def read_word(self, address: int) -> int:
        """Return the little-endian 32-bit word at an address."""
        return int.from_bytes(self.read(address, 4), "little")

    def write_word(self, address: int, value: int) -> None:
        """Write a little-endian 32-bit word."""
        self.write(address, (value & 0xFFFF_FFFF).to_bytes(4, "little"))
