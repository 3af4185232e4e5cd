# SPDX-License-Identifier: Apache-2.0
"""Annotations and the summary of a GitHub workflow's step.

Source: GitHub's documentation, "Workflow commands for GitHub Actions". A command is a line
`::error key=value,...::text` on stdout or stderr. What must be escaped, and how, is in the source of `@actions/core`
(`command.ts`): `%`, carriage return and line feed everywhere, `:` and `,` in the values of keys as well.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcusim.errors import McusimError

MOST_ANNOTATIONS = 10  # of one kind in a step: GitHub drops further ones without a word
MOST_SUMMARY_BYTES = 1 << 20  # of a step's summary: GitHub shows none that is larger


@dataclass(frozen=True)
class Annotation:
    """An error at a place in the repository; `file` is relative to its top, None where there is no place."""

    message: str
    title: str = ""
    file: str | None = None
    line: int | None = None

    def command(self, level: str = "error") -> str:
        """Return the workflow command, without the line's end."""
        keys = {"file": self.file, "line": self.line if self.file is not None else None, "title": self.title or None}
        given = ",".join(f"{key}={_value(str(value))}" for key, value in keys.items() if value is not None)
        return f"::{level}{' ' if given else ''}{given}::{_data(self.message)}"


def commands(annotations: Sequence[Annotation]) -> list[str]:
    """Return the commands, the last one saying how many did not fit."""
    if len(annotations) <= MOST_ANNOTATIONS:
        return [each.command() for each in annotations]
    shown = annotations[: MOST_ANNOTATIONS - 1]
    more = Annotation(f"{len(annotations) - len(shown)} more: the step's summary and its log have them all", "mcusim")
    return [each.command() for each in (*shown, more)]


def add_summary(markdown: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Append Markdown to the step's summary; return whether there is one (`GITHUB_STEP_SUMMARY` names the file)."""
    name = environment.get("GITHUB_STEP_SUMMARY")
    if not name:
        return False
    path = Path(name)
    try:
        present_bytes = path.stat().st_size if path.exists() else 0
        data = markdown.encode("utf-8")
        if present_bytes + len(data) > MOST_SUMMARY_BYTES:
            raise McusimError(f"{name}: the step's summary would be larger than GitHub shows (1 MiB): print less in it")
        with path.open("ab") as stream:
            stream.write(data + b"\n")
    except OSError as error:
        raise McusimError(f"{name}: GITHUB_STEP_SUMMARY: cannot be written: {error.strerror or error}") from None
    return True


def place_in_repository(file: str, top: Path, near: Path) -> str | None:
    """Return the name of a source file relative to `top`, None unless exactly one file there can be meant.

    A profile names files as the compiler was given them ('../common/print.c'). Looked for first from `near`, then by
    the longest end of the name that a single file below `top` has.
    """
    parts = [part for part in file.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    if not parts:
        return None
    top = top.resolve()
    for folder in (near, top):
        found = (folder / file).resolve()
        if found.is_file() and found.is_relative_to(top):
            return found.relative_to(top).as_posix()
    candidates = _files_named(parts[-1], top)
    for length in range(len(parts), 0, -1):
        ending = tuple(parts[-length:])
        held = [path for path in candidates if path.parts[-length:] == ending]
        if held:
            return held[0].as_posix() if len(held) == 1 else None
    return None


def _files_named(name: str, top: Path) -> list[Path]:
    """Return the files of a name below `top`, relative to it; hidden folders are not looked into."""
    found = []
    for folder, below, files in os.walk(top):
        below[:] = sorted(each for each in below if not each.startswith("."))
        if name in files:
            found.append((Path(folder) / name).relative_to(top))
    return found


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
