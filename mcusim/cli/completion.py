# SPDX-License-Identifier: Apache-2.0
"""Print what makes a shell complete mcusim's commands, options and names.

Commands, options, names of boards, cores, formats and sections, functions of the firmware on the line, and files are
completed. What is printed belongs into the shell's start-up file, or where the shell looks for completions.

Examples:
  mcusim completion bash                                            print it
  eval "$(mcusim completion bash)"                                  in ~/.bashrc
  eval "$(mcusim completion zsh)"                                   in ~/.zshrc, behind compinit
  mcusim completion fish > ~/.config/fish/completions/mcusim.fish   once
"""

from __future__ import annotations

import argparse

from mcusim.cli import console, options

SHELLS = ("bash", "zsh", "fish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the argument of `mcusim completion`."""
    parser.add_argument("shell", type=options.one_of("shell", SHELLS), metavar="SHELL", help=", ".join(SHELLS))


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    from argcomplete.shell_integration import shellcode

    console.write(shellcode(["mcusim"], shell=args.shell).strip() + "\n")
    return 0
