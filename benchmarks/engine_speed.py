# SPDX-License-Identifier: Apache-2.0
"""How fast is simulation with timing, compared with the bare engine, on the same guest instructions?

    python benchmarks/engine_speed.py [ELF=STRETCH[*WEIGHT],... ...] [--repetitions N] [--least RATIO]
                                      [--wait-states N] [--memory | --sanitize]
                                      [--board NAME|FILE] [--set KEY=VALUE]...

A stretch is a function, from its first entry to its return, or START..END, two functions' entries. The firmware runs
under mcusim up to the stretch, where registers and memory are kept. From there the same instructions are executed
again and again, in turns:

    bare     by Unicorn with the same memory and no hook at all
    mcusim   with the block hook that prices blocks, moves the clock and follows the call tree

With caches (and not --set cache=ideal), Unicorn has an empty native hook on memory as well.
With --wait-states the firmware's flash has them, so that mcusim looks at every data read of flash and at every line
that is fetched; then `bare` has a native memory hook that does nothing, on all reads and writes: what any simulator on
this engine pays that looks at data addresses.

With --memory mcusim tracks every access (`Settings.memory_tracking`), and `bare` has that hook, too.
With --sanitize it looks for accesses that are wrong as well (`Settings.sanitize`).

The best of each counts, in CPU time of this process; registers and memory must be the same afterwards. A firmware's
ratio is that of its stretches' times, each multiplied by its weight (how often the firmware runs it).

`first` is the first pass under mcusim, which meets and prices every block. `whole` is the firmware from loading the
file to its end in wall time: Python, devices and waiting for them included. A stretch must not touch a device.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unicorn import unicorn_const
from unicorn.unicorn_py3.unicorn import Uc

import mcusim
from mcusim.devices.base import NEVER
from mcusim.engine import records as rec
from mcusim.engine.engine import CPU_MODELS, REGISTERS
from mcusim.engine.native import LIBRARY
from mcusim.jit import address_of, int32, int64, native_callback, pointer, uint64, void
from mcusim.machine.loop import RunLoop
from mcusim.machine.machine import device_ranges
from mcusim.machine.system import PPB_BYTES, PPB_START

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = (
    f"{ROOT}/examples/keyword_spotting/keyword_spotting-nucleo-l4r5zi.elf="
    "conv2d_s8,conv2d_1x1_s8*4,depthwise_conv2d_s8*4,crc32*12",
    f"{ROOT}/examples/hello/hello-nucleo-l4r5zi.elf=count_down",
)
LEAST_SLICE_S = 0.02  # a stretch is repeated until it takes at least this long


@dataclass(frozen=True)
class Result:
    """One stretch: instructions and blocks of a pass, and seconds of a pass."""

    instructions: int
    blocks: int
    bare_s: float
    hooked_s: float
    first_s: float


@native_callback(void, pointer, int32, uint64, int32, int64, pointer)
def look_away(uc: Any, kind: int, address: int, size_bytes: int, value: int, user: Any) -> None:
    """Unicorn's memory hook that does nothing."""


def hook_memory(uc: Any) -> None:
    """Hook all reads and writes with nothing."""
    kinds = unicorn_const.UC_HOOK_MEM_READ | unicorn_const.UC_HOOK_MEM_WRITE
    handle, none = ctypes.c_size_t(), ctypes.c_void_p(None)
    everywhere = (ctypes.c_uint64(1), ctypes.c_uint64(0))
    hook = ctypes.c_void_p(look_away.address)
    status = LIBRARY.uc_hook_add(uc._uch, ctypes.byref(handle), ctypes.c_int(kinds), hook, none, *everywhere)
    if status != unicorn_const.UC_ERR_OK:
        raise SystemExit(f"the engine takes no hook: {status}")


def observed(memory: str) -> dict[str, bool]:
    """Return the settings of a run that tracks memory (on, off, sanitize)."""
    return {"memory_tracking": memory != "off", "sanitize": memory == "sanitize"}


