# SPDX-License-Identifier: Apache-2.0
"""Look ahead: what would the firmware do next if a register gave this? A second engine over the same memory tries it.

A trial starts in the middle of a run, while the first engine waits for a device to answer. It executes at most
`LIMIT_INSTRUCTIONS`, counts nothing and moves no clock; what it stores is undone before it returns, and what it reads
from devices and writes to them goes to two functions of the caller. Floating-point registers are not taken over.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from unicorn import arm_const, unicorn_const
from unicorn.unicorn_py3.unicorn import Uc, UcError

from mcusim.engine.engine import CPU_MODELS, REGISTERS
from mcusim.jit import address_of

LIMIT_INSTRUCTIONS = 1000
EXC_RETURN_START = 0xFFFF_FF00
_TAKEN_OVER = (*(f"r{number}" for number in range(13)), "lr")
_THUMB = 1 << 24
_XPSR_KEPT = 0xF80F_01FF  # N, Z, C, V, Q, GE and the exception number: not the IT state (Armv7-M ARM B1.4.2)
_SELF_BRANCH = b"\xfe\xe7"  # b .
_BREAKPOINT = b"\xbe"  # bkpt, its second byte
_SEMIHOSTING = b"\xab\xbe"  # bkpt 0xab
_HINTS = (b"\x10\xbf", b"\x20\xbf")  # YIELD and WFE, which this engine cannot run

# How a trial ends.
CAME_BACK = "came back"  # to the instruction that was asked about
WENT_ON = "went on"  # it did something that ends the trial, or nothing for so many instructions
STOPPED = "stopped"  # in an endless loop, or at a breakpoint
FAILED = "failed"  # a fault

Window = tuple[int, npt.NDArray[np.uint8], bool]  # start, bytes, writable
Registers = dict[str, int]


@dataclass
class Outcome:
    """How a trial ended, which blocks it ran, the registers if it came back, and whether memory would have changed.

    `highest_sp` is the stack pointer's highest value at the start of a block: it tells whether a function was left.
    """

    end: str
    blocks: dict[int, int]  # start -> size in bytes
    registers: Registers
    changed: bool
    highest_sp: int


class Trial:
    """Owns the second engine; made when the first trial is wanted."""

    def __init__(self, cpu: str, windows: Iterable[Window], device_ranges: Iterable[tuple[int, int]]) -> None:
        make: Any = Uc  # untyped
        self._uc: Any = make(unicorn_const.UC_ARCH_ARM, unicorn_const.UC_MODE_THUMB, CPU_MODELS[cpu])
        self._windows = sorted(windows, key=lambda window: window[0])
        self._starts = [start for start, _, _ in self._windows]
        self._undo: list[tuple[npt.NDArray[np.uint8], int, bytes]] = []
        self._blocks: dict[int, int] = {}
        self._block = 0
        self._highest_sp = self._sp = 0
        self._context: Any = None
        self._ended = False  # by a device; in an IT block the engine goes on all the same
        self._read: Callable[[int, int, int], int | None] = lambda *_: None
        self._write: Callable[[int, int], bool] = lambda *_: False
        for start, array, writable in self._windows:
            rights = unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_EXEC
            if writable:
                rights |= unicorn_const.UC_PROT_WRITE
            self._uc.mem_map_ptr(start, len(array), rights, address_of(array))
        for start, end in device_ranges:
            self._uc.mmio_map(start, end - start, self._on_read, start, self._on_write, start)
        self._uc.hook_add(unicorn_const.UC_HOOK_MEM_WRITE, self._before_store)
        self._uc.hook_add(unicorn_const.UC_HOOK_BLOCK, self._on_block)

    def begin(self, registers: Registers) -> None:
        """Start on trials from one place, where the core's registers are these."""
        self._uc.ctl_flush_tb()  # translations remember where they were to stop, and code may have changed
        for name in ("control", "xpsr"):
            value = registers[name]
            self._uc.reg_write(REGISTERS[name], value & _XPSR_KEPT | _THUMB if name == "xpsr" else value)
        for name in (*_TAKEN_OVER, "sp"):
            self._uc.reg_write(REGISTERS[name], registers[name])
        self._sp = registers["sp"]
        self._context = self._uc.context_save()

    def run(
        self,
        start: int,
        until: int,
        loaded: tuple[str, int],
        read: Callable[[int, int, int], int | None],
        write: Callable[[int, int], bool],
    ) -> Outcome:
        """Execute from `start`, with one register changed, until control reaches `until`.

        `read(block, address, size_bytes)` answers the reads of devices and `write(block, address)` is told of writes;
        None or False ends the trial.
        """
        self._read, self._write = read, write
        self._blocks, self._block = {}, start
        self._undo.clear()
        self._ended, self._highest_sp = False, self._sp
        self._uc.context_restore(self._context)
        self._uc.reg_write(REGISTERS[loaded[0]], loaded[1])
        failed = False
        try:
            self._uc.emu_start(start | 1, until, 0, LIMIT_INSTRUCTIONS)
        except UcError:
            failed = True
        pc = self._uc.reg_read(arm_const.UC_ARM_REG_PC)
        came_back = pc == until and not failed and not self._ended
        after = {name: self._uc.reg_read(REGISTERS[name]) for name in (*_TAKEN_OVER, "sp")} if came_back else {}
        end = CAME_BACK if came_back else self._judge(pc, failed)
        return Outcome(end, self._blocks, after, self._take_back(), self._highest_sp)

    def _judge(self, pc: int, failed: bool) -> str:
        """Return how a trial ended that did not come back."""
        if self._ended or pc >= EXC_RETURN_START:
            return WENT_ON  # a handler returned
        code = self._code(pc, 2)
        if code[1:] == _BREAKPOINT and failed:
            return WENT_ON if code == _SEMIHOSTING else STOPPED
        if failed:
            return WENT_ON if self._code(pc - 2, 2) in _HINTS else FAILED
        return STOPPED if code == _SELF_BRANCH else WENT_ON

    def _find(self, address: int) -> tuple[npt.NDArray[np.uint8], int] | None:
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        start, array, _ = self._windows[index]
        return (array, address - start) if address - start < len(array) else None

    def _code(self, address: int, size_bytes: int) -> bytes:
        found = self._find(address)
        return found[0][found[1] : found[1] + size_bytes].tobytes() if found else b""

    def _take_back(self) -> bool:
        """Undo all stores; return whether memory had changed."""
        after = [array[offset : offset + len(old)].tobytes() for array, offset, old in self._undo]
        for array, offset, old in reversed(self._undo):
            array[offset : offset + len(old)] = np.frombuffer(old, np.uint8)
        before = [array[offset : offset + len(old)].tobytes() for array, offset, old in self._undo]
        return before != after

    # the engine's callbacks

    def _on_read(self, uc: Any, offset: int, size_bytes: int, start: int) -> int:
        value = self._read(self._block, start + offset, size_bytes)
        if value is None:
            self._ended = True
            uc.emu_stop()
            return 0
        return value

    def _on_write(self, uc: Any, offset: int, _size_bytes: int, _value: int, start: int) -> None:
        if not self._write(self._block, start + offset):
            self._ended = True
            uc.emu_stop()

    def _before_store(self, _uc: Any, _access: int, address: int, size_bytes: int, _value: int, _data: Any) -> None:
        found = self._find(address)
        if found is not None:
            array, offset = found
            self._undo.append((array, offset, array[offset : offset + size_bytes].tobytes()))

    def _on_block(self, uc: Any, address: int, size_bytes: int, _data: Any) -> None:
        self._blocks[address], self._block = size_bytes, address
        self._highest_sp = max(self._highest_sp, uc.reg_read(arm_const.UC_ARM_REG_SP))
