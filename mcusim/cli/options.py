# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share, each spelled once, and what turns their words into values."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from mcusim import output
from mcusim.cli import console
from mcusim.errors import McusimError, unknown_name
from mcusim.reports import FORMATS, RenderOptions
from mcusim.reports.options import (
    DEFAULT_BATTERY_MAH,
    DEFAULT_LAYER_ROWS,
    DEFAULT_MIN_SHARE_PERCENT,
    DEFAULT_TOP,
    DEFAULT_WIDTH,
    DOCUMENT_FORMATS,
    NARROWEST,
    SECTION_GROUPS,
    SECTIONS,
    SORTS,
)

if TYPE_CHECKING:
    from mcusim.reports.document import Document

T = TypeVar("T")

_MULTIPLES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_PERIODS_S = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_LARGEST_COUNT = 2**63 - 1
_LARGEST_HZ = 10**10
_SMALLEST_HZ = 10_000  # no firmware is worth a look at less; who gives 80 means 80M
_MOST_WAIT_STATES = 64
DEFAULT_TRACE_EVENTS = 300_000  # some 40 MB
_MOST_TRACE_EVENTS = 10_000_000
MEMORY_CHOICES = {"auto": None, "on": True, "off": False}


def add_run_options(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add FIRMWARE, which may be `optional`, and everything that decides how it runs."""
    where = " (default: the one of the project's file)" if optional else ""
    parser.add_argument(
        "firmware", type=Path, metavar="FIRMWARE", nargs="?" if optional else None,
        help=f"linked image: .elf, .hex or .bin (with --base){where}",
    )  # fmt: skip
    add_settings(parser)
    group = parser.add_argument_group("what if")
    group.add_argument("--clock", type=hertz, metavar="HZ", help="the core's clock, whatever is programmed: 80M, 64MHz")
    group.add_argument("--core", metavar="NAME", help="count the cycles of another core, which runs the same code")
    group.add_argument("--wait-states", type=wait_states, metavar="N", help="of the flash, whatever is programmed")
    group.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="fix a part of the memory: flash.cache=off"
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add everything that decides how a firmware runs on its board as it is."""
    group = parser.add_argument_group("the run")
    group.add_argument("--board", metavar="NAME|FILE.toml", help="board to run on (default: guessed from the image)")
    group.add_argument("--base", type=number, metavar="ADDR", help="load address of a .bin, such as 0x08000000")
    group.add_argument("--until", metavar="SYMBOL[:N]", help="stop at the N-th arrival at a function (default: first)")
    group.add_argument(
        "--max-cycles", type=count, metavar="N", help="stop after N cycles; 1e9 and 10M are numbers, too"
    )
    group.add_argument("--timeout", type=seconds, metavar="SECONDS", help="stop after this much real time")
    group.add_argument("--uart-in", metavar="FILE|-", help="bytes the firmware receives on its UART (-: stdin)")
    group.add_argument(
        "--stub", action="append", default=[], metavar="FUNCTION[=VALUE]", help="let a function return at once"
    )
    group.add_argument(
        "--call", metavar="FUNCTION[(ARGS)]", help="after the start-up code call a function in the place of main"
    )
    group.add_argument("--skip-to", metavar="SYMBOL", help="when main is reached, go on at SYMBOL")
    group.add_argument("--uart-script", metavar="FILE", help='answers to what it prints: lines expect "X", send "Y"')
    group.add_argument("--files", type=Path, metavar="DIR", help="let semihosting open files in this folder only")
    group.add_argument(
        "--allow-unknown", action="store_true", help="go on when an instruction has no timing class, at a guessed cost"
    )
    group.add_argument(
        "--device-overlay", action="append", default=[], type=Path, metavar="FILE",
        help="fix what single registers answer (TOML); may be given several times",
    )  # fmt: skip
    group.add_argument("--svd", type=Path, metavar="FILE", help="names and reset values of registers nobody models")
    group.add_argument(
        "--strict-mmio", action="store_true", help="end with an error at the first register that nobody models"
    )


def add_observation_options(parser: argparse.ArgumentParser) -> None:
    """Add what is looked at while the firmware runs: layers, memory."""
    group = parser.add_argument_group("layers and memory")
    add_layers_and_memory(group)
    group.add_argument(
        "--sanitize", action="store_true",
        help="look for accesses that are wrong (implies --memory on); exit with 1 if there are any",
    )  # fmt: skip


def add_layers_and_memory(group: argparse._ArgumentGroup) -> None:
    """Add which calls are layers, and when memory is tracked."""
    group.add_argument(
        "--layers", default="auto", metavar="RULE",
        help="which calls are layers: auto (default), none, a framework's name (mcusim list layers), markers, "
             "callees-of=SYMBOL, match=REGEX",
    )  # fmt: skip
    group.add_argument(
        "--memory", type=one_of("choice", MEMORY_CHOICES), default="auto", metavar="WHEN",
        help="track every access of memory: on, off, auto (default: where layers are found)",
    )  # fmt: skip
    group.add_argument(
        "--arena", action="append", default=[], metavar="SYMBOL", help="a variable that tensors are planned into"
    )


def add_trace_options(parser: argparse.ArgumentParser) -> None:
    """Add what is kept of calls over time."""
    group = parser.add_argument_group("events over time")
    group.add_argument(
        "--trace", type=output_file, metavar="FILE",
        help="save layers, functions, interrupts, tasks and counters over time for ui.perfetto.dev; .gz compresses",
    )  # fmt: skip
    group.add_argument(
        "--trace-events", type=trace_events, default=DEFAULT_TRACE_EVENTS, metavar="N",
        help=f"keep at most so many: all long calls, a sample of others (default {DEFAULT_TRACE_EVENTS:,})",
    )  # fmt: skip


def observation(args: argparse.Namespace) -> dict[str, object]:
    """Return the settings that the words of `add_observation_options` ask for, by name."""
    shown = {"memory", "buffers", "flash", "symbols", *SECTION_GROUPS["memory"]} & set(args.show)
    settings = layers_and_memory(args)
    if args.sanitize or (shown and settings["memory_tracking"] is None):
        settings["memory_tracking"] = True
    traced = args.trace_events if args.trace is not None else 0
    return settings | {"sanitize": args.sanitize, "trace_slices": traced}


def layers_and_memory(args: argparse.Namespace) -> dict[str, object]:
    """Return the settings that the words of `add_layers_and_memory` ask for, by name."""
    return {"layers": args.layers, "memory_tracking": MEMORY_CHOICES[args.memory], "arenas": tuple(args.arena)}


def add_render_options(parser: argparse.ArgumentParser) -> None:
    """Add what decides how a report looks."""
    group = parser.add_argument_group("the report")
    group.add_argument(
        "-f", "--format", type=one_of("format", FORMATS), default="text", metavar="FORMAT",
        help=_choices(FORMATS, "text"),
    )  # fmt: skip
    group.add_argument(
        "--show", type=several(one_of("section", [*SECTIONS, *SECTION_GROUPS])), default=(), metavar="SECTION,...",
        help=f"only these: {', '.join(SECTIONS)}; or {', '.join(SECTION_GROUPS)}",
    )  # fmt: skip
    group.add_argument("--inference", type=count, metavar="N", help="layers: one inference (default: mean of all)")
    group.add_argument(
        "--layer-rows", type=count_or_zero, metavar="N", help=f"layers shown (default {DEFAULT_LAYER_ROWS}; 0: all)"
    )
    group.add_argument(
        "--sort", type=one_of("sort key", SORTS), default="self", metavar="KEY", help=_choices(SORTS, "self")
    )
    group.add_argument(
        "--top", type=count_or_zero, metavar="N", help=f"rows of tables by size (default {DEFAULT_TOP}; 0: all)"
    )
    group.add_argument("--match", metavar="PATTERN", help="only functions matching a glob or regular expression")
    group.add_argument("--tree", action="store_true", help="call tree with inclusive and exclusive cycles")
    group.add_argument("--depth", type=count, metavar="N", help="call tree: levels shown (default: all)")
    group.add_argument(
        "--min-share",
        type=percentage,
        metavar="PERCENT",
        help=f"call tree: fold smaller branches (default {DEFAULT_MIN_SHARE_PERCENT}; csv: 0)",
    )
    group.add_argument("--lines", action="store_true", help="source lines by cycles, and what they waited for")
    group.add_argument("--annotate", metavar="FUNCTION", help="one function, instruction by instruction")
    group.add_argument(
        "--width", type=columns, metavar="N", help=f"columns of text (default: the terminal's, or {DEFAULT_WIDTH})"
    )
    group.add_argument("--duty", type=period, metavar="TIME",
                       help="how long a battery lasts with an inference each 500ms, 60s, 10min or 1h")  # fmt: skip
    group.add_argument("--battery", type=milliampere_hours, metavar="MAH",
                       help=f"its capacity: 1000mAh, 2.5Ah (default {DEFAULT_BATTERY_MAH:g}mAh)")  # fmt: skip


def add_output_options(parser: argparse.ArgumentParser, what: str) -> None:
    """Add -o for `what`, and --force."""
    parser.add_argument("-o", "--output", type=output_file, metavar="FILE", help=f"{what}, whole or not at all")
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")


def add_jobs_option(parser: argparse.ArgumentParser) -> None:
    """Add -j, for commands that run several times."""
    parser.add_argument(
        "-j", "--jobs", type=count, metavar="N", help="runs at a time (default: one for each processor)"
    )


def jobs(args: argparse.Namespace) -> int:
    """Return how many runs are made at a time."""
    if args.jobs is not None:
        return int(args.jobs)
    from mcusim.batch import default_processes

    return default_processes()


def add_document_options(parser: argparse.ArgumentParser, *, formats: Iterable[str] = tuple(DOCUMENT_FORMATS)) -> None:
    """Add how the tables of a command that prints tables only are printed, and where to."""
    parser.add_argument(
        "-f", "--format", type=one_of("format", formats), default="text", metavar="FORMAT",
        help=_choices(formats, "text"),
    )  # fmt: skip
    parser.add_argument(
        "--width", type=columns, metavar="N", help=f"columns of text (default: the terminal's, or {DEFAULT_WIDTH})"
    )
    add_output_options(parser, "write the tables to FILE")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress line")


def check_output(args: argparse.Namespace, inputs: Iterable[Path]) -> None:
    """Find an output that cannot be written before the wait and not after it."""
    if args.output is not None:
        output.check(args.output, force=args.force, inputs=inputs)


def print_document(args: argparse.Namespace, document: Document) -> None:
    """Print tables as the options of `add_document_options` say."""
    from mcusim.reports.document import render_document

    if args.output is None:
        width, color = args.width or console.width(sys.stdout, DEFAULT_WIDTH), console.color(sys.stdout)
        console.write(render_document(document, args.format, width=width, color=color))
        return
    print_text(args, render_document(document, args.format, width=args.width or DEFAULT_WIDTH))


def print_text(args: argparse.Namespace, text: str) -> None:
    """Print what is rendered already to where the options of `add_document_options` say."""
    if args.output is None:
        console.write(text)
        return
    output.write(args.output, text.encode("utf-8"), force=args.force)
    console.say(f"wrote {args.output}")


def render_options(args: argparse.Namespace, *, width: int, color: bool) -> RenderOptions:
    """Return what the parsed words ask of a report. `width` counts where --width was not given.

    Raises McusimError where --match has no functions to choose among.
    """
    shown = {"functions", "all"} & set(args.show) or args.lines or args.tree
    if args.match is not None and args.show and not shown:
        raise McusimError("--match chooses functions, which --show leaves out: add functions to it, or drop --match")
    return RenderOptions(
        sort=args.sort,
        top=args.top,
        match=args.match,
        tree=args.tree,
        lines=args.lines,
        depth=args.depth,
        min_share_percent=args.min_share,
        annotate=args.annotate,
        show=args.show,
        layer_rows=args.layer_rows,
        inference=args.inference,
        width=args.width or width,
        color=color,
        duty_s=args.duty,
        battery_mah=args.battery or DEFAULT_BATTERY_MAH,
    )


def number(text: str) -> int:
    """An address: decimal, or hexadecimal with 0x."""
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"'{text}' is not an address: give one such as 0x08000000")
    return value


