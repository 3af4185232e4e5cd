# SPDX-License-Identifier: Apache-2.0
"""One run of a sweep as plain data that any process can make, and the key that its result is kept under.

A task holds the bytes of the firmware and the text of the board's file, so that a worker on another machine needs no
file of ours. Its key is a hash of everything that decides the result: those bytes, that text, the settings, and the
sources of this mcusim with its core tables. Names of files are not in it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from mcusim.image import load_bytes
from mcusim.image.model import Image
from mcusim.machine import Settings

# What makes a result other than our own sources: the engine that executes, and the reader of ELF files.
_DECIDING_PACKAGES = ("unicorn", "capstone", "pyelftools")


@dataclass(frozen=True)
class Task:
    """A run: `name` is the firmware's file name, `board_where` what errors call the board's file.

    `board_reason` says why this board (for the report). `sources` is the fingerprint of the mcusim that asks.
    """

    name: str
    data: bytes
    base: int | None
    board_text: str
    board_where: str
    board_reason: str
    settings: Settings
    sources: str

    @property
    def repeatable(self) -> bool:
        """True where the same task always gives the same result, so that it may be kept: no files of this machine."""
        return self.settings.files is None

    def image(self) -> Image:
        """Return the firmware. Raises McusimError where it is none."""
        return load_bytes(self.data, Path(self.name), base=self.base)

    def key(self) -> str:
        """Return 64 hexadecimal digits that stand for everything that decides the result."""
        digest = hashlib.sha256()
        ending = Path(self.name).suffix.lower()  # decides how a file without a mark of its own is read
        for part in (self.sources, self.board_text, ending, repr(self.base), settings_text(self.settings)):
            digest.update(hashlib.sha256(part.encode()).digest())
        digest.update(hashlib.sha256(self.data).digest())
        return digest.hexdigest()


def settings_text(settings: Settings) -> str:
    """Return the settings as text that is equal where and only where they are."""
    return "\n".join(f"{each.name} = {_text(getattr(settings, each.name))}" for each in fields(settings))


def _text(value: Any) -> str:
    """Return a setting's value: files that were read by the hash of their content, everything else as Python's repr."""
    if isinstance(value, tuple):
        return f"({', '.join(_text(each) for each in value)})"
    if hasattr(value, "fingerprint"):  # an overlay, an SVD file
        return f"{value.name!r} {value.fingerprint}"
    if hasattr(value, "steps") and hasattr(value, "text"):  # a script
        return hashlib.sha256(value.text.encode()).hexdigest()
    return repr(value)


@cache
def sources_fingerprint() -> str:
    """Return a hash of our own sources, tables of cores and the engine's version: another one, other results."""
    digest = hashlib.sha256()
    package, cores = files("mcusim"), files("mcusim.cores")
    sources = [(f"mcusim/{path.relative_to(str(package))}", path) for path in sorted(Path(str(package)).rglob("*.py"))]
    sources += [(path.name, path) for path in sorted(Path(str(cores)).glob("*.toml"))]
    for name, path in sources:
        digest.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    for name in _DECIDING_PACKAGES:
        digest.update(f"{name} {version(name)}\n".encode())
    return digest.hexdigest()
