# SPDX-License-Identifier: Apache-2.0
"""The profile: what a run cost, in aggregates that any report can be rendered from.

Nothing here knows ARM, Unicorn or a report. A profile is plain data (strings, integers, lists), it saves to JSON and
loads back unchanged, and it holds no wall time and no absolute path: the same image, board and settings give the same
bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mcusim.profile_caches import CacheUse
from mcusim.profile_code import Code
from mcusim.profile_memory import Layers, MemoryProfile
from mcusim.profile_power import PowerInfo

SCHEMA_VERSION = 4


@dataclass
class SectionInfo:
    """A section of the image and its cost in bytes."""

    name: str
    address: int
    size_bytes: int
    kind: str
    flash_bytes: int
    sram_bytes: int


@dataclass
class ImageInfo:
    """The firmware that ran."""

    name: str
    sha256: str
    format: str
    flash_bytes: int
    sram_bytes: int
    sections: list[SectionInfo]


@dataclass
class BoardInfo:
    """The board it ran on. `reason` says why this one: 'given by --board' or the evidence of the guess."""

    name: str
    title: str
    core: str
    core_title: str
    reason: str
    flash_bytes: int
    sram_bytes: int


@dataclass
class EndInfo:
    """Why the run ended.

    `kind` is one of exit, return, loop, sleep, breakpoint, reset, fault, until, max-cycles, timeout, interrupted;
    `text` says it in words, without the place (`address` and `function` are printed after it); `status` is the
    firmware's exit status where it gave one.
    """

    kind: str
    text: str
    status: int | None
    address: int
    function: str

    @property
    def partial(self) -> bool:
        """True when wall time decided where the run ended, so that it cannot be repeated exactly."""
        return self.kind in ("timeout", "interrupted")

    @property
    def cut(self) -> bool:
        """True when the run did not come to an end of its own, so that its figures are of a part."""
        return self.partial or self.kind in ("max-cycles", "fault")


@dataclass
class ClockPhase:
    """From `start_cycles` on (until the next phase) the core ran at `core_hz`."""

    start_cycles: int
    core_hz: int


@dataclass
class Totals:
    """Sums over the run. Cycles by cause add up to `cycles`; function self cycles too."""

    cycles: int
    instructions: int
    time_s: float
    causes: dict[str, int]
    clock: list[ClockPhase]

    def core_hz_at(self, cycles: int) -> int:
        """Return the core's clock in Hz at a moment of the run."""
        return next(phase.core_hz for phase in reversed(self.clock) if phase.start_cycles <= cycles)


@dataclass
class FunctionCost:
    """One function. `total_cycles` counts the function and all it called, recursion once.

    `self_cycles` is the sum of `causes`. `calls` counts entries (calls, tail calls, exceptions).
    """

    name: str
    file: str | None
    address: int
    size_bytes: int
    calls: int
    instructions: int
    self_cycles: int
    total_cycles: int
    causes: dict[str, int]


@dataclass
class TreeNode:
    """A node of the call tree: `function` is an index into `Profile.functions`, `parent` into `Profile.tree`.

    The parent of a root is -1. Roots are reset (kind 'thread'), exception handlers (kind 'handler') and tasks of an
    operating system (kind 'task'); every other node is a 'call'. A node's children come after it.
    """

    parent: int
    function: int
    kind: str
    calls: int
    self_cycles: int
    total_cycles: int


@dataclass
class InstructionCost:
    """One executed instruction. `count` is how often it was issued (skipped in an IT block included)."""

    address: int
    function: int
    text: str
    encoding: str
    count: int
    cycles: int
    causes: dict[str, int]
    file: str | None
    line: int | None


@dataclass
class Note:
    """Something the numbers do not cover: `kind` groups notes, `count` says how often it happened (0: always true)."""

    kind: str  # "not-modelled", "guessed", "assumed", "detour", "stack", "too-few-waits" (see `machine.parts`)
    text: str
    count: int


