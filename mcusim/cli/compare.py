# SPDX-License-Identifier: Apache-2.0
"""Run firmware on boards with settings, and print one table: what fits, how fast it is, what it needs.

Each FILE runs on each --board with every combination of --clock, --core, --wait-states and --set, which take
several values with commas between them: each a run of its own in a process of its own, since firmware may read the
clock and interrupts come when they are due. Without --board each file runs on the board that fits it best. Changes
are against the first row. With saved profiles (two or more .json files) nothing runs; 'mcusim diff' explains two of
them, layer by layer.

A result is kept by the content of image, board and settings, and by this version of mcusim, so nothing is run twice,
whatever happened to the command before (--cache, --no-cache). --scheduler runs on a Dask cluster.

The exit code is 1 if a run ended in a fault; a firmware that does not fit is an answer, not a failure.

Examples:
  mcusim compare firmware.elf --clock 80M,120M                          what the core's clock changes
  mcusim compare firmware.elf --wait-states 0,5 --set flash.cache=on,off    what flash costs, with and without its cache
  mcusim compare firmware.elf --core cortex-m4,cortex-m33 --functions   another core, and which functions it changes
  mcusim compare a.elf b.elf c.elf --board nucleo-l4r5zi,nucleo-f446re  which fits where
  mcusim compare build/*.elf --format csv -o t.csv --plot front.png     time against SRAM, Pareto front marked
  mcusim compare build/*.elf --scheduler tcp://10.0.0.5:8786            thousands of runs on a Dask cluster
  mcusim compare before.json after.json                                 saved profiles, by totals and by function
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mcusim import output
from mcusim.cli import cold, console, options, running
from mcusim.errors import McusimError, unknown_name
from mcusim.plots import ending_of
from mcusim.reports.options import DEFAULT_TOP

if TYPE_CHECKING:
    from mcusim.comparison import Variant

_SEVERAL = "several firmwares: the front means something only where they are alternatives for one task"
_VARIED = ("board", "core", "clock", "wait_states", "set")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mcusim compare`."""
    parser.add_argument(
        "inputs",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="firmware to run, or two or more saved profiles (.json)",
    )
    group = parser.add_argument_group("what varies")
    group.add_argument(
        "--clock", type=options.several(options.hertz), metavar="HZ,...", help="clocks of the core: 80M,120M"
    )
    group.add_argument("--core", type=options.several(str), metavar="NAME,...", help="cores whose cycles are counted")
    group.add_argument(
        "--wait-states", type=options.several(options.wait_states), metavar="N,...", help="wait states of the flash"
    )
    group.add_argument(
        "--set", action="append", default=[], type=options.alternatives, metavar="KEY=VALUE,...",
        help="parts of the memory: flash.cache=on,off; may be given several times",
    )  # fmt: skip
    options.add_settings(parser)
    group = parser.add_argument_group("layers and memory")
    options.add_layers_and_memory(group)
    group = parser.add_argument_group("the table")
    group.add_argument("--functions", action="store_true", help="by function, too (always for saved profiles)")
    group.add_argument("--top", type=options.count_or_zero, default=DEFAULT_TOP, metavar="N",
                       help=f"functions shown (default {DEFAULT_TOP}; 0: all)")  # fmt: skip
    group.add_argument("--plot", type=options.output_file, metavar="PICTURE",
                       help="time against SRAM with the Pareto front, to a .png, .svg or .pdf")  # fmt: skip
    group = parser.add_argument_group("how the runs are made")
    options.add_jobs_option(parser)
    group.add_argument("--cache", type=Path, metavar="DIR", help="where results are kept (default: your cache folder)")
    group.add_argument("--no-cache", action="store_true", help="run everything, keep nothing")
    group.add_argument("--scheduler", metavar="ADDRESS", help="a Dask scheduler whose workers make the runs")
    options.add_document_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run or load, compare, print. Raises `McusimError` where not one of the settings could run."""
    from mcusim.reports.compared import comparison_document

    options.check_output(args, args.inputs)
    if args.plot is not None:
        ending_of(args.plot)
        output.check(args.plot, force=args.force, inputs=args.inputs)
    saved = [path for path in args.inputs if path.suffix.lower() == ".json"]
    if saved and len(saved) < len(args.inputs):
        raise McusimError("give firmware, or saved profiles (.json), not both")
    variants = _load(args) if saved else _run(args)
    if all(variant.profile is None and variant.fits is not False for variant in variants):
        raise McusimError(variants[0].error)
    document = comparison_document(variants, functions=args.functions or bool(saved), top=args.top)
    options.print_document(args, document)
    if args.plot is not None:
        _plot(args, variants)
    faulted = any(v.profile is not None and v.profile.fault is not None and v.fits is None for v in variants)
    return 1 if faulted and not saved else 0


def _plot(args: argparse.Namespace, variants: Sequence[Variant]) -> None:
    """Draw time against SRAM of what fits: per inference, where all have layers."""
    from mcusim.plots.pareto import Candidate, draw_pareto

    shown = [(v, v.figures) for v in variants if v.figures is not None and v.fits is not False]
    inferences = bool(shown) and all(figures.inference_s is not None for _, figures in shown)
    several = len({variant.image for variant, _ in shown}) > 1
    candidates = []
    for variant, figures in shown:
        time_s = figures.inference_s if inferences and figures.inference_s is not None else figures.time_s
        setting = ", ".join(part for part in variant.name.split(", ") if not part.startswith("board "))
        words = [Path(variant.image).stem] if several else []
        words += [setting] if setting and (setting != "as it is" or not several) else []
        board = variant.board or (variant.profile.board.name if variant.profile is not None else "")
        candidates.append(Candidate(", ".join(words), board, 1e3 * time_s, figures.sram_reserved_bytes / 1024))
    picture = draw_pareto(
        candidates, ending_of(args.plot), title="Time against SRAM", left_out=len(variants) - len(shown),
        what="ms for one inference" if inferences else "ms for the whole run",
        note=_SEVERAL if several else "",
    )  # fmt: skip
    output.write(args.plot, picture, force=args.force)
    console.say(f"wrote {args.plot}")


def _load(args: argparse.Namespace) -> list[Variant]:
    from mcusim.comparison import saved_variants
    from mcusim.profile_io import load_profile

    given = [f"--{name.replace('_', '-')}" for name in _VARIED if getattr(args, name)]
    if given:
        raise McusimError(f"{given[0]}: saved profiles are compared as they are: give the firmware to run it")
    if len(args.inputs) < 2:
        raise McusimError(f"{args.inputs[0]}: give at least two saved profiles, or a firmware and what varies")
    return saved_variants([(path, load_profile(path)) for path in args.inputs])


def _run(args: argparse.Namespace) -> list[Variant]:
    from mcusim.board import load_board
    from mcusim.comparison import Variant, WhatIf, describe, slim
    from mcusim.core import core_names
    from mcusim.reports.progress_bar import ProgressBar
    from mcusim.sweeping import open_store, run_results
    from mcusim.sweeping.plan import plan

    boards = tuple(options.several(str)(args.board)) if args.board is not None else ()
    wanted = WhatIf(boards if len(boards) > 1 else (), args.core or (), args.clock or (), args.wait_states or (),
                    tuple(args.set))  # fmt: skip
    if wanted == WhatIf() and len(args.inputs) == 1:
        raise McusimError(
            "nothing varies: give several files or boards, or --clock, --core, --wait-states or --set with values"
        )
    for name in wanted.cores:
        if name not in core_names():
            raise unknown_name("core", name, core_names())
    for name in boards:
        load_board(name)  # what is wrong with it is said before anything runs
    keys = [alternatives[0].partition("=")[0] for alternatives in args.set]
    if repeated := [key for key in keys if keys.count(key) > 1]:
        raise McusimError(f"--set {repeated[0]} is given twice: put its values into one, {repeated[0]}=A,B")
    if args.cache is not None and args.no_cache:
        raise McusimError("--cache and --no-cache exclude each other")
    settings = running.make_settings(args, observed=options.layers_and_memory(args))
    planned = plan(args.inputs, wanted, settings, board=boards[0] if len(boards) == 1 else None, base=args.base)
    store = None if args.no_cache else open_store(args.cache)
    variants = []
    cold.tell(quiet=args.quiet)
    with ProgressBar(quiet=args.quiet) as bar:
        results = run_results(
            planned, store=store, scheduler=args.scheduler, processes=options.jobs(args), finished=bar.update
        )
        for row, profile in results:
            variants.append(
                Variant(describe(row.settings), slim(profile) if profile is not None else None, row.error, row.settings,
                        row.image, row.board, row.fits, row.reason, row.figures)
            )  # fmt: skip
    return variants