class Stretch:
    """A firmware standing at the first instruction of START, able to run to END again and again."""

    def __init__(
        self, path: Path, start: str, end: str | None, given: dict[str, Any], board_name: str | None, memory: str
    ) -> None:
        image = mcusim.load(path)
        board = board_of(image, board_name)
        # Arrive once with a watch on START, to learn when that is; then again without one, since a watch costs time.
        found = mcusim.run(image, board, mcusim.Settings(until=start, **given))
        if found.end.kind != "until":
            raise SystemExit(f"{path.name}: {start} was not reached: {found.end.text}")
        settings = mcusim.Settings(max_cycles=found.clock_cycles, **given, **observed(memory))
        self.loop = RunLoop(image, board, settings, None, None)
        self.loop.run()
        self.machine = self.loop.machine
        self.engine = self.machine.engine
        self.uc: Any = self.engine._uc  # the benchmark looks inside
        self.start = self.loop.pc
        if self.start != found.end.address:
            raise SystemExit(f"{path.name}: stopped at 0x{self.start:08x}, not at {start}")
        end_symbol = image.find_symbol(end) if end else None
        if end and end_symbol is None:
            raise SystemExit(f"{path.name}: no symbol {end}")
        self.end = end_symbol.address if end_symbol else self.engine.read_register("lr") & ~1
        self.engine.drop_translation(self.end, 2)
        self.bare = self._bare_engine(board)
        m = self.machine.tables.m
        if m["flash"] or m["caches"] or memory != "off":
            hook_memory(self.bare)
        self._registers = {name: self.uc.reg_read(number) for name, number in REGISTERS.items()}
        self._arrays = [(w.array, w.array.copy()) for w in self.machine.memory._windows if w.writable]
        self._place = {name: int(self.machine.tables.m[name]) for name in self._place_fields()}
        self.machine.bus.read = self._touched  # type: ignore[method-assign, assignment]
        self.machine.bus.write = self._touched  # type: ignore[method-assign, assignment]

    def _place_fields(self) -> list[str]:
        """Return the fields of the machine's record that belong to the place in the program, not to its tables."""
        tables = {"uc", "scratch", "node_count", *self.machine.tables.arrays}
        names = self.machine.tables.machine.dtype.names or ()
        tables |= {"miss_count", "stall_count"}
        return [name for name in names if name not in tables and not name.endswith(("_capacity", "_mask"))]

    def _bare_engine(self, board: mcusim.Board) -> Any:
        make: Any = Uc  # untyped
        model = CPU_MODELS[self.machine.core.file.engine_cpu]
        bare = make(unicorn_const.UC_ARCH_ARM, unicorn_const.UC_MODE_THUMB, model)
        # The largest first, as mcusim does it: see mcusim/engine/engine.py.
        for window in sorted(self.machine.memory._windows, key=lambda window: -len(window.array)):
            rights = unicorn_const.UC_PROT_ALL if window.writable else unicorn_const.UC_PROT_ALL & ~2
            bare.mem_map_ptr(window.start, len(window.array), rights, address_of(window.array))
        for start, end in (*device_ranges(self.machine.board), (PPB_START, PPB_START + PPB_BYTES)):
            bare.mmio_map(start, end - start, self._touched, None, self._touched, None)
        return bare

    def _touched(self, *_: Any) -> int:
        raise SystemExit("the stretch touches a device: choose another START or END")

    def _rewind(self, uc: Any) -> None:
        for array, kept in self._arrays:
            array[:] = kept
        for name, value in self._registers.items():
            uc.reg_write(REGISTERS[name], value)
        m = self.machine.tables.m
        for name, value in self._place.items():
            m[name] = value
        m["due_cycles"] = NEVER

    def run_bare(self) -> float:
        """Run the stretch without hooks; return the seconds it took."""
        self._rewind(self.bare)
        begin = time.process_time()
        self.bare.emu_start(self.start | 1, self.end)
        return time.process_time() - begin

    def run_hooked(self) -> float:
        """Run the stretch with timing; return the seconds it took, what Python mends on the way included."""
        self._rewind(self.uc)
        m, pc = self.machine.tables.m, self.start
        begin = time.process_time()
        while True:
            m["stop_reason"] = rec.RUNNING
            self.uc.emu_start(pc | 1, self.end)
            reason = int(m["stop_reason"])
            pc = self.engine.read_register("pc") & ~1
            if reason == rec.RUNNING:
                break
            self.loop._on_stop(reason)
        seconds = time.process_time() - begin
        if pc != self.end:
            raise SystemExit(f"stopped at 0x{pc:08x}, before the end of the stretch")
        return seconds

    def count(self) -> tuple[int, int]:
        """Return instructions and blocks charged so far."""
        outcomes = self.machine.tables.arrays["outcomes"][: 2 * self.machine.tables.entry_count]
        return self.machine.instructions(), int(outcomes["count"].sum())

    def _memory(self) -> list[bytes]:
        """Return the contents of the writable memories."""
        return [array.tobytes() for array, _ in self._arrays]

    def check(self) -> None:
        """Fail unless both engines end in the same state."""
        self.run_bare()
        bare = ([self.bare.reg_read(number) for number in REGISTERS.values()], self._memory())
        self.run_hooked()
        hooked = ([self.uc.reg_read(number) for number in REGISTERS.values()], self._memory())
        if bare != hooked:
            raise SystemExit("registers or memory differ between the engines: a bug")


