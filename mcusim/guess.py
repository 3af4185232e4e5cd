# SPDX-License-Identifier: Apache-2.0
"""Guess the board from the image, and say whether an image fits a board.

A board can be it when its core runs the code and every address of the image lies in its memory. Among those, evidence
is counted (`EVIDENCE` below): build attributes that name the very core, a stack that starts at the very end of a RAM, a
vector table where the board's flash starts. The reason given to the user names what was seen and what else would fit.
"""

from __future__ import annotations

from dataclasses import dataclass

from mcusim.board import Board, load_board, outlines
from mcusim.errors import McusimError
from mcusim.image.model import CpuHint, Image, Segment

# An instruction set and those whose code it runs (Armv8-M ARM, Armv7-M ARM: each profile contains the one before it).
RUNS = {
    "armv6-m": ("armv6-m",),
    "armv7-m": ("armv6-m", "armv7-m"),
    "armv7e-m": ("armv6-m", "armv7-m", "armv7e-m"),
    "armv8-m.base": ("armv6-m", "armv8-m.base"),
    "armv8-m.main": ("armv6-m", "armv7-m", "armv7e-m", "armv8-m.base", "armv8-m.main"),
    "armv8.1-m.main": ("armv6-m", "armv7-m", "armv7e-m", "armv8-m.base", "armv8-m.main", "armv8.1-m.main"),
}
FPU_ORDER = ("none", "sp", "dp")
FPU_TITLES = {"none": "no FPU", "sp": "single-precision FPU", "dp": "double-precision FPU"}
ARCH_TITLES = {
    "armv6-m": "Armv6-M (Cortex-M0, M0+)",
    "armv7-m": "Cortex-M3",
    "armv7e-m": "Cortex-M4 or M7",
    "armv8-m.base": "Armv8-M baseline (Cortex-M23)",
    "armv8-m.main": "Armv8-M mainline (Cortex-M33)",
    "armv8.1-m.main": "Armv8.1-M mainline (Cortex-M55, M85)",
}

EVIDENCE = {
    "stack at the end of RAM": 4,  # link scripts put it there, and sizes of RAM differ between parts
    "stack elsewhere, though at a round address": -4,  # it is the end of a RAM, but of another part
    "core named": 2,
    "another core named": -6,  # it may run (Cortex-M0+ code on a Cortex-M0), but it was built for another part
    "same instruction set": 1,
    "built for a smaller core": -6,  # it would run, but nobody compiles for a core that the board does not have
    "same floating-point unit": 1,
    "vectors at the start of a memory": 2,  # not of its alias
    "vectors in RAM, though there is flash": -4,  # a program for a debugger, or for a part whose flash is there
    "particular part": 1,  # a part before a stand-in, other things being equal
}
ROUND_BYTES = 1024
OTHERS_NAMED = 3  # boards that would fit, too: how many the reason names


@dataclass(frozen=True)
class Candidate:
    """A board held against an image: `misfits` says why it cannot be it; `score` counts for it if it can."""

    board: Board
    misfits: tuple[str, ...]
    score: int

    @property
    def order(self) -> tuple[int, int, bool, str]:
        """Sorts the best candidate first: by evidence, then the smaller memory, then the core, then the name.

        Code for Armv6-M that names no core runs on the Cortex-M0+ rather than on the Cortex-M0 before it.
        """
        memory = sum(region.size_bytes for region in self.board.region)
        return -self.score, memory, self.board.core == "cortex-m0", self.board.name


def guess_board(image: Image) -> tuple[Board, str]:
    """Return the board that fits an image best and the reason, one phrase for the report.

    Raises McusimError naming what does not fit on each board when none does.
    """
    candidates = [_candidate(image, board) for board in outlines()]
    fitting = sorted((c for c in candidates if not c.misfits), key=lambda c: c.order)
    if not fitting:
        why = "; ".join(f"{c.board.name}: {c.misfits[0]}" for c in candidates)
        raise McusimError(
            f"{image.name}: no known board fits ({_seen(image)}): {why}: describe yours with --board FILE.toml"
        )
    best, others = load_board(fitting[0].board.name), [c.board.name for c in fitting[1:]]
    also = f", also {', '.join(others[:OTHERS_NAMED])}" if others else ""
    more = f" and {len(others) - OTHERS_NAMED} more" if len(others) > OTHERS_NAMED else ""
    return best, f"{_seen(image)}: fits {best.name} best{also}{more}"


def check_fits(image: Image, board: Board) -> None:
    """Raise McusimError when a segment or the initial stack pointer lies outside the board's memory."""
    misfits = _memory_misfits(image, board)
    if misfits:
        memory = ", ".join(f"{r.name} 0x{start:08x}-0x{end:08x}" for r in board.region for start, end in r.ranges)
        more = f" (and {len(misfits) - 1} more)" if len(misfits) > 1 else ""
        raise McusimError(
            f"{image.name}: {misfits[0]}{more} on {board.name}, which has {memory}: choose another with --board"
        )


