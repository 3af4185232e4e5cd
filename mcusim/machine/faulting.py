# SPDX-License-Identifier: Apache-2.0
"""Faults during a run: to the firmware's handler as on silicon, or to a report that ends the run.

A fault is recorded when it is raised (registers, backtrace, likely cause). If its handler returns, the firmware has
dealt with it and the record is only counted; if the run ends while the handler is active, the record is the report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcusim.machine.accesses import address_of_access
from mcusim.machine.exceptions import FAULTS, HARD_FAULT, FrameError, exception_name
from mcusim.machine.faults import FORCED, VECTTBL, Fault, bits, even_jump, jump, status_words
from mcusim.machine.likely import likely_cause
from mcusim.trace import FaultRecord, Place, RefusedAccess

if TYPE_CHECKING:
    from mcusim.machine.loop import RunLoop

HANDLER_LIMIT_S = 2.0  # simulated time that a fault handler may take before the run ends with a report
REGISTERS = (*(f"r{n}" for n in range(13)), "sp", "lr", "pc", "xpsr", "msp", "psp", "control", "primask")
MAINLINE_REGISTERS = ("basepri", "faultmask")
MAX_DEPTH = 64  # frames of a backtrace


class Faulting:
    """Raises faults for a run loop, and knows whether one is being handled."""

    def __init__(self, loop: RunLoop) -> None:
        self._loop = loop
        self.record: FaultRecord | None = None  # of the fault whose handler runs
        self.handled = 0  # faults from which a handler has returned
        self._refused: dict[tuple[int, str], RefusedAccess] = {}

    @property
    def active(self) -> bool:
        """True while the handler of a fault runs."""
        return self.record is not None and any(number in FAULTS for number in self._loop.machine.exceptions.active)

    def raise_fault(self, fault: Fault) -> None:
        """A fault happens at `fault.pc`, where the engine stands: enter its handler, or end the run."""
        loop, machine = self._loop, self._loop.machine
        machine.split_at(fault.pc)
        if loop.before_fault(fault):
            return
        self._note_refused(fault)
        exceptions, scb = machine.exceptions, machine.system.scb
        first = self.record is None or not self.active
        if first:
            self.record = self._make_record(fault)
        record = self.record
        assert record is not None
        if exceptions.mainline:
            scb.cfsr |= fault.status
            if fault.address is not None and fault.status & bits("BFARVALID"):
                scb.bfar = fault.address
        number = exceptions.escalate(fault.exception)
        if number == HARD_FAULT != fault.exception and exceptions.mainline:
            scb.hfsr |= FORCED
        if first:
            record.status = status_words(scb.cfsr, scb.hfsr)
            record.exception = exception_name(number) if number is not None else "lockup"
        if number is None:
            inside = "" if first else f": {fault.words}, in the {exception_name(exceptions.active[-1])} handler"
            self.end(f"the core locks up{inside}")
            return
        try:
            vector = loop.handlers.enter(number, fault.pc)
        except FrameError as error:
            self.end(f"no handler can run: its frame would lie at 0x{error.address:08x}, which is no writable memory")
            return
        self.go_to(vector, number)

    def chain(self, fault: Fault, link: int) -> None:
        """A fault happens during an exception return: enter its handler with the stack as it is."""
        loop, machine = self._loop, self._loop.machine
        first = self.record is None or not self.active
        if first:
            self.record = self._make_record(fault)
        machine.system.scb.cfsr |= fault.status
        number = machine.exceptions.escalate(fault.exception)
        if first and self.record is not None:
            self.record.status = status_words(machine.system.scb.cfsr, machine.system.scb.hfsr)
            self.record.exception = exception_name(number) if number is not None else "lockup"
        if number is None:
            self.end("the core locks up")
            return
        self.go_to(loop.handlers.chain(number, link), number)

    def go_to(self, vector: int, number: int) -> None:
        """Go to an exception's handler, by what its vector holds."""
        loop, machine = self._loop, self._loop.machine
        address = vector & ~1
        fine = vector & 1 and machine.memory.holds(address)
        if fine:
            loop.pc = address
            return
        name = exception_name(number)
        where = f"the vector of {name} (exception {number}) is 0x{vector:08x}"
        if number in FAULTS and self.record is not None:
            self.end(f"no handler can run: {where}")
        elif not vector & 1 and machine.memory.holds(address):
            self.raise_fault(even_jump(vector))
        else:
            machine.system.scb.hfsr |= VECTTBL if not machine.memory.holds(address) else 0
            self.raise_fault(jump(address, machine.board))

    def returned(self, number: int) -> None:
        """A handler is returning. A fault that it handled is over."""
        if number in FAULTS and self.record is not None:
            self.handled += 1
            self.record = None

    def end(self, what: str) -> None:
        """End the run with the fault on record; `what` says how its handling ended."""
        record = self.record
        assert record is not None
        record.outcome = what
        self._loop.finish("fault", f"{record.exception}: {record.words}", address=record.pc)

    def stop_in(self, fault: Fault, what: str) -> None:
        """End the run here, with no handler: what comes next is not execution of code."""
        self._loop.machine.split_at(fault.pc)
        self.record = self._make_record(fault)
        self.record.status = status_words(fault.status, 0)
        self.record.exception = exception_name(fault.exception)
        self.end(what)

    def look_at_time(self) -> None:
        """End the run if a fault's handler has run for long."""
        record, clock = self.record, self._loop.machine.clock
        if record is None or not self.active:
            return
        if clock.seconds_at(clock.cycles) - clock.seconds_at(record.cycles) >= HANDLER_LIMIT_S:
            self.end(f"its handler has not returned for {HANDLER_LIMIT_S:g} s")

    # accesses that were refused

    def _note_refused(self, fault: Fault) -> None:
        """Note a fault that an access has met, if the sanitizer speaks of such."""
        machine, address = self._loop.machine, fault.address
        kind = ""
        if fault.status & bits("UNALIGNED"):
            kind = "unaligned"
        elif address is not None and fault.status & bits("IMPRECISERR") and machine.memory.holds(address):
            kind = "read-only"
        if not kind:
            return
        if address is None:
            address = self._address_at(fault.pc)
        m, before = machine.tables.m, self._refused.get((fault.pc, kind))
        if before is not None:
            before.count += 1
            return
        self._refused[fault.pc, kind] = RefusedAccess(
            kind, fault.pc, address, int(m["node"]), int(m["activation"]), machine.clock.cycles, 1
        )

    def _address_at(self, pc: int) -> int | None:
        """Return the address that the instruction at which the engine stands accesses, where its form is known."""
        machine = self._loop.machine
        for decoded in machine.pricer.decoded:
            for op in decoded.ops[decoded.ops["address"] == pc]:
                span = address_of_access(op, self._register)
                return span[0] if span is not None else None
        return None

    def _register(self, number: int) -> int:
        name = {13: "sp", 14: "lr", 15: "pc"}.get(number, f"r{number}")
        return self._loop.machine.engine.read_register(name)

    def refused_accesses(self) -> list[RefusedAccess]:
        """Return the accesses that were refused, by their first time."""
        return list(self._refused.values())

    # the record

    def _make_record(self, fault: Fault) -> FaultRecord:
        machine = self._loop.machine
        names = REGISTERS + (MAINLINE_REGISTERS if machine.exceptions.mainline else ())
        registers = {name: machine.engine.read_register(name) for name in names}
        registers["pc"] = fault.pc
        return FaultRecord(
            exception=exception_name(fault.exception), words=fault.words, pc=fault.pc, address=fault.address,
            cycles=machine.clock.cycles, registers=registers, status=[],
            backtrace=self._backtrace(fault), cause=likely_cause(fault, self._loop),
        )  # fmt: skip

    def _backtrace(self, fault: Fault) -> list[Place]:
        loop, machine = self._loop, self._loop.machine
        places = [Place(fault.pc, "at")]
        last = loop.last_block_address()
        if self._is_jump(fault) and last != fault.pc:
            places.append(Place(last, "jump"))
        tables = machine.tables
        frames = tables.arrays["frames"]
        contexts = list(loop.handlers.contexts)
        for depth in reversed(range(int(tables.m["depth"]))):
            frame = frames[depth]
            if frame["is_exception"]:
                if contexts:
                    context = contexts.pop()
                    places.append(Place(context.pc, f"interrupted by {exception_name(context.exception)}"))
            else:
                places.append(Place(int(frame["return_address"]) - 2, "call"))
        return shortened(places)

    def _is_jump(self, fault: Fault) -> bool:
        return bool(fault.status & bits("IBUSERR", "IACCVIOL", "INVSTATE"))


def shortened(places: list[Place]) -> list[Place]:
    """Return a backtrace with runs of one call as one line, and the middle left out where it is still long."""
    runs: list[tuple[Place, int]] = []
    for place in places:
        if runs and runs[-1][0] == place:
            runs[-1] = (place, runs[-1][1] + 1)
        else:
            runs.append((place, 1))
    lines = [place if count == 1 else Place(place.address, f"{place.how} x {count}") for place, count in runs]
    if len(lines) <= MAX_DEPTH:
        return lines
    half = MAX_DEPTH // 2
    left_out = Place(lines[half].address, f"... {len(lines) - MAX_DEPTH} lines left out, from")
    return [*lines[:half], left_out, *lines[-half:]]
