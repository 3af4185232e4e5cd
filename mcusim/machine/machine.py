# SPDX-License-Identifier: Apache-2.0
"""One microcontroller, assembled: engine, tables, memory, bus, exceptions, devices.

Here is what moves simulated time outside native code: the parts of blocks that are split, exception entry and return,
sleep.
"""

from __future__ import annotations

from collections.abc import Callable

from mcusim.board import PERIPHERAL_SPACE, Board
from mcusim.core import Core
from mcusim.devices import make_device
from mcusim.devices.base import NEVER, Host
from mcusim.engine import calltree, hooks
from mcusim.engine import tables as t
from mcusim.engine.engine import PAGE_BYTES, Engine
from mcusim.engine.pricing import Pricer
from mcusim.image.model import Image
from mcusim.isa.decode import FLOW_CALL, FLOW_INDIRECT, FLOW_NEXT
from mcusim.jit import address_of
from mcusim.machine.bus import Bus
from mcusim.machine.clock import Clock
from mcusim.machine.exact import ExactAccesses
from mcusim.machine.exceptions import Exceptions
from mcusim.machine.functions import Functions
from mcusim.machine.itm import ITM_START, Instrumentation
from mcusim.machine.memory import Memory
from mcusim.machine.polling import PollingLoops
from mcusim.machine.rtt import Rtt, control_block
from mcusim.machine.system import (
    DWT_START,
    PPB_BYTES,
    PPB_START,
    SCS_START,
    DataWatchpoint,
    SystemControl,
)

CORE_DEVICE_BYTES = 0x1000
OUTPUT_LIMIT_BYTES = 1 << 20
# CPUID by engine model: implementer Arm, part number, revision as the tables describe (Armv7-M ARM B3.2.3).
CPUID = {"cortex-m0": 0x410C_C601, "cortex-m3": 0x412F_C231, "cortex-m4": 0x410F_C241, "cortex-m7": 0x411F_C272,
         "cortex-m33": 0x410F_D214}  # fmt: skip


def device_ranges(board: Board) -> list[tuple[int, int]]:
    """Return the address ranges that devices and guessed registers answer for: (start, end), in engine pages.

    The whole peripheral space but for memories in it, and the pages of devices elsewhere.
    """
    pages = [
        (start & -PAGE_BYTES, end + PAGE_BYTES - 1 & -PAGE_BYTES)
        for device in board.device
        for start, end in device.ranges
        if start not in PERIPHERAL_SPACE and start < PPB_START
    ]
    wanted = sorted([(PERIPHERAL_SPACE.start, PERIPHERAL_SPACE.stop), *set(pages)])
    memories = sorted(span for region in board.region for span in region.ranges)
    ranges: list[tuple[int, int]] = []
    for start, end in wanted:
        for low, high in memories:
            if low < end and start < high:
                ranges.append((start, low))
                start = high
        ranges.append((start, end))
    return [(start, end) for start, end in ranges if start < end]


