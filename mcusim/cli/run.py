# SPDX-License-Identifier: Apache-2.0
"""Run a firmware image and print only what it prints; exit with its status.

Without a status from the firmware the exit code is 0 where it came to its end (an endless loop, a sleep nothing can
end, --until), 1 after a fault, 124 where --max-cycles or --timeout cut it, 130 after Ctrl-C or gdb's kill; mcusim's own
errors give 2.

Examples:
  mcusim run firmware.elf                          the firmware's output on stdout, its status as exit code
  mcusim run firmware.elf --timeout 60             not longer than a minute
  mcusim run firmware.elf --uart-in commands.txt   with bytes to receive
  mcusim run firmware.elf --gdb 3333               wait for 'target remote :3333' of gdb-multiarch firmware.elf
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from mcusim import exits
from mcusim.cli import console, options, running

if TYPE_CHECKING:
    from mcusim.trace import Trace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mcusim run`."""
    options.add_run_options(parser)
    parser.add_argument(
        "--gdb",
        type=options.port,
        metavar="PORT",
        help="wait for gdb on this port of 127.0.0.1, and let it run the firmware (0: a free port, which is printed)",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no firmware output, no progress line")


def run(args: argparse.Namespace) -> int:
    """Load and run. Returns the firmware's exit status, or what stands for it."""
    from mcusim.reports.progress import ProgressLine

    image = running.load_image(args)
    stream = None if args.quiet else sys.stdout
    trace = running.execute(
        args, stream=stream, progress=ProgressLine(quiet=args.quiet), image=image, run=_runner(args.gdb)
    )
    end = trace.end
    if end.status is not None:
        return end.status & 0xFF or int(end.status != 0)  # a failure stays one when the system keeps eight bits of it
    if end.kind != "exit":
        console.say(f"ended: {end.text}")
    return exits.OF_END.get(end.kind, exits.DONE)


def _runner(port: int | None) -> Callable[..., Trace] | None:
    if port is None:
        return None
    from mcusim.gdb import run_with_gdb

    return partial(run_with_gdb, port=port, say=console.say)
