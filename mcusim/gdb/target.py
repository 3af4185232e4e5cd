# SPDX-License-Identifier: Apache-2.0
"""What gdb is told about the target: its registers (target.xml) and where memory lies (memory map).

The features and their registers are those of "Debugging with GDB", appendix G.5.3 (ARM Features): m-profile, m-system
and vfp. gdb finds registers by name; their numbers are their places in our list.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from mcusim.board import Board
from mcusim.machine.stoppable import Stop, Watchpoint

FLASH_BLOCK_BYTES = 1024  # what `load` erases at once: our choice, every region is a multiple of it
CORE_SPACE = (0xE000_E000, 0x1000)  # system control space: gdb reads fault and floating-point status there
_DOCTYPE = '<?xml version="1.0"?>\n<!DOCTYPE {0} {1}>\n'


class Target(Protocol):
    """What a session needs; `mcusim.machine.debug.DebugTarget` has it."""

    board: Board

    @property
    def has_fpu(self) -> bool:
        """True if there are floating-point registers."""
        ...

    @property
    def mask_registers(self) -> tuple[str, ...]:
        """The special registers besides the stack pointers."""
        ...

    @property
    def cycles(self) -> int:
        """Cycles since reset."""
        ...

    @property
    def seconds(self) -> float:
        """Simulated time since reset."""
        ...

    @property
    def exit_status(self) -> int | None:
        """What the firmware gave when it exited, or what stands for a failure; None where there is neither."""
        ...

    def read_register(self, name: str) -> int:
        """Return a register."""
        ...

    def write_register(self, name: str, value: int) -> None:
        """Set a register."""
        ...

    def read_memory(self, address: int, size_bytes: int) -> bytes:
        """Return bytes, fewer at the end of memory; raise McusimError where there are none."""
        ...

    def write_memory(self, address: int, data: bytes) -> None:
        """Write bytes; raise McusimError where there is no memory."""
        ...

    def holds(self, address: int, size_bytes: int = 1) -> bool:
        """Return whether a range is in memory."""
        ...

    def set_breakpoint(self, address: int) -> None:
        """Stop before an instruction."""
        ...

    def clear_breakpoint(self, address: int) -> None:
        """Do not any more."""
        ...

    def set_watchpoint(self, watchpoint: Watchpoint) -> None:
        """Stop at accesses to a range."""
        ...

    def clear_watchpoint(self, watchpoint: Watchpoint) -> None:
        """Do not any more."""
        ...

    def clear_all(self) -> None:
        """Forget all breakpoints and watchpoints."""
        ...

    def step(self, addresses: range = range(0)) -> Stop:
        """Run one instruction, and more while the next one lies in a range."""
        ...

    def resume(self) -> Stop:
        """Run until something stops it."""
        ...

    def restart(self) -> None:
        """Begin again at reset."""
        ...


@dataclass(frozen=True)
class Register:
    """A register of target.xml."""

    name: str
    bits: int
    type: str
    group: str = ""

    @property
    def size_bytes(self) -> int:
        """Its bytes in packets."""
        return self.bits // 8

    def xml(self) -> str:
        """Return its element."""
        group = f' group="{self.group}"' if self.group else ""
        return f'<reg name="{self.name}" bitsize="{self.bits}" type="{self.type}"{group}/>'


def features(target: Target) -> dict[str, list[Register]]:
    """Return the registers by feature."""
    core = [Register(f"r{number}", 32, "uint32") for number in range(13)]
    core += [Register("sp", 32, "data_ptr"), Register("lr", 32, "int"), Register("pc", 32, "code_ptr"),
             Register("xpsr", 32, "int")]  # fmt: skip
    system = [Register(name, 32, "data_ptr", "system") for name in ("msp", "psp")]
    system += [Register(name, 32, "uint32", "system") for name in target.mask_registers]
    found = {"org.gnu.gdb.arm.m-profile": core, "org.gnu.gdb.arm.m-system": system}
    if target.has_fpu:
        found["org.gnu.gdb.arm.vfp"] = [Register(f"d{number}", 64, "ieee_double", "float") for number in range(16)] + [
            Register("fpscr", 32, "int", "float")
        ]
    return found


def registers(target: Target) -> list[Register]:
    """Return all registers; a register's number is its place."""
    return [register for those in features(target).values() for register in those]


def description(target: Target) -> bytes:
    """Return target.xml."""
    lines = ['<target version="1.0">', "<architecture>arm</architecture>"]
    for name, those in features(target).items():
        lines += [f'<feature name="{name}">', *(register.xml() for register in those), "</feature>"]
    return _document("target", '"gdb-target.dtd"', [*lines, "</target>"])


def memory_map(board: Board) -> bytes:
    """Return the board's memories, each at all its addresses, and the core's own registers."""
    lines = ["<memory-map>"]
    spans = sorted((start, end - start, region.kind) for region in board.region for start, end in region.ranges)
    for start, length, kind in spans:
        place = f'start="0x{start:x}" length="0x{length:x}"'
        if kind == "flash":
            block = f'<property name="blocksize">0x{FLASH_BLOCK_BYTES:x}</property>'
            lines.append(f'<memory type="flash" {place}>{block}</memory>')
        else:
            lines.append(f'<memory type="{"rom" if kind == "rom" else "ram"}" {place}/>')
    start, length = CORE_SPACE
    lines.append(f'<memory type="ram" start="0x{start:x}" length="0x{length:x}"/>')
    identifier = 'PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN" "http://sourceware.org/gdb/gdb-memory-map.dtd"'
    return _document("memory-map", identifier, [*lines, "</memory-map>"])


def _document(name: str, identifier: str, lines: Iterable[str]) -> bytes:
    kind = identifier if identifier.startswith("PUBLIC") else f"SYSTEM {identifier}"
    return (_DOCTYPE.format(name, kind) + "\n".join(lines) + "\n").encode("ascii")
