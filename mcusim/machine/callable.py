# SPDX-License-Identifier: Apache-2.0
"""A machine whose functions are called one at a time: registers in, run until the function returns, registers out.

Engine, decoded blocks and prices stay from call to call, so that only the first one of a function is slow. What a call
may change is put back on demand: a `Snapshot` holds the writable memories and the registers. Devices are not part of
it: their time goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mcusim.board import Board
from mcusim.engine import records as rec
from mcusim.image import Image, Location
from mcusim.isa.decode import FLOW_CALL, FLOW_INDIRECT
from mcusim.machine.detours import RETURN_TO_NOWHERE
from mcusim.machine.faults import Fault
from mcusim.machine.loop import Console, RunLoop
from mcusim.machine.places import Deferred
from mcusim.machine.scb import CPACR
from mcusim.machine.settings import Settings
from mcusim.machine.system import SCS_START
from mcusim.trace import End

CPACR_FULL = 0xF << 20  # CP10 and CP11: the floating-point unit, for all code (Armv7-M ARM B3.2.20)
STACK_ALIGN_BYTES = 8  # at a public interface (AAPCS32 6.2.1.2)
CORE_REGISTERS = tuple(f"r{number}" for number in range(13))
FLOAT_REGISTERS = tuple(f"s{number}" for number in range(32))
MASK_REGISTERS = ("primask", "basepri", "faultmask")


@dataclass(frozen=True)
class Snapshot:
    """The writable memories by their start, and the registers by name."""

    memories: dict[int, npt.NDArray[np.uint8]]
    registers: dict[str, int]

    def write(self, address: int, data: bytes) -> None:
        """Change what is kept: bytes that lie in one of the memories."""
        for start, array in self.memories.items():
            if start <= address < start + len(array):
                array[address - start : address - start + len(data)] = np.frombuffer(data, np.uint8)


def copied(kept: Snapshot) -> Snapshot:
    """Return a snapshot of its own with the same contents."""
    return Snapshot({start: array.copy() for start, array in kept.memories.items()}, dict(kept.registers))


@dataclass(frozen=True)
class Spending:
    """What a call took. `stack_bytes` is how far SP went below its value at the function's first instruction."""

    end: End
    cycles: int
    instructions: int
    stack_bytes: int
    output: bytes


