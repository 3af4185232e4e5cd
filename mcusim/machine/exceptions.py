# SPDX-License-Identifier: Apache-2.0
"""Exceptions as the architecture says: pending, priority, entry and return (Armv7-M ARM, DDI 0403E, B1.5).

Numbers in brackets are sections of that manual. Floating-point state is written to the frame at entry, also where the
core would do so lazily (B1.5.7): memory differs from silicon's only in a part of the frame that nothing may look at.
When the lazy store happens costs cycles and is followed (`lazy_frame`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mcusim.engine.engine import Engine
from mcusim.errors import McusimError
from mcusim.machine.memory import Memory, Port

NMI, HARD_FAULT, MEM_MANAGE, BUS_FAULT, USAGE_FAULT = 2, 3, 4, 5, 6
SVCALL, PENDSV, SYSTICK, FIRST_EXTERNAL = 11, 14, 15, 16
FAULTS = (HARD_FAULT, MEM_MANAGE, BUS_FAULT, USAGE_FAULT)
FIXED_PRIORITY = {1: -3, NMI: -2, HARD_FAULT: -1}
THREAD_PRIORITY = 256
NAMES = {NMI: "NMI", HARD_FAULT: "HardFault", MEM_MANAGE: "MemManage", BUS_FAULT: "BusFault",
         USAGE_FAULT: "UsageFault", SVCALL: "SVCall", PENDSV: "PendSV", SYSTICK: "SysTick"}  # fmt: skip

XPSR_THUMB, XPSR_ALIGNED, XPSR_EXCEPTION = 1 << 24, 1 << 9, 0x1FF
CONTROL_SPSEL, CONTROL_FPCA = 1 << 1, 1 << 2
# EXC_RETURN (B1.5.8; Armv8-M ARM, DDI 0553 D1.2.95 for the two bits on security)
EXC_RETURN_START = 0xFFFF_FF00
RETURN_THREAD, RETURN_PSP, RETURN_BASIC_FRAME, RETURN_SECURE_STACK, RETURN_SECURE = 1 << 3, 1 << 2, 1 << 4, 1 << 6, 1
BASIC_FRAME_BYTES, FP_FRAME_BYTES = 0x20, 0x68
CORE_FRAME = ("r0", "r1", "r2", "r3", "r12", "lr")
FP_FRAME = tuple(f"s{number}" for number in range(16))
FPCCR_ASPEN, FPCCR_LSPEN, FPCCR_LSPACT = 1 << 31, 1 << 30, 1


def exception_name(number: int) -> str:
    """Return the architecture's name of an exception number."""
    return NAMES.get(number, f"IRQ{number - FIRST_EXTERNAL}")


class FrameError(McusimError):
    """An exception frame lies outside memory: at `address`, at entry or at return."""

    def __init__(self, address: int, entry: bool) -> None:
        super().__init__(f"exception frame at 0x{address:08x}, outside memory")
        self.address, self.entry = address, entry


