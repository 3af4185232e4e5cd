# SPDX-License-Identifier: Apache-2.0
"""A second, slow and simple opinion: run firmware in plain Unicorn with a Python hook on every instruction.

It shares nothing with mcusim but the reader of ELF files: it counts addresses as they come and follows calls by looking
at the instructions (a call pushes, a return to a pushed address pops). Peripherals are memory that reads 0, or what
`answers` says; semihosting writes characters and exits.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from unicorn import arm_const, unicorn_const
from unicorn.unicorn_py3.unicorn import Uc

from mcusim.board import Board
from mcusim.image.model import Image

PAGE = 1024
PERIPHERALS = ((0x4000_0000, 0x1000_0000), (0xE000_0000, 0x10_0000))
SEMIHOSTING, SYS_WRITEC, SYS_EXIT = 0xBEAB, 0x03, 0x18


@dataclass
class Traced:
    """Counts by address, entries by function name, and what was printed."""

    counts: Counter[int] = field(default_factory=Counter)
    entries: Counter[str] = field(default_factory=Counter)
    output: bytearray = field(default_factory=bytearray)
    stack: list[tuple[int, int]] = field(default_factory=list)  # (return address, SP at the call)
    deepest: int = 0
    instructions: int = 0


class Tracer:
    """Runs an image to the end of `limit` instructions, or to its exit."""

    def __init__(self, image: Image, board: Board, answers: dict[int, int] | None = None) -> None:
        self.image = image
        self.traced = Traced()
        self._after: int | None = None  # address after the last instruction where that was a call, else None
        self._jumped = False
        self._function = ""
        self._governed: set[int] = set()  # instructions of the IT block just met, counted already
        self._limit = 0
        make: Any = Uc
        self.uc: Any = make(unicorn_const.UC_ARCH_ARM, unicorn_const.UC_MODE_THUMB, arm_const.UC_CPU_ARM_CORTEX_M4)
        for region in board.region:
            self.uc.mem_map(region.start, region.size_bytes)
        for start, size in PERIPHERALS:
            self.uc.mmio_map(start, size, lambda _u, o, _s, base: (answers or {}).get(base + o, 0), start,
                             lambda *_: None, start)  # fmt: skip
        for segment in image.segments:
            self.uc.mem_write(segment.load_address, segment.data)
        self.uc.hook_add(unicorn_const.UC_HOOK_CODE, self._step)
        self.uc.hook_add(unicorn_const.UC_HOOK_INTR, self._interrupt)

    def run(self, limit: int) -> Traced:
        """Run from reset."""
        self.uc.reg_write(arm_const.UC_ARM_REG_SP, self.image.vectors.initial_sp)
        self.uc.reg_write(arm_const.UC_ARM_REG_LR, 0xFFFF_FFFF)
        self._next, self._limit = self.image.vectors.reset | 1, limit
        while self._next and self.traced.instructions < limit:
            start, self._next = self._next, 0
            self.uc.emu_start(start, 0xFFFF_FFFE)
        return self.traced

    def _interrupt(self, uc: Any, _number: int, _data: Any) -> None:
        pc = uc.reg_read(arm_const.UC_ARM_REG_PC)
        assert struct.unpack("<H", uc.mem_read(pc, 2))[0] == SEMIHOSTING
        operation, parameter = uc.reg_read(arm_const.UC_ARM_REG_R0), uc.reg_read(arm_const.UC_ARM_REG_R1)
        if operation == SYS_WRITEC:
            self.traced.output += uc.mem_read(parameter, 1)
        if operation != SYS_EXIT:
            self._next = pc + 2 | 1
        uc.emu_stop()

    def _step(self, uc: Any, address: int, size: int, _data: Any) -> None:
        traced = self.traced
        if address in self._governed:
            self._governed.discard(address)
        elif traced.instructions >= self._limit:
            uc.emu_stop()
            return
        else:
            self._count(address, 1)
        self._follow(uc, address)
        code = bytes(uc.mem_read(address, size))
        self._after = address + size if _is_call(code) else None
        if _is_it(code):
            self._count_governed(uc, address + 2, code)

    def _count(self, address: int, count: int) -> None:
        self.traced.counts[address] += count
        self.traced.instructions += count

    def _count_governed(self, uc: Any, address: int, code: bytes) -> None:
        """Count what an IT instruction governs, skipped or not: the engine tells only of what is not skipped."""
        self._governed.clear()
        mask = code[0] & 15
        for _ in range(4 - ((mask & -mask).bit_length() - 1)):
            self._count(address, 1)
            self._governed.add(address)
            address += 4 if uc.mem_read(address + 1, 1)[0] >= 0xE8 else 2

    def _follow(self, uc: Any, address: int) -> None:
        """Keep the stack of calls: the instruction before has brought us here."""
        traced = self.traced
        symbol = self.image.function_at(address)
        name = symbol.name if symbol else f"{address:08x}"
        if self._after is not None and address != self._after:
            traced.stack.append((self._after, uc.reg_read(arm_const.UC_ARM_REG_SP)))
            traced.deepest = max(traced.deepest, len(traced.stack))
            traced.entries[name] += 1
        elif name != self._function and not self._returned(uc, address):
            traced.entries[name] += 1  # fell or jumped into it
        elif traced.stack and address == traced.stack[-1][0]:
            self._returned(uc, address)
        self._function = name

    def _returned(self, uc: Any, address: int) -> bool:
        """Pop every call that is over; return whether one of them returns here."""
        stack, sp = self.traced.stack, uc.reg_read(arm_const.UC_ARM_REG_SP)
        for depth in range(len(stack) - 1, -1, -1):
            if stack[depth] == (address, sp):
                del stack[depth:]
                return True
        return False


def _is_it(code: bytes) -> bool:
    return len(code) == 2 and code[1] == 0xBF and code[0] & 15 != 0


def _is_call(code: bytes) -> bool:
    first = int.from_bytes(code[:2], "little")
    if len(code) == 2:
        return first & 0xFF80 == 0x4780  # BLX register
    second = int.from_bytes(code[2:], "little")
    return first & 0xF800 == 0xF000 and second & 0xD000 == 0xD000  # BL
