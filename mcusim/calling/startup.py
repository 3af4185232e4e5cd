# SPDX-License-Identifier: Apache-2.0
"""From a file to a machine whose functions can be called: what start-up code does, done here or by the firmware.

Without `boot`, variables get their initial values as a start-up code would give them: segments that are loaded at one
address and run at another are copied, the rest of the RAM is zero, the floating-point unit is on, and constructors
(`.preinit_array`, `.init_array`) are called. Clocks, caches and interrupts stay as they are at reset. With `boot`, the
firmware's own reset handler runs until `main` is about to.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from mcusim.board import Board, Region, load_board
from mcusim.calling.room import stack_top
from mcusim.errors import McusimError
from mcusim.guess import check_fits, guess_board
from mcusim.image import Image, VectorTable, load
from mcusim.machine.callable import CallLoop
from mcusim.machine.settings import Settings

CONSTRUCTORS = (".preinit_array", ".init_array")  # in this order
CONSTRUCTOR_LIMIT_CYCLES = 100_000_000
MAIN = "main"
_ELF_TYPE_OFFSET, _RELOCATABLE = 16, b"\x01\x00"


def open_firmware(path: Path, board: Board | str | Path | None) -> tuple[Image, Board]:
    """Return the image, with a stack where the file names none, and the board.

    Raises McusimError; for a library or an object file it says how to link it.
    """
    named = load_board(str(board)) if isinstance(board, (str, Path)) else board
    _refuse_unlinked(path, named)
    image = load(path, need_vectors=False)
    if named is None:
        if image.vectors.missing:
            raise McusimError(f"{path}: no vector table tells which board it is for: say it (board=..., or --board)")
        named = guess_board(image)[0]
    if image.vectors.missing:
        top = stack_top(image, named)
        image = replace(image, vectors=VectorTable(0, top, 0, image.vectors.found_by))
    check_fits(image, named)
    return image, named


def _refuse_unlinked(path: Path, board: Board | None) -> None:
    """Say how to link what is not linked."""
    try:
        with path.open("rb") as file:
            head = file.read(_ELF_TYPE_OFFSET + 2)
    except OSError:
        return  # the loader says what is wrong
    if head[:8] in (b"!<arch>\n", b"!<thin>\n"):
        what, inputs = "a static library", f"-Wl,--whole-archive {path.name} -Wl,--no-whole-archive"
    elif head[:4] == b"\x7fELF" and head[_ELF_TYPE_OFFSET:] == _RELOCATABLE:
        what, inputs = "an object file", path.name
    else:
        return
    raise McusimError(f"{path}: {what}, not linked: link it, it needs no main: {link_command(inputs, path, board)}")


def link_command(inputs: str, path: Path, board: Board | None) -> str:
    """Return the command that links functions so that they can be called, for a board or for any Cortex-M4."""
    code, data, cpu = "0x08000000", "0x20000000", "cortex-m4"
    if board is not None:
        flash = [region for region in board.region if region.kind == "flash"]
        ram = [region for region in board.region if region.writable]
        code = f"0x{_first(flash or ram).start:08x}"
        data = f"0x{max(ram, key=lambda region: region.size_bytes).start:08x}"
        cpu = board.core
    return (
        f"arm-none-eabi-gcc -mcpu={cpu} -mthumb -nostartfiles -Wl,-e,0 -Wl,-Ttext={code} -Wl,-Tdata={data} "
        f"{inputs} -o {path.with_suffix('.elf').name} (with the -mfpu and -mfloat-abi that it was compiled with)"
    )


def _first(regions: list[Region]) -> Region:
    return min(regions, key=lambda region: region.start)


def make_loop(image: Image, board: Board, settings: Settings, *, boot: bool, limit_cycles: int) -> CallLoop:
    """Return a machine that is ready for calls."""
    loop = CallLoop(image, board, settings)
    if boot:
        _boot(loop, image, limit_cycles)
        return loop
    _copy_data(loop, image)
    loop.enable_fpu()
    _construct(loop, image)
    return loop


def _boot(loop: CallLoop, image: Image, limit_cycles: int) -> None:
    symbol = image.find_symbol(MAIN)
    if image.vectors.missing or symbol is None or symbol.kind != "function":
        missing = "vector table" if image.vectors.missing else f"function '{MAIN}'"
        raise McusimError(f"{image.name}: boot=True needs a {missing}, at which start-up code is over: leave boot out")
    end = loop.run_until(symbol.address, limit_cycles)
    if end.kind != "until":
        raise McusimError(f"{image.name}: its start-up code does not get to {MAIN}: {end.text}")


def _copy_data(loop: CallLoop, image: Image) -> None:
    """Copy segments to where they run."""
    moved = [segment for segment in image.segments if segment.data and segment.run_address != segment.load_address]
    spans = sorted((segment.run_address, segment.run_address + len(segment.data)) for segment in moved)
    for (_, end), (start, _) in pairwise(spans):
        if start < end:
            raise McusimError(
                f"{image.name}: overlays share the address 0x{start:08x}: let the firmware copy (boot=True)"
            )
    for segment in moved:
        loop.machine.memory.write(segment.run_address, segment.data)


def _construct(loop: CallLoop, image: Image) -> None:
    """Call the constructors of C++ and of `__attribute__((constructor))`."""
    for name in CONSTRUCTORS:
        for section in image.sections:
            if section.name != name:
                continue
            for offset in range(0, section.size_bytes & ~3, 4):
                address = loop.machine.memory.read_word(section.run_address + offset)
                if address in (0, 0xFFFF_FFFF):
                    continue
                spent = loop.call(address & ~1, {}, image.vectors.initial_sp & ~7, CONSTRUCTOR_LIMIT_CYCLES)
                if spent.end.kind != "return":
                    where = loop.place(address & ~1)
                    raise McusimError(f"{image.name}: the constructor {where} does not return: {spent.end.text}")
