# SPDX-License-Identifier: Apache-2.0
"""Why a cycle was spent. Every cycle has exactly one cause; the order here is the order of reports."""

from __future__ import annotations

CAUSE_TITLES: dict[str, str] = {
    "issue": "an instruction issued",
    "transfer": "further words of a load or store of several registers",
    "load": "data cycle of a load that the next instruction did not hide",
    "store": "a store's data cycle that held up the next access",
    "memory": "data memory that answers late",
    "unaligned": "further transfers of an unaligned access",
    "address": "address register written by the instruction before",
    "result": "operand or flags that the instruction before delivers a cycle late",
    "branch": "pipeline refill after a taken branch",
    "misprediction": "a branch that went another way than predicted",
    "fetch": "instruction fetch fell behind (32-bit instructions at halfword addresses)",
    "sram-fetch": "code in SRAM, of which a word takes two cycles over the bus of the data",
    "flash-fetch": "instruction fetch waited for flash",
    "flash-literal": "a load relative to PC waited for flash",
    "flash-data": "a load of constant data waited for flash",
    "icache": "instruction fetch missed the cache",
    "dcache": "a load or store missed the cache",
    "bus": "memory that is not cached, or a store that waited for the store buffer",
    "division": "divide or long multiply beyond its shortest time",
    "fp": "floating-point result or unit not ready",
    "barrier": "barriers and special registers",
    "exception": "exception entry and return",
    "sleep": "asleep or idle until the next interrupt",
}
CAUSES: tuple[str, ...] = tuple(CAUSE_TITLES)

(
    ISSUE,
    TRANSFER,
    LOAD,
    STORE,
    MEMORY,
    UNALIGNED,
    ADDRESS,
    RESULT,
    BRANCH,
    MISPREDICTION,
    FETCH,
    SRAM_FETCH,
    FLASH_FETCH,
    FLASH_LITERAL,
    FLASH_DATA,
    ICACHE,
    DCACHE,
    BUS,
    DIVISION,
    FP,
    BARRIER,
    EXCEPTION,
    SLEEP,
) = range(len(CAUSES))
