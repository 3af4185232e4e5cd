# SPDX-License-Identifier: Apache-2.0
"""List the boards, the cores, the formats or the rules for layers that there are.

Examples:
  mcusim list                 everything
  mcusim list boards          names for --board
  mcusim list cores           names for 'mcusim show'
  mcusim list formats         names for --format
  mcusim list layers          rules for --layers
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from mcusim.cli import console, options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the argument of `mcusim list`."""
    parser.add_argument(
        "what",
        nargs="?",
        type=options.one_of("list", LISTS),
        metavar="WHAT",
        help=f"{', '.join(LISTS)} (default: all of them)",
    )


def run(args: argparse.Namespace) -> int:
    """Print one list, or all of them under headings."""
    if args.what is not None:
        console.write(_lines(LISTS[args.what]()))
        return 0
    for number, (name, rows) in enumerate(LISTS.items()):
        console.write(("\n" if number else "") + f"{name}\n" + _lines(rows(), "  "))
    return 0


def _boards() -> list[tuple[str, str]]:
    from mcusim.board import board_names, load_board

    rows = []
    for name in board_names():
        board = load_board(name)
        rows.append((name, f"{board.title}, {board.core}"))
    return rows


def _cores() -> list[tuple[str, str]]:
    from mcusim.core import core_names, load_core

    return [(name, load_core(name).title) for name in core_names()]


def _formats() -> list[tuple[str, str]]:
    from mcusim.reports import FORMATS

    return [(name, form.title) for name, form in FORMATS.items()]


def _layers() -> list[tuple[str, str]]:
    from mcusim.layers import PRESETS

    return [
        ("auto", "the first of these that fits (the default); markers before all others"),
        ("none", "no layers"),
        ("markers", "calls of mcusim_layer_begin and mcusim_layer_end (mcusim.h)"),
        *((name, preset.looks_for) for name, preset in PRESETS.items()),
        ("callees-of=SYMBOL", "the functions that these functions call"),
        ("match=REGEX", "the functions whose names match"),
    ]


LISTS: dict[str, Callable[[], list[tuple[str, str]]]] = {
    "boards": _boards,
    "cores": _cores,
    "formats": _formats,
    "layers": _layers,
}


def _lines(rows: list[tuple[str, str]], indent: str = "") -> str:
    width = max((len(name) for name, _ in rows), default=0)
    return "".join(f"{indent}{name.ljust(width)}  {title}\n" for name, title in rows)
