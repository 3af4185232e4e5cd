# SPDX-License-Identifier: Apache-2.0
"""What compiled code may ask of the engine (registers, and to stop), and the hash that Python's indices share."""

from __future__ import annotations

from typing import Any

from unicorn import arm_const
from unicorn.unicorn_py3 import unicorn as binding

from mcusim.engine import records as rec
from mcusim.isa.decode import LR, SP
from mcusim.jit import as_pointer, carray, external, int32, int64, njit, pointer, symbol_address, uint32, uint64

LIBRARY = binding.uclib
_reg_read = external("mcusim_uc_reg_read", symbol_address(LIBRARY, "uc_reg_read"), int32, pointer, int32, pointer)
_reg_write = external("mcusim_uc_reg_write", symbol_address(LIBRARY, "uc_reg_write"), int32, pointer, int32, pointer)
_emu_stop = external("mcusim_uc_emu_stop", symbol_address(LIBRARY, "uc_emu_stop"), int32, pointer)

REG_SP = arm_const.UC_ARM_REG_SP
REG_CPSR = arm_const.UC_ARM_REG_CPSR
REG_XPSR = arm_const.UC_ARM_REG_XPSR
REG_PC = arm_const.UC_ARM_REG_PC
REG_R0 = arm_const.UC_ARM_REG_R0
REG_LR = arm_const.UC_ARM_REG_LR
XPSR_IT = 0x0600_FC00
HASH = rec.HASH_MULTIPLIER


@njit
def register(m: Any, number: int) -> int:
    """Read a register of the engine (its own numbering), as an unsigned 32-bit value."""
    _reg_read(as_pointer(m.uc), int32(number), as_pointer(m.scratch))
    return int64(carray(as_pointer(m.scratch), (1,), uint32)[0])


@njit
def core_register(m: Any, number: int) -> int:
    """Read r0 to r14. The engine numbers r0 to r12 in a row; r13 and r14 stand apart."""
    if number == SP:
        return register(m, REG_SP)
    if number == LR:
        return register(m, REG_LR)
    return register(m, REG_R0 + number)


@njit
def stop(m: Any, reason: int) -> None:
    """Give control back to Python, which finds the reason in the record."""
    m.stop_reason = reason  # while the engine stands still, stopping it does nothing
    m.even_jump = 1 - (register(m, REG_CPSR) >> 5 & 1)  # the Thumb bit, which is gone when the engine has stopped
    _emu_stop(as_pointer(m.uc))


@njit
def align_sp(m: Any) -> None:
    """Clear SP's two lowest bits, which the architecture ignores (Armv7-M ARM, B1.4.1)."""
    sp = register(m, REG_SP)
    if sp & 3:
        carray(as_pointer(m.scratch), (1,), uint32)[0] = sp & ~3
        _reg_write(as_pointer(m.uc), int32(REG_SP), as_pointer(m.scratch))


@njit
def clear_it_state(m: Any) -> None:
    """Leave an IT block: a memory hook on an instruction in one would leave its state to the blocks that follow."""
    xpsr = register(m, REG_XPSR)
    if xpsr & XPSR_IT:
        carray(as_pointer(m.scratch), (1,), uint32)[0] = xpsr & ~XPSR_IT
        _reg_write(as_pointer(m.uc), int32(REG_XPSR), as_pointer(m.scratch))


@njit
def first_slot(key: int, mask: int) -> int:
    """Return the first slot to look at for a key (`mcusim.engine.tables.slot_of`, natively)."""
    return int64((uint64(key) * uint64(HASH)) >> uint64(40)) & mask
