# SPDX-License-Identifier: Apache-2.0
"""Compare published figures of silicon with what the simulator gives for the same firmware.

FIGURES names firmware files, what they were measured at, and where a run shows the same figure (docs/validating.md
describes it). Firmware that is not in the folder is listed as not run. With --fail-above the exit code is 1 where an
error is larger, where a run does not show its figure, or where nothing could be compared.

Examples:
  mcusim validate traces/measured/pqm4-nucleo-l4r5zi.toml --elfs build     every figure, its error, the summary
  mcusim validate figures.csv --elfs build --fail-above 3                  for CI: exit code 1 above 3 %
  mcusim validate figures.toml --elfs build --match 'kem*' -j 4            some of them, four at a time
  mcusim validate figures.toml --elfs build --format markdown -o table.md  for a page
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mcusim import exits
from mcusim.cli import cold, console, options
from mcusim.errors import McusimError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mcusim validate`."""
    parser.add_argument("figures", type=Path, metavar="FIGURES", help="published figures: .toml or .csv")
    parser.add_argument("--elfs", type=Path, required=True, metavar="DIR", help="folder of the firmware")
    parser.add_argument("--match", metavar="PATTERN", help="only figures whose title matches a glob or expression")
    parser.add_argument(
        "--fail-above", type=options.percentage, metavar="PERCENT", help="exit code 1 if an error is larger than this"
    )
    options.add_jobs_option(parser)
    options.add_document_options(parser)


def run(args: argparse.Namespace) -> int:
    """Load, run, compare, print. Returns 0, or 1 where --fail-above found something."""
    from mcusim.figures import load_figures
    from mcusim.reports.functions import matcher
    from mcusim.reports.progress import ProgressLine
    from mcusim.reports.validated import validation_document
    from mcusim.validation import failures, summarize, validate

    options.check_output(args, [args.figures])
    file = load_figures(args.figures)
    if not args.elfs.is_dir():
        raise McusimError(f"--elfs {args.elfs}: is not a folder: give the one that holds the firmware")
    matches = matcher(args.match)
    chosen = [figure for figure in file.figures if matches(figure.row.title)]
    if not chosen:
        raise McusimError(f"--match '{args.match}': none of the {len(file.figures)} figures has such a title")
    cold.tell(quiet=args.quiet)
    line = ProgressLine(quiet=args.quiet)
    try:
        results = validate(
            chosen, args.elfs, processes=options.jobs(args), finished=lambda n, of: line.show(f"{n} of {of} runs done")
        )
    finally:
        line.clear()
    options.print_document(args, validation_document(file, results, summarize(results)))
    wrong = failures(results, args.fail_above) if args.fail_above is not None else []
    for text in wrong:
        console.say(f"failed: {text}")
    return exits.FAILED if wrong else exits.DONE
