# SPDX-License-Identifier: Apache-2.0
"""The project's file and the command line: which file, and what it gives where the words of a command say nothing."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcusim.cli import options
from mcusim.errors import McusimError

if TYPE_CHECKING:
    from mcusim.budgets.project import Project


def add_config_option(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add --config."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE",
        help="the project's file (default: mcusim.toml, or pyproject.toml with [tool.mcusim], here or above)",
    )  # fmt: skip


def find(config: Path | None) -> Project | None:
    """Return the project of --config, or of the current folder; None where there is none."""
    from mcusim.budgets.project import find_project, load_project

    path = config if config is not None else find_project(Path.cwd())
    return load_project(path) if path is not None else None


def set_defaults(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """Make what the project's file says the defaults of `parser`, which then parses `words`."""
    if {"-h", "--help"} & set(words):
        return
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    add_config_option(early)
    try:
        config = early.parse_known_args(list(words))[0].config
    except argparse.ArgumentError:
        return  # the parser of the command says what is wrong with it
    project = find(config)
    if project is None:
        return
    defaults = _defaults(project)
    if project.firmware is not None:
        defaults["firmware"] = project.firmware
    parser.set_defaults(**defaults, project=project, project_board=defaults.get("board"))


def _defaults(project: Project) -> dict[str, Any]:
    """Return option -> value as the command line's own checks make it of the file's words."""
    found: dict[str, Any] = {}
    for key in project.defaults.__struct_fields__:
        value = getattr(project.defaults, key)
        if value in (None, False, ()):
            continue
        words = [value] if isinstance(value, str) and key in _LISTS else value
        read = _READERS.get(key)
        try:
            if read is not None:
                value = [read(project, str(word)) for word in words] if key in _LISTS else read(project, str(value))
            else:
                value = list(words) if key in _LISTS else value
        except argparse.ArgumentTypeError as error:
            raise McusimError(f"{project.path}: run: {key}: {error}") from None
        found[key] = value
    return found


def _path(project: Project, text: str) -> Path:
    return project.folder / text


def _name(project: Project, text: str) -> str:
    """A file's name among words: relative to the project's file; '-' is stdin."""
    return text if text == "-" else str(project.folder / text)


def _board(project: Project, text: str) -> str:
    return _name(project, text) if text.endswith(".toml") else text


def _checked(check: Callable[[str], Any]) -> Callable[[Project, str], Any]:
    return lambda _, text: check(text)


_LISTS = ("stub", "device_overlay", "set", "arena")
_READERS: dict[str, Callable[[Project, str], Any]] = {
    "board": _board,
    "base": _checked(options.number),
    "max_cycles": _checked(options.count),
    "timeout": _checked(options.seconds),
    "uart_in": _name,
    "uart_script": _name,
    "files": _path,
    "device_overlay": _path,
    "svd": _path,
    "clock": _checked(options.hertz),
    "wait_states": _checked(options.wait_states),
    "memory": _checked(options.one_of("choice", options.MEMORY_CHOICES)),
}
