# SPDX-License-Identifier: Apache-2.0
"""A run that can be stopped, looked into and resumed: what a debugger needs of the machine.

A run that is stopped has been charged up to the instruction it stands before; nothing is in flight. Stopping splits
blocks, and an interrupt that is due is taken at the first boundary of a block: so a run under a debugger is the same
run, but its interrupts may come some instructions earlier.

- **Breakpoints** are exit addresses of the engine: the code stays as it is, and costs nothing until it is reached.
- **A step** runs one instruction of what runs now. Interrupts that are due are served first, whole, as a run does
  (breakpoints in their handlers count); the step ends in the code it began in. An instruction that raises an exception
  itself (SVC, a fault with a handler) ends in the handler, one that returns from a handler behind it.
- **A fault** stops before its handler is entered; going on enters it, or ends the run where there is none. Writing the
  program counter forgets it.
- **Watchpoints** watch memory, not devices, and see what instructions do, not what devices and exception entry do.
  They stop before the access; in an IT block, where the engine cannot, at the end of the block that made it.
"""

from __future__ import annotations

from collections.abc import Callable

from mcusim import exits
from mcusim.board import Board
from mcusim.errors import McusimError
from mcusim.image.model import Image
from mcusim.machine.exceptions import XPSR_THUMB
from mcusim.machine.limits import ProgressListener
from mcusim.machine.loop import Console
from mcusim.machine.result import make_trace
from mcusim.machine.settings import Settings
from mcusim.machine.stoppable import ENDED, FAILED, Stop, StoppableLoop, Watchpoint
from mcusim.trace import End, Trace

# The system control space but for its first page of registers, SysTick, where reading a flag clears it: NVIC, SCB, MPU
# and FPU registers have no such effects (Armv7-M ARM B3.2.2, B3.4.3, B3.5.4), and gdb reads FPCCR to unwind frames.
READABLE_REGISTERS = range(0xE000_E100, 0xE000_F000)


