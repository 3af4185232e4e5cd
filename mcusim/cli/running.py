# SPDX-License-Identifier: Apache-2.0
"""Running the firmware, as `profile` and `run` both do."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TextIO

from mcusim.cli import cold, inputs, options
from mcusim.cli.console import FirmwareOutput
from mcusim.errors import McusimError, unknown_name

if TYPE_CHECKING:
    from mcusim.image.model import Image
    from mcusim.machine import Progress, Settings
    from mcusim.machine.console_script import Script
    from mcusim.reports.progress import ProgressLine
    from mcusim.trace import Trace


def execute(
    args: argparse.Namespace,
    *,
    stream: TextIO | None,
    progress: ProgressLine,
    image: Image,
    run: Callable[..., Trace] | None = None,
    observed: Mapping[str, Any] | None = None,
) -> Trace:
    """Run `image` as the options say, its output to `stream` (None: nowhere), and return the trace.

    `run` is what runs it, if not `mcusim.machine.run`; `observed` are settings by name, in the place of those that
    `options.observation` makes of the options.
    """
    from mcusim.board import load_board
    from mcusim.guess import guess_board
    from mcusim.machine import run as run_alone

    settings = make_settings(
        args, clock_hz=args.clock, core=args.core, wait_states=args.wait_states, memory=tuple(args.set),
        observed=observed if observed is not None else options.observation(args) if "layers" in args else {},
    )  # fmt: skip
    if args.board is None:
        board, reason = guess_board(image)
    else:
        given = args.project.path.name if args.board == getattr(args, "project_board", None) else "--board"
        board, reason = load_board(args.board), f"given by {given}"
    output = FirmwareOutput(stream) if stream is not None else None
    cold.tell(quiet=args.quiet)
    try:
        return (run or run_alone)(
            image,
            board,
            settings,
            console=_console(output, progress),
            progress=_progress(output, progress) if progress.active else None,
            board_reason=reason,
        )
    finally:
        progress.clear()
        if output is not None:
            output.end_line()


def make_settings(
    args: argparse.Namespace,
    *,
    clock_hz: int | None = None,
    core: str | None = None,
    wait_states: int | None = None,
    memory: tuple[str, ...] = (),
    observed: Mapping[str, Any] = MappingProxyType({}),
) -> Settings:
    """Return the settings that the words of `options.add_settings` ask for, what would be otherwise, and what is seen.

    `observed` are settings by name (`options.observation`).
    """
    from mcusim.core import core_names
    from mcusim.machine import Settings
    from mcusim.overlay import load_overlay
    from mcusim.svd import load_svd

    if args.uart_in is not None and args.uart_script is not None:
        raise McusimError("--uart-in and --uart-script exclude each other: their bytes would mix")
    if args.files is not None and not args.files.is_dir():
        raise McusimError(f"--files {args.files}: is not a folder: give one that exists")
    keys = [text.partition("=")[0] for text in memory]
    if repeated := [key for key in keys if keys.count(key) > 1]:
        raise McusimError(f"--set {repeated[0]} is given twice: give it once")
    if core is not None and core not in core_names():
        raise unknown_name("core", core, core_names())
    return Settings(
        until=args.until,
        max_cycles=args.max_cycles,
        timeout_s=args.timeout,
        files=args.files,
        allow_unknown=args.allow_unknown,
        uart_input=inputs.read_input(args.uart_in),
        stubs=tuple(args.stub),
        call=args.call,
        skip_to=args.skip_to,
        uart_script=_script(args.uart_script),
        overlays=tuple(load_overlay(path) for path in args.device_overlay),
        svd=load_svd(args.svd) if args.svd is not None else None,
        strict_mmio=args.strict_mmio,
        clock_hz=clock_hz,
        core=core,
        wait_states=wait_states,
        memory=memory,
        **observed,
    )


def _script(name: str | None) -> Script | None:
    if name is None:
        return None
    from mcusim.machine.console_script import parse_script

    return parse_script(inputs.read_text("--uart-script", name), f"--uart-script {name}")


def load_image(args: argparse.Namespace) -> Image:
    """Read and check FIRMWARE."""
    from mcusim.image import load

    return load(args.firmware, base=args.base)


def _console(output: FirmwareOutput | None, line: ProgressLine) -> Callable[[bytes], None] | None:
    if output is None:
        return None

    def write(data: bytes) -> None:
        line.clear()
        output.write(data)

    return write


def _progress(output: FirmwareOutput | None, line: ProgressLine) -> Callable[[Progress], None]:
    def update(now: Progress) -> None:
        if output is not None and not output.at_line_start:
            return  # the firmware is in the middle of a line, on the same terminal
        wall_s = max(now.wall_s, 1e-9)
        line.update(now.time_s, now.cycles, now.instructions / wall_s / 1e6, now.time_s / wall_s, now.function)

    return update
