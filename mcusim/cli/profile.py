# SPDX-License-Identifier: Apache-2.0
"""Run a firmware image and report where its cycles go.

The firmware's own output (UART, semihosting) goes to stdout as it comes, the report after it. With a --format other
than text the firmware's output goes to stderr, so that stdout holds the report alone.

The exit code is 0 where there is a report, 1 if the run ended in a fault or --sanitize found something, 130 after
Ctrl-C, 2 for mcusim's own errors.

Examples:
  mcusim profile firmware.elf                            guess the board, run to the end, report
  mcusim profile firmware.elf --board nucleo-l4r5zi      name the board
  mcusim profile firmware.elf --until inference_done:10  stop when that function is reached the tenth time
  mcusim profile firmware.elf --max-cycles 100M --tree   stop after 100 million cycles, show the call tree
  mcusim profile firmware.elf --annotate conv2d          cycles of each instruction of one function
  mcusim profile firmware.elf --lines --top 10           the source lines that cost most, and what they waited for
  mcusim profile firmware.elf --clock 80M --core cortex-m33    what if (docs/what-if.md)
  mcusim profile firmware.elf -q --format csv > run.csv  functions as numbers for other tools
  mcusim profile firmware.elf --stub camera_init=0       let a function return at once, with a value
  mcusim profile firmware.elf --device-overlay my.toml   fix what registers without a model answer
  mcusim profile firmware.elf --layers callees-of=network_run    each call that network_run makes is a layer
  mcusim profile firmware.elf --memory on --show memory  what memory was used for, whether there are layers or not
  mcusim profile firmware.elf --sanitize --show findings what accesses memory wrongly (docs/memory.md)
  mcusim profile firmware.elf -o run.json                save the profile for 'mcusim report'
"""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING

from mcusim import exits, output, reports
from mcusim.cli import console, options, running
from mcusim.errors import McusimError
from mcusim.reports.functions import find_function
from mcusim.reports.options import DEFAULT_WIDTH

if TYPE_CHECKING:
    from mcusim.image.model import Image

# Ends that are failures although there is a report; one that was cut by a limit is what was asked for.
FAILURES = ("interrupted", "fault")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mcusim profile`."""
    options.add_run_options(parser)
    options.add_observation_options(parser)
    options.add_render_options(parser)
    options.add_output_options(parser, "save the profile (json) to FILE")
    parser.add_argument("-q", "--quiet", action="store_true", help="no firmware output, no progress line")


def run(args: argparse.Namespace) -> int:
    """Load, run, attribute, save, render. Returns 0, 130 after Ctrl-C, 1 after a fault or with findings; all report."""
    options.check_terminal(
        args.format, "save the profile with -o run.json, then 'mcusim report run.json -f html -o report.html'"
    )
    if args.output is not None:
        output.check(args.output, force=args.force, inputs=[args.firmware])
    image = running.load_image(args)
    args.annotate = _function_name(args.annotate, image)
    width = console.width(sys.stdout, DEFAULT_WIDTH)
    asked = options.render_options(args, width=width, color=console.color(sys.stdout))
    reports.check(args.format, asked)
    if {"layers", "activations"} & set(args.show):
        _check_layers(args.layers, image)

    from mcusim.reports.progress import ProgressLine

    stream = None if args.quiet else (sys.stdout if args.format == "text" else sys.stderr)
    trace = running.execute(args, stream=stream, progress=ProgressLine(quiet=args.quiet), image=image)

    from mcusim.attribution import attribute
    from mcusim.profile_io import save

    profile = attribute(trace)
    if args.output is not None:
        save(profile, args.output, force=args.force)
        console.say(f"wrote {args.output}")
    ran = {function.name for function in profile.functions}
    if args.annotate not in ran and args.annotate in {symbol.name for symbol in image.functions}:
        raise McusimError(f"--annotate {args.annotate}: the function did not run")
    report = reports.render(profile, args.format, options=asked)
    if args.format == "text" and profile.output and not args.quiet:
        console.write("\n")
    console.write(report)
    if profile.end.kind in FAILURES:
        return exits.OF_END[profile.end.kind]
    return exits.FAILED if profile.memory is not None and profile.memory.findings else exits.DONE


def _check_layers(rule: str, image: Image) -> None:
    """Find out before the wait that there are no layers to show."""
    from mcusim.layers import find_rule

    if find_rule(rule, image) is None:
        why = "the file has no names of functions" if not image.functions else "no framework was recognised"
        raise McusimError(f"--show layers: {image.name} has no layers ({why}): give --layers callees-of=FUNCTION")


def _function_name(wanted: str | None, image: Image) -> str | None:
    """Return the name under which the profile will know --annotate's function, found before the wait and not after it.

    A file without symbols, and a name that ends in an address, can only be judged after the run.
    """
    if wanted is None or not image.functions or re.search(r"[0-9a-f]{8}$", wanted):
        return wanted
    symbol = image.find_symbol(wanted)
    names = [function.name for function in image.functions]
    if wanted not in names and symbol is not None and wanted in symbol.aliases:
        return symbol.name
    return names[find_function(wanted, names)]