def _candidate(image: Image, board: Board) -> Candidate:
    # Imported here: a core's table brings its pipeline, and that brings Numba.
    from mcusim.core import load_core

    core = load_core(board.core)
    misfits = _core_misfits(image.cpu, core.name, core.architecture, core.fpu) + _memory_misfits(image, board)
    score = _memory_score(image, board) + _core_score(image.cpu, core.name, core.architecture, core.fpu)
    return Candidate(board, tuple(misfits), score)


def _core_misfits(cpu: CpuHint, name: str, architecture: str, fpu: str) -> list[str]:
    misfits = []
    if cpu.arch is not None and cpu.arch not in RUNS.get(architecture, (architecture,)):
        misfits.append(f"built for {ARCH_TITLES.get(cpu.arch, cpu.arch)}, the board has a {name}")
    if cpu.fpu is not None and FPU_ORDER.index(cpu.fpu) > FPU_ORDER.index(fpu):
        misfits.append(f"needs a {FPU_TITLES[cpu.fpu]}, {name} has {_article(FPU_TITLES[fpu])}")
    return misfits


def _article(title: str) -> str:
    return title if title.startswith("no ") else f"a {title}"


def _core_score(cpu: CpuHint, name: str, architecture: str, fpu: str) -> int:
    score = 0
    if cpu.cpu_name is not None and cpu.cpu_name.lower().startswith("cortex"):
        named = cpu.cpu_name.lower().replace("+", "plus")
        score += EVIDENCE["core named" if named == name else "another core named"]
    if cpu.arch is not None:
        score += EVIDENCE["same instruction set" if cpu.arch == architecture else "built for a smaller core"]
    if cpu.fpu is not None and cpu.fpu == fpu:
        score += EVIDENCE["same floating-point unit"]
    return score


def _memory_misfits(image: Image, board: Board) -> list[str]:
    """Return what of an image lies outside a board's memory, or has variables in flash."""
    misfits = []
    for segment in image.segments:
        loaded, run = _load_range(segment), (segment.run_address, segment.run_address + segment.size_bytes)
        for verb, (start, end) in {"is loaded": loaded, "runs": run}.items():
            if start < end and not _inside(board, start, end, writable=False):
                misfits.append(f"a segment of {end - start} bytes {verb} at 0x{start:08x}, outside the memory")
                break
        else:
            # The part of a segment that the file does not fill is zeroed by the program: a variable.
            if segment.size_bytes > len(segment.data):
                start = segment.run_address + len(segment.data)
                if not _inside(board, start, run[1], writable=True):
                    misfits.append(f"variables at 0x{start:08x} ({run[1] - start} bytes) are in flash")
    stack = image.vectors.initial_sp
    if not _inside(board, stack - 4, stack, writable=True):
        misfits.append(f"the initial stack pointer 0x{stack:08x} is outside the RAM")
    return misfits


def _load_range(segment: Segment) -> tuple[int, int]:
    return segment.load_address, segment.load_address + len(segment.data)


def _inside(board: Board, start: int, end: int, *, writable: bool) -> bool:
    """Return whether [start, end) lies in memory (RAM if `writable`), over adjacent regions if need be."""
    regions = [region for region in board.region if (region.writable or not writable) and not region.made_with_part]
    ranges = sorted(span for region in regions for span in region.ranges)
    for low, high in ranges:
        if low <= start < high:
            start = high
        if start >= end:
            return True
    return False


def _memory_score(image: Image, board: Board) -> int:
    score = 0 if board.generic else EVIDENCE["particular part"]
    stack, vectors = image.vectors.initial_sp, image.vectors.address
    if not board.generic:
        if any(stack == end for region in board.region if region.writable for _, end in region.ranges):
            score += EVIDENCE["stack at the end of RAM"]
        elif stack % ROUND_BYTES == 0:
            score += EVIDENCE["stack elsewhere, though at a round address"]
    has_flash = any(region.kind == "flash" for region in board.region)
    if has_flash and _inside(board, vectors, vectors + 4, writable=True):
        score += EVIDENCE["vectors in RAM, though there is flash"]
    elif any(vectors == region.start for region in board.region if not region.made_with_part):
        score += EVIDENCE["vectors at the start of a memory"]
    return score


def _seen(image: Image) -> str:
    """Return what the image shows, in words: core, where its code is, where its stack starts."""
    cpu = image.cpu
    if cpu.arch is None and cpu.cpu_name is None:
        core = "core unknown (no build attributes)"
    else:
        named = cpu.cpu_name if cpu.cpu_name and cpu.cpu_name.lower().startswith("cortex") else None
        core = named or ARCH_TITLES.get(cpu.arch or "", cpu.arch or cpu.cpu_name or "")
        if cpu.fpu is not None:
            core += f" with {FPU_TITLES[cpu.fpu]}" if cpu.fpu != "none" else ", no FPU needed"
        core += " (build attributes)"
    return f"{core}, vectors at 0x{image.vectors.address:08x}, stack top 0x{image.vectors.initial_sp:08x}"
