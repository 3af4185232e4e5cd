# SPDX-License-Identifier: Apache-2.0
"""Firmware without symbols: Intel HEX files and raw binaries."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from io import StringIO
from pathlib import Path

from intelhex import IntelHex, IntelHexError

from mcusim.errors import McusimError
from mcusim.image.elf import sections_of_segments
from mcusim.image.model import CpuHint, Image, Segment, in_sram_window
from mcusim.image.vectors import find_vectors

MAX_HEX_BYTES = 64 << 20  # text, some 2.8 characters a byte
MAX_PIECES = 4096  # contiguous ranges in a .hex: a handful, unless the file is damaged
HEX_END = ":00000001FF"


def read_bin(path: Path, data: bytes, base: int | None) -> Image:
    """Return the image of a raw binary loaded at `base`; McusimError without a base, or with one that cannot be."""
    if base is None:
        raise McusimError(
            f"{path}: a raw binary does not say where it is loaded: give its address, like --base 0x08000000"
        )
    if base < 0 or base + len(data) > 1 << 32:
        raise McusimError(f"{path}: {len(data)} bytes at base {base:#x} do not fit into the address space")
    if base % 4:
        raise McusimError(f"{path}: base {base:#x} is not a multiple of 4: give the address of the first byte in flash")
    return _image(path, data, "bin", [(base, data)])


def read_hex(path: Path, data: bytes) -> Image:
    """Return the image of an Intel HEX file; McusimError names the line that is wrong."""
    if len(data) > MAX_HEX_BYTES:
        raise McusimError(f"{path}: a .hex of {len(data)} bytes is larger than any firmware (at most {MAX_HEX_BYTES})")
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise McusimError(f"{path}: not Intel HEX: byte {error.start} is not text") from None
    lines = text.split()
    if not lines or lines[-1].upper() != HEX_END:
        raise McusimError(f"{path}: truncated Intel HEX: the last line is not the end record {HEX_END}")
    reader = IntelHex()
    _guarded(path, lambda: reader.loadhex(StringIO(text)))
    pieces = reader.segments()
    if not pieces:
        raise McusimError(f"{path}: the .hex holds no data: nothing to load")
    if len(pieces) > MAX_PIECES:
        raise McusimError(f"{path}: damaged Intel HEX: {len(pieces)} separate pieces of data")
    return _image(
        path, data, "hex", [(start, bytes(reader.tobinarray(start=start, end=end - 1))) for start, end in pieces]
    )


def _guarded(path: Path, read: Callable[[], object]) -> None:
    """Run the library and turn what it raises into the one error that a user sees."""
    try:
        read()
    except IntelHexError as error:
        raise McusimError(f"{path}: damaged Intel HEX: {' '.join(str(error).split())}") from None
    except Exception as error:  # what else it stumbles over (an index, a value) means the same
        raise McusimError(f"{path}: damaged Intel HEX ({type(error).__name__})") from error


def _image(path: Path, data: bytes, file_format: str, pieces: list[tuple[int, bytes]]) -> Image:
    """Return an image of pieces (address, bytes) with no names in it. Nothing says what is code: all of it may be."""
    segments = tuple(
        Segment(start, start, content, len(content), executable=True, writable=in_sram_window(start))
        for start, content in pieces
    )
    return Image(
        name=path.name,
        sha256=sha256(data).hexdigest(),
        format=file_format,
        cpu=CpuHint(),
        segments=segments,
        sections=sections_of_segments(segments),
        symbols=(),
        entry=None,
        vectors=find_vectors(str(path), segments, (), (), None),
    )
