# SPDX-License-Identifier: Apache-2.0
"""Parse, dispatch, and turn what goes wrong into one line and an exit code.

Exit codes (`mcusim.exits`): 0 done; 1 a bug in mcusim, or something that was checked is not so (a budget, a kernel, a
run that ended in a fault); 2 bad input or usage; 130 Ctrl-C; 141 the reader of the output went away.
`mcusim run` returns the firmware's own status instead of 0.

Nothing heavy is imported here or at the top of a command's module: `mcusim --help` answers at once.
"""

from __future__ import annotations

import argparse
import difflib
import itertools
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from mcusim import exits
from mcusim.cli import console
from mcusim.errors import McusimError, unknown_name

# Command -> its module in this package: `add_arguments(parser)`, `run(args) -> exit code`, and a docstring that is its
# help (first line: what it does; after 'Examples:': the examples). `prepare(parser, words)`, where there is one, sets
# defaults that depend on where the command is given.
COMMANDS: dict[str, str] = {
    "profile": "profile",
    "run": "run",
    "report": "report",
    "plot": "plot",
    "compare": "compare",
    "diff": "diff",
    "validate": "validate",
    "check": "check",
    "verify": "verify",
    "list": "list_names",
    "show": "show",
    "completion": "completion",
    "man": "man",
    "comment": "comment",
}

DESCRIPTION = "Run an unmodified Cortex-M firmware image and say where its cycles go, and why."
EPILOG = """\
examples:
  mcusim profile firmware.elf                      guess the board, run, print where the cycles go
  mcusim profile firmware.elf -o run.json          save the profile as well
  mcusim report run.json --tree                    look at it again without running
  mcusim plot run.json -o memory.png               SRAM over time as a picture
  mcusim list boards                               what can be simulated
"""


