# SPDX-License-Identifier: Apache-2.0
"""Tasks of a real-time operating system: who runs, by which name, on which stack.

A task is recognised by what the core does, not by the operating system: an exception returns to another frame than the
one that it stacked. Names and stack bounds come from the records of FreeRTOS, Zephyr and ThreadX where their symbols
are in the file; elsewhere a task is named after the function that it starts in.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

from mcusim.image.model import Image, Symbol
from mcusim.machine.memory import Memory
from mcusim.machine.stacks import Bounds, Stack

MAX_NAME_BYTES = 32
# FreeRTOS tasks.c, tskTaskControlBlock: pxTopOfStack, two list items of 20 bytes, uxPriority, pxStack, pcTaskName[].
FREERTOS_STACK, FREERTOS_NAME = 48, 52
# Zephyr kernel_structs.h, struct _cpu: nested, irq_stack, current.
ZEPHYR_CURRENT = 8
ZEPHYR_THREAD_BYTES, ZEPHYR_TOP_BYTES = 256, 512  # how far to look; what a fresh thread may have above its SP
# ThreadX tx_api.h, TX_THREAD: id, run_count, stack_ptr, stack_start, stack_end, ..., name at the eleventh word.
THREADX_STACK_POINTER, THREADX_STACK_START, THREADX_STACK_END, THREADX_NAME = 8, 12, 16, 40
# Where the record of a task that waits keeps its stack pointer; Zephyr saves registers in the thread instead.
STACK_POINTERS = {"pxCurrentTCB": 0, "_kernel": None, "_tx_thread_current_ptr": THREADX_STACK_POINTER}
ZEPHYR_PREFIXES = ("_k_thread_obj_", "z_", "k_")


@dataclass
class Task:
    """A task: its root in the call tree, its stack, and how often it was switched to."""

    name: str
    root: int
    stack: Stack
    block: int = 0  # address of the operating system's record, 0 where there is none
    switches: int = 0


@dataclass(frozen=True)
class Record:
    """What the operating system says of the current task."""

    name: str | None
    stack: Bounds | None
    block: int


class Rtos:
    """Reads the current task's record, by symbols."""

    def __init__(self, image: Image, memory: Memory) -> None:
        self._image, self._memory = image, memory
        self._objects = [symbol for symbol in image.symbols if symbol.kind == "object"]
        self._reader = None
        self._stack_pointer: int | None = None  # where a record keeps the stack pointer of a task that waits
        for symbol, reader in (
            ("pxCurrentTCB", self._freertos),
            ("_kernel", self._zephyr),
            ("_tx_thread_current_ptr", self._threadx),
        ):
            found = image.find_symbol(symbol)
            if found is not None:
                self._reader, self._address = reader, found.address
                self._stack_pointer = STACK_POINTERS[symbol]
                break

    def saved_sp(self, block: int) -> int | None:
        """Return the stack pointer of a task that has just been switched from, below the registers saved there."""
        if not block or self._stack_pointer is None:
            return None
        return self._word(block + self._stack_pointer) or None

    def current(self, sp: int) -> Record | None:
        """Return the record of the task that the operating system takes for the current one, whose SP this is.

        None where there is none.
        """
        return self._reader(sp) if self._reader is not None else None

    def _object_at(self, address: int) -> Symbol | None:
        index = bisect_right(self._objects, address, key=lambda symbol: symbol.address) - 1
        if index >= 0 and self._objects[index].address <= address < self._objects[index].end:
            return self._objects[index]
        return None

    def _word(self, address: int) -> int:
        return self._memory.read_word(address) if self._memory.holds(address) else 0

    def _text(self, address: int) -> str | None:
        """Return the text at an address, if that is what lies there."""
        if not (self._memory.holds(address) and self._memory.holds(address + MAX_NAME_BYTES)):
            return None
        text, end, _ = self._memory.read(address, MAX_NAME_BYTES).partition(b"\0")
        name = text.decode("ascii", "replace")
        return name if end and name and name.isascii() and name.isprintable() else None

    def _freertos(self, _sp: int) -> Record | None:
        block = self._word(self._address)
        if not block:
            return None
        base, top = self._word(block + FREERTOS_STACK), self._word(block)
        plausible = base and base <= top and self._memory.holds(base)
        return Record(self._text(block + FREERTOS_NAME), Bounds(base, top, "") if plausible else None, block)

    def _zephyr(self, sp: int) -> Record | None:
        thread = self._word(self._address + ZEPHYR_CURRENT)
        if not thread:
            return None
        symbol = self._object_at(thread)
        name = symbol.name if symbol is not None else None
        if symbol is not None and thread != symbol.address:
            name = f"{symbol.name}+0x{thread - symbol.address:x}"  # one of an array of threads
        for prefix in ZEPHYR_PREFIXES:
            if name is not None:
                name = name.removeprefix(prefix)
        return Record(name, self._stack_info(thread, sp), thread)

    def _stack_info(self, thread: int, sp: int) -> Bounds | None:
        """Return what `k_thread.stack_info` holds: start and size, at an offset that the configuration decides.

        Found by its look: two words in the thread that enclose its first stack pointer closely.
        """
        words = [self._word(thread + offset) for offset in range(0, ZEPHYR_THREAD_BYTES, 4)]
        for start, size in pairwise(words):
            if start < sp <= start + size and start + size - sp <= ZEPHYR_TOP_BYTES:
                return Bounds(start, start + size, "")
        return None

    def _threadx(self, _sp: int) -> Record | None:
        thread = self._word(self._address)
        if not thread:
            return None
        start, end = self._word(thread + THREADX_STACK_START), self._word(thread + THREADX_STACK_END)
        bounds = Bounds(start, end + 1, "") if start and start < end else None
        return Record(self._text(self._word(thread + THREADX_NAME)), bounds, thread)