def port(text: str) -> int:
    """A TCP port; 0 stands for any free one."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port: give a number from 0 to 65535, such as 3333")
    return int(text)


def hertz(text: str) -> int:
    """A frequency: 80000000, 80M, 80MHz, 32.768kHz."""
    match = re.fullmatch(r"([0-9][0-9_]*(?:\.[0-9]+)?(?:[eE]\+?[0-9]{1,2})?) ?([kKmMgG]?)(?:[hH][zZ])?", text)
    value = Decimal(match[1]) * _MULTIPLES[match[2].lower()] if match else Decimal(0)
    if match and 0 < value < _SMALLEST_HZ:
        raise argparse.ArgumentTypeError(f"a core at {text} Hz: did you mean {match[1]}M? (10 kHz is the least)")
    if not 1 <= value <= _LARGEST_HZ or value != int(value):
        raise argparse.ArgumentTypeError(f"'{text}' is not a clock: give one such as 80M, 64MHz or 32768")
    return int(value)


class several(Generic[T]):  # noqa: N801 - reads like the functions beside it
    """The check of a list with commas, each value by `check`."""

    def __init__(self, check: Callable[[str], T]) -> None:
        self.check = check

    def __call__(self, text: str) -> tuple[T, ...]:
        """Return the values."""
        parts = [part.strip() for part in text.split(",")]
        if not all(parts) or len(set(parts)) < len(parts):
            raise argparse.ArgumentTypeError(f"'{text}': give different values with commas between them")
        return tuple(self.check(part) for part in parts)


def alternatives(text: str) -> tuple[str, ...]:
    """KEY=VALUE,VALUE...: 'flash.cache=on,off' becomes flash.cache=on and flash.cache=off."""
    key, separator, values = text.partition("=")
    if not key or not separator:
        raise argparse.ArgumentTypeError(f"'{text}': give KEY=VALUE,... such as flash.cache=on,off")
    return tuple(f"{key}={value}" for value in several(str)(values))


def wait_states(text: str) -> int:
    """A number of wait states."""
    if not text.isdecimal() or int(text) > _MOST_WAIT_STATES:
        raise argparse.ArgumentTypeError(f"'{text}': give from 0 to {_MOST_WAIT_STATES} wait states")
    return int(text)


def count_or_zero(text: str) -> int:
    """A whole number of things: 250, 1_000, 1e9, 10M."""
    match = re.fullmatch(r"([0-9][0-9_]*(?:\.[0-9]+)?(?:[eE]\+?[0-9]{1,2})?)([kKmMgG]?)", text)
    value = Decimal(-1)
    if match:
        try:
            value = Decimal(match[1]) * _MULTIPLES[match[2].lower()]
        except InvalidOperation:
            value = Decimal(-1)
    if value < 0 or value > _LARGEST_COUNT or value != int(value):
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a whole number from 0 to {_LARGEST_COUNT:,}: give one such as 1000, 1e9 or 10M"
        )
    return int(value)


def count(text: str) -> int:
    """Like `count_or_zero`, but at least one."""
    value = count_or_zero(text)
    if value == 0:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def trace_events(text: str) -> int:
    """A number of events in a trace."""
    value = count(text)
    if value > _MOST_TRACE_EVENTS:
        raise argparse.ArgumentTypeError(f"no viewer opens {value:,} events: give at most {_MOST_TRACE_EVENTS:,}")
    return value


def seconds(text: str) -> float:
    """A time in seconds, more than zero."""
    value = _real(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a time: give seconds, such as 30 or 0.5")
    return value


def period(text: str) -> float:
    """A time with its unit, in seconds: 500ms, 60s, 10min, 1h."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|min|h)", text)
    value = float(match[1]) * _PERIODS_S[match[2]] if match else 0.0
    if value <= 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a period: give one such as 500ms, 60s, 10min or 1h")
    return value


