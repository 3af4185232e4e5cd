# SPDX-License-Identifier: Apache-2.0
"""The run loop: let the engine run, see why it came back, mend or deliver, go on; until there is a reason to end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from mcusim.board import Board
from mcusim.core import load_core
from mcusim.devices.base import NEVER
from mcusim.engine import tables as t
from mcusim.engine.engine import INTERRUPT_BREAKPOINT, INTERRUPT_RETURN, INTERRUPT_SVC, EngineFault
from mcusim.errors import McusimError
from mcusim.guess import check_fits
from mcusim.image.model import Image
from mcusim.machine.exceptions import SVCALL, exception_name
from mcusim.machine.handlers import Handlers
from mcusim.machine.machine import Machine
from mcusim.machine.semihosting import OPCODE as SEMIHOSTING
from mcusim.machine.semihosting import Semihosting
from mcusim.machine.settings import Progress, Settings, parse_until
from mcusim.trace import End, GuessedAccess, Trace

CHUNK_CYCLES = 10_000_000  # how long native code runs before Python looks at the wall clock
IDLE_LIMIT_S = 2.0  # simulated time that `b .` may go on while only interrupts run
EXC_RETURN_START = 0xFFFF_FF00
# Other exceptions of the engine (its own numbers), which nothing delivers to the firmware yet.
ENGINE_EXCEPTIONS = {1: "undefined instruction", 3: "jump to an address that may not be executed", 4: "data abort",
                     8: "exception return", 18: "coprocessor or floating-point unit not enabled",
                     19: "invalid processor state (jump to an even address?)", 22: "unaligned access",
                     23: "division by zero"}  # fmt: skip
HINTS_THAT_STOP = (0xBF10, 0xBF20, 0xF3AF_8001, 0xF3AF_8002)  # YIELD, WFE, and their 32-bit forms
STEPS_PER_LOOK = 1024  # returns of the engine between looks at the wall clock
ACCESSES_PER_LOOK = 4096  # device accesses between looks at the wall clock
SYSTEM_VECTOR_BYTES = 0x40  # stack pointer and the fifteen system exceptions
RESET_VALUE_LR = 0xFFFF_FFFF

Console = Callable[[bytes], None]
ProgressListener = Callable[[Progress], None]


def run(
    image: Image,
    board: Board,
    settings: Settings | None = None,
    *,
    console: Console | None = None,
    progress: ProgressListener | None = None,
    board_reason: str = "given",
) -> Trace:
    """Run a firmware image on a board until it ends, and return the trace.

    `console` receives what the firmware prints, as it comes; `progress` is called a few times a second. Ctrl-C ends the
    run, not the program. Raises McusimError where the firmware cannot go on (a fault), with the place.
    """
    check_fits(image, board)
    loop = RunLoop(image, board, settings or Settings(), console, progress)
    with loop.interruptible():
        loop.run()
    return loop.trace(board_reason)


class RunLoop:
    """State of one run beside the machine itself: saved contexts of exceptions, limits, the end."""

    def __init__(
        self,
        image: Image,
        board: Board,
        settings: Settings,
        console: Console | None,
        progress: ProgressListener | None,
    ) -> None:
        self.settings = settings
        self.machine = machine = Machine(image, board, load_core(board.core), settings.uart_input)
        if console is not None:
            machine.console_listener.append(console)
        self.progress = progress
        self.semihosting = Semihosting(
            machine.memory, machine.host.transmit, lambda: machine.clock.seconds_at(machine.clock.cycles),
            machine.host.received, settings.files, image.statics_end, image.vectors.initial_sp,
        )  # fmt: skip
        self.end: End | None = None
        self.pc = image.vectors.reset
        self.handlers = Handlers(machine)
        self._interrupted = False
        self._wall_start = time.monotonic()
        self._last_progress = 0.0
        self._arrivals = 0
        self._until: tuple[int, int] | None = None
        self._idle_since_cycles: int | None = None
        self._last_idle_pc = -1
        self._accesses = 0
        self.worst_lateness_cycles = 0
        self.unknown_classes: dict[str, int] = {}
        self.events_waited = 0
        machine.engine.write_register("sp", image.vectors.initial_sp)
        machine.engine.write_register("lr", RESET_VALUE_LR)
        if settings.until is not None:
            self._until = parse_until(settings.until, image)
            machine.engine.watch(self._until[0], self._arrive)
        machine.engine.on_access = self._on_access

    # the loop

    def run(self) -> None:
        """Run to the end."""
        try:
            for number in count():
                if self._interrupted or number % STEPS_PER_LOOK == 0:
                    self._look_at_wall_clock()  # firmware that often comes back to Python never gets to `due_cycles`
                if self.end is None:
                    self._deliver()
                if self.end is not None:
                    break
                self._step()
        finally:
            self.machine.rtt.wake()
            self.semihosting.close()

    def _step(self) -> None:
        machine = self.machine
        machine.tables.m["due_cycles"] = self._due_cycles()
        fault = machine.engine.run(self.pc)
        self.pc = machine.engine.read_register("pc") & ~1
        reason = int(machine.tables.m["stop_reason"])
        machine.tables.m["stop_reason"] = t.RUNNING
        if fault is not None:
            self._on_fault(fault)
        elif machine.engine.interrupt is not None:
            self._on_interrupt(machine.engine.interrupt)
        elif machine.exact.wanted:
            machine.split_at(self.pc)
            machine.exact.resume_at(self.pc)
        elif reason:
            self._on_stop(reason)
        elif self._until is not None and self._arrivals >= self._until[1]:
            machine.split_at(self.pc)
            self._finish("until", f"reached {self.settings.until}")
        elif self._interrupted or self._timed_out():
            machine.split_at(self.pc)
            self._look_at_wall_clock()
        else:
            self._sleep()

    def _due_cycles(self) -> int:
        machine = self.machine
        now = machine.clock.cycles
        due = min(machine.next_event_cycles(), machine.rtt.next_event_cycles(), now + CHUNK_CYCLES)
        if self.settings.max_cycles is not None:
            due = min(due, self.settings.max_cycles)
        return due

    def _on_stop(self, reason: int) -> None:
        machine, m = self.machine, self.machine.tables.m
        if reason in (t.NEW_BLOCK, t.CHANGED_CODE):
            self._meet(int(m["wanted_start"]), int(m["wanted_size"]))
        elif reason in (t.NEW_ENTRY, t.NEW_PRICE):
            machine.mend(reason)
        elif reason == t.NEW_FUNCTION:
            machine.mark_function(int(m["wanted_start"]), int(m["wanted_size"]))
        elif reason == t.FULL:
            machine.tables.grow_tree()
        elif reason == t.DUE:
            self._look_at_wall_clock()
        elif reason == t.RAN_UNDEFINED:
            raise self._error(f"undefined instruction in {self._place(machine.undefined_address())}")
        elif reason == t.WANTS_PROBE:
            machine.add_probes(int(m["last_block"]))
        elif reason == t.IDLE:
            self._idle()

    def _meet(self, start: int, size_bytes: int) -> None:
        machine = self.machine
        table = machine.exceptions.vector_table
        if start < SYSTEM_VECTOR_BYTES or table <= start < table + SYSTEM_VECTOR_BYTES:
            raise self._error(
                f"jump to 0x{start:08x}, into the vector table (a call through a null pointer?), "
                f"from {self._place(self._last_block_address())}"
            )
        number = machine.meet_block(start, size_bytes)
        unknown = machine.pricer.unknown_class(number)
        if unknown is None:
            return
        address, klass = unknown
        self.unknown_classes.setdefault(klass, address)
        if klass == "undefined" or self.settings.allow_unknown:
            return  # undefined instructions fault when, and only if, they run
        raise self._error(
            f"{machine.core.title} has no timing for the instruction at {self._place(address)} (class {klass}); "
            "--allow-unknown goes on at one cycle each"
        )

    # events and interrupts

    def _deliver(self) -> None:
        """Wake devices and take the interrupt that is due."""
        machine, exceptions = self.machine, self.machine.exceptions
        event = machine.next_event_cycles()
        if event <= machine.clock.cycles:
            machine.wake_devices()
        if machine.rtt.next_event_cycles() <= machine.clock.cycles:
            machine.rtt.wake()
        if machine.system.reset_requested:
            self._finish("reset", "the firmware requested a system reset (AIRCR.SYSRESETREQ)")
            return
        if machine.reset_reason:
            self._finish("reset", machine.reset_reason)
            return
        number = exceptions.next_taken()
        machine.tables.m["masked_pending"] = number is None and exceptions.next_pending() is not None
        if number is not None:
            if event <= machine.clock.cycles:
                self.worst_lateness_cycles = max(self.worst_lateness_cycles, machine.clock.cycles - event)
            self._enter(number)

    def _enter(self, number: int) -> None:
        self._go_to_handler(self.handlers.enter(number, self.pc))

    def _go_to_handler(self, address: int) -> None:
        if not self.machine.memory.holds(address):
            active = self.machine.exceptions.active[-1]
            name = exception_name(active)
            raise self._error(f"the vector of {name} (exception {active}) is 0x{address:08x}, outside memory")
        self.pc = address

    def _on_interrupt(self, number: int) -> None:
        machine = self.machine
        if number == INTERRUPT_BREAKPOINT:
            self._breakpoint()
        elif number == INTERRUPT_SVC:
            machine.split_at(self.pc)
            self._enter(SVCALL)
        elif number in INTERRUPT_RETURN and self.pc >= EXC_RETURN_START & ~1:
            self._exception_return(machine.engine.read_register("pc"))
        else:
            self._on_fault(EngineFault(ENGINE_EXCEPTIONS.get(number, f"engine exception {number}"), None, number == 1))

    def _exception_return(self, link: int) -> None:
        if not self.handlers and link | 1 == RESET_VALUE_LR:
            self.machine.settle(link & ~1)
            self.pc = self._last_address()
            self._finish("return", "the reset handler returned, to the link register's reset value")
            return
        if not self.handlers:
            raise self._error(
                f"exception return 0x{link:08x} outside a handler, from {self._place(self._last_address())}"
            )
        self.machine.settle(link & ~1)
        entered = self.handlers.entered
        self.pc = self.handlers.leave(link | 1)
        if self.handlers.entered > entered:
            self._go_to_handler(self.pc)

    def _breakpoint(self) -> None:
        machine = self.machine
        opcode = int.from_bytes(machine.memory.read(self.pc, 2), "little")
        machine.split_at(self.pc + 2)
        if opcode != SEMIHOSTING:
            self._finish("breakpoint", f"breakpoint (BKPT 0x{opcode & 0xFF:02x})")
            return
        engine = machine.engine
        answer = self.semihosting.call(engine.read_register("r0"), engine.read_register("r1"))
        engine.write_register("r0", answer)
        if self.semihosting.exited:
            status = self.semihosting.exit_status
            self._finish("exit", f"semihosting exit with status {status}", status)
        self.pc += 2

    # waiting

    def _sleep(self) -> None:
        """WFI has run: let time pass until an interrupt is pending."""
        machine = self.machine
        machine.split_at(self.pc)
        while not machine.exceptions.would_wake():
            event = machine.next_event_cycles()
            if event == NEVER:
                self._finish("sleep", "asleep (WFI) with nothing that can wake it")
                return
            if not self._pass_time(event):
                return

    def _idle(self) -> None:
        """A branch to itself: let time pass until an interrupt comes, or end."""
        machine = self.machine
        event = machine.next_event_cycles()
        if event == NEVER:
            self._finish("loop", "endless loop (b .)")
            return
        if self._idle_since_cycles is None or self._last_idle_pc != self.pc:
            self._idle_since_cycles, self._last_idle_pc = machine.clock.cycles, self.pc
        idle_s = machine.clock.seconds_at(machine.clock.cycles) - machine.clock.seconds_at(self._idle_since_cycles)
        if idle_s >= IDLE_LIMIT_S:
            self._finish("loop", f"endless loop (b .); only interrupts ran for {IDLE_LIMIT_S:g} s")
            return
        self._pass_time(event)

    def _pass_time(self, event_cycles: int) -> bool:
        """Move the clock to an event (or the limit) and wake devices; return whether the run goes on."""
        machine = self.machine
        limit = self.settings.max_cycles
        target = event_cycles if limit is None else min(event_cycles, limit)
        machine.charge(max(target - machine.clock.cycles, 0), "sleep")
        machine.wake_devices()
        return self._look_at_wall_clock()

    # ends

    def _look_at_wall_clock(self) -> bool:
        """End if a limit is reached; report progress. Return whether the run goes on."""
        machine, settings = self.machine, self.settings
        if settings.max_cycles is not None and machine.clock.cycles >= settings.max_cycles:
            self._finish("max-cycles", f"reached --max-cycles {settings.max_cycles}")
        elif self._interrupted:
            self._finish("interrupted", "interrupted by the user")
        elif self._timed_out():
            self._finish("timeout", f"reached --timeout {settings.timeout_s:g} s")
        now = time.monotonic() - self._wall_start
        if self.progress is not None and now - self._last_progress > 0.2:
            self._last_progress = now
            cycles = machine.clock.cycles
            self.progress(
                Progress(machine.clock.seconds_at(cycles), cycles, machine.instructions(), now, self._place(self.pc))
            )
        return self.end is None

    def _timed_out(self) -> bool:
        timeout = self.settings.timeout_s
        return timeout is not None and time.monotonic() - self._wall_start >= timeout

    def _arrive(self) -> None:
        self._arrivals += 1
        if self._until is not None and self._arrivals >= self._until[1]:
            self.machine.engine.stop()

    def _on_access(self) -> bool:
        """Called before each device access: False discards it, when the run is to end."""
        self._accesses += 1
        if self._accesses % ACCESSES_PER_LOOK == 0 and (self._interrupted or self._timed_out()):
            self.machine.engine.stop()
            return False
        return True

    def _finish(self, kind: str, text: str, status: int | None = None) -> None:
        if self._until is not None and kind != "until":
            text += f"; --until {self.settings.until} was not reached ({self._arrivals} arrivals)"
        self.end = End(kind, text, status, self.pc)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Make Ctrl-C end the run with what was measured so far (in the main thread; elsewhere it stays as it is)."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def handler(_signal: int, _frame: Any) -> None:
            self._interrupted = True

        previous = signal.signal(signal.SIGINT, handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)

    # faults

    def _on_fault(self, fault: EngineFault) -> None:
        machine = self.machine
        if self.pc >= EXC_RETURN_START & ~1 and self.handlers:
            self._exception_return(machine.engine.read_register("pc") | 1)  # how Armv6-M returns in this engine
            return
        if fault.undefined_instruction and self._hint_has_run():
            machine.split_at(self.pc)
            self.events_waited += 1
            return
        address = "" if fault.address is None else f" 0x{fault.address:08x}"
        sp = machine.engine.read_register("sp")
        overflow = "" if machine.memory.holds(sp) else f"; SP is 0x{sp:08x}, outside memory (a stack overflow?)"
        machine.settle(self.pc)
        raise self._error(f"{fault.words}{address}, from {self._place(self._last_address())}{overflow}")

    def _hint_has_run(self) -> bool:
        """Return whether the engine stopped behind a WFE or YIELD, which it cannot run."""
        block = self.machine.exact.current_block()
        if block < 0:
            return False
        for op in self.machine.pricer.decoded[block].ops:
            if int(op["address"]) + int(op["size_bytes"]) == self.pc:
                opcode = int(op["opcode"])
                return opcode in HINTS_THAT_STOP
        return False

    def _last_address(self) -> int:
        return self.pc if self.machine.memory.holds(self.pc) else self._last_block_address()

    def _last_block_address(self) -> int:
        """Return the address of the last instruction of the block that ran last."""
        last = int(self.machine.tables.m["last_block"])
        return int(self.machine.pricer.decoded[last].ops[-1]["address"]) if last >= 0 else self.pc

    def _place(self, address: int) -> str:
        name = self.machine.functions.describe(address)
        return name if name.startswith("0x") else f"{name} (0x{address:08x})"

    def _error(self, text: str) -> McusimError:
        cycles = self.machine.clock.cycles
        return McusimError(f"{self.machine.image.name}: {text}, after {cycles} cycles")

    # result

    def trace(self, board_reason: str) -> Trace:
        """Return what was measured."""
        machine = self.machine
        assert self.end is not None
        tables, cycles = machine.tables, machine.clock.cycles
        machine.move_to(int(tables.m["node"]))  # so that it has all its cycles
        assumptions = sorted(machine.host.remarks)
        if self.events_waited:
            assumptions.append(f"WFE and YIELD return at once ({self.events_waited} times)")
        return Trace(
            image=machine.image, board=machine.board, board_reason=board_reason, core=machine.core,
            settings=self.settings.recorded(), end=self.end, clock_cycles=cycles,
            seconds=machine.clock.seconds_at(cycles), clock_phases=list(machine.clock.phases),
            functions=list(machine.functions.list), pricer=machine.pricer,
            blocks=tables.arrays["blocks"][: tables.block_count].copy(),
            entries=tables.arrays["entries"][: tables.entry_count].copy(),
            outcomes=tables.arrays["outcomes"][: 2 * tables.entry_count].copy(),
            nodes=tables.arrays["nodes"][: int(tables.m["node_count"])].copy(),
            divisions=tables.arrays["divisions"][: tables.division_count].copy(),
            probes=tables.probes[: tables.probe_count].copy(),
            extra_cycles=dict(machine.extra_cycles),
            guessed=[GuessedAccess(g.address, g.reads, g.writes) for g in machine.bus.guessed.values()],
            refused=sorted(self.semihosting.refused), unknown_classes=dict(self.unknown_classes),
            interrupts=self.handlers.entered, worst_lateness_cycles=self.worst_lateness_cycles,
            output=bytes(machine.output), output_cut=machine.output_cut, assumptions=assumptions,
        )  # fmt: skip
