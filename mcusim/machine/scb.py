# SPDX-License-Identifier: Apache-2.0
"""System control block: configuration, fault status, floating-point context, MPU (Armv7-M ARM, DDI 0403E, B3.2, B3.5).

The MPU's registers keep what is written; what they forbid is not enforced, and the report says so once it is enabled.
Cache registers answer as caches of 16 KB would (Cortex-M7) unless the board says what it has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mcusim.machine.exceptions import (
    BUS_FAULT,
    FIRST_EXTERNAL,
    FPCCR_LSPACT,
    MEM_MANAGE,
    NMI,
    PENDSV,
    SVCALL,
    SYSTICK,
    USAGE_FAULT,
    Exceptions,
)

CPUID, ICSR, VTOR, AIRCR, SCR, CCR, SHCSR = 0xD00, 0xD04, 0xD08, 0xD0C, 0xD10, 0xD14, 0xD24
CFSR, HFSR, DFSR, MMFAR, BFAR, CPACR = 0xD28, 0xD2C, 0xD30, 0xD34, 0xD38, 0xD88
CLIDR, CTR, CCSIDR, CSSELR = 0xD78, 0xD7C, 0xD80, 0xD84
MPU_TYPE, MPU_CTRL, MPU_RNR, MPU_RBAR, MPU_RASR = 0xD90, 0xD94, 0xD98, 0xD9C, 0xDA0
MPU_ALIASES = range(0xDA4, 0xDC0)
STIR, FPCCR, FPCAR, FPDSCR, MVFR0, MVFR1, MVFR2 = 0xF00, 0xF34, 0xF38, 0xF3C, 0xF40, 0xF44, 0xF48
CACHE_MAINTENANCE = range(0xF50, 0xF80)  # write-only
BPIALL = 0xF78
CACR = 0xF9C  # Cortex-M7
WRITABLE_CCR = 0x0007_031B  # STKALIGN, BFHFNMIGN, DIV_0_TRP, UNALIGN_TRP, USERSETMPEND, NONBASETHRDENA; DC, IC, BP
CCR_RESET = 0x0000_0200  # STKALIGN
CCR_BP = 1 << 18  # branch prediction: reads as one on the Cortex-M7, which always predicts (DDI 0489F, 3.2)
CCR_DIVIDE_TRAP, CCR_UNALIGN_TRAP = 1 << 4, 1 << 3
SCR_SEVONPEND, SCR_SLEEPONEXIT = 1 << 4, 1 << 1
AIRCR_KEY = 0x05FA
# SHCSR (B3.2.13): enable bit and pended bit of each fault, active bit of each exception
FAULT_ENABLES = {16: MEM_MANAGE, 17: BUS_FAULT, 18: USAGE_FAULT}
PENDED = {12: USAGE_FAULT, 13: MEM_MANAGE, 14: BUS_FAULT, 15: SVCALL}
ACTIVE = {0: MEM_MANAGE, 1: BUS_FAULT, 3: USAGE_FAULT, 7: SVCALL, 10: PENDSV, 11: SYSTICK}
# Registers that are attributes of the block.
ATTRIBUTES = {CCR: "ccr", CFSR: "cfsr", HFSR: "hfsr", MMFAR: "mmfar", BFAR: "bfar"}


@dataclass(frozen=True)
class Identity:
    """What identification registers of a core read, by offset; `mpu_regions` 0 where there is no MPU."""

    cpuid: int
    mpu_regions: int = 0
    registers: tuple[tuple[int, int], ...] = ()


# CPUID: implementer Arm, part, revision as the tables describe. MVFR: Armv7-M ARM B4.7; Cortex-M4 TRM (DDI 0439D) 7.2,
# Cortex-M7 TRM (DDI 0489F) 8.2, cache sizes 4.2; MPU regions as most parts have them.
IDENTITIES = {
    "cortex-m0": Identity(0x410C_C601),
    "cortex-m3": Identity(0x412F_C231, 8),
    "cortex-m4": Identity(0x410F_C241, 8, ((MVFR0, 0x1011_0021), (MVFR1, 0x1100_0011))),
    "cortex-m7": Identity(
        0x411F_C272,
        8,
        ((MVFR0, 0x1011_0221), (MVFR1, 0x1200_0011), (MVFR2, 0x0000_0040), (CLIDR, 0x0900_0003), (CTR, 0x8303_C003)),
    ),
    "cortex-m33": Identity(0x410F_D214, 8, ((MVFR0, 0x1011_0021), (MVFR1, 0x1100_0011), (MVFR2, 0x0000_0040))),
}
M7_CCSIDR = (0xF00F_E019, 0xF01F_E009)  # data: 16 KB, 4 ways; instructions: 16 KB, 2 ways; lines of 32 bytes


class SystemControlBlock:
    """Registers from 0xE000ED00 on. `on_change` is called with the offset after a write that others must hear of."""

    def __init__(
        self, exceptions: Exceptions, cpu: str, remark: Callable[[str], None], mpu_regions: int | None = None
    ) -> None:
        self.exceptions = exceptions
        self.identity = IDENTITIES[cpu]
        self._mpu_regions = self.identity.mpu_regions if mpu_regions is None else mpu_regions
        self.ccsidr = M7_CCSIDR if cpu == "cortex-m7" else (0, 0)
        self.on_cache: Callable[[int, int], None] = lambda _offset, _value: None  # see mcusim.machine.caches
        self._remark = remark
        self.on_change: Callable[[int], None] = lambda _offset: None
        self.reset_requested = False
        self.invalidate_branches: Callable[[], None] = lambda: None  # called when BPIALL is written
        self._ccr_ones = CCR_BP if cpu == "cortex-m7" else 0
        # Armv6-M: STKALIGN, UNALIGN_TRP read as one (DDI 0419).
        self.ccr = CCR_RESET | self._ccr_ones if exceptions.mainline else 0x208
        self.unaligned_traps_since: int | None = None if exceptions.mainline else 0  # in cycles
        self.cfsr = self.hfsr = self.mmfar = self.bfar = 0
        self.registers: dict[int, int] = dict(self.identity.registers)
        self._mpu: dict[tuple[int, int], int] = {}  # (region, register) -> value

    @property
    def fpu_enabled(self) -> bool:
        """True while CPACR lets code use the floating-point unit, privileged code at least (B3.2.20)."""
        return self.registers.get(CPACR, 0) >> 20 & 1 == 1

    @property
    def wakes_on_pending(self) -> bool:
        """True while an interrupt that becomes pending is an event for WFE, enabled or not (SEVONPEND)."""
        return bool(self.registers.get(SCR, 0) & SCR_SEVONPEND)

    @property
    def sleep_on_exit(self) -> bool:
        """True while returning from the last handler means sleep (B1.5.20)."""
        return bool(self.registers.get(SCR, 0) & SCR_SLEEPONEXIT)

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset in ATTRIBUTES:
            return int(getattr(self, ATTRIBUTES[offset]))
        if offset == CPUID:
            return self.identity.cpuid
        if offset == VTOR:
            return self.exceptions.vector_table
        if offset == FPCAR:
            return self.exceptions.fpcar
        if offset == ICSR:
            return self._read_icsr()
        if offset == AIRCR:
            return 0xFA05_0000 | self.exceptions.group_shift << 8
        if offset == SHCSR:
            return self._read_shcsr()
        if offset == FPCCR:
            return self.exceptions.fpccr | (FPCCR_LSPACT if self.exceptions.lazy_frame else 0)
        if offset == CCSIDR:
            return self.ccsidr[self.registers.get(CSSELR, 0) & 1]
        if MPU_TYPE <= offset < MPU_ALIASES.stop:
            return self._read_mpu(offset)
        if offset in CACHE_MAINTENANCE:
            return 0
        return self.registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Set a register."""
        exceptions = self.exceptions
        if offset == ICSR:
            self._write_icsr(value)
        elif offset == STIR:
            exceptions.pending.add(FIRST_EXTERNAL + (value & 0x1FF))
        elif offset == VTOR:
            exceptions.vector_table = value & ~0x7F
        elif offset == AIRCR:
            if value >> 16 == AIRCR_KEY:
                exceptions.group_shift = value >> 8 & 7
                self.reset_requested = bool(value & 4)
        elif offset == CCR:
            self.ccr = value & WRITABLE_CCR | self._ccr_ones if exceptions.mainline else self.ccr
            if value & CCR_UNALIGN_TRAP and exceptions.mainline:
                self._remark("UNALIGN_TRP is set: of single unaligned accesses that would trap only --sanitize speaks")
        elif offset == BPIALL:
            self.invalidate_branches()
        elif offset == SHCSR:
            self._write_shcsr(value)
        elif offset == CFSR:
            self.cfsr &= ~value  # ones clear
        elif offset == HFSR:
            self.hfsr &= ~value
        elif offset == MMFAR:
            self.mmfar = value
        elif offset == BFAR:
            self.bfar = value
        elif offset == FPCCR:
            exceptions.fpccr = value & ~FPCCR_LSPACT & 0xFFFF_FFFF
        elif MPU_TYPE <= offset < MPU_ALIASES.stop:
            self._write_mpu(offset, value)
        elif offset not in dict(self.identity.registers) and offset not in (CPUID, CCSIDR):
            self.registers[offset] = value
        if offset in (CCR, CACR) or offset in CACHE_MAINTENANCE or MPU_TYPE <= offset < MPU_ALIASES.stop:
            self.on_cache(offset, value)
        self.on_change(offset)

    # ICSR (B3.2.4)

    def _read_icsr(self) -> int:
        exceptions = self.exceptions
        pending = exceptions.next_pending() or 0
        active = exceptions.active[-1] if exceptions.active else 0
        value = active | pending << 12
        for bit, number in ((31, NMI), (28, PENDSV), (26, SYSTICK)):
            value |= (number in exceptions.pending) << bit
        value |= any(number >= FIRST_EXTERNAL for number in exceptions.pending) << 22
        return value | (1 << 11 if len(exceptions.active) <= 1 else 0)

    def _write_icsr(self, value: int) -> None:
        pending = self.exceptions.pending
        for bit, number in ((31, NMI), (28, PENDSV), (26, SYSTICK)):
            if value >> bit & 1:
                pending.add(number)
        for bit, number in ((27, PENDSV), (25, SYSTICK)):
            if value >> bit & 1:
                pending.discard(number)

    # SHCSR (B3.2.13)

    def _read_shcsr(self) -> int:
        exceptions = self.exceptions
        value = sum((number in exceptions.faults_enabled) << bit for bit, number in FAULT_ENABLES.items())
        value |= sum((number in exceptions.pending) << bit for bit, number in PENDED.items())
        return value | sum((number in exceptions.active) << bit for bit, number in ACTIVE.items())

    def _write_shcsr(self, value: int) -> None:
        exceptions = self.exceptions
        exceptions.faults_enabled = {number for bit, number in FAULT_ENABLES.items() if value >> bit & 1}
        for bit, number in PENDED.items():
            (exceptions.pending.add if value >> bit & 1 else exceptions.pending.discard)(number)

    # MPU (B3.5)

    def _read_mpu(self, offset: int) -> int:
        if offset == MPU_TYPE:
            return self._mpu_regions << 8
        if not self._mpu_regions:
            return 0
        if offset in (MPU_CTRL, MPU_RNR):
            return self.registers.get(offset, 0)
        region = self.registers.get(MPU_RNR, 0)
        register = MPU_RBAR if (offset - MPU_RBAR) % 8 == 0 else MPU_RASR
        return self._mpu.get((region, register), 0)

    def _write_mpu(self, offset: int, value: int) -> None:
        if offset == MPU_TYPE or not self._mpu_regions:
            return
        if offset in (MPU_CTRL, MPU_RNR):
            self.registers[offset] = value & 0xFF
            if offset == MPU_CTRL and value & 1:
                self._remark("the MPU is enabled: its regions are stored, what they forbid is not noticed")
            return
        register = MPU_RBAR if (offset - MPU_RBAR) % 8 == 0 else MPU_RASR
        if register == MPU_RBAR and value & 0x10 and not self.exceptions.armv8m:  # VALID: the region is in the value
            self.registers[MPU_RNR] = value & 0xF
        self._mpu[self.registers.get(MPU_RNR, 0), register] = value

    def mpu(self) -> list[tuple[int, int]]:
        """Return RBAR and RASR of every region that is enabled, by number."""
        numbers = sorted({region for region, _ in self._mpu})
        pairs = [(self._mpu.get((each, MPU_RBAR), 0), self._mpu.get((each, MPU_RASR), 0)) for each in numbers]
        return [pair for pair in pairs if pair[1] & 1]