class Parser(argparse.ArgumentParser):
    """argparse with our manners: errors are `McusimError`, so that they are one line like all the others."""

    def __init__(self, prog: str, description: str, epilog: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Like argparse's, but an option that does not exist is told before anything that follows from it."""
        for word in itertools.takewhile(lambda word: word != "--", args or ()):
            name = word.partition("=")[0]
            if name.startswith("-") and " " not in word and not self._knows(name):
                raise self._unknown_option(name)
        return super().parse_args(args, namespace)

    def _knows(self, name: str) -> bool:
        """Return whether argparse takes a word for an option of ours, several short ones in a word (-qv) included."""
        if name in self._option_string_actions or re.fullmatch(r"-|-\d+|-\d*\.\d+", name):
            return True
        return not name.startswith("--") and name[:2] in self._option_string_actions

    def _unknown_option(self, name: str) -> McusimError:
        near = difflib.get_close_matches(name, sorted(self._option_string_actions), n=3, cutoff=0.7)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        return McusimError(f"unknown option '{name}': {hint}(see '{self.prog} --help')".replace(": (", " ("))

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage, which hides the one line that matters; say what a missing value is."""
        lacking = re.fullmatch(r"argument (?:.*/)?(-\S+): expected one argument", message)
        action = self._option_string_actions.get(lacking[1]) if lacking else None
        if action is not None and action.help:
            message += f", {action.metavar or 'a value'}: {action.help}".replace("%%", "%")
        raise McusimError(f"{message} (see '{self.prog} --help')")


def entry_point() -> NoReturn:
    """Run the command line and exit: the console script `mcusim`. A shell that completes a line calls it, too."""
    if "_ARGCOMPLETE" in os.environ:
        from mcusim.cli.completing import complete

        complete()
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit code. The one place where errors become exit codes."""
    verbose = any(word in ("-v", "--verbose") for word in argv)  # known even if the rest cannot be parsed
    try:
        return _finish(list(argv))
    except McusimError as error:
        return _fail(exits.BAD_INPUT, f"error: {' '.join(str(error).split())}", error, verbose)
    except KeyboardInterrupt as error:
        return _fail(exits.INTERRUPTED, "interrupted", error, verbose)
    except BrokenPipeError:
        _drop_output()  # the reader (`head`, a pager) has what it wanted
        return exits.READER_GONE
    except Exception as error:
        message = f"internal error: {type(error).__name__}: {' '.join(str(error).split())}"
        return _fail(exits.FAILED, f"{message} (a bug in mcusim: -v shows where; please report it)", error, verbose)


def _drop_output() -> None:
    """Send what stdout still holds nowhere: Python would complain again when it closes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(code: int, message: str, error: BaseException, verbose: bool) -> int:
    if verbose:
        import traceback

        traceback.print_exception(error)
    print(f"mcusim: {message}", file=sys.stderr)
    try:
        if sys.stdout is not None:  # None: closed by the caller
            sys.stdout.flush()
    except OSError:  # the disk is full: that was the message
        _drop_output()
    return code


def _finish(argv: list[str]) -> int:
    """Run the command and make sure that all it wrote has arrived; argparse exits where it printed a help."""
    if sys.stdout is None:  # closed by the caller
        raise McusimError("stdout is closed: redirect it to a file or /dev/null")
    try:
        code = _dispatch(argv)
    except SystemExit as end:
        code = int(end.code or 0)
    console.flush()
    return code


def _dispatch(argv: list[str]) -> int:
    """Find the command, build its parser only, parse and run it."""
    before, name, after = _split(argv)
    top = top_parser(DESCRIPTION if name else f"{DESCRIPTION}\n\n{_commands()}")
    args = top.parse_args([*before, *([name] if name else [])])
    if args.version:
        console.write(f"mcusim {_version()}\n")
        return 0
    if not name:
        console.write(top.format_help())
        return 0
    if name not in COMMANDS:
        if Path(name).is_file():
            verb = "report" if name.lower().endswith(".json") else "profile"
            raise McusimError(f"'{name}' is a file, and no command: did you mean 'mcusim {verb} {name}'?")
        raise unknown_name("command", name, COMMANDS)
    module = command_module(name)
    parser = command_parser(name)
    if hasattr(module, "prepare"):
        module.prepare(parser, after)
    code: int = module.run(parser.parse_args(after))
    return code


def top_parser(description: str = DESCRIPTION) -> Parser:
    """Return the parser of what stands before a command."""
    top = Parser("mcusim", description, EPILOG)
    top.add_argument("--version", action="store_true", help="print the version and exit")
    _add_verbose(top)
    top.add_argument("command", nargs="?", metavar="COMMAND", help="one of the above; each has its own --help")
    return top


def command_module(name: str) -> ModuleType:
    """Return the module of a command."""
    return import_module(f"mcusim.cli.{COMMANDS[name]}")


def command_parser(name: str) -> Parser:
    """Return the parser of a command: what it takes, its help, its examples."""
    module = command_module(name)
    description, _, examples = (module.__doc__ or "").partition("Examples:\n")
    parser = Parser(f"mcusim {name}", description.strip(), "examples:\n" + examples.rstrip() if examples else "")
    module.add_arguments(parser)
    _add_verbose(parser)
    return parser


def _commands() -> str:
    """Return the list of commands, each with the first line of its docstring."""
    width = max(map(len, COMMANDS)) + 2
    rows = [f"  {name:<{width}}{(command_module(name).__doc__ or '').partition(chr(10))[0]}" for name in COMMANDS]
    return "commands:\n" + "\n".join(rows)


def _split(argv: list[str]) -> tuple[list[str], str, list[str]]:
    """Split the words into options before the command, the command ('' if there is none) and what follows."""
    for index, word in enumerate(argv):
        if not word.startswith("-"):
            return argv[:index], word, argv[index + 1 :]
    return argv, "", []


def _add_verbose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-v", "--verbose", action="store_true", help="show the traceback of an error")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("mcusim")
    except PackageNotFoundError:
        return "(not installed)"