class Machine:
    """The parts and their wiring. `RunLoop` drives it."""

    def __init__(self, image: Image, board: Board, core: Core, uart_input: bytes) -> None:
        self.image, self.board, self.core = image, board, core
        self.tables = t.Tables()
        self._due_cycles = self.tables.machine["due_cycles"]  # a view
        self.engine = Engine(core.file.engine_cpu, self.tables)
        self.memory = Memory(board, self.engine)
        self.memory.load(image)
        self.pricer = Pricer(core, self.tables, self.memory.read, self.memory.writable_host_address)
        self.functions = Functions(image)
        self.clock = Clock(self.tables, board.clock.reset_hz)
        self.output = bytearray()
        self.output_cut = False
        self.extra_cycles: dict[tuple[int, str], int] = {}
        self.exact = ExactAccesses(self.engine, self.tables, self.pricer, self.clock)
        armv6m = core.architecture == "armv6-m"
        self.exceptions = Exceptions(self.engine, self.memory, core.fpu != "none", not armv6m, image.vectors.address)
        self.host = Host(
            self.clock, self._transmit, self._set_interrupt, bytearray(uart_input), hse_hz=board.clock.hse_hz,
            lse_hz=board.clock.lse_hz, read_bus=self._read_bus, write_bus=self._write_bus,
            request_cycles=self._request_cycles, request_reset=self._request_reset,
        )  # fmt: skip
        self.reset_reason = ""  # what a device, such as a watchdog, resets the part for
        self.console_listener: list[Callable[[bytes], None]] = []
        self.bus = Bus(self.exact.ask, PollingLoops(self.tables, self.pricer).pass_over)
        self.rtt = Rtt(self.host, self.memory.read, self.memory.write, *control_block(image, board, self.memory))
        self.system = SystemControl(self.host, self.exceptions, CPUID[core.file.engine_cpu])
        self._connect()
        m = self.tables.m
        m["state"] = self.pricer.reset_state
        m["divide_model"] = core.divide_model
        root = self.functions.number_at(image.vectors.reset, called=True, current=None)
        m["node"] = self.tables.add_root(root, t.KIND_THREAD)
        m["function"] = root
        self.tables.arrays["nodes"][int(m["node"])]["calls"] = 1

    def _connect(self) -> None:
        bus = self.bus
        bus.add(ITM_START, CORE_DEVICE_BYTES, Instrumentation(self.host))
        bus.add(DWT_START, CORE_DEVICE_BYTES, DataWatchpoint(self.host))
        bus.add(SCS_START, CORE_DEVICE_BYTES, self.system)
        for entry in self.board.device:
            device = make_device(entry, self.host)
            bus.add(entry.start, entry.size_bytes, device)
            for alias in entry.aliases:
                bus.add_alias(alias, entry.size_bytes, device)
        for start, end in device_ranges(self.board):
            self.engine.map_device(start, end - start, self.device_read, self.device_write)
        self.engine.map_device(PPB_START, PPB_BYTES, self.device_read, self.device_write)

    def device_read(self, address: int, size_bytes: int) -> int:
        """Answer a device read that the engine reports."""
        value = self.bus.read(address, size_bytes)
        self.clock.access_offset = 0
        return value

    def device_write(self, address: int, size_bytes: int, value: int) -> None:
        """Take a device write that the engine reports; what it made pending is looked at when the block has ended."""
        self.bus.write(address, size_bytes, value)
        self.clock.access_offset = 0
        self._due_cycles[0] = 0

    # what devices may do as masters of the bus

    def _read_bus(self, address: int, size_bytes: int) -> int:
        if self.memory.holds(address):
            return int.from_bytes(self.memory.read(address, size_bytes), "little")
        return self.bus.read(address, size_bytes)

    def _write_bus(self, address: int, size_bytes: int, value: int) -> None:
        if self.memory.holds(address):
            self.memory.write(address, (value & (1 << 8 * size_bytes) - 1).to_bytes(size_bytes, "little"))
        else:
            self.bus.write(address, size_bytes, value)

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
        m["stop_reason"] = t.RUNNING
        m["last_outcome"] = -1

    def mend(self, reason: int) -> None:
        """Supply the entry or the price that native code lacked."""
        m = self.tables.m
        if reason == t.NEW_ENTRY:
            self.tables.add_entry(int(m["wanted_block"]), int(m["wanted_state"]), int(m["wanted_predicates"]))
        elif reason == t.NEW_PRICE:
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
        number = self.pricer.add_block(start, size_bytes, pending_it, function, called)
        if self.pricer.decoded[number].assumed and self.tables.probe_count < t.EAGER_PROBES:
            self.add_probes(number)
            number = self.tables.find_block(start, size_bytes)
        return number

    def undefined_address(self) -> int:
        """Return the address of the undefined instruction in the block that ran last."""
        unknown = self.pricer.unknown_class(int(self.tables.m["last_block"]))
        assert unknown is not None
        return unknown[0]

    def mark_function(self, start: int, size_bytes: int) -> None:
        """A known block turns out to be called: it is a function's entry."""
        block = self.tables.arrays["blocks"][self.tables.find_block(start, size_bytes)]
        block["function"] = self.functions.number_at(start, called=True, current=None)
        block["flags"] |= t.FUNCTION_ENTRY
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
            entry = bool(blocks[old]["flags"] & t.FUNCTION_ENTRY)
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

    def instructions(self) -> int:
        """Return the instructions issued so far."""
        entries, outcomes = self.tables.arrays["entries"], self.tables.arrays["outcomes"]
        count = self.tables.entry_count
        runs = outcomes["count"][: 2 * count].reshape(count, 2).sum(axis=1)
        return int((self.pricer.block_lengths()[entries["block"][:count]] * runs).sum()) if count else 0
