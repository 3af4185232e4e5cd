# SPDX-License-Identifier: Apache-2.0
"""Source files as a profile names them, and the text of the lines that its instructions come from.

A profile holds no absolute path: a file below a compilation folder is named relative to it, any other by its last two
parts. The text is read from the host where the file can still be found.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath

from mcusim.profile import InstructionCost

MAX_SOURCE_BYTES = 4 << 20
SHOWN_PARTS = 2


class SourceFiles:
    """Maps file names of the debug information to names for people, and back to text."""

    def __init__(self, folders: Iterable[str]) -> None:
        self._folders = tuple(folders)
        self._files: dict[str, str] = {}  # shown name -> name in the debug information
        self.shown = lru_cache(maxsize=None)(self._shown)

    def _shown(self, file: str) -> str:
        """Return the name a profile gives to a file; two files never share one."""
        path = PureWindowsPath(file) if PureWindowsPath(file).drive else PurePosixPath(file)
        parts = path.parts
        if path.is_absolute():
            inside = [folder for folder in self._folders if path.is_relative_to(folder)]
            parts = path.relative_to(max(inside, key=len)).parts if inside else parts[1:][-SHOWN_PARTS:]
        name = "/".join(parts)
        number = 2
        while self._files.setdefault(name, file) != file:
            name, number = f"{'/'.join(parts)} ({number})", number + 1
        return name

    def lines(self, instructions: list[InstructionCost]) -> dict[str, dict[int, str]]:
        """Return the text of every source line that an instruction names, by shown file name and line number."""
        wanted: dict[str, set[int]] = {}
        for row in instructions:
            if row.file is not None and row.line:
                wanted.setdefault(row.file, set()).add(row.line)
        found = {}
        for file in sorted(wanted):
            text = self._read(self._files[file])
            lines = {number: text[number - 1] for number in sorted(wanted[file]) if number <= len(text)}
            if lines:
                found[file] = lines
        return found

    def _read(self, file: str) -> list[str]:
        for folder in self._folders:
            path = Path(folder) / file  # an absolute name stands for itself
            try:
                if path.is_file() and path.stat().st_size <= MAX_SOURCE_BYTES:
                    return path.read_text("utf-8", "replace").splitlines()
            except OSError:
                continue
        return []
