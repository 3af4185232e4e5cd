# SPDX-License-Identifier: Apache-2.0
"""Show a core or a board, every number of its table with its source; or the schema of saved profiles.

Examples:
  mcusim show cortex-m4           the timing table of a core
  mcusim show cortex-m4 --microbenchmarks    the few instructions that show each rule, and who measured them
  mcusim show nucleo-l4r5zi       memory map, clocks and devices of a board
  mcusim show my_board.toml       a board file of your own, as it is read
  mcusim show schema              the JSON Schema of the files that 'mcusim profile -o' saves
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from mcusim.cli import console, options
from mcusim.errors import McusimError, unknown_name
from mcusim.reports.table import Column

if TYPE_CHECKING:
    from mcusim.board import Board
    from mcusim.microbenchmark import Case, CaseFile

# Section title -> rows of key, value, source.
Description = list[tuple[str, list[tuple[str, str, str]]]]

SCHEMA = "schema"  # what is no core and no board
WIDTH = 100  # where nothing says how wide the terminal is
_MICROBENCHMARKS = (
    Column("cycles", "published cycles", "quantity"),
    Column("name", "name", "text"),
    Column("code", "code, and who says so", "text", flexible=True, wrap=True),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the argument of `mcusim show`."""
    parser.add_argument(
        "name", metavar="NAME", help="a core, a board (see 'mcusim list'), a board's FILE.toml, or schema"
    )
    parser.add_argument(
        "--width", type=options.columns, metavar="N", help=f"columns of text (default: the terminal's, or {WIDTH})"
    )
    parser.add_argument(
        "--microbenchmarks", action="store_true", help="of a core: code that shows its rules, its cycles, their source"
    )


def run(args: argparse.Namespace) -> int:
    """Print the tables of what has that name."""
    from mcusim.board import board_names, load_board
    from mcusim.core import core_names, load_core
    from mcusim.reports.as_text import sections

    if args.name == SCHEMA and not args.microbenchmarks:
        from mcusim.profile_io import json_schema

        console.write(json_schema().decode())
        return 0
    if args.name in core_names():
        if args.microbenchmarks:
            return _microbenchmarks(args.name, args.width)
        title, description = args.name, load_core(args.name).describe() + _hint(args.name)
    elif args.microbenchmarks:
        raise McusimError(f"--microbenchmarks are of a core: give one of {', '.join(core_names())}")
    elif args.name in board_names() or args.name.endswith(".toml"):
        board = load_board(args.name)
        title, description = f"{board.name}: {board.title}", describe_board(board)
    else:
        raise unknown_name("core or board", args.name, [*core_names(), *board_names(), SCHEMA])
    width, color = args.width or console.width(sys.stdout, WIDTH), console.color(sys.stdout)
    console.write(sections(title, description, width=width, color=color))
    return 0


def _hint(core: str) -> Description:
    from mcusim.microbenchmark import cores_with_cases, load_cases

    if core not in cores_with_cases():
        return []
    count = len(load_cases(core).case)
    return [("microbenchmarks", [("cases", f"{count} (--microbenchmarks prints them)", "")])]


def _microbenchmarks(core: str, width: int | None) -> int:
    """Print the microbenchmarks of a core."""
    from mcusim.microbenchmark import load_cases
    from mcusim.reports.document import Document, render_document
    from mcusim.reports.table import Row, Table

    file = load_cases(core)
    missed = file.why_missed()
    rows = []
    for case in file.case:
        rows += [Row((case.cycles, case.name, _code(case, file))), Row((None, None, case.source), "aside")]
        if case.contradicted:
            rows.append(Row((None, None, f"contradicted: {case.contradicted}"), "aside"))
        if case.name in missed:
            rows.append(Row((None, None, f"missed: {missed[case.name]}"), "aside"))
    remark = _remark(file)
    table = Table("microbenchmarks", _MICROBENCHMARKS, rows, remark)
    sources = [f"{key}: {text}" for key, text in file.sources.items()]
    document = Document(core, [table], table, {}, sources)
    text = render_document(
        document, "text", width=width or console.width(sys.stdout, 120), color=console.color(sys.stdout)
    )  # fmt: skip
    console.write(text)
    return 0


def _remark(file: CaseFile) -> str:
    """Return what holds for the cases of a file as a whole."""
    from mcusim.microbenchmark import ONCE

    contradicted = sum(bool(case.contradicted) for case in file.case)
    missed = len(file.why_missed())
    exceptions = [f"{missed} that it misses"] if missed else []
    exceptions += [f"{contradicted} that another measurement contradicts"] if contradicted else []
    remark = f"{len(file.case)} cases; the model gives these cycles exactly"
    remark += f", but for {' and '.join(exceptions)}" if exceptions else ""
    warm_up, copies = file.template.copies
    if (warm_up, copies) != ONCE:
        remark += f". Cycles are those of each of copies {warm_up + 1} to {copies} in a row"
        remark += f", behind {file.template.anchor}, which is not counted" if file.template.anchor else ""
    return remark


