# SPDX-License-Identifier: Apache-2.0
"""Exceptions as the architecture says: pending, priority, entry and return (Armv7-M ARM, DDI 0403E, B1.5).

What is here: SysTick, PendSV, SVC and external interrupts with priorities, BASEPRI/PRIMASK/FAULTMASK,
tail-chaining, the basic and the floating-point frame (stacked at once; lazy stacking is not timed). Faults still end
the run.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mcusim.engine.engine import Engine
from mcusim.machine.memory import Memory

NMI, HARD_FAULT, SVCALL, PENDSV, SYSTICK, FIRST_EXTERNAL = 2, 3, 11, 14, 15, 16
FIXED_PRIORITY = {1: -3, NMI: -2, HARD_FAULT: -1}
THREAD_PRIORITY = 256
NAMES = {NMI: "NMI", HARD_FAULT: "HardFault", 4: "MemManage", 5: "BusFault", 6: "UsageFault", SVCALL: "SVCall",
         PENDSV: "PendSV", SYSTICK: "SysTick"}  # fmt: skip

XPSR_THUMB, XPSR_ALIGNED, XPSR_EXCEPTION = 1 << 24, 1 << 9, 0x1FF
CONTROL_SPSEL, CONTROL_FPCA = 1 << 1, 1 << 2
RETURN_THREAD, RETURN_PSP, RETURN_BASIC_FRAME = 1 << 3, 1 << 2, 1 << 4
BASIC_FRAME_BYTES, FP_FRAME_BYTES = 0x20, 0x68
CORE_FRAME = ("r0", "r1", "r2", "r3", "r12", "lr")
FP_FRAME = tuple(f"s{number}" for number in range(16))


def exception_name(number: int) -> str:
    """Return the architecture's name of an exception number."""
    return NAMES.get(number, f"IRQ{number - FIRST_EXTERNAL}")


@dataclass
class Exceptions:
    """Exception state of the core. Changing `pending` or a mask takes effect at the next block boundary."""

    engine: Engine
    memory: Memory
    has_fpu: bool
    has_basepri: bool
    vector_table: int
    pending: set[int] = field(default_factory=set)
    enabled: set[int] = field(default_factory=set)  # external interrupts, by exception number
    active: list[int] = field(default_factory=list)  # innermost last
    priority: dict[int, int] = field(default_factory=dict)
    group_shift: int = 0  # AIRCR.PRIGROUP: lower bits of a priority that do not preempt
    lines: set[int] = field(default_factory=set)  # external interrupts whose device holds the line high

    def set_line(self, number: int, level: bool) -> None:
        """Set the level of an external interrupt line; a rising edge makes it pending."""
        exception = FIRST_EXTERNAL + number
        if level and exception not in self.lines:
            self.pending.add(exception)
        (self.lines.add if level else self.lines.discard)(exception)

    def _priority(self, number: int) -> int:
        return FIXED_PRIORITY.get(number, self.priority.get(number, 0))

    def _group_priority(self, priority: int) -> int:
        return priority if priority < 0 else priority >> self.group_shift + 1 << self.group_shift + 1

    def _execution_priority(self, *, ignore_primask: bool = False) -> int:
        best = min((self._group_priority(self._priority(number)) for number in self.active), default=THREAD_PRIORITY)
        if not ignore_primask and self.engine.read_register("primask") & 1:
            best = min(best, 0)
        if self.has_basepri:
            if self.engine.read_register("faultmask") & 1:
                best = min(best, -1)
            threshold = self.engine.read_register("basepri") & 0xFF
            if threshold:
                best = min(best, self._group_priority(threshold))
        return best

    def next_pending(self) -> int | None:
        """Return the pending and enabled exception of highest priority, masked or not."""
        ready = [n for n in self.pending if n < FIRST_EXTERNAL or n in self.enabled]
        return min(ready, key=lambda number: (self._priority(number), number), default=None)

    def next_taken(self) -> int | None:
        """Return the exception that the core would take now, None if none is pending or it is masked."""
        number = self.next_pending()
        if number is None or self._group_priority(self._priority(number)) >= self._execution_priority():
            return None
        return number

    def would_wake(self) -> bool:
        """Return whether WFI would end now: something is pending that only PRIMASK may hold back (B1.5.19)."""
        number = self.next_pending()
        if number is None:
            return False
        return self._group_priority(self._priority(number)) < self._execution_priority(ignore_primask=True)

    def enter(self, number: int, return_address: int) -> int:
        """Stack a frame and switch to the handler; return its address (Thumb bit cleared). B1.5.6, B1.5.7."""
        engine = self.engine
        xpsr = engine.read_register("xpsr")
        control = engine.read_register("control")
        with_fp = self.has_fpu and bool(control & CONTROL_FPCA)
        size = FP_FRAME_BYTES if with_fp else BASIC_FRAME_BYTES
        sp = engine.read_register("sp")
        frame = sp - size & ~7
        aligned = XPSR_ALIGNED if sp & 4 else 0
        words = [engine.read_register(name) for name in CORE_FRAME]
        words += [return_address, xpsr & ~XPSR_ALIGNED | aligned]
        if with_fp:
            words += [engine.read_register(name) for name in FP_FRAME] + [engine.read_register("fpscr"), 0]
        self.memory.write(frame, b"".join(word.to_bytes(4, "little") for word in words))
        in_handler = bool(xpsr & XPSR_EXCEPTION)
        on_psp = not in_handler and bool(control & CONTROL_SPSEL)
        link = 0xFFFF_FFE1 | (0 if with_fp else RETURN_BASIC_FRAME)
        link |= (0 if in_handler else RETURN_THREAD) | (RETURN_PSP if on_psp else 0)
        engine.write_register("sp", frame)
        if with_fp:
            engine.write_register("control", control & ~CONTROL_FPCA)
        return self.vector(number, link)

    def vector(self, number: int, link: int) -> int:
        """Make an exception active and go to its handler, with `link` as return value; return the handler's address."""
        self.pending.discard(number)
        if number in self.lines:
            self.pending.add(number)  # the device still asks: pending again once this activation ends
        self.active.append(number)
        # Thumb bit and exception number; flags are unknown on entry, IT state is cleared.
        self.engine.write_register("xpsr", XPSR_THUMB | number)
        self.engine.write_register("lr", link)
        return self.memory.read_word(self.vector_table + 4 * number) & ~1

    def deactivate(self) -> None:
        """End the innermost exception. One whose device let go of its line meanwhile is no longer pending."""
        number = self.active.pop()
        if number >= FIRST_EXTERNAL and number in self.pending and number not in self.lines:
            self.pending.discard(number)
        if self.has_basepri and number != NMI:
            self.engine.write_register("faultmask", 0)

    def unstack(self, link: int) -> int:
        """Restore the frame that EXC_RETURN `link` names; return the address to resume at. B1.5.8."""
        engine = self.engine
        on_psp = bool(link & RETURN_PSP)
        bank = "psp" if on_psp else "msp"
        frame = engine.read_register(bank)
        with_fp = not link & RETURN_BASIC_FRAME
        size = FP_FRAME_BYTES if with_fp else BASIC_FRAME_BYTES
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
        return words[6] & ~1
