# SPDX-License-Identifier: Apache-2.0
"""The run loop with stops: breakpoints, watchpoints, single steps. `mcusim.machine.debug` says what they mean.

`StoppableLoop` overrides what it needs of `RunLoop`, which knows nothing of it; a run without a debugger has none.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from mcusim.board import Board
from mcusim.engine.engine import Engine
from mcusim.image.model import Image
from mcusim.isa.decode import FLOW_NEXT
from mcusim.machine.faults import Fault
from mcusim.machine.limits import Limits, ProgressListener
from mcusim.machine.loop import STEPS_PER_LOOK, Console, RunLoop
from mcusim.machine.memory import Memory
from mcusim.machine.semihosting import OPCODE as SEMIHOSTING
from mcusim.machine.settings import Settings

# Why a run stopped.
STEPPED, BREAKPOINT, WATCHPOINT, INSTRUCTION, ASKED, FAULT, ENDED, FAILED = (
    "stepped", "breakpoint", "watchpoint", "breakpoint instruction", "asked", "fault", "ended", "failed"
)  # fmt: skip
WIDEST_ACCESS_BYTES = 8
LOOK_SECONDS = 0.05  # between questions whether the run is to stop
WFI = (0xBF30, 0xF3AF_8003)
LONG_OPCODES = (0x1D, 0x1E, 0x1F)  # the top five bits of a 32-bit instruction's first halfword (A5.1)


@dataclass(frozen=True)
class Watchpoint:
    """A range of memory, and which accesses to it stop the run."""

    start: int
    size_bytes: int
    reads: bool
    writes: bool

    def overlaps(self, address: int, size_bytes: int) -> bool:
        """Return whether an access touches the range."""
        return address < self.start + self.size_bytes and self.start < address + size_bytes


@dataclass(frozen=True)
class Stop:
    """Why the run stopped (one of the words above), more of it for people, and the watchpoint that was hit."""

    reason: str
    text: str = ""
    watchpoint: Watchpoint | None = None


@dataclass(frozen=True)
class _Hit:
    """An access to a watched range: by which instruction, and what a store will replace."""

    watchpoint: Watchpoint
    pc: int
    address: int
    replaced: bytes


class Watcher:
    """The watchpoints, as hooks of the engine, and the first hit since it was last asked."""

    def __init__(self, engine: Engine, memory: Memory) -> None:
        self._engine, self._memory = engine, memory
        self._handles: dict[Watchpoint, int] = {}
        self.hit: _Hit | None = None
        self.enabled = True

    def set(self, watchpoints: set[Watchpoint]) -> None:
        """Watch these, and no others."""
        for watchpoint in self._handles.keys() - watchpoints:
            self._engine.unwatch_memory(self._handles.pop(watchpoint))
        for watchpoint in watchpoints - self._handles.keys():
            self._handles[watchpoint] = self._engine.watch_memory(
                max(watchpoint.start - WIDEST_ACCESS_BYTES + 1, 0),
                watchpoint.start + watchpoint.size_bytes,
                reads=watchpoint.reads,
                writes=watchpoint.writes,
                accessed=lambda *access, watched=watchpoint: self._accessed(watched, *access),
            )

    def _accessed(self, watchpoint: Watchpoint, address: int, size_bytes: int, is_write: bool) -> None:
        if not self.enabled or self.hit is not None or not watchpoint.overlaps(address, size_bytes):
            return
        replaced = self._memory.read(address, size_bytes) if is_write else b""
        self.hit = _Hit(watchpoint, self._engine.read_register("pc") & ~1, address, replaced)
        self._engine.stop()

    def take_hit(self, pc: int) -> tuple[Watchpoint, bool]:
        """Forget the hit; return its watchpoint and whether its instruction has still to run.

        A store that the engine has done although it stopped is undone: the instruction will do it again.
        """
        hit = self.hit
        assert hit is not None
        self.hit = None
        if hit.pc == pc:
            self._memory.write(hit.address, hit.replaced)
        return hit.watchpoint, hit.pc == pc


class AskingLimits(Limits):
    """Looks at the clocks, and asks the debugger now and then whether the run is to stop."""

    def __init__(self, loop: StoppableLoop, progress: ProgressListener | None, is_asked: Callable[[], bool]) -> None:
        super().__init__(loop, progress)
        self._stoppable, self._is_asked = loop, is_asked
        self._next_look_s = 0.0

    def look(self) -> bool:
        """Look at the limits, and ask."""
        super().look()
        loop, now = self._stoppable, time.monotonic()
        if loop.end is None and loop.stop is None and now >= self._next_look_s:
            self._next_look_s = now + LOOK_SECONDS
            if self._is_asked():
                loop.pause(Stop(ASKED))
        return loop.end is None and loop.stop is None


class StoppableLoop(RunLoop):
    """The run loop, with a way to leave it before the end: `stop` says why."""

    def __init__(
        self,
        image: Image,
        board: Board,
        settings: Settings,
        console: Console | None,
        progress: ProgressListener | None,
        is_asked: Callable[[], bool],
    ) -> None:
        self._is_asked = is_asked
        super().__init__(image, board, settings, console, progress)
        self.stop: Stop | None = None
        self.attached = True  # there is a debugger: breakpoint instructions are for it
        self.breakpoints: set[int] = set()
        self.watcher = Watcher(self.machine.engine, self.machine.memory)
        self._one_instruction = False
        self._exits: set[int] = set()
        self._reported: int | None = None  # the instruction that a stop was for, which goes on past it
        self._stopped_s = time.monotonic()
        self._fault: Fault | None = None  # the one that the run stopped before
        self._taken: Fault | None = None  # the one that goes to its handler now

    def _make_limits(self, progress: ProgressListener | None) -> Limits:
        return AskingLimits(self, progress, self._is_asked)

    # what a debugger asks for

    def resume(self) -> None:
        """Run until something stops it."""
        self._start()
        if not self._take_fault() and (self.pc in self.breakpoints or self.pc == self._reported):
            self._one()
            if self.stop == Stop(STEPPED):
                self.stop = None
        self._advance(lambda: False)

    def step(self, addresses: range) -> None:
        """Run one instruction, and more as long as they lie in a range."""
        self._start()
        if self._take_fault():
            if self.stop is None and self.end is None:
                self.pause(Stop(STEPPED))
            return
        for number in count(1):
            self._one()
            if self.end is not None or self.stop != Stop(STEPPED):
                return
            if self.pc in self.breakpoints:
                self.stop = Stop(BREAKPOINT)
            elif self.pc in addresses:
                self.stop = None
                if number % STEPS_PER_LOOK == 0:
                    self.limits.look()
            if self.stop is not None or self.end is not None:
                return

    def go_to(self, pc: int) -> None:
        """Continue somewhere else, where no branch of the firmware leads; the same place runs again after a fault."""
        self._fault = None
        if pc == self.pc:
            return
        m = self.machine.tables.m
        m["flow"], m["last_block"], m["last_outcome"] = FLOW_NEXT, -1, -1
        self.machine.engine.leave_it_block()
        self.pc, self._reported = pc, None

    def _start(self) -> None:
        self.stop = None
        self.limits.leave_out(time.monotonic() - self._stopped_s)

    def pause(self, stop: Stop) -> None:
        """Stop the run here."""
        if self._in_flight():  # it has ended and waited for its price
            self.machine.settle(self.pc)
        self.stop = stop
        self._reported = None
        self._stopped_s = time.monotonic()

    # running

    def _advance(self, arrived: Callable[[], bool]) -> None:
        """Run until there is a reason to stop, or `arrived` says that it is enough."""
        for number in count():
            if self.limits.interrupted or number % STEPS_PER_LOOK == 0:
                self.limits.look()
            if self.stop is not None or self.end is not None:
                return
            if not self._in_flight():
                self._deliver()
                if self.stop is not None or self.end is not None or arrived():
                    return
                if self.pc in self.breakpoints:
                    self.pause(Stop(BREAKPOINT))
                    return
            self._engage(self.breakpoints)
            self._step()

    def _one(self) -> None:
        """Run one instruction of what runs now, after the interrupts that are due."""
        depth, origin = len(self.handlers), self.pc
        self.watcher.enabled = self._reported != origin
        while self.stop is None and self.end is None:
            if not self._in_flight():
                self._advance(lambda: len(self.handlers) <= depth)
                if self.stop is not None or self.end is not None:
                    break
                if self.pc != origin:  # a handler returned elsewhere: another task runs
                    self.pause(Stop(STEPPED))
                    break
            began_cycles = self.machine.clock.cycles
            self._engage(self.breakpoints - {origin} | {origin + self._length(origin)})
            self._one_instruction = True
            self._step()
            self._one_instruction = False
            has_run = self.pc != origin or self.machine.clock.cycles > began_cycles
            if self.stop is None and self.end is None and not self._in_flight() and has_run:
                self.pause(Stop(STEPPED))
        self.watcher.enabled = True

    def _engage(self, exits: set[int]) -> None:
        if exits != self._exits:
            self._exits = set(exits)
            self.machine.engine.set_exits(exits)

    def _length(self, address: int) -> int:
        if not self.machine.memory.holds(address + 1):
            return 2
        first = int.from_bytes(self.machine.memory.read(address, 2), "little")
        return 4 if first >> 11 in LONG_OPCODES else 2

    # what the run loop does, with stops

    def _step(self) -> None:
        super()._step()
        if self.watcher.hit is not None and self.end is None:
            watchpoint, waits = self.watcher.take_hit(self.pc)
            self.pause(Stop(WATCHPOINT, watchpoint=watchpoint))
            self._reported = self.pc if waits else None

    def _due_cycles(self) -> int:
        # A block that ends in a branch has no exit behind it: it ends the step because the next one is due too late.
        return self.machine.clock.cycles + 1 if self._one_instruction else super()._due_cycles()

    def _sleep(self) -> None:
        """The engine stopped and no part of the machine says why: we stopped it, or the firmware sleeps."""
        stopped = self.watcher.hit is not None or self.pc in self._exits
        if stopped and not self._wfi_has_run():
            self.machine.split_at(self.pc)
        else:
            super()._sleep()

    def _wfi_has_run(self) -> bool:
        block = self.machine.exact.current_block()
        if block < 0:
            return False
        last = self.machine.pricer.decoded[block].ops[-1]
        return int(last["opcode"]) in WFI and int(last["address"]) + int(last["size_bytes"]) == self.pc

    def _breakpoint(self) -> None:
        machine = self.machine
        opcode = int.from_bytes(machine.memory.read(self.pc, 2), "little")
        if opcode == SEMIHOSTING or not self.attached:
            super()._breakpoint()
        elif self._reported == self.pc:  # as debug probes do: resuming goes on behind it
            machine.split_at(self.pc + 2)
            self.pc += 2
            self._reported = None
        else:
            machine.split_at(self.pc)
            self.pause(Stop(INSTRUCTION, f"breakpoint instruction (BKPT 0x{opcode & 0xFF:02x})"))
            self._reported = self.pc

    def before_fault(self, fault: Fault) -> bool:
        """Stop at a fault before its handler is entered; going on goes there."""
        if not self.attached or fault is self._taken:
            return False
        self.pc = fault.pc
        self.pause(Stop(FAULT, fault.words))
        self._fault = fault
        return True

    def _take_fault(self) -> bool:
        """Let the fault that the run stopped before go to its handler, or end the run; return whether there was one."""
        self._taken, self._fault = self._fault, None
        if self._taken is None or self._taken.pc != self.pc:
            return False
        self.faulting.raise_fault(self._taken)
        return True