def _code(case: Case, file: CaseFile) -> str:
    """Return the code, and in brackets what is not as usual about it."""
    from mcusim.microbenchmark import FOLLOWER, ONCE

    unusual = [("after", case.setup), ("before", "" if case.after == FOLLOWER else case.after),
               ("on", case.board), ("with", ", ".join(case.memory))]  # fmt: skip
    words = [f"{word} {text}" for word, text in unusual if text]
    words += [f"at offset {case.offset}"] if case.offset else []
    words += [f"{case.wait_states} wait states"] if case.wait_states is not None else []
    words += ["from SRAM"] if case.in_sram else []
    words += ["a turn of a loop"] if case.turns else []
    words += [f"only cycles of {case.cause}"] if case.cause else []
    if file.template.copies != ONCE and not case.turns:
        words += ["without what stands before each copy"] if file.template.anchor and not case.anchored else []
        words += ["once"] if case.copies == ONCE else [f"{case.copies[1]} copies"] if case.copies else []
    words += ["contradicted"] if case.contradicted else []
    code = "; ".join(line.strip() for line in case.code.strip().splitlines())
    return code + (f" ({'; '.join(words)})" if words else "")


def describe_board(board: Board) -> Description:
    """Return everything a board says, in the form in which `Core.describe` describes a core."""
    from mcusim.reports.numbers import frequency

    clock = board.clock
    made = board.multiplier
    multiplier = [("multiplier", f"{made.cycles} cycles", made.source)] if made else []
    return [
        ("board", [("core", board.core, ""), *multiplier]),
        (
            "clock",
            [
                ("after reset", frequency(clock.reset_hz), clock.source),
                ("highest", frequency(clock.max_hz), clock.source),
            ],
        ),
        (
            "memory",
            [
                (
                    region.name,
                    f"{_span(region.start, region.size_bytes)} {region.kind}{_also(region.aliases)}",
                    region.source,
                )
                for region in board.region
            ],
        ),
        *_timing(board),
        *_power(board),
        (
            "devices",
            [
                (
                    device.name,
                    f"{_span(device.start, device.size_bytes)} {device.type}"
                    + (f", interrupt {device.interrupt}" if device.interrupt is not None else "")
                    + (", console" if device.console else ""),
                    device.source,
                )
                for device in board.device
            ],
        ),
        ("sources", [(name, document, "") for name, document in board.sources.items()]),
    ]


def _timing(board: Board) -> Description:
    """Return what the board says of how long its memories take, number by number."""
    rows = (
        [(key, f"{number.value:,}", number.source) for key, number in board.cache.numbers.items()]
        if board.cache
        else []
    )
    described: Description = [("caches", rows)] if rows else []
    for region in board.region:
        parts = {"timing": region.timing, "bus": region.bus, "bus at its aliases": region.alias_bus}
        for what, part in parts.items():
            if part is not None:
                named = {key: getattr(part, key) for key in part.__struct_fields__}
                numbers = {key: each for key, each in named.items() if getattr(each, "source", "")}
                rows = [(key, f"{each.value:,}", each.source) for key, each in numbers.items()]
                described.append((f"{what} of {region.name}", rows))
        if region.late_cycles.source:
            late = (("late_cycles", f"{region.late_cycles.value:,}", region.late_cycles.source),)
            described.append((f"timing of {region.name}", list(late)))
    return described


def _power(board: Board) -> Description:
    """Return the currents that energy is estimated from."""
    from mcusim.reports.numbers import frequency

    power = board.power
    if power is None:
        return []
    rows = [("supply", f"{power.supply_v:g} V", power.conditions)]
    for what, points in (("running", power.active), ("asleep", power.sleep)):
        rows += [(f"{what} at {frequency(point.hz)}", f"{point.ma:g} mA", point.source) for point in points]
    if power.deep is not None:
        rows.append((power.deep.name, f"{power.deep.ua:g} µA", power.deep.source))
    return [("power", rows)]


def _span(start: int, size_bytes: int) -> str:
    """A half-open range and its size: '0x20000000..0x200a0000 640 KiB'."""
    size = f"{size_bytes // 1024:,} KiB" if size_bytes and size_bytes % 1024 == 0 else f"{size_bytes:,} bytes"
    return f"0x{start:08x}..0x{start + size_bytes:08x} {size}"


def _also(aliases: tuple[int, ...]) -> str:
    return ", also at " + ", ".join(f"0x{start:08x}" for start in aliases) if aliases else ""
