# SPDX-License-Identifier: Apache-2.0
"""Draw a picture of a saved profile: SRAM over time, who lies where, layers by cycles, memory and flash.

The kinds are memory (timeline and map on one page), timeline, map, layers, cycles and flash; docs/plots.md shows what
each is good for. The ending of FILE decides the format: .png, .svg or .pdf. The same profile gives the same bytes.

Examples:
  mcusim plot run.json -o memory.png                        SRAM over time, and who lies where in it
  mcusim plot run.json -o layers.pdf --kind layers          live bytes at each layer's peak, for a paper
  mcusim plot run.json -o cycles.svg --kind cycles          cycles of each layer by cause
  mcusim plot run.json -o second.png --inference 2          the second inference alone
  mcusim plot run.json -o fig3.pdf --title ''               no title: the paper's caption says it
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mcusim import output
from mcusim.cli import console, options
from mcusim.errors import McusimError
from mcusim.plots import DEFAULT_KIND, KINDS, PlotOptions, ending_of, render_plot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mcusim plot`."""
    parser.add_argument("profile", type=Path, metavar="RUN.json", help="profile saved by 'mcusim profile -o'")
    parser.add_argument(
        "-o", "--output", type=options.output_file, metavar="FILE", required=True, help="picture: .png, .svg or .pdf"
    )
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    parser.add_argument(
        "--kind",
        type=options.one_of("kind of picture", KINDS),
        default=DEFAULT_KIND,
        metavar="KIND",
        help=f"{', '.join(KINDS)} (default {DEFAULT_KIND})",
    )
    parser.add_argument("--inference", type=options.count, metavar="N", help="one inference (default: the whole run)")
    parser.add_argument("--title", metavar="TEXT", help="title instead of the picture's own; '' for none")
    parser.add_argument("--whole", action="store_true", help="all of the run, even where layers take little of it")


def run(args: argparse.Namespace) -> int:
    """Load, draw, write."""
    from mcusim.profile_io import load_profile

    ending = ending_of(args.output)
    output.check(args.output, force=args.force, inputs=[args.profile])
    profile = load_profile(args.profile)
    try:
        wanted = PlotOptions(inference=args.inference, title=args.title, whole=args.whole)
        picture = render_plot(profile, args.kind, ending, options=wanted)
    except ModuleNotFoundError as error:
        raise McusimError(f"pictures need the package {error.name}: install it (pip install {error.name})") from error
    output.write(args.output, picture, force=args.force)
    console.say(f"wrote {args.output}")
    return 0
