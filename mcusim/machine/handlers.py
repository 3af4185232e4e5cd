# SPDX-License-Identifier: Apache-2.0
"""Entering and leaving exception handlers: the frame, the cycles, a root of its own in the call tree, and tasks.

Every activation that an exception interrupts leaves a context, found again by the address of its frame. An exception
that returns to another frame than the one it stacked has switched tasks: the interrupted context waits, and the one
whose frame it is goes on, or a new task starts.
"""

from __future__ import annotations

from dataclasses import dataclass

from mcusim.engine import records as rec
from mcusim.engine.tables import Array
from mcusim.isa.decode import FLOW_NEXT
from mcusim.machine.exceptions import CONTROL_FPCA, RETURN_BASIC_FRAME, RETURN_THREAD
from mcusim.machine.machine import Machine
from mcusim.machine.stacks import Stack, is_stack
from mcusim.machine.tasks import Rtos, Task

INTERRUPTED = ("flow", "return_address", "depth", "last_block", "activation", "slice", "track")


@dataclass
class Context:
    """What an exception has interrupted, besides the registers."""

    exception: int  # the one that interrupted it
    frame: int  # address of the stacked frame
    pc: int  # where it goes on
    fields: dict[str, int]  # how control was moving
    node: int
    stack: Stack
    task: Task | None
    frames: Array | None = None  # its calls, while another task runs
    left_cycles: int = 0  # when another task has last taken its place