def mean(run: Callable[[], float], passes: int) -> float:
    """Return the seconds of one pass, as the mean of several, so that short stretches can be timed."""
    return sum(run() for _ in range(passes)) / passes


def board_of(image: Any, name: str | None) -> mcusim.Board:
    """Return the board of that name or file, or the one that the image was built for."""
    return mcusim.load_board(name) if name else mcusim.guess_board(image)[0]


def measure(
    path: Path,
    start: str,
    end: str | None,
    repetitions: int,
    given: dict[str, Any],
    board: str | None,
    memory: str,
) -> Result:
    """Measure one stretch."""
    stretch = Stretch(path, start, end, given, board, memory)
    first_s = stretch.run_hooked()
    stretch.check()
    before = stretch.count()
    once_s = stretch.run_hooked()
    after = stretch.count()
    passes = max(1, round(LEAST_SLICE_S / once_s))
    bare_s, hooked_s = [], []
    for _ in range(repetitions):
        bare_s.append(mean(stretch.run_bare, passes))
        hooked_s.append(mean(stretch.run_hooked, passes))
    return Result(after[0] - before[0], after[1] - before[1], min(bare_s), min(hooked_s), first_s)


def whole(path: Path, given: dict[str, Any], board_name: str | None, memory: str) -> float:
    """Return million instructions per second of loading and running all of a firmware."""
    begin = time.perf_counter()
    image = mcusim.load(path)
    board = board_of(image, board_name)
    loop = RunLoop(image, board, mcusim.Settings(**given, **observed(memory)), None, None)
    loop.run()
    return loop.machine.instructions() / 1e6 / (time.perf_counter() - begin)


def parse(text: str) -> tuple[Path, list[tuple[str, str | None, int]]]:
    """Split ELF=START[..END][*WEIGHT],... into the path and (start, end, weight) of each stretch."""
    path, _, stretches = text.partition("=")
    found = []
    for stretch in (stretches or "main").split(","):
        functions, _, weight = stretch.partition("*")
        start, _, end = functions.partition("..")
        found.append((start, end or None, int(weight or 1)))
    return Path(path), found


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("firmware", nargs="*", default=EXAMPLES, metavar="ELF=STRETCH,...")
    parser.add_argument("--repetitions", type=int, default=15, help="how often each is measured (default 15)")
    parser.add_argument("--least", type=float, default=0.0, metavar="RATIO", help="fail if a firmware is below this")
    parser.add_argument("--wait-states", type=int, metavar="N", help="of the flash: see above")
    parser.add_argument(
        "--memory", action="store_const", const="on", default="off", help="track every access: see above"
    )
    parser.add_argument(
        "--sanitize", dest="memory", action="store_const", const="sanitize", help="and look what is wrong"
    )
    parser.add_argument("--board", metavar="NAME|FILE", help="to run on, instead of what the image was built for")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="cache=ideal, for one")
    args = parser.parse_args()
    given = {"wait_states": args.wait_states, "memory": tuple(args.set)}
    print(f"million instructions per second, best of {args.repetitions}")
    print(f"{'bare':>8}{'mcusim':>8}{'ratio':>7}{'first':>8}{'whole':>8}{'instructions':>14}{'per block':>10}")
    worst = float("inf")
    for text in args.firmware:
        path, stretches = parse(text)
        bare_s = hooked_s = instructions = 0.0
        for start, end, weight in stretches:
            r = measure(path, start, end, args.repetitions, given, args.board, args.memory)
            million = r.instructions / 1e6
            print(
                f"{million / r.bare_s:8.0f}{million / r.hooked_s:8.0f}{r.bare_s / r.hooked_s:7.2f}"
                f"{million / r.first_s:8.1f}{'':8}{r.instructions:14,}{r.instructions / r.blocks:10.1f}"
                f"  {start}{f' to {end}' if end else ''}, {weight} times",
                flush=True,
            )
            bare_s += weight * r.bare_s
            hooked_s += weight * r.hooked_s
            instructions += weight * r.instructions
        ratio = bare_s / hooked_s
        worst = min(worst, ratio)
        print(
            f"{instructions / 1e6 / bare_s:8.0f}{instructions / 1e6 / hooked_s:8.0f}{ratio:7.2f}{'':8}"
            f"{whole(path, given, args.board, args.memory):8.1f}{int(instructions):14,}{'':10}  {path.name}",
            flush=True,
        )
    print(f"worst ratio {worst:.2f}")
    return 0 if worst >= args.least else 1


if __name__ == "__main__":
    sys.exit(main())
