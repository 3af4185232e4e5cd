# SPDX-License-Identifier: Apache-2.0
"""Print mcusim's manual page.

It is made from the same parsers that read the command line. Where mcusim was installed from its wheel, 'man mcusim'
shows it.

Examples:
  mcusim man                              print it, in the language of man
  mcusim man | man -l -                   read it
  mcusim man -o mcusim.1                  put it into a file
"""

from __future__ import annotations

import argparse

import mcusim
from mcusim import output
from mcusim.cli import console, options
from mcusim.cli.main import DESCRIPTION
from mcusim.cli.manual import Command, commands

EXIT_CODES = (
    ("0", "done; 'run': the firmware's own status"),
    ("1", "a fault of the firmware, a finding, a difference, a limit that was exceeded; or a bug in mcusim"),
    ("2", "bad input or usage: one line on stderr says what, where and what to do"),
    ("124", "'run': --max-cycles or --timeout cut the run"),
    ("130", "Ctrl-C"),
)
ENVIRONMENT = (
    ("COLUMNS", "columns of text where the output is no terminal"),
    ("NO_COLOR", "no colours, if set"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mcusim man`."""
    options.add_output_options(parser, "write the page to FILE")


def run(args: argparse.Namespace) -> int:
    """Print or write the page."""
    if args.output is None:
        console.write(page())
        return 0
    output.write(args.output, page().encode("utf-8"), force=args.force)
    console.say(f"wrote {args.output}")
    return 0


def page() -> str:
    """Return the page, in the man macros of troff; the same in every run of a version."""
    lines = [
        '.\\" SPDX-License-Identifier: Apache-2.0',
        f'.TH MCUSIM 1 "" "mcusim {mcusim.__version__}" "User Commands"',
        ".SH NAME",
        "mcusim \\- cycle-approximate Cortex-M simulator and profiler",
        ".SH SYNOPSIS",
        *(line for command in commands() for line in (_bold(command.usage), ".br")),
        ".SH DESCRIPTION",
        _plain(DESCRIPTION),
        ".SH COMMANDS",
        *(line for command in commands() for line in _command(command)),
        ".SH EXIT STATUS",
        *_rows(EXIT_CODES),
        ".SH ENVIRONMENT",
        *_rows(ENVIRONMENT),
    ]
    return "\n".join(lines) + "\n"


def _command(command: Command) -> list[str]:
    lines = [f".SS mcusim {command.name}", _bold(command.usage)]
    for paragraph in command.paragraphs:
        lines += [".PP", _plain(paragraph)]
    for title, group in command.groups:
        lines += [".PP", f"{_plain(title.capitalize())}:"]
        lines += _rows(tuple((option.written, option.text) for option in group))
    if command.examples:
        lines += [".PP", "Examples:"]
    for example, text in command.examples:
        lines += [".PP", ".RS 4", ".nf", _plain(example), ".fi", ".RE"]
        lines += [".RS 8", _plain(text), ".RE"] if text else []
    return lines


def _rows(rows: tuple[tuple[str, str], ...]) -> list[str]:
    """Return a list of terms, each with its text."""
    return [line for term, text in rows for line in (".TP", _bold(term), _plain(text))]


def _bold(text: str) -> str:
    return f"\\fB{_escaped(text)}\\fR"


def _plain(text: str) -> str:
    """Return words that troff prints as they are, also where it would take the first sign for a request."""
    escaped = _escaped(text)
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def _escaped(text: str) -> str:
    return (
        text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha").replace("~", "\\(ti")
    )
