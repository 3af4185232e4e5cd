# SPDX-License-Identifier: Apache-2.0
"""What a shell offers when Tab is pressed, by argcomplete, from the same parsers that read the command line.

Names of boards, cores, formats, sections and the like complete to what there is; functions to those of the firmware on
the line; files to files. `mcusim completion SHELL` prints what connects a shell with this.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

import argcomplete
from argcomplete.completers import BaseCompleter, DirectoriesCompleter, FilesCompleter

from mcusim.cli import options
from mcusim.cli.main import COMMANDS, command_module, command_parser
from mcusim.errors import McusimError

FIRMWARE_ENDINGS = ("elf", "hex", "bin", "axf", "out")
# Options whose values are functions of the firmware.
FUNCTIONS = ("annotate", "until", "stub", "call", "skip_to", "only", "arena")


def complete() -> NoReturn:
    """Answer the shell that asks, by its variables COMP_LINE and COMP_POINT, and end the process."""
    argcomplete.autocomplete(parser_for(os.environ.get("COMP_LINE", "")), append_space=True)
    raise SystemExit(1)  # not called by a shell: autocomplete would not have returned


def parser_for(line: str) -> argparse.ArgumentParser:
    """Return a parser of the whole command line in which the command that `line` names has its options."""
    top = argparse.ArgumentParser(prog="mcusim", allow_abbrev=False)
    top.add_argument("--version", action="store_true", help="print the version and exit")
    top.add_argument("-v", "--verbose", action="store_true", help="show the traceback of an error")
    commands = top.add_subparsers(dest="command")
    words = line.split()
    for name in COMMANDS:
        summary = (command_module(name).__doc__ or "").partition("\n")[0]
        parents = [command_parser(name)] if name in words else []
        parser = commands.add_parser(
            name, help=summary, parents=parents, add_help=not parents, conflict_handler="resolve"
        )
        for action in parser._actions:
            _attach(action)
    return top


def _attach(action: argparse.Action) -> None:
    """Say what the values of an option or argument complete to."""
    completer = completer_of(action)
    if completer is not None:
        action.completer = completer  # type: ignore[attr-defined]


def completer_of(action: argparse.Action) -> BaseCompleter | Callable[..., Iterable[str]] | None:
    """Return what offers values for an option or argument; None: choices of argparse's own, or nothing to offer."""
    by_name = _BY_NAME.get(action.dest)
    if by_name is not None:
        return by_name
    if action.choices is not None or action.nargs == 0:
        return None
    if action.dest in FUNCTIONS:
        return functions
    check = action.type
    if isinstance(check, options.one_of):
        return _Names(check.known)
    if isinstance(check, options.several):
        return _Several(check.check.known) if isinstance(check.check, options.one_of) else _nothing
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    if metavar == "FIRMWARE":
        return FilesCompleter(FIRMWARE_ENDINGS)
    if metavar in ("DIR", "FOLDER"):
        return DirectoriesCompleter()
    if metavar.endswith((".json", ".toml")):
        return FilesCompleter(metavar.rpartition(".")[2:])
    return FilesCompleter() if check in (Path, options.output_file) or "FILE" in metavar else _nothing


def _nothing(**_: object) -> list[str]:
    """No values to offer: a number, say. Without this, files would be."""
    return []


class _Names:
    """Offers names."""

    def __init__(self, known: Iterable[str]) -> None:
        self.known = tuple(known)

    def __call__(self, **_: object) -> tuple[str, ...]:
        """Return all of them; argcomplete takes those that fit."""
        return self.known


class _Several:
    """Offers names for a list with commas: those that are not in it yet, behind what is."""

    def __init__(self, known: Iterable[str]) -> None:
        self.known = tuple(known)

    def __call__(self, prefix: str, **_: object) -> list[str]:
        """Return the list that stands there, each time with one more name."""
        before, comma, _last = prefix.rpartition(",")
        taken = before.split(",")
        return [before + comma + name for name in self.known if name not in taken]


def boards(prefix: str, **_: object) -> list[str]:
    """Return the names of boards, and files of boards."""
    from mcusim.board import board_names

    return [*board_names(), *FilesCompleter(("toml",))(prefix)]


def cores(prefix: str, **_: object) -> list[str]:
    """Return the names of cores, with those before them in a list with commas."""
    from mcusim.core import core_names

    return _Several(core_names())(prefix)


def boards_and_cores(prefix: str, **_: object) -> list[str]:
    """Return what `mcusim show` shows."""
    return [*cores(prefix), *boards(prefix)]


def layer_rules(**_: object) -> list[str]:
    """Return the rules that layers are found by, as far as they are names."""
    from mcusim.layers import PRESETS

    return ["auto", "none", "markers", *PRESETS, "callees-of=", "match="]


def memory_parts(**_: object) -> list[str]:
    """Return what --set fixes."""
    from mcusim.machine.flash import PARTS

    return [f"{part}={value}" for part in PARTS for value in ("on", "off")] + ["cache=ideal"]


def functions(parsed_args: argparse.Namespace, prefix: str, **_: object) -> list[str]:
    """Return the functions of the firmware that is on the line; none if there is none that can be read."""
    from mcusim.image import load

    firmware = getattr(parsed_args, "firmware", None)
    if firmware is None:
        return []
    try:
        return [symbol.name for symbol in load(Path(firmware)).functions if symbol.name.startswith(prefix)]
    except McusimError:
        return []


_BY_NAME: dict[str, Callable[..., Iterable[str]]] = {
    "board": boards,
    "core": cores,
    "layers": layer_rules,
    "set": memory_parts,
    "name": boards_and_cores,
}
