# SPDX-License-Identifier: Apache-2.0
"""Costs that depend on data: which IT groups ran, how long a division took. Looked up when the block has ended.

What is gone by then is noted by a probe, a native hook on that one instruction.
"""

from __future__ import annotations

from typing import Any

from mcusim.engine import records as rec
from mcusim.engine.native import REG_CPSR, core_register, register, stop
from mcusim.jit import as_pointer, carray, int64, native_callback, njit, pointer, uint32, uint64, void

MACHINE, DIVISION = rec.MACHINE, rec.DIVISION


@njit
def condition_holds(cpsr: int, condition: int) -> int:
    """Return 1 if a condition code holds for these flags (Armv7-M ARM, A7.3)."""
    n, z, c, v = cpsr >> 31 & 1, cpsr >> 30 & 1, cpsr >> 29 & 1, cpsr >> 28 & 1
    base = condition >> 1
    if base == 0:
        result = z
    elif base == 1:
        result = c
    elif base == 2:
        result = n
    elif base == 3:
        result = v
    elif base == 4:
        result = c & (1 - z)
    elif base == 5:
        result = 1 if n == v else 0
    elif base == 6:
        result = (1 if n == v else 0) & (1 - z)
    else:
        return 1
    return result ^ (condition & 1)


@njit
def predicates_held(m: Any, block: Any, taken: int) -> int:
    """Return one bit for each IT group of the block: did its first condition hold?"""
    cpsr = int64(-1)
    bits = 0
    for index in range(block.predicate_count):
        condition = block.predicates[index] & 15
        how = block.predicates[index] >> 4
        held = 1
        if how == rec.BY_BRANCH:
            held = taken
        elif how == rec.BY_FLAGS:
            if cpsr < 0:
                cpsr = register(m, REG_CPSR)
            held = condition_holds(cpsr, condition)
        else:
            probes = carray(as_pointer(m.probes), (rec.MAX_PROBES,), rec.PROBE)
            held = condition_holds(probes[block.predicate_probes[index]].flags, condition)
        bits |= held << index
    return bits


@njit
def _bits(value: int) -> int:
    count = 0
    while value:
        value >>= 1
        count += 1
    return count


@njit
def division_cycles(dividend: int, divisor: int, signed: int) -> int:
    """Cycles of SDIV/UDIV on Cortex-M3/M4 by operand: 2..12.

    Source: cycle counts measured with DWT on a Cortex-M4, compendium.i-0.nl "division", in the range that the TRM gives
    (DDI 0439D table 3-1, 2 to 12, early termination).
    """
    if signed:
        dividend = abs(dividend - (1 << 32)) if dividend >> 31 else dividend
        divisor = abs(divisor - (1 << 32)) if divisor >> 31 else divisor
    if dividend == 0 or divisor == 0:
        return 2
    difference = _bits(dividend) - _bits(divisor)
    return 3 if difference < 0 else 5 + difference // 4


@njit
def _long_multiply_extra(first: int, second: int, operation: int) -> int:
    """Cycles of SMULL, UMULL, SMLAL, UMLAL on Cortex-M3 beyond the shortest, three.

    Source: github mimuw-distributed-systems-group/cmemu 78d79ad, smull_umull_timing and smlal_umlal_timing, measured on
    STM32F100 and CC2650: the multiplier works on halves of the operands and skips those that are zero; 3 to 5 and 3 to
    7 cycles. (Arm 100165 table 3-1 says 3 to 5 and 4 to 7.)
    """
    high1, low1 = first >> 16 != 0, first & 0xFFFF != 0
    high2, low2 = second >> 16 != 0, second & 0xFFFF != 0
    if not (high1 or low1) or not (high2 or low2):
        return 0
    signed = operation in (rec.MULTIPLY_SIGNED, rec.ACCUMULATE_SIGNED)
    negative1, negative2 = signed and first >> 31 != 0, signed and second >> 31 != 0
    if not high1 and not high2:
        return 0
    if high1 and low1 and high2 and low2:
        base, longer = 2, False
    elif high1 and low1 and not low2:  # by a high half
        base, longer = 1, negative1 or negative2
    elif high1 and not low1 and high2 and low2:
        base, longer = 1, False
    elif not low1 and not low2:  # two high halves
        base, longer = 0, negative1 or negative2
    else:
        base, longer = 1, negative2
    if operation in (rec.MULTIPLY, rec.MULTIPLY_SIGNED):
        return base + (1 if longer else 0)
    # Accumulating: two cycles more unless both are low halves, three with three halves, four with all.
    if high1 and low1 and high2 and low2:
        return 4
    three_halves = (high1 and low1 and not low2) or (high1 and not low1 and high2 and low2)
    return (3 if three_halves else 2) + (1 if longer else 0)