@dataclass
class GuessedRegister:
    """A register that no model answered for: nobody has modelled it, or the user's overlay fixed its answer.

    `answer` says how it was answered: guessed (it remembers writes), constant, sequence or passthrough. `name` is ''
    where nothing gives it one; `function` and `place` are where it was read first (or written, where it never was
    read), and `places` says how many instructions used it. `answered` is what the last read gave. `decides` says
    whether control flow depended on a read: yes, no, 'not seen' (it may have), '' (never read). Loops that waited for
    it were let through `waits_ended` times, the first at `waiter`, by changing the bits in `flipped`; `stuck` means
    that nothing that was tried ended such a wait.
    """

    address: int
    name: str
    answer: str
    reads: int
    writes: int
    function: str
    place: int
    places: int
    answered: int | None
    decides: str
    waits_ended: int
    waiter: str
    flipped: int
    stuck: bool


@dataclass
class Accuracy:
    """How sure the core model is, in words, with the evidence.

    `interval_percent` is None where nothing was measured.
    """

    level: str  # "measured", "estimate", "ideal caches" (memory was taken to answer at once)
    interval_percent: float | None
    text: str


@dataclass
class BacktraceLine:
    """A line of a backtrace, innermost first. `how` control left it: at, jump, call, interrupted by ..."""

    address: int
    how: str
    function: str  # empty where no symbol says
    offset: int
    file: str | None
    line: int | None


@dataclass
class FaultInfo:
    """The fault in which the run ended. `cause` is a guess in words, empty where nothing points to one."""

    exception: str
    words: str
    address: int | None  # of the data accessed
    cycles: int
    instruction: str  # disassembly, empty where there is none
    registers: dict[str, int]
    status: dict[str, str]  # bits set in CFSR and HFSR, and what they mean
    backtrace: list[BacktraceLine]
    cause: str
    outcome: str  # how its handling ended


@dataclass
class StackInfo:
    """A stack and its high-water mark. `limit` is 0 where bounds are not known, `overflow` empty if it kept them.

    `path` are the calls that made it deepest, outermost first; empty where that was not seen.
    """

    name: str
    limit: int
    top: int
    used_bytes: int
    overflow: str
    path: list[str] = field(default_factory=list)

    @property
    def size_bytes(self) -> int | None:
        """Bytes there are, None where the bounds are not known."""
        return self.top - self.limit if self.limit else None


@dataclass
class TaskInfo:
    """A task of an operating system: `root` is an index into `Profile.tree`, `stack` a name in `Profile.stacks`."""

    name: str
    root: int
    stack: str
    switches: int
    total_cycles: int


@dataclass
class Profile:
    """A run of one image on one board. See the module's docstring for what is promised."""

    schema_version: int
    tool: str
    image: ImageInfo
    board: BoardInfo
    settings: dict[str, str | int | bool | None]
    end: EndInfo
    totals: Totals
    functions: list[FunctionCost]
    tree: list[TreeNode]
    instructions: list[InstructionCost]
    sources: dict[str, dict[int, str]]  # file -> line number -> text, only lines that instructions name
    notes: list[Note]
    guessed: list[GuessedRegister]  # by address
    accuracy: Accuracy
    output: str  # what the firmware printed (bounded; a note says if it was cut)
    cause_titles: dict[str, str] = field(default_factory=dict)  # cause -> what it means, in report order
    stacks: list[StackInfo] = field(default_factory=list)  # that of reset first
    tasks: list[TaskInfo] = field(default_factory=list)
    fault: FaultInfo | None = None  # in which the run ended
    layers: Layers | None = None  # None: no rule found any
    memory: MemoryProfile | None = None  # None: memory was not tracked
    caches: CacheUse | None = None  # None: the core has none, or they were not modelled
    code: Code | None = None  # None: the image has no line information
    power: PowerInfo | None = None  # None: the board's file gives no currents
    # Which of the flash's icache, dcache, prefetch were on when it last had wait states; None: it never had, or the
    # core's caches stand before it.
    flash_on: dict[str, bool] | None = None