class Handlers:
    """Keeps what each active handler has interrupted, innermost last, and the contexts of tasks that wait."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._contexts: list[Context] = []
        self._waiting: dict[int, Context] = {}
        self._rtos = Rtos(machine.image, machine.memory)
        self.tasks: list[Task] = []
        self.task: Task | None = None  # that runs, or that the outermost handler has interrupted
        self.entered = 0

    def __len__(self) -> int:
        return len(self._contexts)

    @property
    def contexts(self) -> tuple[Context, ...]:
        """What active handlers have interrupted, innermost last."""
        return tuple(self._contexts)

    @property
    def waiting(self) -> tuple[Context, ...]:
        """What other tasks have interrupted."""
        return tuple(self._waiting.values())

    # entry

    def enter(self, number: int, pc: int) -> int:
        """Take an exception at `pc`; return its handler's address as the vector gives it. May raise FrameError."""
        machine = self._machine
        exceptions = machine.exceptions
        machine.observation.account()
        handler = exceptions.enter(number, pc)  # first: it may fail
        frame = machine.engine.read_register("sp")
        outermost = not self._contexts
        link = machine.engine.read_register("lr")
        if outermost:
            frame = exceptions.frame_address(link)
        machine.stacks.lower(frame, machine.functions.describe(pc), machine.clock.cycles, pc)
        self._push(number, frame, pc)
        if outermost and frame != machine.engine.read_register("sp"):
            machine.stacks.activate(machine.stacks.main)
        self._go(number, handler, "entry_cycles")
        if not link & RETURN_BASIC_FRAME and not exceptions.lazy_frame:
            machine.charge(machine.timing_core.exception_cycles("fp_stacking_cycles"), "exception")
        return self._late_arrival(number, handler, link)

    def _late_arrival(self, number: int, handler: int, link: int) -> int:
        """Let an exception of higher priority that became due during the entry go first (B1.5.12)."""
        machine = self._machine
        if machine.next_event_cycles() <= machine.clock.cycles:
            machine.wake_devices()
        urgent = machine.exceptions.next_taken()
        if urgent is None:
            return handler
        machine.exceptions.take_back(number)
        self.entered -= 1
        tables = machine.tables
        tables.arrays["nodes"][int(tables.m["node"])]["calls"] -= 1
        self._contexts[-1].exception = urgent
        machine.observation.slices.leave(ends=True)
        handler = machine.exceptions.vector(urgent, link)
        self._go(urgent, handler, None)
        return handler

    def _push(self, number: int, frame: int, pc: int) -> None:
        tables = self._machine.tables
        m = tables.m
        tables.grow_tree()
        row = tables.arrays["frames"][int(m["depth"])]
        row["node"], row["is_exception"], row["activation"], row["watched"] = m["node"], 1, m["activation"], 0
        fields = {name: int(m[name]) for name in INTERRUPTED}
        stack = self._machine.stacks.current
        self._contexts.append(Context(number, frame, pc, fields, int(m["node"]), stack, self.task))
        m["depth"] += 1
        self._machine.observation.slices.leave(ends=False)

    def _go(self, number: int, handler: int, cost: str | None, *, after_handler: bool = False) -> None:
        """Make the handler's root current and charge its entry. `after_handler`: another one has just ended."""
        machine, m = self._machine, self._machine.tables.m
        address = handler & ~1
        function = machine.functions.number_at(address, called=True, current=None)
        root = machine.tables.add_root(function, rec.KIND_HANDLER)
        machine.tables.arrays["nodes"][root]["calls"] += 1
        machine.observation.account(ends=after_handler)
        m["activation"] = -1
        m["track"] = number
        machine.move_to(root)
        machine.observation.switched()
        m["flow"], m["last_block"], m["state"] = FLOW_NEXT, -1, machine.pricer.reset_state
        if cost is not None:
            machine.charge(machine.timing_core.exception_cycles(cost), "exception")
        self.entered += 1

    # return

    def chain(self, number: int, link: int) -> int:
        """Enter an exception when another has just been deactivated, without unstacking; return its vector's value."""
        m = self._machine.tables.m
        depth = self._contexts[-1].fields["depth"]
        self._machine.observation.handler_ends(depth, link)
        m["depth"] = depth + 1
        self._contexts[-1].exception = number
        self._machine.observation.slices.leave(ends=True)
        handler = self._machine.exceptions.vector(number, link)
        self._go(number, handler, "tail_chain_cycles", after_handler=True)
        return handler

    def leave(self, link: int) -> int:
        """Return from the innermost handler, already deactivated, to what EXC_RETURN `link` names; return where.

        Raises FrameError, with nothing changed, where the frame lies outside memory.
        """
        machine, m = self._machine, self._machine.tables.m
        exceptions = machine.exceptions
        target, lazy = exceptions.stacked_pc(link) & ~1, exceptions.lazy_frame
        frame = exceptions.frame_address(link)
        used_fp = bool(machine.engine.read_register("control") & CONTROL_FPCA)
        machine.observation.handler_ends(self._contexts[-1].fields["depth"], link)  # r0 is still its own
        pc = exceptions.unstack(link)
        machine.charge(machine.timing_core.exception_cycles("return_cycles"), "exception")
        if lazy and used_fp:  # the handler used the unit: the core stored what it had reserved room for
            machine.charge(machine.timing_core.exception_cycles("fp_stacking_cycles"), "exception")
        machine.observation.account(ends=True)
        machine.observation.slices.leave(ends=True)
        context = self._contexts.pop()
        if link & RETURN_THREAD and frame != context.frame:
            context = self._switch(context, frame, target)
        for name, value in context.fields.items():
            m[name] = value
        machine.stacks.activate(context.stack)
        machine.move_to(context.node)
        machine.observation.switched()
        m["state"] = machine.pricer.reset_state
        return pc

    # tasks

    def _switch(self, left: Context, frame: int, pc: int) -> Context:
        """The interrupted context waits; return the one whose frame this is, or that of a new task."""
        tables = self._machine.tables
        depth = left.fields["depth"]
        left.frames = tables.arrays["frames"][:depth].copy()
        left.left_cycles = self._machine.clock.cycles
        self._waiting[left.frame] = left
        saved = self._rtos.saved_sp(left.task.block) if left.task is not None else None
        if saved is not None and left.stack.limit <= saved < left.frame:
            left.stack.low = min(left.stack.low, saved)
        context = self._waiting.pop(frame, None)
        if context is None or context.pc != pc:
            context = self._start(frame, pc)
        if context.frames is not None:
            tables.arrays["frames"][: len(context.frames)] = context.frames
            context.frames = None
        self._name_main(left)
        self.task = context.task
        if context.task is not None:
            context.task.switches += 1
        return context

    def _name_main(self, left: Context) -> None:
        """Give the reset thread a place among the tasks, once there are others."""
        if left.task is None and not any(task.name == "reset" for task in self.tasks):
            nodes = self._machine.tables.arrays["nodes"]
            root = left.node
            while nodes[root]["parent"] >= 0:
                root = int(nodes[root]["parent"])
            left.task = Task("reset", root, left.stack, switches=1)
            self.tasks.insert(0, left.task)

    def _start(self, frame: int, pc: int) -> Context:
        """Return the context of a task that begins at `pc`."""
        machine = self._machine
        function = machine.functions.number_at(pc, called=True, current=None)
        sp = machine.engine.read_register("sp")
        record = self._rtos.current(sp)
        name = (record.name if record is not None else None) or machine.functions.list[function].name
        bounds = record.stack if record is not None else None
        sure = bounds is not None and bounds.limit < sp
        if not sure:
            bounds = machine.stacks.holding(sp)
            sure = bounds is not None and is_stack(bounds)
        stack = machine.stacks.add(name, bounds.limit if bounds else 0, max(sp, frame + 0x20), sure)
        stack.name = name
        stack.low = min(stack.low, frame)
        task = self._task(name, function, stack, record.block if record is not None else 0)
        fields = {"flow": FLOW_NEXT, "return_address": 0, "depth": 0, "last_block": -1, "activation": -1}
        fields |= {"slice": -1, "track": machine.observation.slices.new_track(task.root)}
        return Context(0, frame, pc, fields, task.root, stack, task)

    def _task(self, name: str, function: int, stack: Stack, block: int) -> Task:
        tables = self._machine.tables
        for task in self.tasks:
            if (task.name, task.block) == (name, block) and int(
                tables.arrays["nodes"][task.root]["function"]
            ) == function:
                task.stack = stack
                return task
        root = tables.new_root(function, rec.KIND_TASK)
        tables.arrays["nodes"][root]["calls"] += 1
        task = Task(name, root, stack, block)
        self.tasks.append(task)
        return task
