# SPDX-License-Identifier: Apache-2.0
"""Run a firmware under several settings and print one table; or put saved profiles side by side.

--board, --core, --clock, --wait-states and --set take several values with commas between them; every combination is a
run of its own, since firmware may read the clock and interrupts come when they are due. Changes are against the first
row. With saved profiles (two or more .json files) nothing runs. The exit code is 1 if a run ended in a fault.

Examples:
  mcusim compare firmware.elf --clock 80M,120M                          what the core's clock changes
  mcusim compare firmware.elf --wait-states 0,5 --set flash.cache=on,off    what flash costs, with and without its cache
  mcusim compare firmware.elf --core cortex-m4,cortex-m33 --functions   another core, and which functions it changes
  mcusim compare firmware.elf --clock 80M,120M --format csv -o t.csv    for a spreadsheet
  mcusim compare before.json after.json                                 saved profiles, by totals and by function
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mcusim.cli import cold, options, running
from mcusim.errors import McusimError, unknown_name
from mcusim.reports.options import DEFAULT_TOP

if TYPE_CHECKING:
    from mcusim.comparison import Variant

_VARIED = ("board", "core", "clock", "wait_states", "set")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mcusim compare`."""
    parser.add_argument(
        "inputs",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="one firmware to run, or two or more saved profiles (.json)",
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
    group = parser.add_argument_group("the table")
    group.add_argument("--functions", action="store_true", help="by function, too (always for saved profiles)")
    group.add_argument("--top", type=options.count_or_zero, default=DEFAULT_TOP, metavar="N",
                       help=f"functions shown (default {DEFAULT_TOP}; 0: all)")  # fmt: skip
    options.add_jobs_option(parser)
    options.add_document_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run or load, compare, print. Raises `McusimError` where not one of the settings could run."""
    from mcusim.reports.compared import comparison_document

    options.check_output(args, args.inputs)
    saved = [path for path in args.inputs if path.suffix.lower() == ".json"]
    if saved and len(saved) < len(args.inputs):
        raise McusimError("give one firmware, or saved profiles (.json), not both")
    variants = _load(args) if saved else _run(args)
    if all(variant.profile is None for variant in variants):
        raise McusimError(variants[0].error)
    document = comparison_document(variants, functions=args.functions or bool(saved), top=args.top)
    options.print_document(args, document)
    faulted = any(variant.profile is not None and variant.profile.fault is not None for variant in variants)
    return 1 if faulted and not saved else 0


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
    from mcusim.comparison import WhatIf, compare_runs
    from mcusim.core import core_names
    from mcusim.image import load
    from mcusim.reports.progress import ProgressLine

    if len(args.inputs) > 1:
        raise McusimError("give one firmware; to compare several, save their profiles ('mcusim profile -o') first")
    boards = tuple(options.several(str)(args.board)) if args.board is not None else ()
    wanted = WhatIf(boards if len(boards) > 1 else (), args.core or (), args.clock or (), args.wait_states or (),
                    tuple(args.set))  # fmt: skip
    if wanted == WhatIf():
        raise McusimError("nothing varies: give --clock, --core, --wait-states or --set with values to compare")
    for name in wanted.cores:
        if name not in core_names():
            raise unknown_name("core", name, core_names())
    for name in boards:
        load_board(name)  # what is wrong with it is said before anything runs
    keys = [alternatives[0].partition("=")[0] for alternatives in args.set]
    if repeated := [key for key in keys if keys.count(key) > 1]:
        raise McusimError(f"--set {repeated[0]} is given twice: put its values into one, {repeated[0]}=A,B")
    settings = running.make_settings(args)
    load(args.inputs[0], base=args.base)  # what is wrong with it is said once
    cold.tell(quiet=args.quiet)
    line = ProgressLine(quiet=args.quiet)
    try:
        return compare_runs(
            args.inputs[0], wanted, settings, board=boards[0] if len(boards) == 1 else None, base=args.base,
            processes=options.jobs(args), finished=lambda n, of: line.show(f"{n} of {of} runs done"),
        )  # fmt: skip
    finally:
        line.clear()
