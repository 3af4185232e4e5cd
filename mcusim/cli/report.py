# SPDX-License-Identifier: Apache-2.0
"""Render a saved profile again, without running the firmware.

Examples:
  mcusim report run.json                                    the same report that 'mcusim profile' printed
  mcusim report run.json --tree --min-share 2               call tree, branches from 2% of all cycles
  mcusim report run.json --sort cpi --match 'arm_*'         functions of CMSIS-NN, the slowest per instruction first
  mcusim report run.json --lines --match conv2d             its source lines, the most expensive first
  mcusim report run.json --annotate conv2d                  instructions of one function
  mcusim report run.json --format markdown -o report.md     for a pull request
  mcusim report run.json -f html -o report.html             a page for a browser, with charts (docs/html-report.md)
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mcusim import output
from mcusim.cli import console, options
from mcusim.reports.options import DEFAULT_WIDTH


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mcusim report`."""
    parser.add_argument("profile", type=Path, metavar="RUN.json", help="profile saved by 'mcusim profile -o'")
    options.add_render_options(parser)
    options.add_output_options(parser, "write the report to FILE")


def run(args: argparse.Namespace) -> int:
    """Load and render, to stdout or to a file."""
    from mcusim.profile_io import load_profile
    from mcusim.reports import render

    if args.output is not None:
        output.check(args.output, force=args.force, inputs=[args.profile])
        asked = options.render_options(args, width=DEFAULT_WIDTH, color=False)
    else:
        options.check_terminal(args.format, "add -o report.html")
        width = console.width(sys.stdout, DEFAULT_WIDTH)
        asked = options.render_options(args, width=width, color=console.color(sys.stdout))
    text = render(load_profile(args.profile), args.format, options=asked)
    if args.output is None:
        console.write(text)
    else:
        output.write(args.output, text.encode("utf-8"), force=args.force)
        console.say(f"wrote {args.output}")
    return 0
