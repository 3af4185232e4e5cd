# SPDX-License-Identifier: Apache-2.0
"""Read a firmware file, tell its format and hand it to the reader of that format."""

from __future__ import annotations

from pathlib import Path

from mcusim.errors import McusimError
from mcusim.image.model import Image

MAX_FILE_BYTES = 256 << 20  # a debug build of a large firmware has some tens of megabytes
HEX_SUFFIXES = (".hex", ".ihex", ".ihx")


def load(path: Path, *, base: int | None = None, need_vectors: bool = True) -> Image:
    """Return the image in the firmware file at `path` (ELF, Intel HEX or raw binary).

    `base` is the load address of a raw binary, which has none of its own; it is an error for the other formats.
    With `need_vectors` false an ELF may do without a vector table (`VectorTable.missing`): its functions can be called,
    but nothing starts it.
    Raises McusimError when the file cannot be read, is damaged, or is not firmware for a Cortex-M.
    """
    path = Path(path)
    return load_bytes(read_firmware(path), path, base=base, need_vectors=need_vectors)


def load_bytes(data: bytes, path: Path, *, base: int | None = None, need_vectors: bool = True) -> Image:
    """Return the image in the bytes of a firmware file; `path` is its name, for messages and its ending alone.

    Everything else is as in `load`.
    """
    kind = _format(path, data, base)
    if base is not None and kind != "bin":
        raise McusimError(f"{path}: --base is for raw binaries; this file says itself where it is loaded: leave it out")
    # The readers are imported here so that one need not have the libraries of the others imported.
    if kind == "elf":
        from mcusim.image.elf import read_elf

        return read_elf(path, data, need_vectors=need_vectors)
    from mcusim.image.rawfile import read_bin, read_hex

    return read_hex(path, data) if kind == "hex" else read_bin(path, data, base)


def read_firmware(path: Path) -> bytes:
    """Return the bytes of a firmware file: a regular one of sensible size. Raises McusimError where it is not."""
    try:
        if path.exists() and not path.is_file():
            raise McusimError(f"{path}: not a file: give the firmware's ELF, .hex or .bin file")
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise McusimError(f"{path}: {size} bytes is larger than any firmware (at most {MAX_FILE_BYTES})")
        data = path.read_bytes()
    except OSError as error:
        raise McusimError(f"{path}: cannot read the firmware: {error.strerror or error}") from None
    except ValueError:  # a NUL in the path
        raise McusimError(f"{str(path)!r}: not a file name") from None
    if not data:
        raise McusimError(f"{path}: the file is empty")
    return data


def _format(path: Path, data: bytes, base: int | None) -> str:
    """Return "elf", "hex" or "bin": by content where it tells, by suffix for raw binaries, which have no mark."""
    suffix = path.suffix.lower()
    if data[:4] == b"\x7fELF":
        return "elf"
    if data[:8] in (b"!<arch>\n", b"!<thin>\n"):
        raise McusimError(f"{path}: a static library, not a firmware: link it and give the linked ELF")
    if suffix == ".bin":
        return "bin"
    if suffix in HEX_SUFFIXES or data[:1] == b":":
        return "hex"
    if base is not None:
        return "bin"
    raise McusimError(f"{path}: not an ELF file, nor Intel HEX: give a linked ELF, a .hex, or a raw binary with --base")
