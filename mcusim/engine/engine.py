# SPDX-License-Identifier: Apache-2.0
"""Unicorn, wrapped: the one place that knows its constants, its errors and its habits.

Habits we work around, found by trying:

- `UC_MODE_MCLASS` forces a Cortex-M33; `UC_MODE_THUMB` with an explicit CPU model gives the core asked for.
- Stopping in a block hook or in a device callback leaves PC exact; the access is discarded and repeated on resume.
- SVC raises interrupt 2 with PC past it, BKPT 7 with PC at it, a branch to EXC_RETURN 3 (8 on M33).
- WFI returns without an error; WFE and YIELD end the run with an invalid-instruction error, PC past them.
- A host write into code that has run does not change what executes until its translation is dropped.
- A code hook cannot stop the engine within an IT block; an exit address ends the translated block before it instead,
  whatever stands there, and nothing reports a block that would start at one.
- Stopping in a memory hook leaves PC at the instruction and its registers as they were, but a store has been done; an
  instruction in an IT block completes, and the engine stops at a block boundary behind it.
- A memory hook on an instruction in an IT block leaves that IT state to the blocks after it, which then run under a
  condition that is not theirs: the hook has to clear it. (At the end of a block that ends in an IT block it is set.)
- Memories that are mapped should come with the largest first. The engine keeps its memories by size and numbers the
  bytes of a new one from the end of the smallest on; where two share numbers, a write to the one drops the translation
  of code at the same place of the other, which is then translated again and again. (Nothing but speed suffers.)
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from unicorn import arm_const, unicorn_const
from unicorn.unicorn_py3.unicorn import Uc, UcError

from mcusim.engine import access, cache_hooks, hooks, sanitizing
from mcusim.engine.flash import on_flash_read
from mcusim.engine.native import LIBRARY
from mcusim.engine.operands import on_probe
from mcusim.engine.tables import Tables
from mcusim.jit import address_of

NO_EXIT = 0xFFFF_FFFF_FFFF  # an address that is never reached
XPSR_IT = 0x0600_FC00
PAGE_BYTES = 1024  # the engine's page for M-profile cores: maps must be multiples of it

CPU_MODELS = {
    "cortex-m0": arm_const.UC_CPU_ARM_CORTEX_M0,
    "cortex-m3": arm_const.UC_CPU_ARM_CORTEX_M3,
    "cortex-m4": arm_const.UC_CPU_ARM_CORTEX_M4,
    "cortex-m7": arm_const.UC_CPU_ARM_CORTEX_M7,
    "cortex-m33": arm_const.UC_CPU_ARM_CORTEX_M33,
}

REGISTERS: dict[str, int] = {f"r{n}": arm_const.UC_ARM_REG_R0 + n for n in range(13)} | {
    "sp": arm_const.UC_ARM_REG_SP,
    "lr": arm_const.UC_ARM_REG_LR,
    "pc": arm_const.UC_ARM_REG_PC,
    "xpsr": arm_const.UC_ARM_REG_XPSR,
    "cpsr": arm_const.UC_ARM_REG_CPSR,
    "msp": arm_const.UC_ARM_REG_MSP,
    "psp": arm_const.UC_ARM_REG_PSP,
    "control": arm_const.UC_ARM_REG_CONTROL,
    "primask": arm_const.UC_ARM_REG_PRIMASK,
    "basepri": arm_const.UC_ARM_REG_BASEPRI,
    "faultmask": arm_const.UC_ARM_REG_FAULTMASK,
    "fpscr": arm_const.UC_ARM_REG_FPSCR,
}
REGISTERS |= {f"s{n}": arm_const.UC_ARM_REG_S0 + n for n in range(32)}

# Armv7-M ARM B3.1, default memory map: peripherals; external devices, the private peripheral bus and vendor space.
NEVER_EXECUTED = (range(0x4000_0000, 0x6000_0000), range(0xA000_0000, 1 << 32))

INTERRUPT_SVC = 2
INTERRUPT_RETURN = (3, 8)  # a branch to EXC_RETURN, and (3 only) the fetch of an address that may not be executed
INTERRUPT_BREAKPOINT = 7

# Kinds of faults.
READ, WRITE, FETCH, UNDEFINED, OTHER = range(5)
_FAULT_KINDS = {
    unicorn_const.UC_ERR_READ_UNMAPPED: READ,
    unicorn_const.UC_ERR_WRITE_UNMAPPED: WRITE,
    unicorn_const.UC_ERR_FETCH_UNMAPPED: FETCH,
    unicorn_const.UC_ERR_READ_PROT: READ,
    unicorn_const.UC_ERR_WRITE_PROT: WRITE,
    unicorn_const.UC_ERR_FETCH_PROT: FETCH,
    unicorn_const.UC_ERR_INSN_INVALID: UNDEFINED,
}

# uc_cb_mmio_read_t and uc_cb_mmio_write_t
_READ_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint, ctypes.c_void_p)
_WRITE_CALLBACK = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint, ctypes.c_uint64, ctypes.c_void_p
)


def _as_argument(callback: Any) -> ctypes.c_void_p:
    return ctypes.cast(callback, ctypes.c_void_p) if callback else ctypes.c_void_p()


ReadDevice = Callable[[int, int], int]  # (address, size in bytes) -> value
WriteDevice = Callable[[int, int, int], None]  # (address, size in bytes, value)
OnAccess = Callable[[int, int, bool], None]  # (address, size in bytes, is it a write?)


@dataclass(frozen=True)
class EngineFault:
    """Execution cannot go on: the kind, the address accessed (None for an instruction), the engine's own words."""

    kind: int
    address: int | None
    words: str


