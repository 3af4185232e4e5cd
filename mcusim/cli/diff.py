# SPDX-License-Identifier: Apache-2.0
"""Say what changed from one saved profile to another, where, and why.

Layers are matched by name and order, functions by name, also where a compiler has renamed a clone. The same code on the
same board gives no difference at all, so whatever is printed is real. For totals of several profiles side by side, or
several settings of one firmware, see 'mcusim compare'.

The exit code is 0, or 1 with --fail-above if an inference (without layers: the run) takes more cycles than that, or if
one of the runs did not come to its end.

Examples:
  mcusim diff before.json after.json                      what got slower, why, and the total
  mcusim diff before.json after.json --format markdown    for a pull request
  mcusim diff before.json after.json --fail-above 1       for CI: exit code 1 above 1 %
  mcusim diff before.json after.json --all --top 0        what did not change as well
  mcusim diff before.json after.json --format html -o diff.html    a page with a differential flame graph
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mcusim import exits
from mcusim.cli import console, options
from mcusim.reports.options import DEFAULT_TOP, DOCUMENT_FORMATS

HTML = "html"  # tables and a differential flame graph, for a browser


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mcusim diff`."""
    parser.add_argument("before", type=Path, metavar="BEFORE.json", help="profile saved by 'mcusim profile -o'")
    parser.add_argument("after", type=Path, metavar="AFTER.json", help="the one to compare with it")
    parser.add_argument(
        "--top", type=options.count_or_zero, default=DEFAULT_TOP, metavar="N",
        help=f"functions and symbols shown (default {DEFAULT_TOP}; 0: all)",
    )  # fmt: skip
    parser.add_argument("--all", action="store_true", help="show what did not change, too")
    parser.add_argument(
        "--fail-above", type=options.percentage, metavar="PERCENT",
        help="exit code 1 if it takes more cycles than this",
    )  # fmt: skip
    options.add_document_options(parser, formats=(*DOCUMENT_FORMATS, HTML))


def run(args: argparse.Namespace) -> int:
    """Load both, compare, print. Returns 1 where --fail-above is exceeded."""
    from mcusim.diff import difference
    from mcusim.profile_io import load_profile
    from mcusim.reports.diffed import diff_document

    if args.output is None:
        console.check_terminal(args.format, "add -o diff.html", "--format html")
    options.check_output(args, [args.before, args.after])
    changed = difference(load_profile(args.before), load_profile(args.after))
    document = diff_document(changed, str(args.before), str(args.after), top=args.top, everything=args.all)
    if args.format == HTML:
        from mcusim.html_report.difference import render_difference

        options.print_text(args, render_difference(changed, document))
    else:
        options.print_document(args, document)
    if args.fail_above is None:
        return exits.DONE
    cut = changed.before.end.cut or changed.after.end.cut  # of a part nothing can be said
    return exits.FAILED if cut or changed.slower_percent > args.fail_above else exits.DONE
