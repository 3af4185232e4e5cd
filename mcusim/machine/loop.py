# SPDX-License-Identifier: Apache-2.0
"""The run loop: let the engine run, see why it came back, mend or deliver, go on; until there is a reason to end."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from mcusim.board import Board
from mcusim.engine import records as rec
from mcusim.engine.engine import INTERRUPT_BREAKPOINT, INTERRUPT_RETURN, INTERRUPT_SVC, UNDEFINED, EngineFault
from mcusim.errors import McusimError
from mcusim.guess import check_fits
from mcusim.image.model import Image
from mcusim.isa import decode as isa
from mcusim.machine import faults
from mcusim.machine.capture import Capture
from mcusim.machine.console_script import ConsoleScript
from mcusim.machine.detours import RETURN_TO_NOWHERE, Detours
from mcusim.machine.exceptions import (
    BUS_FAULT,
    EXC_RETURN_START,
    HARD_FAULT,
    RETURN_THREAD,
    SVCALL,
    USAGE_FAULT,
    FrameError,
    exception_name,
)
from mcusim.machine.faulting import Faulting
from mcusim.machine.handlers import Handlers
from mcusim.machine.limits import Limits, ProgressListener
from mcusim.machine.machine import Machine
from mcusim.machine.parts import core_of
from mcusim.machine.places import Deferred, Places
from mcusim.machine.result import make_trace
from mcusim.machine.scb import CCR, CPACR
from mcusim.machine.semihosting import OPCODE as SEMIHOSTING
from mcusim.machine.semihosting import Semihosting
from mcusim.machine.settings import Settings, parse_until
from mcusim.machine.traps import Traps
from mcusim.machine.untimed import Untimed
from mcusim.machine.waiting import WFE, YIELD, Waiting
from mcusim.trace import End, Trace

CHUNK_CYCLES = 10_000_000  # how long native code runs before Python looks at the wall clock
STEPS_PER_LOOK = 1024  # returns of the engine between looks at the wall clock
SYSTEM_VECTOR_BYTES = 0x40  # stack pointer and the fifteen system exceptions

Console = Callable[[bytes], None]


def run(
    image: Image,
    board: Board,
    settings: Settings | None = None,
    *,
    console: Console | None = None,
    progress: ProgressListener | None = None,
    board_reason: str = "given",
    capture: Capture | None = None,
) -> Trace:
    """Run a firmware image on a board until it ends, and return the trace.

    `console` receives what the firmware prints, as it comes; `progress` is called a few times a second. Ctrl-C ends the
    run, not the program. `capture` keeps what layers read and write, if the settings name layers. Raises McusimError
    where the firmware cannot go on (a fault), with the place.
    """
    check_fits(image, board)
    loop = RunLoop(image, board, settings or Settings(), console, progress)
    if capture is not None and loop.machine.observation.layers is not None:
        capture.attach(loop.machine.memory)
        loop.machine.observation.layers.observer = capture
    with loop.limits.interruptible():
        loop.run()
    return make_trace(loop, board_reason)


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
        self.machine = machine = Machine(image, board, core_of(board), settings)
        if console is not None:
            machine.console_listener.append(console)
        self.limits = self._make_limits(progress)
        self.script = ConsoleScript(settings.uart_script, machine.host) if settings.uart_script else None
        if self.script is not None:
            machine.console_listener.append(self.script.hear)
            machine.bus.devices.append(self.script)
        self.semihosting = Semihosting(
            machine.memory.port, machine.host.transmit, lambda: machine.clock.seconds_at(machine.clock.cycles),
            machine.host.received, settings.files, image.statics_end, image.vectors.initial_sp,
        )  # fmt: skip
        self.end: End | None = None
        self.pc = image.vectors.reset
        self.handlers = Handlers(machine)
        self.places = Places(machine.engine)
        self.faulting = Faulting(self)
        self.traps = Traps(machine, self.places, self.faulting.raise_fault)
        self.waiting = Waiting(self)
        self._arrivals = 0
        self._unit_switched = False  # CPACR has been written
        self.worst_lateness_cycles = 0
        self.untimed = Untimed(self)
        machine.engine.write_register("sp", image.vectors.initial_sp)
        machine.engine.write_register("lr", RETURN_TO_NOWHERE)
        self._until = parse_until(settings.until, image) if settings.until is not None else None
        if self._until is not None:
            self.places.add(self._until[0], self._arrive)
        self.detours = Detours(self)
        machine.system.scb.on_change = self._on_register
        machine.engine.on_access = self.limits.on_access

    def _make_limits(self, progress: ProgressListener | None) -> Limits:
        return Limits(self, progress)

    # the loop

    def run(self) -> None:
        """Run to the end."""
        try:
            for number in count():
                if self.limits.interrupted or number % STEPS_PER_LOOK == 0:
                    self.limits.look()  # firmware that often comes back to Python never gets to `due_cycles`
                if self.end is None and not self._in_flight():  # a block that awaits its price is charged first
                    self._deliver()
                if self.end is not None:
                    break
                self._step()
        finally:
            self.machine.rtt.wake()
            self.semihosting.close()

    def _step(self) -> None:
        machine = self.machine
        fault = machine.observation.run(self, self._due_cycles())
        self.pc = machine.engine.read_register("pc") & ~1
        reason = int(machine.tables.m["stop_reason"])
        machine.tables.m["stop_reason"] = rec.RUNNING
        if fault is not None:
            self._on_fault(fault)
        elif machine.engine.interrupt is not None:
            self._on_interrupt(machine.engine.interrupt)
        elif self.places.stopped:
            machine.split_at(self.pc)
            self.places.settle(self.pc, lambda: self.pc)
        elif machine.exact.wanted:
            machine.split_at(self.pc)
            machine.exact.resume_at(self.pc)
        elif reason:
            self._on_stop(reason)
        elif self.limits.reached:
            machine.split_at(self.pc)
            self.limits.look()
        else:
            self._sleep()

    def _sleep(self) -> None:
        """The engine stopped and nothing says why: it ran WFI."""
        self.machine.split_at(self.pc)
        self.waiting.for_interrupt()

    def _in_flight(self) -> bool:
        """Return whether a block has run that is not charged yet."""
        return int(self.machine.tables.m["current_entry"]) >= 0

    def _due_cycles(self) -> int:
        machine = self.machine
        if self._in_flight():
            return 0  # look at what is due as soon as it is charged
        now = machine.clock.cycles
        due = min(machine.next_event_cycles(), machine.rtt.next_event_cycles(), now + CHUNK_CYCLES)
        if self.settings.max_cycles is not None:
            due = min(due, self.settings.max_cycles)
        return due

    def _on_stop(self, reason: int) -> None:
        machine, m = self.machine, self.machine.tables.m
        if m["even_jump"]:
            self.faulting.raise_fault(faults.even_jump(self.pc))
        elif reason in (rec.NEW_BLOCK, rec.CHANGED_CODE):
            self._meet(int(m["wanted_start"]), int(m["wanted_size"]))
        elif reason in (rec.NEW_ENTRY, rec.NEW_PRICE):
            machine.mend(reason)
        elif reason == rec.NEW_FUNCTION:
            machine.mark_function(int(m["wanted_start"]), int(m["wanted_size"]))
        elif reason == rec.CALL_EVENT:
            machine.observation.calls.on_event()
        elif reason == rec.FULL:
            machine.tables.grow_tree()
        elif reason == rec.DUE:
            self.limits.look()
        elif reason == rec.RAN_UNDEFINED:
            words = "undefined instruction, which the core does not have"
            place = machine.undefined_address()
            self.faulting.raise_fault(faults.Fault(USAGE_FAULT, faults.bits("UNDEFINSTR"), words, place))
        elif reason == rec.LEFT_STACK:
            self._look_at_stack()
        elif reason == rec.WANTS_PROBE:
            machine.add_probes(int(m["last_block"]))
        elif reason == rec.LOOK:
            machine.look_at_loads(int(m["wanted_outcome"]))
        elif reason == rec.IDLE:
            self.waiting.idle()

    def _look_at_stack(self) -> None:
        """SP is outside the current stack at a call, or the callee will take it there."""
        machine = self.machine
        sp = machine.engine.read_register("sp")
        block = machine.tables.find_block(int(machine.tables.m["wanted_start"]), int(machine.tables.m["wanted_size"]))
        low = sp - int(machine.tables.arrays["blocks"][block]["stack_bytes"])
        machine.stacks.look(sp, low, self.place(self.pc), machine.clock.cycles, self.pc)

    def _meet(self, start: int, size_bytes: int) -> None:
        machine = self.machine
        table = machine.exceptions.vector_table
        in_table = start < SYSTEM_VECTOR_BYTES or table <= start < table + SYSTEM_VECTOR_BYTES
        if in_table and machine.image.function_at(start) is None:  # code may stand behind a table cut short
            words = f"jump to 0x{start:08x}, into the vector table"
            outcome = "the words of the vector table would be executed"
            self.faulting.stop_in(faults.Fault(HARD_FAULT, faults.bits("INVSTATE"), words, start), outcome)
            return
        number = machine.meet_block(start, size_bytes)
        self.traps.look(number)
        self.untimed.look(number)

    # events and interrupts

    def _deliver(self) -> None:
        """Wake devices and take the interrupt that is due."""
        machine, exceptions = self.machine, self.machine.exceptions
        if (fault := self.traps.divided_by_zero()) is not None:
            self.faulting.raise_fault(fault)
        if self._unit_switched:  # hooks may change only while the engine stands still
            self._unit_switched = False
            self.traps.fpu_switched()
        machine.flash.switch()
        if (event := machine.next_event_cycles()) <= machine.clock.cycles:
            machine.wake_devices()
        if machine.rtt.next_event_cycles() <= machine.clock.cycles:
            machine.rtt.wake()
        if machine.system.scb.reset_requested or machine.reset_reason:
            self._reset(machine.reset_reason or "the firmware requested a system reset (AIRCR.SYSRESETREQ)")
            return
        number = exceptions.next_taken()
        machine.tables.m["masked_pending"] = number is None and exceptions.next_pending() is not None
        if number is not None:
            if event <= machine.clock.cycles:
                self.worst_lateness_cycles = max(self.worst_lateness_cycles, machine.clock.cycles - event)
            self._enter(number)

    def _on_register(self, offset: int) -> None:
        """A register of the SCB has been written, which may change what can fault."""
        if offset == CCR:
            self.traps.division_switched()
        self._unit_switched |= offset == CPACR

    def _reset(self, reason: str) -> None:
        if self.faulting.active:
            self.faulting.end(f"its handler resets the part: {reason}")
        else:
            self.finish("reset", reason)

    def _enter(self, number: int) -> None:
        try:
            vector = self.handlers.enter(number, self.pc)
        except FrameError as error:
            words = f"no room for the frame of {exception_name(number)} at 0x{error.address:08x}"
            self.faulting.raise_fault(faults.Fault(BUS_FAULT, faults.bits("STKERR"), words, self.pc))
            return
        self.faulting.go_to(vector, self.machine.exceptions.active[-1])

    def _on_interrupt(self, number: int) -> None:
        machine = self.machine
        if number == INTERRUPT_BREAKPOINT:
            self._breakpoint()
        elif number == INTERRUPT_SVC:
            machine.split_at(self.pc)
            self._supervisor_call()
        elif number in INTERRUPT_RETURN and self.pc >= EXC_RETURN_START:
            self._exception_return(machine.engine.read_register("pc") | 1)
        else:
            self.faulting.raise_fault(faults.from_interrupt(number, self.pc, self._in_thumb(), machine.board))

    def _in_thumb(self) -> bool:
        """Return whether the instruction at which the engine gave up was executed as Thumb code.

        The engine's state no longer tells. After a jump to an even address it tries to run a block of Arm code there.
        """
        machine = self.machine
        number, op = machine.exact.current_block(), self.last_op()
        if number < 0 or op is None or op["flow"] not in (isa.FLOW_INDIRECT, isa.FLOW_CALL):
            return True
        first = machine.pricer.decoded[number].ops[0]
        return int(first["address"]) != self.pc or first["klass"] == isa.CLASS_NUMBER["undefined"]

    def _supervisor_call(self) -> None:
        if self.machine.exceptions.escalate(SVCALL) == SVCALL:
            self._enter(SVCALL)
        else:
            words = "SVC where its handler cannot run: masked, or in a handler of the same priority"
            self.faulting.raise_fault(faults.Fault(SVCALL, 0, words, self.pc))

    def _exception_return(self, link: int) -> None:
        machine, exceptions = self.machine, self.machine.exceptions
        machine.settle(link & ~1)
        if not self.handlers:
            self.pc = self.last_address()
            if link == RETURN_TO_NOWHERE:
                self.finish("return", self._returned())
            else:
                self.faulting.raise_fault(faults.jump(link & ~1, machine.board))
            return
        number = exceptions.active[-1]
        valid = exceptions.valid_return(link)
        exceptions.deactivate()
        self.traps.event = True  # B1.5.18
        if not valid:
            words = f"exception return with 0x{link:08x}, which fits no active exception"
            self.faulting.chain(faults.Fault(USAGE_FAULT, faults.bits("INVPC"), words, self.last_block_address()), link)
            return
        self.faulting.returned(number)
        following = exceptions.next_taken()
        if following is not None:
            self.faulting.go_to(self.handlers.chain(following, link), following)
            return
        try:
            self.pc = self.handlers.leave(link)
        except FrameError as error:
            words = f"exception return to a frame at 0x{error.address:08x}, outside memory"
            place = self.last_block_address()
            self.faulting.chain(faults.Fault(BUS_FAULT, faults.bits("UNSTKERR"), words, place), link)
            return
        if machine.system.scb.sleep_on_exit and link & RETURN_THREAD:
            self.waiting.for_interrupt()

    def _returned(self) -> str:
        call = self.detours.call
        if call is None:
            return "the reset handler returned, to the link register's reset value"
        value = self.machine.engine.read_register("r0")
        return f"{call.text} returned, r0 = 0x{value:08x} ({value})"

    def _breakpoint(self) -> None:
        machine = self.machine
        opcode = int.from_bytes(machine.memory.read(self.pc, 2), "little")
        machine.split_at(self.pc + 2)
        if opcode != SEMIHOSTING and self.faulting.active:
            self.faulting.end(f"its handler runs into a breakpoint (BKPT 0x{opcode & 0xFF:02x})")
            return
        if opcode != SEMIHOSTING:
            self.finish("breakpoint", f"breakpoint (BKPT 0x{opcode & 0xFF:02x})")
            return
        engine = machine.engine
        operation = engine.read_register("r0")
        try:
            answer = self.semihosting.call(operation, engine.read_register("r1"))
        except McusimError as error:
            raise self.error(f"semihosting call 0x{operation:02x}: {error}, from {self.place(self.pc)}") from None
        engine.write_register("r0", answer)
        if self.semihosting.exited:
            status = self.semihosting.exit_status
            self.finish("exit", f"semihosting exit with status {status}", status)
        self.pc += 2

    # ends

    def _arrive(self) -> Deferred | None:
        self._arrivals += 1
        if self._until is None or self._arrivals < self._until[1]:
            return None
        return lambda: self.finish("until", f"reached {self.settings.until}")

    def finish(self, kind: str, text: str, status: int | None = None, *, address: int | None = None) -> None:
        """End the run: `kind` as in `mcusim.profile.EndInfo`; the place is `address`, or where the core stands."""
        if kind in ("loop", "sleep") and self.faulting.active:
            self.faulting.end(f"its handler ends in {text}" if kind == "sleep" else "its handler spins (b .)")
            return
        if self._until is not None and kind != "until":
            text += f"; --until {self.settings.until} was not reached ({self._arrivals} arrivals)"
        self.end = End(kind, text, status, self.pc if address is None else address)

    # faults

    def before_fault(self, fault: faults.Fault) -> bool:
        """A fault is about to be raised. True if it is not to be, for a debugger to have a look."""
        return False

    def _on_fault(self, fault: EngineFault) -> None:
        machine = self.machine
        if self.pc >= EXC_RETURN_START:
            self._exception_return(machine.engine.read_register("pc") | 1)  # how Armv6-M returns in this engine
            return
        hint = self._hint_that_ran() if fault.kind == UNDEFINED else None
        if hint is not None:
            machine.split_at(self.pc)
            if hint in WFE:
                self.waiting.for_event()
            return
        self.faulting.raise_fault(faults.from_engine(fault, self.pc, self._in_thumb(), machine.board))

    def _hint_that_ran(self) -> int | None:
        """Return the WFE or YIELD behind which the engine stopped, since it cannot run them; None if it was neither."""
        block = self.machine.exact.current_block()
        if block < 0:
            return None
        for op in self.machine.pricer.decoded[block].ops:
            if int(op["address"]) + int(op["size_bytes"]) == self.pc and int(op["opcode"]) in (*WFE, *YIELD):
                return int(op["opcode"])
        return None

    def last_op(self) -> Any:
        """Return the last instruction of the block that ran last, a row of `isa.OP_DTYPE`; None before the first."""
        last = int(self.machine.tables.m["last_block"])
        ops = self.machine.pricer.decoded[last].ops if last >= 0 else None
        return ops[-1] if ops is not None and len(ops) else None

    def last_address(self) -> int:
        """Return where the core stands, or if that is no memory, where it came from."""
        return self.pc if self.machine.memory.holds(self.pc) else self.last_block_address()

    def last_block_address(self) -> int:
        """Return the address of the last instruction of the block that ran last."""
        op = self.last_op()
        return int(op["address"]) if op is not None else self.pc

    def place(self, address: int) -> str:
        """Return an address in words: function and offset."""
        name = self.machine.functions.describe(address)
        return name if name.startswith("0x") else f"{name} (0x{address:08x})"

    def error(self, text: str) -> McusimError:
        """Return the error that ends the run with nothing to show: what, in which file, when."""
        cycles = self.machine.clock.cycles
        return McusimError(f"{self.machine.image.name}: {text}, after {cycles} cycles")
