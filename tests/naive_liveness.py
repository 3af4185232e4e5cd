# SPDX-License-Identifier: Apache-2.0
"""Liveness as it is observed: firmware runs in plain Unicorn with Python hooks on blocks and on every access of SRAM.

A slow and simple twin of the native tracker. It shares nothing with mcusim but the reader of ELF files. Layers are the
calls of functions that are named, and what the markers of mcusim.h enclose. Peripherals read as all ones, whatever is
written to them: that is what the boards of our examples wait for. No interrupts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bare_engine import NOWHERE, bare_engine
from liveness import Activation, Life, Liveness
from unicorn import arm_const, unicorn_const

from mcusim.board import Board
from mcusim.image.model import Image

SRAM_START, SRAM_END = 0x2000_0000, 0x4000_0000
BEGIN, END, STOP = "mcusim_layer_begin", "mcusim_layer_end", "_exit"
STACK_BYTES = 4096  # what lies this far below the stack pointer at a layer's start, and is written, is its stack


@dataclass
class _Open:
    """A layer that runs. A function's ends at `return_to` with `sp` as it was; a marker's has neither."""

    activation: int
    sp: int
    return_to: int | None
    lowest: int


class Watch:
    """Runs an image from reset to `_exit`, and notes which value of which byte was read last when."""

    def __init__(self, image: Image, board: Board, functions: Iterable[str], *, markers: bool) -> None:
        self._written: dict[int, int] = {}  # address -> stretch of its last write
        self._read: dict[int, int] = {}  # address -> stretch of the last read since
        self.never_written: set[int] = set()  # but read
        self._open: list[_Open] = []
        self._liveness = Liveness([], [-1], set())
        self._now = 0
        self._names = {self._address(image, name): name for name in functions}
        self._begin, self._end = (self._address(image, name) if markers else None for name in (BEGIN, END))
        self._stop, self._reset = self._address(image, STOP), image.vectors.reset
        self.uc = bare_engine(image, board)
        self.uc.hook_add(unicorn_const.UC_HOOK_BLOCK, self._block)
        self.uc.hook_add(unicorn_const.UC_HOOK_MEM_READ, self._on_read, None, SRAM_START, SRAM_END - 1)
        self.uc.hook_add(unicorn_const.UC_HOOK_MEM_WRITE, self._on_write, None, SRAM_START, SRAM_END - 1)

    @staticmethod
    def _address(image: Image, name: str) -> int:
        symbol = image.find_symbol(name)
        assert symbol is not None, name
        return symbol.address

    def run(self) -> Liveness:
        """Run to the end."""
        self.uc.emu_start(self._reset | 1, NOWHERE)
        assert not self._open
        lives = self._liveness.lives
        lives.update(Life(address, self._written[address], reader) for address, reader in self._read.items())
        return self._liveness

    def _block(self, uc: Any, address: int, _size: int, _data: Any) -> None:
        sp = uc.reg_read(arm_const.UC_ARM_REG_SP)
        for layer in self._open:
            layer.lowest = min(layer.lowest, sp)
        while self._open and (self._open[-1].return_to, self._open[-1].sp) == (address, sp):
            self._leave()
        if address == self._stop:
            uc.emu_stop()
        elif address == self._begin:
            text = uc.mem_read(uc.reg_read(arm_const.UC_ARM_REG_R0), 64)
            self._enter(bytes(text).partition(b"\0")[0].decode(), sp, None)
        elif address == self._end:
            assert self._open[-1].return_to is None, "the end of another layer's marker"
            self._leave()
        elif address in self._names:
            self._enter(self._names[address], sp, uc.reg_read(arm_const.UC_ARM_REG_LR) & ~1)

    def _enter(self, name: str, sp: int, return_to: int | None) -> None:
        parent = self._open[-1].activation if self._open else -1
        self._open.append(_Open(len(self._liveness.activations), sp, return_to, sp))
        self._liveness.activations.append(Activation(name, parent))
        self._next_stretch()

    def _leave(self) -> None:
        layer = self._open.pop()
        self._liveness.activations[layer.activation].stack_bytes = layer.sp - layer.lowest
        self._next_stretch()

    def _next_stretch(self) -> None:
        self._liveness.stretches.append(self._open[-1].activation if self._open else -1)
        self._now += 1

    def _on_read(self, _uc: Any, _access: int, address: int, size: int, _value: int, _data: Any) -> None:
        for byte in range(address, address + size):
            if byte in self._written:
                self._read[byte] = self._now
            else:
                self.never_written.add(byte)

    def _on_write(self, _uc: Any, _access: int, address: int, size: int, _value: int, _data: Any) -> None:
        for layer in self._open:
            if layer.sp - STACK_BYTES <= address < layer.lowest:
                layer.lowest = address
        for byte in range(address, address + size):
            if byte in self._read:
                self._liveness.lives.add(Life(byte, self._written[byte], self._read.pop(byte)))
            self._written[byte] = self._now


def observe(image: Image, board: Board, functions: Sequence[str] = (), *, markers: bool = False) -> Liveness:
    """Run an image and return what was live when; layers are calls of `functions`, or what `markers` enclose."""
    return Watch(image, board, functions, markers=markers).run()