class DebugTarget:
    """A run as a debugger sees it. While it stands still, registers and memory can be read and written.

    `is_asked` is called some twenty times a second while it runs: True stops it. Nothing that happens in the run
    raises: the firmware's faults stop it before their handlers, what mcusim cannot do ends it, and `finish` raises.
    """

    def __init__(
        self,
        image: Image,
        board: Board,
        settings: Settings | None = None,
        *,
        console: Console | None = None,
        progress: ProgressListener | None = None,
        is_asked: Callable[[], bool] = lambda: False,
    ) -> None:
        self._arguments = (image, board, settings or Settings(), console, progress, is_asked)
        self._loop = StoppableLoop(*self._arguments)
        self.board = board
        self._watchpoints: set[Watchpoint] = set()
        self._error: McusimError | None = None

    # what it is

    @property
    def has_fpu(self) -> bool:
        """True if there are floating-point registers."""
        return self._loop.machine.core.fpu != "none"

    @property
    def mask_registers(self) -> tuple[str, ...]:
        """The names of the core's special registers that can be read and written, besides the stack pointers."""
        if self._loop.machine.core.architecture == "armv6-m":
            return ("primask", "control")
        return ("primask", "basepri", "faultmask", "control")

    @property
    def cycles(self) -> int:
        """Cycles since reset."""
        return self._loop.machine.clock.cycles

    @property
    def seconds(self) -> float:
        """Simulated time since reset."""
        return self._loop.machine.clock.seconds_at(self.cycles)

    @property
    def exit_status(self) -> int | None:
        """The firmware's exit status, or what `mcusim run` gives for a failure; None where there is neither."""
        end = self._loop.end
        if self._error is not None:
            return exits.BAD_INPUT
        if end is None:
            return None
        return end.status if end.status is not None else exits.OF_END.get(end.kind)

    # registers and memory

    def read_register(self, name: str) -> int:
        """Return a register: r0 to r12, sp, lr, pc, xpsr, a special one, s0 to s31, d0 to d15, fpscr."""
        if name == "pc":
            return self._loop.pc
        engine = self._loop.machine.engine
        if name[0] == "d":
            low, high = _halves(name)
            return engine.read_register(low) | engine.read_register(high) << 32
        if name == "xpsr":
            return engine.read_register(name) | XPSR_THUMB  # which the engine shows once something has run
        return engine.read_register(name)

    def write_register(self, name: str, value: int) -> None:
        """Set a register."""
        engine = self._loop.machine.engine
        if name == "pc":
            self._loop.go_to(value & 0xFFFF_FFFE)
        elif name[0] == "d":
            low, high = _halves(name)
            engine.write_register(low, value & 0xFFFF_FFFF)
            engine.write_register(high, value >> 32)
        else:
            engine.write_register(name, value)

    def read_memory(self, address: int, size_bytes: int) -> bytes:
        """Return bytes of memory, or of the core's own registers that reading does not change; fewer at their end.

        Devices are not read, since reading may do something. Raises McusimError where there is nothing to read.
        """
        if address in READABLE_REGISTERS:
            end = min(address + size_bytes, READABLE_REGISTERS.stop)
            words = range(address & ~3, end, 4)
            data = b"".join(self._loop.machine.device_read(word, 4).to_bytes(4, "little") for word in words)
            return data[address & 3 :][: end - address]
        memory = self._loop.machine.memory
        while size_bytes > 1:
            try:
                return memory.read(address, size_bytes)
            except McusimError:
                size_bytes //= 2
        return memory.read(address, size_bytes)

    def write_memory(self, address: int, data: bytes) -> None:
        """Write memory, flash too. Raises McusimError where there is none, with nothing written."""
        memory = self._loop.machine.memory
        if data:
            memory.read(address, len(data))
            memory.write(address, data)

    # stopping

    def holds(self, address: int, size_bytes: int = 1) -> bool:
        """Return whether a range is in one of the board's memories."""
        spans = (span for region in self.board.region for span in region.ranges)
        return any(start <= address and address + size_bytes <= end for start, end in spans)

    def set_breakpoint(self, address: int) -> None:
        """Stop before the instruction at an address."""
        self._loop.breakpoints.add(address & ~1)

    def clear_breakpoint(self, address: int) -> None:
        """Do not stop there any more."""
        self._loop.breakpoints.discard(address & ~1)

    def set_watchpoint(self, watchpoint: Watchpoint) -> None:
        """Stop at accesses to a range."""
        self._watchpoints.add(watchpoint)

    def clear_watchpoint(self, watchpoint: Watchpoint) -> None:
        """Do not stop for it any more."""
        self._watchpoints.discard(watchpoint)

    def clear_all(self) -> None:
        """Forget all breakpoints and watchpoints."""
        self._loop.breakpoints.clear()
        self._watchpoints.clear()

    # running

    def step(self, addresses: range = range(0)) -> Stop:
        """Run one instruction, and more while the next one lies in `addresses`."""
        return self._run(lambda: self._loop.step(addresses))

    def resume(self) -> Stop:
        """Run until something stops it."""
        return self._run(self._loop.resume)

    def _run(self, go: Callable[[], None]) -> Stop:
        loop = self._loop
        loop.watcher.set(self._watchpoints)
        if loop.end is None and self._error is None:
            try:
                with loop.limits.interruptible():
                    go()
            except McusimError as error:
                self._error = error
        if self._error is not None:
            return Stop(FAILED, str(self._error))
        if loop.end is not None:
            return Stop(FAILED if loop.end.kind == "fault" else ENDED, loop.end.text)
        assert loop.stop is not None
        return loop.stop

    def run_on(self) -> None:
        """Run to the end as if there were no debugger."""
        self.clear_all()
        self._loop.attached = False
        while self.resume().reason not in (ENDED, FAILED):
            pass

    def restart(self) -> None:
        """Begin again at reset, with the image as it was loaded. Breakpoints and watchpoints stay."""
        breakpoints = self._loop.breakpoints
        self.close()
        self._loop, self._error = StoppableLoop(*self._arguments), None
        self._loop.breakpoints = breakpoints

    def close(self) -> None:
        """Close the files that the firmware has open."""
        self._loop.semihosting.close()

    def finish(self, board_reason: str) -> Trace:
        """Close the run, ended here if it has not come to its end, and return its trace; raise if it had failed."""
        loop = self._loop
        self.close()
        if self._error is not None:
            raise self._error
        if loop.end is None:
            loop.end = End("killed", "ended by the debugger", None, loop.pc)
        return make_trace(loop, board_reason)


def _halves(name: str) -> tuple[str, str]:
    """Return the names of a double-precision register's two halves."""
    number = int(name[1:])
    return f"s{2 * number}", f"s{2 * number + 1}"
