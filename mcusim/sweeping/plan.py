# SPDX-License-Identifier: Apache-2.0
"""From what varies to tasks: each firmware on each board with each combination of settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcusim.board import board_text, load_board, parse_board
from mcusim.comparison import WhatIf, points
from mcusim.errors import McusimError
from mcusim.guess import guess_board
from mcusim.image import load_bytes, read_firmware
from mcusim.machine import Settings
from mcusim.sweeping.task import Task, sources_fingerprint

Firmware = Path | str | tuple[str, bytes]


@dataclass(frozen=True)
class Planned:
    """A row to come. `task` is None where no board could be found for the firmware: `error` says why."""

    image: str
    board: str
    settings: dict[str, str]
    task: Task | None
    error: str = ""


def plan(
    images: Iterable[Firmware], wanted: WhatIf, settings: Settings, *, board: str | None = None, base: int | None = None
) -> list[Planned]:
    """Return a row for every firmware at every point. An image is a file, or its name and its bytes.

    Raises McusimError for a file that cannot be read or is no firmware, and a board that does not exist.
    """
    sources = sources_fingerprint()
    chosen = points(wanted, settings)
    named: dict[str, tuple[str, str, str]] = {}
    for name in {board, *(point[1] for point in chosen)} - {None}:
        text, where = board_text(str(name))
        named[str(name)] = (parse_board(text, where).name, text, where)
    rows = []
    names, contents = _read(images)
    for name, (given, data) in zip(names, contents, strict=True):
        image = load_bytes(data, Path(given), base=base)
        guessed: tuple[str, str, str, str] | None = None
        error = ""
        for words, wanted_board, each in chosen:
            key = wanted_board or board
            if key is not None:
                label, text, where, reason = *named[key], "given by --board"
            else:
                if guessed is None and not error:
                    try:
                        guessed = _guess(image)
                    except McusimError as problem:
                        error = " ".join(str(problem).split()).removeprefix(f"{image.name}: ")
                if guessed is None:
                    rows.append(Planned(name, "", words, None, error))
                    continue
                label, text, where, reason = guessed
            task = Task(Path(given).name, data, base, text, where, reason, each, sources)
            rows.append(Planned(name, label, words, task))
    return rows


def _guess(image: object) -> tuple[str, str, str, str]:
    """Return name, text, file and reason of the board that an image is for."""
    board, reason = guess_board(image)  # type: ignore[arg-type]
    text, where = board_text(board.name)
    assert load_board(board.name) == board
    return board.name, text, where, reason


def _read(images: Iterable[Firmware]) -> tuple[list[str], list[tuple[str, bytes]]]:
    """Return the names of the rows, with as much of the path as tells them apart, and (path, bytes) of each."""
    contents = [each if isinstance(each, tuple) else (str(each), read_firmware(Path(each))) for each in images]
    if not contents:
        raise McusimError("nothing to run: give at least one firmware")
    return short_names([given for given, _ in contents]), contents


def short_names(paths: Sequence[str]) -> list[str]:
    """Return the last part of each path, or the whole path where several end alike."""
    ends = [Path(path).name for path in paths]
    return [end if ends.count(end) == 1 else path for end, path in zip(ends, paths, strict=True)]