def milliampere_hours(text: str) -> float:
    """A battery's capacity in mAh: 1000mAh, 2.5Ah."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(mAh|Ah)", text)
    value = float(match[1]) * (1000.0 if match[2] == "Ah" else 1.0) if match else 0.0
    if value <= 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a battery's capacity: give one such as 1000mAh or 2.5Ah")
    return value


def percentage(text: str) -> float:
    """A share from 0 to 100."""
    value = _real(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"'{text}' is not a share: give percent from 0 to 100")
    return value


def columns(text: str) -> int:
    """A width in characters that a table can be laid out in."""
    value = count_or_zero(text)
    if not NARROWEST <= value <= 10_000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a width: give from {NARROWEST} to 10000 columns")
    return value


def output_file(text: str) -> Path:
    """The name of a file to be written."""
    if text in ("", "-"):
        raise argparse.ArgumentTypeError("give the name of a file (--format json prints the profile)")
    return Path(text)


class one_of:  # noqa: N801 - reads like the functions beside it
    """The check that a word is one of `known`; the error names the nearest, and shells complete to them."""

    def __init__(self, kind: str, known: Iterable[str]) -> None:
        self.kind, self.known = kind, tuple(known)

    def __call__(self, text: str) -> str:
        """Return the word."""
        if text not in self.known:
            raise argparse.ArgumentTypeError(str(unknown_name(self.kind, text, self.known)))
        return text


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0


def _choices(known: Iterable[str], default: str) -> str:
    return f"{', '.join(known)} (default {default})"