@njit
def operation_extra(first: int, second: int, operation: int) -> int:
    """Cycles that an operation takes with these operands beyond those that its price holds."""
    if operation >= rec.MULTIPLY:
        return _long_multiply_extra(first, second, operation)
    return division_cycles(first, second, operation) - 2


@njit
def division_extra(m: Any, block: Any, predicates: int) -> int:
    """Add up what the block's divisions (and long multiplies) take beyond what its price holds.

    `predicates` are the IT groups that ran, as in its entry's key.
    """
    divisions = carray(as_pointer(m.divisions), (m.division_capacity,), DIVISION)
    extra = 0
    for index in range(block.first_division, block.first_division + block.division_count):
        division = divisions[index]
        if division.predicate >= 0 and (predicates >> division.predicate & 1) == division.inverted:
            continue
        cycles = int64(0)
        if division.dividend >= 0:
            divisor = core_register(m, division.divisor)
            cycles = operation_extra(core_register(m, division.dividend), divisor, division.operation)
            if divisor == 0 and m.divide_trap and division.operation <= rec.DIVIDE_SIGNED:
                m.divided_by_zero = index + 1
                stop(m, rec.DUE)
        elif division.operation >= rec.MULTIPLY:  # operands of 32 bits are the likely ones
            cycles = int64(4 if division.operation >= rec.ACCUMULATE else 2)
        division.extra_cycles += cycles
        extra += cycles
        division.count += 1
    return extra


@njit
def alignment_extra(m: Any, block: Any) -> int:
    """Add up what the block's unaligned loads take beyond their price."""
    alignments = carray(as_pointer(m.alignments), (m.alignment_capacity,), rec.ALIGNMENT)
    total = 0
    for number in range(block.first_alignment, block.first_alignment + block.alignment_count):
        row = alignments[number]
        address = core_register(m, row.base) + row.offset
        if row.index >= 0:
            address += core_register(m, row.index) << row.shift
        low = address & (row.size_bytes - 1)
        if low:
            extra = m.transfer_cycles * (1 if row.size_bytes == 2 or low == 2 else m.byte_transfers)
            row.extra_cycles += extra
            total += extra
    return total


@native_callback(void, pointer, uint64, uint32, pointer)
def on_probe(uc: Any, address: int, size_bytes: int, user: Any) -> None:
    """Unicorn's code hook on one instruction: note what will be gone when its block has ended."""
    probe = carray(user, (1,), rec.PROBE)[0]
    m = carray(as_pointer(probe.machine), (1,), MACHINE)[0]
    if probe.kind == rec.PROBE_IT:
        probe.flags = register(m, REG_CPSR)
        return
    dividend, divisor = core_register(m, probe.dividend), core_register(m, probe.divisor)
    if divisor == 0 and m.divide_trap and probe.operation <= rec.DIVIDE_SIGNED:
        m.divided_by_zero = -int64(probe.address)
        stop(m, rec.DUE)
    extra = operation_extra(dividend, divisor, probe.operation)
    probe.extra_cycles += extra
    m.clock_cycles += extra