@dataclass
class Exceptions:
    """Exception state of the core. Changing `pending` or a mask takes effect at the next block boundary."""

    engine: Engine
    memory: Memory | Port
    has_fpu: bool
    mainline: bool  # Armv7-M and Armv8-M mainline: BASEPRI, FAULTMASK, faults with handlers of their own
    vector_table: int
    priority_bits: int = 8
    armv8m: bool = False
    secure: bool = False  # Armv8-M that runs in the secure world
    pending: set[int] = field(default_factory=set)
    enabled: set[int] = field(default_factory=set)  # external interrupts, by exception number
    active: list[int] = field(default_factory=list)  # innermost last
    priority: dict[int, int] = field(default_factory=dict)
    group_shift: int = 0  # AIRCR.PRIGROUP: lower bits of a priority that do not preempt
    lines: set[int] = field(default_factory=set)  # external interrupts whose device holds the line high
    faults_enabled: set[int] = field(default_factory=set)  # of MemManage, BusFault, UsageFault (SHCSR)
    fpccr: int = FPCCR_ASPEN | FPCCR_LSPEN  # reset value (B3.2.21)
    fpcar: int = 0
    lazy_frame: bool = False  # floating-point state is reserved on the stack and, on silicon, not stored yet

    def set_line(self, number: int, level: bool) -> None:
        """Set the level of an external interrupt line; a rising edge makes it pending."""
        exception = FIRST_EXTERNAL + number
        if level and exception not in self.lines:
            self.pending.add(exception)
        (self.lines.add if level else self.lines.discard)(exception)

    def set_priority(self, number: int, value: int) -> None:
        """Set a priority; bits that the part does not have stay zero (B1.5.4)."""
        self.priority[number] = value & 0xFF00 >> self.priority_bits & 0xFF

    def _priority(self, number: int) -> int:
        return FIXED_PRIORITY.get(number, self.priority.get(number, 0))

    def _group_priority(self, priority: int) -> int:
        return priority if priority < 0 else priority >> self.group_shift + 1 << self.group_shift + 1

    def execution_priority(self, *, ignore_primask: bool = False) -> int:
        """Return the priority at which the core runs now: masks and active exceptions (B1.5.4)."""
        best = min((self._group_priority(self._priority(number)) for number in self.active), default=THREAD_PRIORITY)
        if not ignore_primask and self.engine.read_register("primask") & 1:
            best = min(best, 0)
        if self.mainline:
            if self.engine.read_register("faultmask") & 1:
                best = min(best, -1)
            threshold = self.engine.read_register("basepri") & 0xFF00 >> self.priority_bits & 0xFF
            if threshold:
                best = min(best, self._group_priority(threshold))
        return best

    def next_pending(self) -> int | None:
        """Return the pending and enabled exception of highest priority, masked or not."""
        ready = [n for n in self.pending if n < FIRST_EXTERNAL or n in self.enabled]
        return min(ready, key=lambda number: (self._priority(number), number), default=None)

    def next_taken(self) -> int | None:
        """Return the exception that the core would take now, None if none is pending or it is masked."""
        if not self.pending:
            return None
        number = self.next_pending()
        if number is None or self._group_priority(self._priority(number)) >= self.execution_priority():
            return None
        return number

    def would_wake(self) -> bool:
        """Return whether WFI would end now: something is pending that only PRIMASK may hold back (B1.5.19)."""
        number = self.next_pending()
        if number is None:
            return False
        return self._group_priority(self._priority(number)) < self.execution_priority(ignore_primask=True)

    def escalate(self, number: int) -> int | None:
        """Return which exception a synchronous one becomes: itself, HardFault, or None for a lockup (B1.5.14)."""
        now = self.execution_priority()
        enabled = self.mainline and (number in self.faults_enabled or number not in FAULTS[1:])
        if (enabled or number == SVCALL) and self._group_priority(self._priority(number)) < now:
            return number
        return HARD_FAULT if now > FIXED_PRIORITY[HARD_FAULT] else None

    # entry

    def enter(self, number: int, return_address: int) -> int:
        """Stack a frame and switch to the handler; return its address as the vector gives it. B1.5.6, B1.5.7.

        Raises FrameError, with nothing changed, where the frame would lie outside memory.
        """
        engine = self.engine
        xpsr = engine.read_register("xpsr")
        control = engine.read_register("control")
        with_fp = self.has_fpu and bool(control & CONTROL_FPCA) and bool(self.fpccr & FPCCR_ASPEN)
        size = FP_FRAME_BYTES if with_fp else BASIC_FRAME_BYTES
        sp = engine.read_register("sp")
        frame = (sp - size & ~7) & 0xFFFF_FFFF
        aligned = XPSR_ALIGNED if sp & 4 else 0
        words = [engine.read_register(name) for name in CORE_FRAME]
        words += [return_address, xpsr & ~XPSR_ALIGNED | aligned]
        if with_fp:
            words += [engine.read_register(name) for name in FP_FRAME] + [engine.read_register("fpscr"), 0]
        if not self.memory.writable(frame, size):
            raise FrameError(frame, entry=True)
        self.memory.write(frame, b"".join(word.to_bytes(4, "little") for word in words))
        in_handler = bool(xpsr & XPSR_EXCEPTION)
        on_psp = not in_handler and bool(control & CONTROL_SPSEL)
        link = self._link_base() | (0 if with_fp else RETURN_BASIC_FRAME)
        link |= (0 if in_handler else RETURN_THREAD) | (RETURN_PSP if on_psp else 0)
        engine.write_register("sp", frame)
        self.lazy_frame = with_fp and bool(self.fpccr & FPCCR_LSPEN)
        if with_fp:
            self.fpcar = frame + BASIC_FRAME_BYTES
        return self.vector(number, link)

    def _link_base(self) -> int:
        if not self.armv8m:
            return 0xFFFF_FFE1
        return 0xFFFF_FFA0 | (RETURN_SECURE_STACK | RETURN_SECURE if self.secure else 0)

    def vector(self, number: int, link: int) -> int:
        """Make an exception active and go to its handler, `link` in LR; return its address as the vector gives it."""
        self.pending.discard(number)
        self.active.append(number)
        # Handlers start on the main stack without floating-point context (B1.5.6), tail-chained ones too.
        control = self.engine.read_register("control")
        if control & (CONTROL_SPSEL | CONTROL_FPCA):
            self.engine.write_register("control", control & ~(CONTROL_SPSEL | CONTROL_FPCA))
        # Thumb bit and exception number; flags are unknown on entry, IT state is cleared.
        self.engine.write_register("xpsr", XPSR_THUMB | number)
        self.engine.write_register("lr", link)
        place = self.vector_table + 4 * number
        return self.memory.read_word(place) if self.memory.holds(place) else 0

    def take_back(self, number: int) -> None:
        """The exception entered last gives way to one that arrived during its entry (late arrival, B1.5.12)."""
        assert self.active.pop() == number
        self.pending.add(number)

    # return

    def deactivate(self) -> None:
        """End the innermost exception. It is pending again if its device still asks (B3.4.1)."""
        number = self.active.pop()
        if number in self.lines:
            self.pending.add(number)
        if self.mainline and number != NMI:
            self.engine.write_register("faultmask", 0)

    def valid_return(self, link: int) -> bool:
        """Return whether the innermost handler may return with this EXC_RETURN (B1.5.8)."""
        thread, on_psp = bool(link & RETURN_THREAD), bool(link & RETURN_PSP)
        if link & RETURN_BASIC_FRAME == 0 and not self.has_fpu:
            return False
        if thread != (len(self.active) == 1):
            return False
        fixed = 0xFFFF_FFE1 if not self.armv8m else 0xFFFF_FF80
        return link & fixed == fixed and (thread or not on_psp)

    def frame_address(self, link: int) -> int:
        """Return where the frame lies that EXC_RETURN `link` names."""
        return self.engine.read_register("psp" if link & RETURN_PSP else "msp")

    def stacked_pc(self, link: int) -> int:
        """Return the address at which the frame that `link` names goes on. Raises FrameError."""
        frame = self.frame_address(link)
        place = self.memory.peek(frame + 24, 4)  # a look: nothing is unstacked yet
        if place is None or not (self.memory.holds(frame) and self.memory.holds(frame + BASIC_FRAME_BYTES - 1)):
            raise FrameError(frame, entry=False)
        return place

    def unstack(self, link: int) -> int:
        """Restore the frame that EXC_RETURN `link` names; return where to resume (B1.5.8). Raises FrameError."""
        engine = self.engine
        on_psp = bool(link & RETURN_PSP)
        bank = "psp" if on_psp else "msp"
        frame = engine.read_register(bank)
        with_fp = not link & RETURN_BASIC_FRAME
        size = FP_FRAME_BYTES if with_fp else BASIC_FRAME_BYTES
        if not (self.memory.holds(frame) and self.memory.holds(frame + size - 1)):
            raise FrameError(frame, entry=False)
        data = self.memory.read(frame, size)
        words = [int.from_bytes(data[offset : offset + 4], "little") for offset in range(0, size, 4)]
        xpsr = words[7]
        control = engine.read_register("control")
        engine.write_register("xpsr", xpsr & ~XPSR_ALIGNED)
        if link & RETURN_THREAD:
            control = control & ~CONTROL_SPSEL | (CONTROL_SPSEL if on_psp else 0)
        engine.write_register("control", control & ~CONTROL_FPCA | (CONTROL_FPCA if with_fp else 0))
        engine.write_register(bank, frame + size + (4 if xpsr & XPSR_ALIGNED else 0))
        for name, word in zip(CORE_FRAME, words, strict=False):
            engine.write_register(name, word)
        if with_fp:
            for name, word in zip((*FP_FRAME, "fpscr"), words[8:], strict=False):
                engine.write_register(name, word)
        self.lazy_frame = False
        return words[6] & ~1
