# SPDX-License-Identifier: Apache-2.0
"""One microcontroller, assembled: engine, tables, memory, bus, exceptions, devices.

Here is what moves simulated time outside native code: the parts of blocks that are split, exception entry and return,
sleep.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mcusim.board import BIT_BANDS, PERIPHERAL_SPACE, PPB_SPACE, Board
from mcusim.core import Core, load_core
from mcusim.devices import make_device
from mcusim.devices.base import NEVER, Host
from mcusim.engine import calltree, hooks
from mcusim.engine import records as rec
from mcusim.engine.engine import Engine
from mcusim.engine.pricing import Pricer
from mcusim.engine.tables import Tables
from mcusim.engine.trial import Trial
from mcusim.image.model import Image
from mcusim.isa.decode import FLOW_CALL, FLOW_INDIRECT, FLOW_NEXT
from mcusim.jit import address_of
from mcusim.machine.bus import BitBand, Bus
from mcusim.machine.clock import Clock
from mcusim.machine.dwt import DWT_START, DataWatchpoint, Spent
from mcusim.machine.exact import ExactAccesses
from mcusim.machine.flash import make_waits
from mcusim.machine.functions import Functions
from mcusim.machine.guesses import Guesses
from mcusim.machine.itm import ITM_START, Instrumentation
from mcusim.machine.memory import Memory
from mcusim.machine.observation import Observation
from mcusim.machine.overlays import REMEMBERING, apply_overlays, declare_devices
from mcusim.machine.parts import device_ranges, make_exceptions, what_if
from mcusim.machine.polling import PollingLoops
from mcusim.machine.prediction import BranchPrediction
from mcusim.machine.rtt import Rtt, control_block
from mcusim.machine.settings import Settings
from mcusim.machine.stacks import Stacks
from mcusim.machine.system import (
    PPB_BYTES,
    PPB_START,
    SCS_START,
    SystemControl,
)
from mcusim.machine.waits import Waits
from mcusim.pipelines.causes import CAUSES, LOAD, MEMORY, STORE, TRANSFER

CORE_DEVICE_BYTES = 0x1000
OUTPUT_LIMIT_BYTES = 1 << 20
CORE_REGISTERS = (*(f"r{number}" for number in range(13)), "sp", "lr")
Counts = npt.NDArray[np.int64]


class Machine:
    """The parts and their wiring. `RunLoop` drives it."""

    def __init__(self, image: Image, board: Board, core: Core, settings: Settings) -> None:
        self.image, self.board, self.core = image, board, core
        # whose table counts: with --core, another than the one that the part has and behaves as
        self.timing_core = load_core(settings.core) if settings.core is not None else core
        self.tables = Tables()
        self._due_cycles = self.tables.machine["due_cycles"]  # a view
        self.engine = Engine(core.file.engine_cpu, self.tables)
        self.memory = Memory(board, self.engine)
        self.memory.load(image)
        self.pricer = Pricer(self.timing_core, self.tables, self.memory)
        self.flash = make_waits(
            board, self.engine, self.tables, self.pricer, settings.wait_states, settings.memory
        )  # fmt: skip
        self.observation = Observation(image, settings, self.tables)
        self.functions = Functions(image, self.observation.calls.note_function)
        self.clock = Clock(self.tables, board.clock.reset_hz, settings.clock_hz)
        self.output = bytearray()
        self.output_cut = False
        self.extra_cycles: dict[tuple[int, str], int] = {}
        self.exact = ExactAccesses(self.engine, self.tables, self.pricer, self.clock, self.flash.charge_up_to)
        self.exceptions = make_exceptions(image, board, core, self.engine, self.memory.port)
        self.stacks = Stacks(image, board, self.tables)
        self.host = Host(
            self.clock, self._transmit, self._set_interrupt, bytearray(settings.uart_input), hse_hz=board.clock.hse_hz,
            lse_hz=board.clock.lse_hz, read_bus=self._read_bus, write_bus=self._write_bus,
            reaches=self._reaches, request_cycles=self._request_cycles, request_reset=self._request_reset,
            flash_timed=self.flash.modelled, set_flash=self.flash.set,
        )  # fmt: skip
        self.host.remarks.update(what_if(settings, board, core, self.timing_core))
        self.reset_reason = ""  # what a device, such as a watchdog, resets the part for
        self.console_listener: list[Callable[[bytes], None]] = []
        self.eager_probes = rec.EAGER_PROBES
        self._cause_cycles: dict[int, Counts] = {}  # outcome -> its cycles by cause, and instructions without any
        self.guesses = Guesses(self.tables, self.pricer, self.engine, self.functions, image.name, settings.strict_mmio)
        self.guesses.svd = settings.svd
        self.guesses.waits = Waits(self.engine, self._make_trial, self._peek, self.memory.read)
        self.bus = Bus(self.exact.ask, PollingLoops(self.tables, self.pricer).pass_over, self.guesses)
        self.rtt = Rtt(
            self.host, self.memory.port.read, self.memory.port.write, *control_block(image, board, self.memory)
        )
        self.system = SystemControl(self.host, self.exceptions, core.file.engine_cpu, board.mpu_regions)
        if self.timing_core.file.predictor:
            prediction = BranchPrediction(self.tables)
            self.system.on_actlr, self.system.scb.invalidate_branches = prediction.set_actlr, prediction.invalidate
        self.flash.follow(self.system.scb, self.clock, self.host.hz)
        self._bands: list[tuple[int, int, BitBand]] = []
        self._connect()
        apply_overlays(self.guesses, self.bus, board, settings.overlays, settings.svd)
        m = self.tables.m
        m["state"] = self.pricer.reset_state
        m["divide_model"] = self.timing_core.divide_model
        root = self.functions.number_at(image.vectors.reset, called=True, current=None)
        m["node"] = self.tables.add_root(root, rec.KIND_THREAD)
        m["function"] = root
        self.tables.arrays["nodes"][int(m["node"])]["calls"] = 1
        self.observation.start(self)

    def _connect(self) -> None:
        bus = self.bus
        bus.add(ITM_START, CORE_DEVICE_BYTES, Instrumentation(self.host))
        bus.add(DWT_START, CORE_DEVICE_BYTES, DataWatchpoint(self.host, self.spent))
        bus.add(SCS_START, CORE_DEVICE_BYTES, self.system)
        declare_devices(self.guesses, self.board)
        for entry in self.board.device:
            if entry.type == REMEMBERING:
                continue
            device = make_device(entry, self.host)
            bus.add(entry.start, entry.size_bytes, device)
            for alias in entry.aliases:
                bus.add_alias(alias, entry.size_bytes, device)
        for start, end in device_ranges(self.board):
            self.engine.map_device(start, end - start, self.device_read, self.device_write)
        self.engine.map_device(PPB_START, PPB_BYTES, self.device_read, self.device_write)
        for start, size_bytes, target in BIT_BANDS if self.board.bit_band else ():
            self._add_band(start, size_bytes, target)

    def _add_band(self, start: int, size_bytes: int, target: int) -> None:
        """Map a bit-band alias."""
        band = BitBand(start, target, self.bus, self.memory.port, self.guesses, self.exact)

        def read(address: int, size_bytes: int) -> int:
            value = band.read(address, size_bytes)
            self.clock.access_offset = 0
            return value

        def write(address: int, size_bytes: int, value: int) -> None:
            band.write(address, size_bytes, value)
            self.clock.access_offset = 0
            self._due_cycles[0] = 0

        self.engine.map_device(start, size_bytes, read, write)
        self._bands.append((start, start + size_bytes, band))

    def device_read(self, address: int, size_bytes: int) -> int:
        """Answer a device read that the engine reports."""
        value = self.bus.read(address, size_bytes)
        self.clock.access_offset = 0
        self.observation.device_access(size_bytes, writes=False)
        return value

    def device_write(self, address: int, size_bytes: int, value: int) -> None:
        """Take a device write that the engine reports; what it made pending is looked at when the block has ended."""
        self.bus.write(address, size_bytes, value)
        self.clock.access_offset = 0
        self._due_cycles[0] = 0
        self.observation.device_access(size_bytes, writes=True)

    # looking ahead, for registers that nobody models

    def _make_trial(self) -> Trial:
        ranges = [*device_ranges(self.board), (PPB_START, PPB_START + PPB_BYTES)]
        bands = [(start, end) for start, end, _ in self._bands]
        return Trial(self.core.file.engine_cpu, self.memory.windows(), [*ranges, *bands])

    def _peek(self, address: int, size_bytes: int) -> int | None:
        """Return what a read of a device would give, if it is known and has no effect; else None."""
        for start, end, band in self._bands:
            if start <= address < end:
                word, bit = band.locate(address)
                value = None if self.memory.holds(word) else self._peek(word, 4)
                return None if value is None else value >> bit & 1
        if self.bus.guesses_at(address):
            return self.guesses.peek(address, size_bytes)
        if address in PPB_SPACE and address & ~3 != SCS_START + SystemControl.CSR:  # reading that clears its flag
            start, device = self.bus.find(address) or (0, self.guesses)
            return device.read(address - start, size_bytes)
        return None

    # what devices may do as masters of the bus

    def _read_bus(self, address: int, size_bytes: int) -> int:
        if self.memory.holds(address):
            return int.from_bytes(self.memory.port.read(address, size_bytes), "little")
        return self.bus.read(address, size_bytes)

    def _write_bus(self, address: int, size_bytes: int, value: int) -> None:
        if self.memory.holds(address):
            self.memory.port.write(address, (value & (1 << 8 * size_bytes) - 1).to_bytes(size_bytes, "little"))
        else:
            self.bus.write(address, size_bytes, value)

    def _reaches(self, address: int, writes: bool) -> bool:
        if self.memory.holds(address):
            return not writes or self.memory.writable_host_address(address) != 0
        return address in PERIPHERAL_SPACE or self.bus.find(address) is not None

    def _request_cycles(self, address: int, writes: bool) -> int:
        found = self.bus.find(address)
        return found[1].request_cycles(address - found[0], writes) if found else 0

    def _request_reset(self, reason: str) -> None:
        self.reset_reason = reason
        self._due_cycles[0] = 0

    # output

    def _transmit(self, data: bytes) -> None:
        room = OUTPUT_LIMIT_BYTES - len(self.output)
        self.output += data[:room]
        self.output_cut |= len(data) > room
        for listener in self.console_listener:
            listener(data)

    def _set_interrupt(self, number: int, level: bool) -> None:
        self.exceptions.set_line(number, level)
        self._due_cycles[0] = 0

    # blocks that are split

    def split_at(self, pc: int) -> None:
        """Charge what has run of the current block before `pc`, where the engine stands."""
        m, arrays = self.tables.m, self.tables.arrays
        number = self.exact.current_block()
        if number < 0:
            return
        block = arrays["blocks"][number]
        start, end = int(block["start"]), int(block["end"])
        if pc == start:
            # Nothing of it has run: it will be entered again, in the same pipeline state.
            m["state"], m["current_entry"], m["last_outcome"] = self.exact.entry_state(), -1, -1
            m["lines_done"] = 0
            return
        if start < pc < end:
            part = self.tables.find_block(start, pc - start)
            if part < 0:
                entry_it = self.pricer.decoded[number].entry_it
                part = self.pricer.add_block(start, pc - start, entry_it, int(block["function"]), False)
            state = self.exact.entry_state()
            entry = self.tables.find_entry(part, state, 0)
            m["current_entry"] = entry if entry >= 0 else self.tables.add_entry(part, state, 0)
        self.settle(pc)

    def settle(self, address: int) -> None:
        """Charge the current block; control goes to `address`. The engine stands still."""
        m = self.tables.m
        while int(m["current_entry"]) >= 0 and not hooks.settle(self.tables.machine, address):
            self.mend(int(m["stop_reason"]))
        m["stop_reason"] = rec.RUNNING
        m["last_outcome"] = -1

    def mend(self, reason: int) -> None:
        """Supply the entry or the price that native code lacked."""
        m = self.tables.m
        if reason == rec.NEW_ENTRY:
            entry = self.tables.add_entry(int(m["wanted_block"]), int(m["wanted_state"]), int(m["wanted_predicates"]))
            if m["flash"] or m["caches"]:
                self.pricer.price_outcome(2 * entry)  # so that its data reads know when in the block they are
        elif reason == rec.NEW_PRICE:
            self.pricer.price_outcome(int(m["wanted_outcome"]))

    def move_to(self, node: int) -> None:
        """Make a node of the call tree the current one; the next block is entered afresh."""
        calltree.move_to(self.tables.machine, node)
        self.tables.m["last_outcome"] = -1

    # blocks

    def meet_block(self, start: int, size_bytes: int) -> int:
        """Enter a block that the engine meets for the first time (or whose code has changed); return its number."""
        m = self.tables.m
        called = int(m["flow"]) == FLOW_CALL
        if int(m["flow"]) == FLOW_INDIRECT:
            calltree.unwind(self.tables.machine, start)  # a return: what follows belongs to the caller
        current = int(m["function"])
        function = self.functions.number_at(start, called=called, current=current)
        last = int(m["last_block"])
        falls_through = int(m["flow"]) == FLOW_NEXT and last >= 0
        continues = falls_through and int(self.tables.arrays["blocks"][last]["end"]) == start
        pending_it = self.pricer.decoded[last].pending_it if continues else ()
        registers = [self.engine.read_register(name) for name in CORE_REGISTERS]
        number = self.pricer.add_block(start, size_bytes, pending_it, function, called, registers)
        if self.pricer.decoded[number].assumed and self.tables.probe_count < self.eager_probes:
            self.add_probes(number)
            number = self.tables.find_block(start, size_bytes)
        return number

    def look_at_loads(self, outcome: int) -> None:
        """Look whether loads of a block that has just ended were unaligned."""
        block = int(self.tables.arrays["entries"][outcome // 2]["block"])
        ops = self.pricer.decoded[block].ops
        self.pricer.alignments.look(outcome, ops, lambda number: self.engine.read_register(CORE_REGISTERS[number]))

    def undefined_address(self) -> int:
        """Return the address of the undefined instruction in the block that ran last."""
        unknown = self.pricer.unknown_class(int(self.tables.m["last_block"]))
        assert unknown is not None
        return unknown[0]

    def mark_function(self, start: int, size_bytes: int) -> None:
        """A known block turns out to be called: it is a function's entry."""
        block = self.tables.arrays["blocks"][self.tables.find_block(start, size_bytes)]
        block["function"] = self.functions.number_at(start, called=True, current=None)
        block["flags"] |= rec.FUNCTION_ENTRY
        self.tables.cut_links()

    def add_probes(self, number: int) -> None:
        """Hook what a block assumes, and let every block that holds such an instruction be met afresh."""
        added = self.pricer.add_probes(number)
        for address in added:
            self.engine.add_probe(address, address_of(self.tables.probes[self.pricer.probe_at[address] :]))
        blocks = self.tables.arrays["blocks"]
        for old in range(self.tables.block_count):
            start, end = int(blocks[old]["start"]), int(blocks[old]["end"])
            if (
                not any(start <= address < end for address in added)
                or self.tables.find_block(start, end - start) != old
            ):
                continue
            entry = bool(blocks[old]["flags"] & rec.FUNCTION_ENTRY)
            entry_it = self.pricer.decoded[old].entry_it
            self.pricer.add_block(start, end - start, entry_it, int(blocks[old]["function"]), entry)
            blocks = self.tables.arrays["blocks"]
        self.tables.cut_links()
        self.tables.m["last_outcome"] = -1

    # time

    def charge(self, cycles: int, cause: str) -> None:
        """Let time pass outside instructions, in the function that is running."""
        m = self.tables.m
        m["clock_cycles"] += cycles
        key = (int(m["function"]), cause)
        self.extra_cycles[key] = self.extra_cycles.get(key, 0) + cycles

    def next_event_cycles(self) -> int:
        """Return when the first device wants to be woken; NEVER if none does."""
        return min((device.next_event_cycles() for device in self.bus.devices), default=NEVER)

    def wake_devices(self) -> None:
        """Wake every device whose time has come."""
        now = self.clock.cycles
        for device in self.bus.devices:
            if device.next_event_cycles() <= now:
                device.wake()

    def spent(self) -> Spent:
        """Return the cycles so far as the profiling counters of the DWT count them."""
        entries, outcomes = self.tables.arrays["entries"], self.tables.arrays["outcomes"]
        total = np.zeros(len(CAUSES) + 1, np.int64)
        for number in map(int, np.flatnonzero(outcomes["count"][: 2 * self.tables.entry_count])):
            if number not in self._cause_cycles:
                entry = entries[number // 2]
                key = (int(entry["block"]), int(entry["state"]), int(entry["predicates"]))
                costs = self.pricer.costs(*key, bool(number & 1))[1]
                self._cause_cycles[number] = np.append(costs.sum(axis=0), (costs.sum(axis=1) == 0).sum())
            total += self._cause_cycles[number] * int(outcomes[number]["count"])
        outside = dict.fromkeys(CAUSES, 0)
        for (_, cause), cycles in self.extra_cycles.items():
            outside[cause] += cycles
        lsu, folded = int(total[[TRANSFER, LOAD, STORE, MEMORY]].sum()), int(total[-1])
        inside = int(self.tables.m["clock_cycles"]) - sum(outside.values())
        cpi = inside - self.instructions() - lsu + folded
        return Spent(cpi, outside["exception"], outside["sleep"], lsu, folded)

    def forget_history(self) -> None:
        """Empty what remembers accesses and branches (buffers, caches, branch targets), so that what runs next takes
        what it would take as the first."""
        self.flash.forget()
        self.system.scb.invalidate_branches()

    def instructions(self) -> int:
        """Return the instructions issued so far."""
        entries, outcomes = self.tables.arrays["entries"], self.tables.arrays["outcomes"]
        count = self.tables.entry_count
        runs = outcomes["count"][: 2 * count].reshape(count, 2).sum(axis=1)
        return int((self.pricer.block_lengths()[entries["block"][:count]] * runs).sum()) if count else 0
