# SPDX-License-Identifier: Apache-2.0
"""Run a firmware image and report where its cycles go.

The firmware's own output (UART, semihosting) goes to stdout as it comes, the report after it. With a --format other
than text the firmware's output goes to stderr, so that stdout holds the report alone.

With --budget the budgets of the project's file (mcusim.toml) are printed in the place of the report. That file may name
FIRMWARE, the board and other options as well.

The exit code is 0 where there is a report, 1 if the run ended in a fault, --sanitize found something or a budget is
broken, 130 after Ctrl-C, 2 for mcusim's own errors.

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
  mcusim profile firmware.elf --sanitize --show findings  what accesses memory wrongly (docs/memory.md)
  mcusim profile firmware.elf --trace trace.json.gz      what ran when, for ui.perfetto.dev (docs/trace.md)
  mcusim profile firmware.elf -o run.json                save the profile for 'mcusim report' and 'mcusim diff'
  mcusim profile --budget --junit budgets.xml            for CI: the firmware and the budgets of mcusim.toml
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mcusim import exits, output, reports
from mcusim.cli import budgeting, console, options, project, running
from mcusim.errors import McusimError
from mcusim.reports.functions import find_function
from mcusim.reports.options import DEFAULT_WIDTH, RenderOptions

if TYPE_CHECKING:
    from mcusim.image.model import Image
    from mcusim.profile import Profile
    from mcusim.trace import Trace

# Ends that are failures although there is a report; one that was cut by a limit is what was asked for.
FAILURES = ("interrupted", "fault")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mcusim profile`."""
    options.add_run_options(parser, optional=True)
    options.add_observation_options(parser)
    options.add_trace_options(parser)
    options.add_render_options(parser)
    budgeting.add_budget_options(parser)
    options.add_output_options(parser, "save the profile (json) to FILE")
    parser.add_argument("-q", "--quiet", action="store_true", help="no firmware output, no progress line")


def prepare(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """Let the project's file give the firmware, the board and other options."""
    project.set_defaults(parser, words)


def run(args: argparse.Namespace) -> int:
    """Load, run, attribute, save, render.

    Returns 0, 130 after Ctrl-C, 1 after a fault, with findings or with a broken budget; all report.
    """
    if args.firmware is None:
        raise McusimError('give FIRMWARE, or name it in mcusim.toml: firmware = "build/firmware.elf"')
    console.check_terminal(
        args.format, "save the profile with -o run.json, then 'mcusim report run.json -f html -o report.html'"
    )
    budgeting.say_project(args)
    if args.output is not None:
        output.check(args.output, force=args.force, inputs=[args.firmware])
    if args.trace is not None:
        output.check(args.trace, force=args.force, inputs=[args.firmware])
        if args.output is not None and output.same_file(args.trace, args.output):
            raise McusimError(f"--trace {args.trace}: is the file of -o, too: give two names")
    image = running.load_image(args)
    args.annotate = _function_name(args.annotate, image)
    width = console.width(sys.stdout, DEFAULT_WIDTH)
    asked = options.render_options(args, width=width, color=console.color(sys.stdout))
    reports.check(args.format, asked)
    if args.format == "lcov" and not image.code_lines:
        raise McusimError(f"--format lcov: {image.name} has no line information: build the firmware with -g")
    if {"layers", "activations"} & set(args.show):
        _check_layers(args.layers, image)
    budgets = _budgets(args, asked)

    from mcusim.reports.progress import ProgressLine

    stream = None if args.quiet else (sys.stdout if args.format == "text" else sys.stderr)
    trace = running.execute(args, stream=stream, progress=ProgressLine(quiet=args.quiet), image=image)

    from mcusim.attribution import attribute
    from mcusim.profile_io import save
    from mcusim.reports.document import render_document

    profile = attribute(trace)
    if args.output is not None:
        save(profile, args.output, force=args.force)
        console.say(f"wrote {args.output}")
    if args.trace is not None:
        _save_trace(args, trace, profile)
    ran = {function.name for function in profile.functions}
    if args.annotate not in ran and args.annotate in {symbol.name for symbol in image.functions}:
        raise McusimError(f"--annotate {args.annotate}: the function did not run")
    code = exits.DONE
    if budgets is None and reports.FORMATS[args.format].binary:
        console.write_bytes(reports.render_bytes(profile, args.format, options=asked), args.format)
    else:
        if budgets is not None:
            document, code = budgets.check(profile)
            report = render_document(document, args.format, width=asked.width, color=asked.color)
        else:
            report = reports.render(profile, args.format, options=asked)
        if args.format == "text" and profile.output and not args.quiet:
            console.write("\n")
        console.write(report)
    if profile.end.kind in FAILURES:
        return exits.OF_END[profile.end.kind]
    return exits.FAILED if profile.memory is not None and profile.memory.findings else code


def _budgets(args: argparse.Namespace, asked: RenderOptions) -> budgeting.Budgeting | None:
    """Return what --budget asks for, found before the wait; memory is tracked where a budget needs it."""
    if not args.budget:
        budgeting.check_alone(args)
        return None
    budgets = budgeting.Budgeting(args, asked, [args.firmware])
    if args.memory == "auto" and budgets.tracked:
        args.memory = "on"
    return budgets


def _save_trace(args: argparse.Namespace, trace: Trace, profile: Profile) -> None:
    """Write what ran when, and say what is not in it."""
    from mcusim.attribution.events import attribute_events
    from mcusim.reports.as_perfetto import left_out_words, trace_text

    events = attribute_events(trace, profile)
    assert events is not None
    data = output.packed(args.trace, trace_text(profile, events).encode())
    output.write(args.trace, data, force=args.force)
    size = f"{_size(len(data))}, {len(events.slices):,} calls"
    console.say(f"wrote {args.trace}: {size}; {left_out_words(events.left_out, profile.totals.cycles)}")


def _size(size_bytes: int) -> str:
    """Return the size of a file: 512 bytes, 14.2 kB, 3.1 MB."""
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    return f"{size_bytes / 1e3:.1f} kB" if size_bytes < 1_000_000 else f"{size_bytes / 1e6:.1f} MB"


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
