# SPDX-License-Identifier: Apache-2.0
"""What commands take, as data for manuals: read from the parsers, so that a manual cannot say anything else.

`mcusim man` makes a page of it for `man`, the documentation a page for the web.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from mcusim.cli.main import COMMANDS, Parser, command_parser


@dataclass(frozen=True)
class Option:
    """One option or argument as it is written (`-o FILE, --output FILE`), and what it does."""

    written: str
    text: str


@dataclass(frozen=True)
class Command:
    """One command: its line, its paragraphs (the first says what it does), its options by group, its examples."""

    name: str
    usage: str
    paragraphs: tuple[str, ...]
    groups: tuple[tuple[str, tuple[Option, ...]], ...]
    examples: tuple[tuple[str, str], ...]


def commands() -> list[Command]:
    """Return all commands, in the order of `mcusim --help`."""
    return [describe(name, command_parser(name)) for name in COMMANDS]


def describe(name: str, parser: Parser) -> Command:
    """Return what a parser says of its command."""
    formatter = argparse.HelpFormatter(parser.prog)
    groups = []
    for group in parser._action_groups:
        rows = tuple(_option(action, formatter) for action in group._group_actions if action.help != argparse.SUPPRESS)
        if rows:
            groups.append((_title(group.title), rows))
    paragraphs = tuple(" ".join(part.split()) for part in (parser.description or "").split("\n\n"))
    return Command(name, _usage(parser), paragraphs, tuple(groups), _examples(parser.epilog or ""))


def _title(title: str | None) -> str:
    return {"positional arguments": "arguments"}.get(title or "", title or "")


def _option(action: argparse.Action, formatter: argparse.HelpFormatter) -> Option:
    """Return how an action is written, and its help."""
    value = (
        formatter._format_args(action, formatter._get_default_metavar_for_optional(action)) if action.nargs != 0 else ""
    )
    if action.option_strings:
        written = ", ".join(f"{name} {value}".strip() for name in action.option_strings)
    else:
        written = str(action.metavar or action.dest)
    return Option(written, formatter._expand_help(action) if action.help else "")


def _usage(parser: Parser) -> str:
    """Return the command's line: what must be given, and that there are options."""
    formatter = argparse.HelpFormatter(parser.prog)
    words = [parser.prog]
    for action in parser._actions:
        value = formatter._format_args(action, formatter._get_default_metavar_for_positional(action))
        if not action.option_strings:
            words.append(value)
        elif action.required:
            words.append(f"{action.option_strings[0]} {value}")
    return " ".join([*words, "[OPTION]..."])


def _examples(epilog: str) -> tuple[tuple[str, str], ...]:
    """Return the examples: a command, and what it is good for ('' if nothing is said)."""
    rows = [line.strip() for line in epilog.splitlines()[1:] if line.strip()]
    pairs = [row.partition("  ") for row in rows]
    return tuple((command.strip(), text.strip()) for command, _, text in pairs)