class CallLoop(RunLoop):
    """The run loop, entered at any function and left when it returns; faults end it at once, whoever handles them."""

    def __init__(self, image: Image, board: Board, settings: Settings, console: Console | None = None) -> None:
        super().__init__(image, board, settings, console, None)
        self._base_settings = settings
        # What a call takes must not depend on the calls before it, as it would if blocks were looked at now and then.
        self.machine.pricer.alignments.eager = True
        self.machine.eager_probes = rec.MAX_PROBES
        self.running = False
        self._root = int(self.machine.tables.m["node"])
        core = self.machine.core
        self._saved = CORE_REGISTERS + MASK_REGISTERS[: 1 if core.architecture == "armv6-m" else 3]
        if core.fpu != "none":
            self._saved += (*FLOAT_REGISTERS, "fpscr")
        self._known = dict.fromkeys(self._saved, -1)

    # getting ready

    def enable_fpu(self) -> None:
        """Turn the floating-point unit on, as start-up code does; nothing on a core without one."""
        if self.machine.core.fpu != "none":
            self.machine.device_write(SCS_START + CPACR, 4, CPACR_FULL)

    def run_until(self, address: int, limit_cycles: int) -> End:
        """Run from reset until an instruction is about to run; return how that ended (`until` where it got there)."""

        def arrive() -> Deferred:
            return lambda: self.finish("until", "reached")

        self.places.add(address, arrive)
        try:
            return self._run(limit_cycles).end
        finally:
            self.places.remove(address, arrive)

    # state

    def snapshot(self) -> Snapshot:
        """Keep the state as it is."""
        engine = self.machine.engine
        memories = {start: array.copy() for start, array in self._writable()}
        return Snapshot(memories, {name: engine.read_register(name) for name in self._saved})

    def restore(self, kept: Snapshot) -> None:
        """Put memory and registers back."""
        machine = self.machine
        code = self._code_in_ram()
        for start, array in self._writable():
            array[:] = kept.memories[start]
        for start, size_bytes in code:
            machine.engine.drop_translation(start, size_bytes)
        machine.engine.leave_it_block()
        for name, value in kept.registers.items():
            machine.engine.write_register(name, value)
        machine.forget_history()

    def _writable(self) -> list[tuple[int, npt.NDArray[np.uint8]]]:
        """Return the writable memories, those with aliases once."""
        found: dict[int, tuple[int, npt.NDArray[np.uint8]]] = {}
        for start, array, writable in self.machine.memory.windows():
            if writable:
                found.setdefault(id(array), (start, array))
        return list(found.values())

    def _code_in_ram(self) -> list[tuple[int, int]]:
        """Return the blocks that have run in RAM: what is translated of them may no longer be what is restored."""
        tables = self.machine.tables
        blocks = tables.arrays["blocks"][: tables.block_count]
        rows = blocks[(blocks["flags"] & rec.IN_RAM) != 0]
        return sorted({(int(row["start"]), int(row["end"]) - int(row["start"])) for row in rows})

    @property
    def reusable(self) -> bool:
        """False where a run was left in the middle of a handler: the machine has to be made anew."""
        return not self.handlers and not self.machine.exceptions.active and not self.running

    def read_location(self, location: Location) -> bytes:
        """Return what is in an argument's or a result's place, as a function begins or when it has returned."""
        engine = self.machine.engine
        names = [f"s{n}" for n in location.float_registers] + [f"r{n}" for n in location.registers]
        data = b"".join(engine.read_register(name).to_bytes(4, "little") for name in names)
        if location.stack_bytes:
            data += self.machine.memory.read(engine.read_register("sp") + location.stack_offset, location.stack_bytes)
        return data

    def write_location(self, location: Location, data: bytes) -> None:
        """Put a result, in whole words, where a function returns it."""
        names = [f"s{n}" for n in location.float_registers] + [f"r{n}" for n in location.registers]
        for at, name in enumerate(names):
            self.machine.engine.write_register(name, int.from_bytes(data[4 * at : 4 * at + 4], "little"))

    # calling

    def call(self, address: int, registers: dict[str, int], sp: int, limit_cycles: int) -> Spending:
        """Call the function at `address` with these registers and stack pointer; what it takes on the stack is there.

        Returns when it has returned, or why it does not (`Spending.end.kind` is then not "return").
        """
        engine, m = self.machine.engine, self.machine.tables.m
        engine.leave_it_block()
        for name, value in registers.items():
            engine.write_register(name, value)
        engine.write_register("sp", sp)
        engine.write_register("lr", RETURN_TO_NOWHERE)
        self.machine.move_to(self._root)
        m["current_entry"] = m["last_block"] = m["last_outcome"] = m["activation"] = -1
        m["depth"] = m["stop_reason"] = m["lines_done"] = 0
        m["state"] = self.machine.pricer.reset_state
        m["flow"], m["return_address"] = FLOW_CALL, RETURN_TO_NOWHERE & ~1
        self.pc = address
        self.machine.stacks.take(sp)
        return self._run(limit_cycles, sp)

    def _run(self, limit_cycles: int, sp: int | None = None) -> Spending:
        machine = self.machine
        began_cycles, began_instructions = machine.clock.cycles, machine.instructions()
        machine.output.clear()
        machine.output_cut = False
        self.settings = replace(self._base_settings, max_cycles=began_cycles + limit_cycles)
        self.end, self.running = None, True
        with self.limits.interruptible():
            self.run()
        self.running = False
        assert self.end is not None
        if self.end.kind == "interrupted":
            raise KeyboardInterrupt
        low = machine.stacks.take(sp) if sp is not None else 0
        return Spending(
            self.end, machine.clock.cycles - began_cycles, machine.instructions() - began_instructions,
            (sp or 0) - min(low, sp or 0), bytes(machine.output),
        )  # fmt: skip

    def before_fault(self, fault: Fault) -> bool:
        """End the run at a fault: whoever calls a function wants to see it, not what its handler makes of it."""
        self.faulting.stop_in(fault, "the call ends here")
        return True

    # functions in Python's place

    def add_stub(self, address: int, act: Callable[[], None]) -> Callable[[], None]:
        """Call `act` where the function at `address` begins, and return from it; return what removes that again."""

        def divert() -> None:
            act()
            m = self.machine.tables.m
            m["flow"], m["last_outcome"], m["last_block"] = FLOW_INDIRECT, -1, -1
            self.pc = self.machine.engine.read_register("lr") & ~1

        def arrive() -> Deferred:
            return divert

        self.places.add(address, arrive)
        return lambda: self.places.remove(address, arrive)
