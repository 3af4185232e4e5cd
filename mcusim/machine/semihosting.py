# SPDX-License-Identifier: Apache-2.0
"""Arm semihosting (BKPT 0xAB): console, exit, simulated time, and files inside one folder that the user names.

Source: Arm, "Semihosting for AArch32 and AArch64", release 2.0. Time is simulated time, so that runs repeat.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from mcusim.machine.memory import Memory, Port

OPCODE = 0xBEAB  # BKPT 0xAB
STOPPED_APPLICATION_EXIT = 0x20026
FAILED = 0xFFFF_FFFF
CONSOLE_NAME = ":tt"
FEATURES_NAME = ":semihosting-features"
FEATURES = b"SHFB\x03"  # extended exit, and stdout told from stderr (release 2.0, 2.2)
MAX_STRING_BYTES = 1 << 20
TICKS_HZ = 1_000_000  # what SYS_TICKFREQ says
_FILE_MODES = ("rb", "rb", "r+b", "r+b", "wb", "wb", "w+b", "w+b", "ab", "ab", "a+b", "a+b")


@dataclass
class Semihosting:
    """Serves semihosting calls. `files` is the only folder that firmware can reach; None: no files at all."""

    memory: Memory | Port
    transmit: Callable[[bytes], None]
    seconds: Callable[[], float]
    received: bytearray
    files: Path | None
    heap_start: int = 0  # first address after the image's variables
    stack_top: int = 0  # initial stack pointer
    exit_status: int | None = None
    exited: bool = False
    refused: set[str] = field(default_factory=set)  # names of calls and files that were not served
    _handles: dict[int, BinaryIO | None] = field(default_factory=dict)  # None: the console
    _error: int = 0

    def call(self, operation: int, parameter: int) -> int:
        """Serve one call (R0 and R1); return the value for R0."""
        served = self._CALLS.get(operation)
        if served is None:
            self.refused.add(f"semihosting call 0x{operation:02x}")
            return FAILED
        return served(self, parameter) & 0xFFFF_FFFF

    def close(self) -> None:
        """Close the files that the firmware left open."""
        for handle in self._handles.values():
            if handle is not None:
                handle.close()
        self._handles.clear()

    def _words(self, parameter: int, count: int) -> list[int]:
        return [self.memory.read_word(parameter + 4 * index) for index in range(count)]

    def _string(self, address: int) -> bytes:
        text = bytearray()
        while len(text) < MAX_STRING_BYTES and (byte := self.memory.read(address + len(text), 1)) != b"\0":
            text += byte
        return bytes(text)

    def _exit(self, parameter: int) -> int:
        self.exited = True
        self.exit_status = 0 if parameter == STOPPED_APPLICATION_EXIT else 1
        return 0

    def _exit_extended(self, parameter: int) -> int:
        reason, status = self._words(parameter, 2)
        self.exited = True
        self.exit_status = status if reason == STOPPED_APPLICATION_EXIT else 1
        return 0

    def _write0(self, parameter: int) -> int:
        self.transmit(self._string(parameter))
        return 0

    def _writec(self, parameter: int) -> int:
        self.transmit(self.memory.read(parameter, 1))
        return 0

    def _readc(self, _parameter: int) -> int:
        return self.received.pop(0) if self.received else FAILED

    def _clock(self, _parameter: int) -> int:
        return int(self.seconds() * 100)

    def _time(self, _parameter: int) -> int:
        return int(self.seconds())

    def _elapsed(self, parameter: int) -> int:
        ticks = int(self.seconds() * TICKS_HZ)
        self.memory.write(parameter, ticks.to_bytes(8, "little"))
        return 0

    def _tick_frequency(self, _parameter: int) -> int:
        return TICKS_HZ

    def _is_error(self, parameter: int) -> int:
        return self._words(parameter, 1)[0] >> 31

    def _errno(self, _parameter: int) -> int:
        return self._error

    def _command_line(self, parameter: int) -> int:
        buffer, size = self._words(parameter, 2)
        if size < 1:
            return FAILED
        self.memory.write(buffer, b"\0")
        self.memory.write_word(parameter + 4, 0)
        return 0

    def _heap_info(self, parameter: int) -> int:
        block = self._words(parameter, 1)[0]
        # Heap base and limit, stack base and limit: one area, the heap growing up and the stack down.
        for index, address in enumerate((self.heap_start, self.stack_top, self.stack_top, self.heap_start)):
            self.memory.write_word(block + 4 * index, address)
        return 0

    # files

    def _allowed(self, name: str) -> Path | None:
        """Return the host path of a firmware's file name, None when it is outside the folder or there is none."""
        if self.files is None:
            self.refused.add(f"file '{name}' (give --files DIR to allow it)")
            return None
        folder = self.files.resolve()
        try:
            path = (folder / name).resolve()
        except (OSError, ValueError):  # links in a circle, a NUL in the name
            path = folder.parent
        if not path.is_relative_to(folder):
            self.refused.add(f"file '{name}' (outside the folder given by --files)")
            return None
        return path

    def _fail(self, error: OSError | None = None) -> int:
        self._error = error.errno or 5 if error else 13  # EIO, EACCES
        return FAILED

    def _open(self, parameter: int) -> int:
        address, mode, length = self._words(parameter, 3)
        name = self.memory.read(address, min(length, MAX_STRING_BYTES)).decode("utf-8", "replace")
        handle = max(self._handles, default=0) + 1
        if name == CONSOLE_NAME:
            self._handles[handle] = None
            return handle
        if name == FEATURES_NAME:
            self._handles[handle] = BytesIO(FEATURES)
            return handle
        path = self._allowed(name)
        if path is None or mode >= len(_FILE_MODES):
            return self._fail()
        try:
            self._handles[handle] = path.open(_FILE_MODES[mode])  # type: ignore[assignment]
        except OSError as error:
            return self._fail(error)
        return handle

    def _close(self, parameter: int) -> int:
        number = self._words(parameter, 1)[0]
        if number not in self._handles:
            return self._fail()
        handle = self._handles.pop(number)
        if handle is not None:
            handle.close()
        return 0

    def _write(self, parameter: int) -> int:
        number, address, length = self._words(parameter, 3)
        if number not in self._handles:
            return length
        data = self.memory.read(address, length)
        handle = self._handles[number]
        if handle is None:
            self.transmit(data)
            return 0
        try:
            return length - handle.write(data)
        except OSError as error:
            self._fail(error)
            return length

    def _read(self, parameter: int) -> int:
        number, address, length = self._words(parameter, 3)
        if number not in self._handles:
            return length
        handle = self._handles[number]
        if handle is None:
            data = bytes(self.received[:length])
            del self.received[:length]
        else:
            try:
                data = handle.read(length)
            except OSError as error:  # not open for reading
                self._fail(error)
                return length
        self.memory.write(address, data)
        return length - len(data)

    def _seek(self, parameter: int) -> int:
        number, position = self._words(parameter, 2)
        handle = self._handles.get(number)
        if handle is None:
            return self._fail()
        handle.seek(position)
        return 0

    def _is_tty(self, parameter: int) -> int:
        number = self._words(parameter, 1)[0]
        return 1 if number in self._handles and self._handles[number] is None else 0

    def _length(self, parameter: int) -> int:
        handle = self._handles.get(self._words(parameter, 1)[0])
        if handle is None:
            return self._fail()
        position = handle.tell()
        size = handle.seek(0, os.SEEK_END)
        handle.seek(position)
        return size

    def _remove(self, parameter: int) -> int:
        address, length = self._words(parameter, 2)
        path = self._allowed(self.memory.read(address, min(length, MAX_STRING_BYTES)).decode("utf-8", "replace"))
        if path is None:
            return self._fail()
        try:
            path.unlink()
        except OSError as error:
            return self._fail(error)
        return 0

    _CALLS = {  # noqa: RUF012 - a constant table of methods
        0x01: _open, 0x02: _close, 0x03: _writec, 0x04: _write0, 0x05: _write, 0x06: _read, 0x07: _readc,
        0x08: _is_error, 0x09: _is_tty, 0x0A: _seek, 0x0C: _length, 0x0E: _remove, 0x10: _clock, 0x11: _time,
        0x13: _errno, 0x15: _command_line, 0x16: _heap_info, 0x18: _exit, 0x20: _exit_extended, 0x30: _elapsed,
        0x31: _tick_frequency,
    }  # fmt: skip
