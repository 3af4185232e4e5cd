# SPDX-License-Identifier: Apache-2.0
"""Which bytes of flash a layer executes and reads: against bare Unicorn with Python hooks on blocks and on reads.

Data within a function's range (its literals) are code, whoever reads them. A byte that two layers use is shared.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from bare_engine import NOWHERE, bare_engine
from machines import CODE, firmware_elf, prebuilt, run_profile, write_image
from thumb_code import Code
from unicorn import arm_const, unicorn_const

from mcusim.board import Board, load_board
from mcusim.image import Image, load

BOARD = "nucleo-l4r5zi"
OUTSIDE = -1


class Watch:
    """Runs an image from reset to `_exit`: who executes and reads what, by activation of the named functions."""

    def __init__(self, image: Image, board: Board, functions: Iterable[str]) -> None:
        self.executed: dict[int, set[int]] = {OUTSIDE: set()}
        self.read: dict[int, set[int]] = {OUTSIDE: set()}
        self.flash = next(region for region in board.region if region.kind == "flash")
        self._starts = {symbol.address for symbol in image.functions if symbol.name in set(functions)}
        self._open: list[tuple[int, int, int]] = []  # activation, return address, SP
        self._count = 0
        stop = image.find_symbol("_exit")
        assert stop is not None
        self._stop = stop.address
        self.uc = bare_engine(image, board)
        self.uc.hook_add(unicorn_const.UC_HOOK_BLOCK, self._block)
        self.uc.hook_add(unicorn_const.UC_HOOK_MEM_READ, self._load, None, self.flash.start,
                         self.flash.start + self.flash.size_bytes - 1)  # fmt: skip
        self.uc.emu_start(image.vectors.reset | 1, NOWHERE)

    @property
    def _current(self) -> int:
        return self._open[-1][0] if self._open else OUTSIDE

    def _block(self, uc: Any, address: int, size_bytes: int, _user: object) -> None:
        sp = uc.reg_read(arm_const.UC_ARM_REG_SP)
        while self._open and self._open[-1][1:] == (address, sp):
            self._open.pop()
        if address in self._starts:
            self._open.append((self._count, uc.reg_read(arm_const.UC_ARM_REG_LR) & ~1, sp))
            self.executed[self._count], self.read[self._count] = set(), set()
            self._count += 1
        self.executed[self._current].update(range(address, address + size_bytes))
        if address == self._stop:
            uc.emu_stop()

    def _load(self, _uc: Any, _kind: int, address: int, size_bytes: int, _value: int, _user: object) -> None:
        self.read[self._current].update(range(address, address + size_bytes))


def by_layer(found: dict[int, set[int]], layer_of: list[int]) -> dict[int, set[int]]:
    """Return what layers use, from what their activations do."""
    total: dict[int, set[int]] = {}
    for activation, addresses in found.items():
        layer = layer_of[activation] if activation != OUTSIDE else OUTSIDE
        total.setdefault(layer, set()).update(addresses)
    return total


CASES = {
    "patches": ("first_convolution", "second_convolution"),
    "memory_plan_bad": ("run_network", "int8_convolution", "int8_depthwise", "int8_dense", "print", "print_unsigned"),
    "hello": ("main", "print", "print_unsigned"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_layers_use_of_flash(name: str) -> None:
    image = load(prebuilt(name, BOARD))
    names = [symbol.name for symbol in image.functions if symbol.name in CASES[name]]
    assert names, "the firmware has none of them"
    check(image, names)


def test_code_that_is_read_too_counts_once(tmp_path: Path) -> None:
    code = Code()
    for name in ("reads_itself", "reads_other", "runs", "reads_data"):
        code.branch_wide(name, link=True)
    code.label("_exit")
    code.branch("_exit")
    code.align()
    for name, target in (("reads_itself", "reads_itself"), ("reads_other", "reads_itself"), ("reads_data", "runs")):
        code.label(name)
        code.load(0, target)
        code.hex("3801 6801 6842 4770")  # subs r0, #1; ldr r1, [r0]; ldr r2, [r0, #4]; bx lr
        code.pool()
    code.label("runs")
    code.hex("bf00 4770")
    code.align()
    elf = firmware_elf(code.build(CODE), symbols=code.labels)
    check(write_image(tmp_path, elf), ["reads_itself", "reads_other", "runs", "reads_data"])


def check(image: Image, names: list[str]) -> None:
    """Compare a profile, whose layers are these functions, with what is watched."""
    board = load_board(BOARD)
    watch = Watch(image, board, names)
    found = run_profile(image, BOARD, layers=f"match=^({'|'.join(names)})$", memory_tracking=True)
    assert found.layers is not None
    assert found.memory is not None
    layer_of = [activation.layer for activation in found.layers.activations]
    assert len(layer_of) == len(watch.executed) - 1
    in_functions = {at for symbol in image.functions for at in range(symbol.address, symbol.end)}
    executed, read = by_layer(watch.executed, layer_of), by_layer(watch.read, layer_of)
    code = {layer: executed[layer] | read[layer] & in_functions for layer in executed}
    constants = {layer: read[layer] - in_functions for layer in read}
    for number, layer in enumerate(found.layers.layers):
        others = [each for each in code if each not in (number, OUTSIDE)]
        shared = code[number] & set().union(*(code[each] for each in others))
        shared_constants = constants[number] & set().union(*(constants[each] for each in others))
        assert (layer.code_bytes, layer.code_shared_bytes) == (len(code[number]), len(shared)), layer.name
        expected = len(constants[number]), len(shared_constants)
        assert (layer.constant_bytes, layer.constant_shared_bytes) == expected, layer.name
    used = set().union(*executed.values(), *read.values())
    flash = range(watch.flash.start, watch.flash.start + watch.flash.size_bytes)
    symbols = {row.address: row for row in found.memory.flash_symbols}
    for symbol in image.symbols:
        if symbol.address not in flash or not symbol.size_bytes:
            continue
        row, inside = symbols[symbol.address], range(symbol.address, symbol.end)
        assert row.used_bytes == len(used & set(inside)), symbol.name
        users = {layer for layer in executed if layer != OUTSIDE and (executed[layer] | read[layer]) & set(inside)}
        assert set(row.layers) == users, symbol.name
