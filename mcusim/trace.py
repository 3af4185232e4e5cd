# SPDX-License-Identifier: Apache-2.0
"""What a run leaves behind: columns of counts and cycles. Nothing here knows what a report is."""

from __future__ import annotations

from dataclasses import dataclass, field

from mcusim.access_trace import AccessTrace
from mcusim.board import Board
from mcusim.core import Core
from mcusim.engine.pricing import Pricer
from mcusim.engine.tables import Array
from mcusim.image.model import Image, Symbol
from mcusim.layer_trace import HeapTrace, LayerTrace
from mcusim.layers import LayerRule
from mcusim.slice_trace import SliceTrace


@dataclass(frozen=True)
class Function:
    """A function as the trace numbers it. `size_bytes` is 0 where no symbol gives it."""

    name: str
    file: str | None
    address: int
    size_bytes: int


@dataclass(frozen=True)
class End:
    """Why the run ended: the kind (see `mcusim.profile.EndInfo`), words, and the exit status where there is one."""

    kind: str
    text: str
    status: int | None
    address: int


@dataclass(frozen=True)
class GuessedAccess:
    """A register that nobody models, or that an overlay fixes; see `mcusim.profile.GuessedRegister`."""

    address: int
    name: str
    reads: int
    writes: int
    place: int  # address of the instruction that used it first
    function: str
    places: int
    answered: int | None
    decides: str
    waits_ended: int
    waiter: str
    flipped: int
    stuck: bool
    answer: str


@dataclass(frozen=True)
class Place:
    """A line of a backtrace: a code address, and how control left it (at, jump, call, interrupted by ...)."""

    address: int
    how: str


@dataclass
class FaultRecord:
    """A fault when it was raised. `status` are (name, meaning) of the bits set in CFSR and HFSR."""

    exception: str  # whose handler it goes to
    words: str
    pc: int
    address: int | None
    cycles: int
    registers: dict[str, int]
    status: list[tuple[str, str]]
    backtrace: list[Place]
    cause: str  # likely, in words; empty where nothing points to one
    outcome: str = ""  # how its handling ended


@dataclass(frozen=True)
class OverflowPlace:
    """Where a stack first left its bounds, below `floor`; `low` is SP at its worst. `pc` is 0 where it is not known."""

    floor: int
    low: int
    pc: int
    node: int  # of the call tree
    cycles: int


@dataclass
class RefusedAccess:
    """An access that the core or its memory refuses, by the instruction that tried it.

    `kind` is read-only (a write to such memory) or unaligned. The rest is of the first time.
    """

    kind: str
    pc: int
    address: int | None
    node: int
    activation: int
    cycles: int
    count: int


@dataclass(frozen=True)
class StackUse:
    """A stack: its bounds where known (limit 0: not), and how low SP came. `overflow` says where it left them."""

    name: str
    limit: int
    top: int
    low: int
    overflow: str
    low_node: int = -1  # of the call tree: who took SP there
    first_overflow: OverflowPlace | None = None


@dataclass(frozen=True)
class TaskUse:
    """A task: its root in the call tree, the stack it has, how often it was switched to."""

    name: str
    root: int
    stack: str
    switches: int


@dataclass
class Trace:
    """A finished run. `blocks`, `entries`, `outcomes`, `nodes`, `divisions`, `alignments`: rows of `engine.records`.

    `branches` are rows of `engine.branch_tables`.
    """

    image: Image
    board: Board
    board_reason: str
    core: Core
    settings: dict[str, str | int | bool | None]
    end: End
    clock_cycles: int
    seconds: float
    clock_phases: list[tuple[int, int]]
    functions: list[Function]
    pricer: Pricer  # decoded blocks, and the function that prices them again instruction by instruction
    blocks: Array
    entries: Array
    outcomes: Array  # two for each entry: its branch not taken, and taken
    nodes: Array
    divisions: Array
    alignments: Array
    probes: Array
    fetches: Array  # where each outcome's lines of flash stand in `lines`
    lines: Array
    branches: Array  # those that are predicted
    data_stalls: dict[int, int]  # address of a load -> the cycles it waited for flash
    misses: dict[int, Array]  # address of a load or store -> its row (engine.cache_tables.MISS)
    cached: bool  # the core has caches, and they are modelled
    extra_cycles: dict[tuple[int, str], int]  # (function, cause) -> cycles spent outside instructions
    guessed: list[GuessedAccess]
    refused: list[str]  # semihosting calls and files that were not served
    unknown_classes: dict[str, int]  # timing class without a timing -> address of one such instruction
    interrupts: int
    worst_lateness_cycles: int
    output: bytes
    output_cut: bool
    assumptions: list[str] = field(default_factory=list)
    flash_on: dict[str, bool] | None = None  # the flash's icache, dcache, prefetch as they last were while it waited
    wait_states_in_doubt: str = ""  # why flash may answer sooner than the part allows at --clock
    detours: list[str] = field(default_factory=list)  # what stubs and the like left out, in words
    spans: dict[str, list[tuple[int, float]]] = field(default_factory=dict)  # timed stretches: cycles, seconds
    icache_used: bool = True  # the core's cache of instructions was on at some time
    fault: FaultRecord | None = None  # the fault that the run ended in
    faults_handled: int = 0  # faults whose handler returned
    stacks: list[StackUse] = field(default_factory=list)
    tasks: list[TaskUse] = field(default_factory=list)
    layers: LayerTrace | None = None
    heap: HeapTrace | None = None
    rule: LayerRule | None = None  # by which layers were found
    arenas: list[Symbol] = field(default_factory=list)
    sanitized: bool = False
    layers_sought: bool = False  # a rule was looked for
    refused_accesses: list[RefusedAccess] = field(default_factory=list)
    unaligned_traps_since: int | None = None  # in cycles: from when on every unaligned access would fault
    access: AccessTrace | None = None  # where memory was tracked
    slices: SliceTrace | None = None  # calls over time, where they were asked for
