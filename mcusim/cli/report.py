# SPDX-License-Identifier: Apache-2.0
"""Render a saved profile again, without running the firmware.

With --budget it is held against the budgets of the project's file (mcusim.toml), which are printed in the place of the
report; the exit code is 1 if one is broken.

Examples:
  mcusim report run.json                                    the same report that 'mcusim profile' printed
  mcusim report run.json --tree --min-share 2               call tree, branches from 2% of all cycles
  mcusim report run.json --sort cpi --match 'arm_*'         functions of CMSIS-NN, the slowest per instruction first
  mcusim report run.json --lines --match conv2d             its source lines, the most expensive first
  mcusim report run.json --annotate conv2d                  instructions of one function
  mcusim report run.json --format markdown -o report.md     for a pull request
  mcusim report run.json -f html -o report.html             a page for a browser, with charts (docs/html-report.md)
  mcusim report run.json --format flamegraph -o run.svg     a picture for the browser (docs/exports.md)
  mcusim report run.json --format callgrind -o callgrind.out.run    for KCachegrind
  mcusim report run.json --budget --junit budgets.xml       hold it against the budgets of mcusim.toml
  mcusim report run.json --format perfetto -o trace.json    layers and memory over time, for ui.perfetto.dev
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mcusim import exits, output
from mcusim.cli import budgeting, console, options
from mcusim.reports.options import DEFAULT_WIDTH


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mcusim report`."""
    parser.add_argument("profile", type=Path, metavar="RUN.json", help="profile saved by 'mcusim profile -o'")
    options.add_render_options(parser)
    budgeting.add_budget_options(parser)
    options.add_output_options(parser, "write the report to FILE")


def run(args: argparse.Namespace) -> int:
    """Load and render, to stdout or to a file. Returns 1 where a budget is broken."""
    from mcusim.profile_io import load_profile
    from mcusim.reports import FORMATS, render_bytes
    from mcusim.reports.document import render_document

    if args.output is not None:
        output.check(args.output, force=args.force, inputs=[args.profile])
        asked = options.render_options(args, width=DEFAULT_WIDTH, color=False)
    else:
        console.check_terminal(args.format, "add -o report.html")
        width = console.width(sys.stdout, DEFAULT_WIDTH)
        asked = options.render_options(args, width=width, color=console.color(sys.stdout))
    code = exits.DONE
    profile = load_profile(args.profile)
    if args.budget:
        document, code = budgeting.Budgeting(args, asked, [args.profile]).check(profile)
        report = render_document(document, args.format, width=asked.width, color=asked.color).encode("utf-8")
    else:
        budgeting.check_alone(args)
        report = render_bytes(profile, args.format, options=asked)
    if args.output is not None:
        binary = FORMATS[args.format].binary  # and compressed, where it is to be
        output.write(args.output, report if binary else output.packed(args.output, report), force=args.force)
        console.say(f"wrote {args.output}")
    elif FORMATS[args.format].binary:
        console.write_bytes(report, args.format)
    else:
        console.write(report.decode("utf-8"))
    return code
