# SPDX-License-Identifier: Apache-2.0
"""Check kernels of a firmware against the reference kernels, bit for bit.

FIRMWARE is a linked ELF; it needs no main. Without --suite, all functions that the bindings to CMSIS-NN and TinyEngine
know are called with drawn sizes and values (docs/check.md). The exit code is 1 where a result is wrong (otherwise than
it is known that the library does), a call fails, or a case takes more cycles or stack than the baseline allows.

Examples:
  mcusim check kernels.elf --board nucleo-l4r5zi                       all functions of known libraries
  mcusim check kernels.elf --suite suite.toml                          functions of your own
  mcusim check kernels.elf --only arm_softmax_s8 --cases 500           one function, more cases
  mcusim check kernels.elf --baseline cycles.json --update-baseline    keep cycles and stack
  mcusim check kernels.elf --baseline cycles.json --junit check.xml    for CI
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mcusim import exits, output
from mcusim.cli import cold, console, options
from mcusim.errors import McusimError

if TYPE_CHECKING:
    from mcusim.calling import Firmware
    from mcusim.checking import Suite, TargetOutcome
    from mcusim.image import Image

CASES_SHOWN = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mcusim check`."""
    parser.add_argument("firmware", type=Path, metavar="FIRMWARE", help="linked ELF with the functions")
    parser.add_argument("--suite", type=Path, metavar="FILE", help="what to check: .toml or .py")
    parser.add_argument("--only", action="append", default=[], metavar="FUNCTION", help="this one; may be repeated")
    parser.add_argument("--board", metavar="NAME|FILE.toml", help="board (default: the suite's, or guessed)")
    parser.add_argument("--boot", action="store_true", help="run the firmware's own start-up code first")
    parser.add_argument("--wait-states", type=options.wait_states, metavar="N", help="of the flash (default: none)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="fix a part of the memory: flash.cache=on"
    )
    parser.add_argument("--cases", type=options.count, metavar="N", help="cases of each function (default: 20)")
    parser.add_argument("--seed", type=options.count_or_zero, metavar="N", help="what cases are drawn with")
    parser.add_argument(
        "--rounding", choices=("double", "single"), help="how sums are scaled (default: the suite's, or double)"
    )
    parser.add_argument("--show", type=options.count, default=CASES_SHOWN, metavar="N", help="wrong cases to tell")
    group = parser.add_argument_group("cycles and stack")
    group.add_argument("--baseline", type=Path, metavar="FILE", help="compare with what is kept in FILE")
    group.add_argument(
        "--update-baseline", action="store_true", help="write FILE anew (with --only: these functions in it)"
    )
    group.add_argument(
        "--tolerance", type=options.percentage, metavar="PERCENT", help="how many cycles more are no failure"
    )
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the outcomes as JUnit XML as well")
    options.add_document_options(parser)


def run(args: argparse.Namespace) -> int:
    """Load, call, compare, print. Returns 1 where something is wrong."""
    from mcusim.calling import Firmware
    from mcusim.checking.baseline import Conditions, Figures, baseline_bytes, compare, figures_of, load_baseline
    from mcusim.checking.junit import junit_xml
    from mcusim.checking.run import fitting
    from mcusim.machine import Settings
    from mcusim.reports.checked import check_document

    if args.update_baseline and args.baseline is None:
        raise McusimError("--update-baseline: needs --baseline FILE")
    inputs = [args.firmware, *([args.suite] if args.suite else [])]
    options.check_output(args, inputs)
    if args.junit is not None:
        output.check(args.junit, force=True, inputs=inputs)
    suite = _suite_file(args)
    board = args.board or (suite.board if suite is not None else None)
    cold.tell(quiet=args.quiet)
    settings = Settings(wait_states=args.wait_states, memory=tuple(args.set))
    firmware = Firmware(args.firmware, board, boot=args.boot, settings=settings)
    suite = _narrowed(args, suite, firmware.image)
    left_out: list[str] = []
    if args.suite is None and not args.only:
        suite, left_out = fitting(firmware, suite)
    memory = tuple(sorted(args.set))
    conditions = Conditions(firmware.board.name, suite.seed, args.wait_states, memory, args.boot)
    kept = None
    others: Figures = {}  # of functions that --only leaves alone
    if args.only and args.update_baseline and args.baseline.exists():
        others = load_baseline(args.baseline, conditions)
    if args.baseline is not None and not args.update_baseline:
        kept = load_baseline(args.baseline, conditions)  # before the cases run: what is wrong with it is said at once
    outcomes = _check(args, suite, firmware)
    percent = args.tolerance if args.tolerance is not None else suite.tolerance_cycles_percent
    comparison = None
    if kept is not None:
        comparison = compare(figures_of(outcomes), kept, percent, suite.tolerance_stack_bytes)
    name = f"{args.firmware.name}, {suite.name}"
    options.print_document(args, check_document(name, firmware.board.name, outcomes, comparison, args.show, left_out))
    if args.junit is not None:
        output.write(args.junit, junit_xml(outcomes, comparison), force=True)
    if args.update_baseline:
        output.write(args.baseline, baseline_bytes(others | figures_of(outcomes), conditions), force=True)
        console.say(f"wrote {args.baseline}")
    right = not any(case.wrong for outcome in outcomes for case in outcome.cases)
    return exits.DONE if right and not (comparison and comparison.regressions) else exits.FAILED


def _suite_file(args: argparse.Namespace) -> Suite | None:
    from mcusim.checking import load_suite

    return load_suite(args.suite) if args.suite is not None else None


def _narrowed(args: argparse.Namespace, suite: Suite | None, image: Image) -> Suite:
    """Return the suite with what the options say in the place of what the file says."""
    from mcusim.checking.suite import changed, chosen, suite_of_bindings

    suite = suite if suite is not None else suite_of_bindings(image)
    return changed(
        chosen(suite, args.only) if args.only else suite, cases=args.cases, seed=args.seed, rounding=args.rounding
    )


def _check(args: argparse.Namespace, suite: Suite, firmware: Firmware) -> list[TargetOutcome]:
    from mcusim.checking import check_target
    from mcusim.reports.numbers import things
    from mcusim.reports.progress import ProgressLine

    line = ProgressLine(quiet=args.quiet)
    outcomes = []
    try:
        for target in suite.targets:
            line.show(f"{target.name}: {things(target.cases, 'case', 'cases')}")
            outcomes.append(check_target(firmware, target, suite.seed))
    finally:
        line.clear()
    return outcomes
