# SPDX-License-Identifier: Apache-2.0
"""The numbers and the state of the dual-issue pipeline: what its parts share.

Time is counted in stages. An instruction that issues in cycle t is in EX1 (address, early ALU, shifter) in t, in EX2
(ALU, data of a word load) in t + 1, in EX3 (data of a byte load, second half of a multiply) in t + 2, in EX4 (data of a
store) in t + 3. What is made by the end of stage m and read at the start of stage r can be read by an instruction that
issues m - r + 1 cycles later, or in the same cycle where that is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.jit import njit

RULES: tuple[str, ...] = (
    "dual_issue",
    "pairs_dsp_younger",
    "pairs_two_multiplies",
    "pairs_multiply_store",
    "pairs_two_stores",
    "pairs_loads_of_one_bank",
    "pairs_loads_of_unknown_banks",
    "early_alu",
    "early_shifters",
    "late_shifters",
    "early_result_stage",
    "alu_result_stage",
    "load_result_stage",
    "narrow_load_result_stage",
    "multiply_result_stage",
    "saturated_result_stage",
    "fp_to_core_result_stage",
    "address_read_stage",
    "shifted_read_stage",
    "alu_read_stage",
    "addend_read_stage",
    "load_bypass_cycles",
    "multiply_to_address_cycles",
    "reversed_to_early_cycles",
    "updated_to_adder_cycles",
    "conditional_result_cycles",
    "flags_cycles",
    "registers_per_cycle",
    "odd_store_multiple_cycles",
    "store_to_load_cycles",
    "unaligned_transfer_cycles",
    "unaligned_byte_transfers",
    "fetch_buffer_words",
    "misprediction_cycles",
    "misprediction_known_cycles",
    "known_flags_cycles",
    "misprediction_decoded_cycles",
    "fp_result_cycles",
    "fp_fused_result_cycles",
    "fp_chained_result_cycles",
    "fp_addend_cycles",
    "fp_addend_chained_cycles",
    "fp_store_cycles",
    "fp_fused_store_cycles",
    "fp_chained_store_cycles",
    "fp_load_cycles",
    "fp_load_to_core_cycles",
    "fp_mac_window_cycles",
    "fp_divide_cycles",
    "fp_root_cycles",
    "double_add_cycles",
    "double_multiply_cycles",
    "double_multiply_after_mac_cycles",
    "double_divide_cycles",
    "double_fused_cycles",
    "double_fused_next_cycles",
    "double_chained_cycles",
    "double_chained_next_cycles",
    "double_mac_window_cycles",
)
(
    DUAL_ISSUE,
    PAIRS_DSP_YOUNGER,
    PAIRS_TWO_MULTIPLIES,
    PAIRS_MULTIPLY_STORE,
    PAIRS_TWO_STORES,
    PAIRS_LOADS_OF_ONE_BANK,
    PAIRS_LOADS_OF_UNKNOWN_BANKS,
    EARLY_ALU,
    EARLY_SHIFTERS,
    LATE_SHIFTERS,
    EARLY_RESULT,
    ALU_RESULT,
    LOAD_RESULT,
    NARROW_LOAD_RESULT,
    MULTIPLY_RESULT,
    SATURATED_RESULT,
    FP_TO_CORE_RESULT,
    ADDRESS_READ,
    SHIFTED_READ,
    ALU_READ,
    ADDEND_READ,
    LOAD_BYPASS,
    MULTIPLY_TO_ADDRESS,
    REVERSED_TO_EARLY,
    UPDATED_TO_ADDER,
    CONDITIONAL_RESULT,
    FLAGS_CYCLES,
    REGISTERS_PER_CYCLE,
    ODD_STORE_MULTIPLE,
    STORE_TO_LOAD,
    UNALIGNED,
    UNALIGNED_BYTE_TRANSFERS,
    BUFFER_WORDS,
    MISPREDICTED,
    MISPREDICTED_KNOWN,
    KNOWN_FLAGS,
    MISPREDICTED_DECODED,
    FP_RESULT,
    FP_FUSED_RESULT,
    FP_CHAINED_RESULT,
    FP_ADDEND,
    FP_ADDEND_CHAINED,
    FP_STORE,
    FP_FUSED_STORE,
    FP_CHAINED_STORE,
    FP_LOAD,
    FP_LOAD_TO_CORE,
    FP_MAC_WINDOW,
    FP_DIVIDE,
    FP_ROOT,
    DOUBLE_ADD,
    DOUBLE_MULTIPLY,
    DOUBLE_MULTIPLY_AFTER_MAC,
    DOUBLE_DIVIDE,
    DOUBLE_FUSED,
    DOUBLE_FUSED_NEXT,
    DOUBLE_CHAINED,
    DOUBLE_CHAINED_NEXT,
    DOUBLE_MAC_WINDOW,
) = range(len(RULES))

# The state vector, as seen from the cycle in which the last instruction issued ("now").
MISPREDICTION = 0  # cycles that the block's final branch costs more if it went another way than predicted
OPEN = 1  # what the older instruction of this cycle uses, while its slot beside it is free; 0: closed
LOCKED = 2  # cycles beyond the next one in which nothing issues; they are charged already
FLAGS = 3  # cycles until a branch on the flags would be resolved early
CARRY = 4  # cycles until an instruction that reads the flags can issue
WORDS = 5  # 64-bit words in the fetch queue, that of the next instruction included
MAC_WINDOW = 6  # cycles in which the floating-point multiply-add still holds the unit
MAC_KIND = 7  # what holds it
CORE = 8  # for each core register, cycles until it can be read: four bits for each way to read, and two marks
FP = CORE + 16  # the same for single floating-point registers
STATE_SIZE = FP + 32

# Ways to read a core register, from bit 0 of its entry.
READ_BASE, READ_INDEX, READ_SHIFTED, READ_ADDER, READ_ALU, READ_BESIDE, READ_ADDEND = range(7)
WAYS = 7
FROM_LOAD = 1 << 28  # mark: a load wrote it
CONDITION_SHIFT = 32  # mark: an instruction in an IT block wrote it; its condition / 2 + 1

# Ways to read a floating-point register.
FP_READ, FP_READ_FUSED, FP_READ_CHAINED, FP_READ_STORE, FP_READ_CORE, FP_READ_MOVE = range(6)

NO_MAC, FUSED_MAC, CHAINED_MAC, DOUBLE_MAC = range(4)
FETCH_WORDS = 2  # of 32 bits, which the fetch unit brings in a cycle

Vector = npt.NDArray[np.int64]


def reset_state() -> Vector:
    """Return the state with nothing in flight and the first word on its way."""
    return np.zeros(STATE_SIZE, np.int64)


@njit
def entry_after(entry: int, cycles: int) -> int:
    """Return a register's entry some cycles later; 0 when it can be read in every way."""
    left = 0
    for way in range(WAYS):
        value = entry >> 4 * way & 15
        if value > cycles:
            left |= (value - cycles) << 4 * way
    return left | (entry >> 28 << 28) if left else 0


@njit
def pass_cycles(state: Any, cycles: int, rules: Any) -> None:
    """Let cycles go by."""
    if cycles <= 0:
        return
    for slot in range(CORE, STATE_SIZE):
        if state[slot]:
            state[slot] = entry_after(state[slot], cycles)
    for slot in (LOCKED, FLAGS, CARRY, MAC_WINDOW):
        state[slot] = max(state[slot] - cycles, 0)
    if state[MAC_WINDOW] == 0:
        state[MAC_KIND] = NO_MAC
    state[WORDS] = min(state[WORDS] + cycles, rules[BUFFER_WORDS] // FETCH_WORDS)
    state[OPEN] = 0


@njit
def left_of(entry: int, way: int) -> int:
    """Return the cycles until a register can be read in one way."""
    return entry >> 4 * way & 15