class Engine:
    """One core and its memory map. Runs until a hook, a device or `stop` ends it; `interrupt` or a fault says why."""

    def __init__(self, cpu: str, tables: Tables) -> None:
        make: Any = Uc  # untyped
        self._uc: Any = make(unicorn_const.UC_ARCH_ARM, unicorn_const.UC_MODE_THUMB, CPU_MODELS[cpu])
        self._handle: Any = self._uc._uch
        self._keep: list[Any] = []  # what the engine points into must outlive it
        self.interrupt: int | None = None
        self.on_access: Callable[[], bool] | None = None  # asked before each device access; False discards it
        self._exits: set[int] = set()
        self._raised: BaseException | None = None
        self._bad_address: int | None = None
        tables.m["uc"] = self._handle.value
        self._register_value = ctypes.c_uint32()
        self._register_reference = ctypes.byref(self._register_value)
        self._keep.append(tables)
        self._machine = address_of(tables.machine)
        self._block_hook = self._add_native_hook(unicorn_const.UC_HOOK_BLOCK, hooks.on_block, self._machine)
        self._wait_hooks: list[int] = []
        self._uc.hook_add(unicorn_const.UC_HOOK_INTR, self._on_interrupt)
        invalid = unicorn_const.UC_HOOK_MEM_INVALID
        self._uc.hook_add(invalid, self._on_invalid)

    def _add_native_hook(self, kind: int, hook: Any, user_data: int, begin: int = 1, end: int = 0) -> int:
        """Add a hook and return its handle."""
        handle = ctypes.c_size_t()
        status = LIBRARY.uc_hook_add(
            self._handle,
            ctypes.byref(handle),
            ctypes.c_int(kind),
            ctypes.c_void_p(hook.address),
            ctypes.c_void_p(user_data),
            ctypes.c_uint64(begin),
            ctypes.c_uint64(end),
        )
        self._check(status)
        return int(handle.value)

    def time_waits(self, windows: Sequence[tuple[int, int, int]]) -> None:
        """Charge the waits of flash from now on, whose data is read at these (start, end, address of WINDOW).

        With no windows, stop that. The engine must stand still.
        """
        read = unicorn_const.UC_HOOK_MEM_READ
        wanted = [(read, on_flash_read, record, start, end - 1) for start, end, record in windows]
        self._replace_hooks(hooks.on_block_waits if windows else hooks.on_block, wanted)

    def time_caches(self, windows: Sequence[tuple[int, int]], record_address: int) -> None:
        """Charge what caches and the bus make the core wait from now on, in these (start, end), by a CACHES record."""
        wanted = [
            (kind, hook, record_address, start, end - 1)
            for start, end in windows
            for kind, hook in (
                (unicorn_const.UC_HOOK_MEM_READ, cache_hooks.on_data_read),
                (unicorn_const.UC_HOOK_MEM_WRITE, cache_hooks.on_data_write),
            )
        ]
        self._replace_hooks(hooks.on_block_cached, wanted)

    def _replace_hooks(self, on_block: Any, wanted: Sequence[tuple[int, Any, int, int, int]]) -> None:
        """Put another block hook in place, and memory hooks of (kind, hook, user data, first, last address)."""
        for handle in (self._block_hook, *self._wait_hooks):
            self._check(LIBRARY.uc_hook_del(self._handle, ctypes.c_size_t(handle)))
        self._block_hook = self._add_native_hook(unicorn_const.UC_HOOK_BLOCK, on_block, self._machine)
        self._wait_hooks = [self._add_native_hook(*hook) for hook in wanted]
        self._uc.ctl_flush_tb()  # what is translated has the hooks of before

    def track_accesses(self, record_address: int, *, sanitize: bool) -> None:
        """Hook all reads and writes of memory from now on; the `TRACK` record must not move. It must stand still."""
        on_read, on_write = access.on_read, access.on_write
        if sanitize:
            on_read, on_write = sanitizing.on_read_sanitized, sanitizing.on_write_sanitized
        self._add_native_hook(unicorn_const.UC_HOOK_MEM_READ, on_read, record_address)
        self._add_native_hook(unicorn_const.UC_HOOK_MEM_WRITE, on_write, record_address)
        self._uc.ctl_flush_tb()  # what is translated has no hook

    def add_probe(self, address: int, probe_address: int) -> None:
        """Hook one instruction; `probe_address` is where its PROBE record lies, which must not move."""
        self._add_native_hook(unicorn_const.UC_HOOK_CODE, on_probe, probe_address, address, address)
        self.drop_translation(address & ~(PAGE_BYTES - 1), PAGE_BYTES)  # what is translated has no hook

    # memory

    def map_memory(self, start: int, array: npt.NDArray[np.uint8], *, writable: bool) -> None:
        """Map an array as guest memory at `start`. The same array may be mapped at several addresses."""
        permissions = unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_EXEC
        if writable:
            permissions |= unicorn_const.UC_PROT_WRITE
        self._uc.mem_map_ptr(start, len(array), permissions, ctypes.c_void_p(address_of(array)))
        self._keep.append(array)

    def map_device(self, start: int, size_bytes: int, read: ReadDevice, write: WriteDevice) -> None:
        """Send all accesses of a range to two functions."""

        def on_read(_uc: Any, offset: int, size: int, _data: Any) -> int:
            try:
                if self.on_access is None or self.on_access():
                    return read(start + offset, size)
            except BaseException as error:
                self._raise_after_run(error)
            return 0

        def on_write(_uc: Any, offset: int, size: int, value: int, _data: Any) -> None:
            try:
                if self.on_access is None or self.on_access():
                    write(start + offset, size, value)
            except BaseException as error:
                self._raise_after_run(error)

        # Without the binding's wrappers, which would double the cost of a firmware's polling.
        callbacks = (_READ_CALLBACK(on_read), None, _WRITE_CALLBACK(on_write), None)
        status = LIBRARY.uc_mmio_map(
            self._handle, ctypes.c_uint64(start), ctypes.c_size_t(size_bytes), *map(_as_argument, callbacks)
        )
        self._check(status)
        self._keep.append(callbacks)

    def _raise_after_run(self, error: BaseException) -> None:
        """Keep what a device raised (an exception cannot pass through the engine) and stop."""
        if self._raised is None:
            self._raised = error
        self.stop()

    def _check(self, status: int) -> None:
        if status != unicorn_const.UC_ERR_OK:
            make: Any = UcError  # untyped
            raise make(status)

    def watch(self, address: int, arrive: Callable[[], None]) -> int:
        """Call a function each time the instruction at `address` is about to run; return a handle for `unwatch`."""
        handle: int = self._uc.hook_add(unicorn_const.UC_HOOK_CODE, lambda *_: arrive(), None, address, address)
        self.drop_translation(address & ~(PAGE_BYTES - 1), PAGE_BYTES)  # what is translated has no hook
        return handle

    def unwatch(self, address: int, handle: int) -> None:
        """End a `watch`."""
        self._uc.hook_del(handle)
        self.drop_translation(address & ~(PAGE_BYTES - 1), PAGE_BYTES)

    # what a debugger needs: nothing of it costs anything while it is not used

    def set_exits(self, addresses: set[int]) -> None:
        """Stop before the instruction at any of these addresses, from now on, also if `run` is to start there."""
        if not self._exits and addresses:
            self._uc.ctl_exits_enabled(True)
        changed = self._exits ^ addresses
        self._exits = set(addresses)
        if changed:
            self._uc.ctl_set_exits(sorted(addresses) or [NO_EXIT])
        for page in {address & ~(PAGE_BYTES - 1) for address in changed}:
            self.drop_translation(page, PAGE_BYTES)

    def watch_memory(self, start: int, end: int, *, reads: bool, writes: bool, accessed: OnAccess) -> int:
        """Call a function before each access that begins in a range; return a handle for `unwatch_memory`.

        All accesses are slow while a range is watched. Nothing but the engine's own accesses is seen.
        """
        kinds = (unicorn_const.UC_HOOK_MEM_READ if reads else 0) | (unicorn_const.UC_HOOK_MEM_WRITE if writes else 0)

        def on_access(_uc: Any, kind: int, address: int, size: int, _value: int, _data: Any) -> None:
            self.leave_it_block()
            accessed(address, size, kind == unicorn_const.UC_MEM_WRITE)

        handle: int = self._uc.hook_add(kinds, on_access, None, start, end - 1)
        self._uc.ctl_flush_tb()  # what is translated has no hook
        return handle

    def leave_it_block(self) -> None:
        """Clear the IT state."""
        xpsr = self.read_register("xpsr")
        if xpsr & XPSR_IT:
            self.write_register("xpsr", xpsr & ~XPSR_IT)

    def unwatch_memory(self, handle: int) -> None:
        """End a `watch_memory`."""
        self._uc.hook_del(handle)
        self._uc.ctl_flush_tb()

    def drop_translation(self, start: int, size_bytes: int) -> None:
        """Forget translated code of a range that the host has written.

        Where nothing may be executed there is none, and asking the engine would raise an exception in the firmware.
        """
        if start in NEVER_EXECUTED[0] or start in NEVER_EXECUTED[1]:
            return
        self._uc.ctl_remove_cache(start, start + size_bytes)

    # registers

    def read_register(self, name: str) -> int:
        """Return a 32-bit register."""
        LIBRARY.uc_reg_read(self._handle, REGISTERS[name], self._register_reference)
        return self._register_value.value

    def write_register(self, name: str, value: int) -> None:
        """Set a 32-bit register."""
        self._uc.reg_write(REGISTERS[name], value)

    # running

    def run(self, address: int) -> EngineFault | None:
        """Run from `address` until something stops it. Returns None, or why it cannot go on."""
        self.interrupt = None
        self._bad_address = None
        status = LIBRARY.uc_emu_start(self._handle, ctypes.c_uint64(address | 1), ctypes.c_uint64(NO_EXIT), 0, 0)
        raised = self._raised or self._uc._hook_exception
        if raised is not None:
            self._raised = None
            self._uc._hook_exception = None
            raise raised
        if status == unicorn_const.UC_ERR_OK:
            return None
        kind = _FAULT_KINDS.get(status, OTHER)
        accessed = self._bad_address if kind in (READ, WRITE, FETCH) else None
        return EngineFault(kind, accessed, f"the engine cannot go on (its error {status})")

    def stop(self) -> None:
        """Stop before the access or block that is being reported."""
        LIBRARY.uc_emu_stop(self._handle)

    def _on_interrupt(self, _uc: Any, number: int, _data: Any) -> None:
        self.interrupt = number
        self.stop()

    def _on_invalid(self, _uc: Any, _access: int, address: int, _size: int, _value: int, _data: Any) -> bool:
        self._bad_address = address
        return False
