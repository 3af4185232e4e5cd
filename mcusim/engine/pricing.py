# SPDX-License-Identifier: Apache-2.0
"""Fill the tables on demand: decode a block when it is first met, price an outcome when it is first needed.

This is the slow side of the memoised pipeline. It runs once for each block and once for each (entry, outcome) of it;
afterwards the hot path only looks up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mcusim.core import Core
from mcusim.engine import branches, hooks
from mcusim.engine import records as rec
from mcusim.engine.alignment import Alignments
from mcusim.engine.branch_tables import NO_BRANCH, branch_kind
from mcusim.engine.fetches import LineAt, fetch_lead, lines_needed, moments
from mcusim.engine.guard_tables import PREDICATE_MASK
from mcusim.engine.places import Places, is_steady
from mcusim.engine.tables import Tables
from mcusim.isa import decode as isa
from mcusim.isa.addressing import Access, after_stores
from mcusim.isa.pointers import traced_accesses
from mcusim.isa.stack import stack_bytes
from mcusim.pipelines import PIPELINES
from mcusim.pipelines.causes import CAUSES, ISSUE, TRANSFER


class GuestMemory(Protocol):
    """What pricing asks of memory."""

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return bytes."""

    def writable_host_address(self, address: int) -> int:
        """Return where a byte is in our memory; 0 where the guest cannot write it."""

    def place_of(self, address: int) -> int:
        """Return the number of the memory that an address is in."""

    def late_cycles(self, address: int) -> int:
        """Return by how many cycles the memory there answers late."""

    def guarded_windows(self) -> list[tuple[int, int, int]]:
        """Return start, size and our address of each piece of the memory map; none where all answer alike."""

    def peek(self, address: int, size_bytes: int) -> int | None:
        """Return the value at an address, None where there is no memory."""


_CHANGES_MASK = tuple(isa.CLASS_NUMBER[name] for name in ("change_state", "system_write"))
_CONDITIONAL_CLASSES = tuple(isa.CLASS_NUMBER[name] for name in ("branch_conditional", "compare_branch"))
_IT = isa.CLASS_NUMBER["it"]
_UNDEFINED = isa.CLASS_NUMBER["undefined"]
_DIVIDE = isa.CLASS_NUMBER["divide"]
_MULTIPLY_LONG = isa.CLASS_NUMBER["multiply_long"]
_FLAG_SETTING_NARROW = 0x4400  # 16-bit encodings below set the flags outside IT blocks (A5.2.1, A5.2.2)


@dataclass
class DecodedBlock:
    """What Python keeps of a block: its columns, and which IT group each instruction belongs to."""

    ops: isa.OpArray
    entry_it: tuple[int, ...]  # conditions that an IT instruction before the block governs in it
    pending_it: tuple[int, ...]  # conditions that one still governs after the block
    group: npt.NDArray[np.int8]  # index of the IT group whose outcome decides, -1: always runs (or cost the same)
    inverted: npt.NDArray[np.bool_]  # runs when the group's first condition does not hold
    # (address, kind of probe that would tell) of what cannot be known at its end: operands, flags
    assumed: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class _Group:
    condition: int
    members: list[int] = field(default_factory=list)


def sets_flags(op: np.void) -> bool:
    """Return whether an instruction changes N, Z, C, V."""
    opcode, in_it = int(op["opcode"]), bool(op["flags"] & isa.IN_IT)
    if op["size_bytes"] == 2:
        if opcode & 0xFF00 == 0x4500 or opcode & 0xF800 == 0x2800 or opcode & 0xFFC0 in (0x4200, 0x4280, 0x42C0):
            return True  # CMP, CMN, TST set them in IT blocks too
        return opcode < _FLAG_SETTING_NARROW and not in_it
    if op["klass"] in (isa.CLASS_NUMBER["system_write"], isa.CLASS_NUMBER["fp_status"]):
        return True
    modified_immediate = opcode & 0xFA00_8000 == 0xF000_0000
    shifted_register = opcode & 0xFE00_0000 == 0xEA00_0000
    shift_by_register = opcode & 0xFF80_F0F0 == 0xFA00_F000
    return (modified_immediate or shifted_register or shift_by_register) and bool(opcode >> 20 & 1)


def _sets_sp(op: np.void) -> bool:
    """Return whether an instruction gives SP a value that does not come from SP."""
    if not op["writes"] >> isa.SP & 1 or op["flags"] & isa.WRITEBACK:
        return False
    return bool(op["flags"] & isa.LOAD or op["reads"] != 1 << isa.SP)


def operation_of(opcode: int) -> tuple[int, int, int]:
    """Return first and second operand register and the operation of a divide or long multiply (A5.3.17)."""
    signed, kind = opcode >> 21 & 1 ^ 1, opcode >> 20 & 15
    operation = rec.DIVIDE if kind in (9, 11) else rec.ACCUMULATE if opcode >> 22 & 1 else rec.MULTIPLY
    return opcode >> 16 & 15, opcode & 15, operation + signed


class Pricer:
    """Decodes and prices for one core; owns nothing but the interned pipeline states."""

    def __init__(self, core: Core, tables: Tables, memory: GuestMemory) -> None:
        self.core = core
        self.pipeline = PIPELINES[core.file.pipeline]
        self.tables = tables
        self.memory = memory
        self._seen: dict[tuple[int, int], Access] = {}  # (address, opcode) of a load or store -> what it accessed first
        self._relations: dict[tuple[int, int], tuple[list[int], list[int]]] = {}  # (start, instructions) of a block
        windows = memory.guarded_windows()
        tables.set_windows(windows)
        self.places = Places(memory, [start for start, _, _ in windows])
        self.alignments = Alignments(tables, core.unaligned_transfer_cycles, core.unaligned_byte_transfers)
        self.decoded: list[DecodedBlock] = []
        self.line_at: LineAt | None = None  # where memory has wait states: which line of flash holds an address
        self.buffer_words = core.file.rule["fetch_buffer_words"].value if "fetch_buffer_words" in core.file.rule else 1
        self.words_per_cycle = 1  # that the fetch unit asks for
        self.probe_at: dict[int, int] = {}  # address -> number of the probe
        self._lengths: list[int] = []
        self._branches: dict[tuple[int, int], int] = {}  # (address, opcode) -> number of a branch that is predicted
        self._states: list[npt.NDArray[np.int64]] = []
        self._state_numbers: dict[bytes, int] = {}
        self._operand_classes = ((_DIVIDE, core.divide_model), (_MULTIPLY_LONG, core.multiply_model))
        if core.file.predictor:
            numbers = {name: number.value for name, number in core.file.predictor.items()}
            tables.set_predictor(**numbers, redirect_cycles=core.file.rule["misprediction_decoded_cycles"].value)
        self.reset_state = self.intern(self.pipeline.reset_state())

    def intern(self, state: npt.NDArray[np.int64]) -> int:
        """Return the number of a pipeline state; equal states share it."""
        key = state.tobytes()
        number = self._state_numbers.get(key)
        if number is None:
            number = self._state_numbers[key] = len(self._states)
            self._states.append(state.copy())
        return number

    # blocks

    def add_block(
        self,
        start: int,
        size_bytes: int,
        pending_it: tuple[int, ...],
        function: int,
        entry: bool,
        registers: list[int] | None = None,
    ) -> int:
        """Decode a block and enter it in the tables; return its number.

        `registers` are r0 to r14 where the engine stands at its start: they tell which memory it accesses.
        """
        ops, pending = isa.decode_block(self.memory.read(start, size_bytes), start, pending_it)
        accessed, now = self._place(ops, registers)
        number = self.tables.add_block(start, size_bytes)
        guards = self.places.find(number, now, (start, size_bytes))
        self.tables.add_guards(number, guards)
        decoded = DecodedBlock(ops, pending_it, pending, np.full(len(ops), -1, np.int8), np.zeros(len(ops), np.bool_))
        self.decoded.append(decoded)
        self._lengths.append(len(ops))
        block = self.tables.arrays["blocks"][number]
        block["function"] = function
        block["flags"] = self._flags(ops, start, entry)
        block["stack_bytes"] = stack_bytes(ops)
        if is_steady(ops, guards):
            block["flags"] |= rec.STEADY
        if block["stack_bytes"]:
            block["flags"] |= rec.LOWERS_SP
        if len(ops):
            block["flow"] = ops[-1]["flow"]
        host = self.memory.writable_host_address(start)
        if host:
            block["host_address"] = host
            block["checksum"] = hooks.checksum(host, size_bytes)
            block["flags"] |= rec.IN_RAM
        self._add_predicates(number, decoded)
        self._add_divisions(number, decoded)
        self.alignments.add_block(number, ops, accessed)
        if decoded.assumed:
            block["flags"] |= rec.ASSUMES
        return number

    def _place(
        self, ops: isa.OpArray, registers: list[int] | None
    ) -> tuple[list[int | None], list[Access | None] | None]:
        """Fill in which memory the block's loads and stores access, as seen when it is met first.

        Returns the addresses that are known, and what each instruction accesses now.
        """
        accessing = np.flatnonzero(ops["flags"] & (isa.LOAD | isa.STORE))
        found = traced_accesses(ops, registers, self.memory.peek) if len(accessing) and registers is not None else None
        exact: list[int | None] = [None] * len(ops)
        for index in map(int, accessing):
            key = (int(ops[index]["address"]), int(ops[index]["opcode"]))
            access = self._seen.get(key) or (found[index] if found is not None else None)
            if access is not None:
                self._seen[key] = access
                exact[index] = access.address if access.exact else None
                ops[index]["place"] = self.memory.place_of(access.address)
                ops[index]["late_cycles"] = self.memory.late_cycles(access.address)
            elif registers is not None:  # unknown: as late as the memory that holds the stack
                ops[index]["late_cycles"] = self.memory.late_cycles(registers[isa.SP])
        self._relate(ops, found)
        if len(ops) and ops[0]["address"] >= isa.SYSTEM_SPACE:
            self._share_bus(ops, found)
        return exact, found

    def _share_bus(self, ops: isa.OpArray, found: list[Access | None] | None) -> None:
        """Fill in what holds up the fetching of code in SRAM: accesses over its bus, of memory not known too."""
        ops["fetch_late_cycles"] = self.memory.late_cycles(int(ops[0]["address"]))
        for index in map(int, np.flatnonzero(ops["flags"] & (isa.LOAD | isa.STORE))):
            access = found[index] if found is not None else None
            ops[index]["beside_fetch"] = access is None or access.address >= isa.SYSTEM_SPACE

    def _relate(self, ops: isa.OpArray, found: list[Access | None] | None) -> None:
        """Fill in which accesses of a block meet in one bank or word, by addresses of one and the same moment.

        A block that is met afresh, when the registers are not those of its start, is as it was at first.
        """
        key = (int(ops[0]["address"]), len(ops)) if len(ops) else (0, 0)
        if found is not None:
            exact = [access.address if access is not None and access.exact else None for access in found]
            banks = [0 if address is None else 1 + (int(address) >> 2 & 1) for address in exact]
            self._relations[key] = banks, after_stores(ops, exact)
        if key in self._relations:
            ops["bank"], ops["after_store"] = self._relations[key]

    def block_lengths(self) -> npt.NDArray[np.int64]:
        """Return the number of instructions of each block."""
        return np.array(self._lengths, np.int64)

    def _flags(self, ops: isa.OpArray, start: int, entry: bool) -> int:
        flags = rec.FUNCTION_ENTRY if entry else 0
        if not len(ops):
            return flags
        if ops[-1]["flow"] != isa.FLOW_NEXT:
            flags |= rec.ENDS_IN_BRANCH
            if not ops[-1]["flags"] & isa.CONDITIONAL and ops[-1]["klass"] not in _CONDITIONAL_CLASSES:
                flags |= rec.ALWAYS_BRANCHES
        if np.isin(ops["klass"], _CHANGES_MASK).any():
            flags |= rec.CHANGES_MASK
        if (ops["klass"] == _UNDEFINED).any():
            flags |= rec.HOLDS_UNDEFINED
        governed = ops["flags"][(ops["flags"] & isa.CONDITIONAL) != 0]
        if (governed & (isa.LOAD | isa.STORE)).any():
            flags |= rec.ACCESSES_IN_IT
        if any(_sets_sp(op) for op in ops):
            flags |= rec.SETS_SP
        quiet = not (ops["flags"] & (isa.LOAD | isa.STORE)).any() and not (ops["writes"][:-1]).any()
        if quiet and ops[-1]["klass"] == isa.CLASS_NUMBER["branch"] and not ops[-1]["flags"] & isa.CONDITIONAL:
            flags |= rec.IDLE_LOOP  # whether it branches to itself shows when it runs
        return flags

    def _matters(self, op: np.void) -> bool:
        """Return whether skipping this instruction changes what the block costs."""
        if getattr(self.pipeline, "SKIPPED_TAKES_TIME", False):
            return bool(op["flags"] & isa.WRITES_PC or op["klass"] == _DIVIDE)
        access = op["flags"] & (isa.LOAD | isa.STORE | isa.FP | isa.WRITES_PC)
        if access or op["klass"] == _DIVIDE or self.core.class_cycles[op["klass"]] != 1:
            return True
        return bool(self.pipeline.skipping_matters(op))

    def _it_groups(self, ops: isa.OpArray) -> list[_Group]:
        groups: list[_Group] = []
        for index, op in enumerate(ops):
            if not op["flags"] & isa.CONDITIONAL:
                continue
            condition = int(op["condition"])
            follows = index > 0 and ops[index - 1]["flags"] & isa.CONDITIONAL
            if not follows or groups[-1].condition >> 1 != condition >> 1:
                groups.append(_Group(condition))
            groups[-1].members.append(index)
        return groups

    def _add_predicates(self, number: int, decoded: DecodedBlock) -> None:
        block, ops = self.tables.arrays["blocks"][number], decoded.ops
        for group in self._it_groups(ops):
            if not any(self._matters(ops[index]) for index in group.members):
                continue
            how = self._how_known(ops, group)
            first = group.members[0]
            before = ops[first - 1] if first else None
            seen = before is not None and before["klass"] == _IT  # else it stands in the block before
            it_address = int(ops[first]["address"]) - 2
            if how is None and it_address in self.probe_at:
                how = rec.BY_PROBE
            count = int(block["predicate_count"])
            if how is None or count == rec.MAX_PREDICATES:
                decoded.assumed.append((it_address, rec.PROBE_IT if seen else rec.NO_PROBE))
                continue
            # By the branch, the outcome is that of the last member; by flags, that of the first.
            reference = int(ops[group.members[-1]]["condition"]) if how == rec.BY_BRANCH else group.condition
            block["predicates"][count] = reference | how << 4
            block["predicate_probes"][count] = self.probe_at.get(it_address, 0)
            block["predicate_count"] = count + 1
            block["flags"] |= rec.PREDICATED
            for index in group.members:
                decoded.group[index] = count
                decoded.inverted[index] = int(ops[index]["condition"]) != reference

    def _how_known(self, ops: isa.OpArray, group: _Group) -> int | None:
        """Return how the outcome of an IT group shows at the end of its block; None if it does not."""
        last = group.members[-1]
        if last == len(ops) - 1 and ops[last]["flow"] != isa.FLOW_NEXT:
            return rec.BY_BRANCH
        if any(sets_flags(ops[index]) for index in range(group.members[0], len(ops))):
            return None
        return rec.BY_FLAGS

    def _add_divisions(self, number: int, decoded: DecodedBlock) -> None:
        wanted = [klass for klass, model in self._operand_classes if model]
        rows = []
        for index in np.flatnonzero(np.isin(decoded.ops["klass"], wanted)):
            op = decoded.ops[index]
            if int(op["address"]) in self.probe_at:
                continue
            first, second, operation = operation_of(int(op["opcode"]))
            changed = int(np.bitwise_or.reduce(decoded.ops["writes"][index:]))
            predicate, inverted = int(decoded.group[index]), int(decoded.inverted[index])
            if op["flags"] & isa.CONDITIONAL and (predicate < 0 or changed >> first & 1 or changed >> second & 1):
                decoded.assumed.append((int(op["address"]), rec.NO_PROBE))
            elif changed >> first & 1 or changed >> second & 1:
                decoded.assumed.append((int(op["address"]), rec.PROBE_DIVISION))
                rows.append((-1, -1, operation, int(index), -1, 0))
            else:
                rows.append((first, second, operation, int(index), predicate, inverted))
        if rows:
            block = self.tables.arrays["blocks"][number]
            block["first_division"] = self.tables.add_divisions(rows)
            block["division_count"] = len(rows)
            block["flags"] |= rec.DIVIDES

    def add_probes(self, number: int) -> list[int]:
        """Make probes for what a block assumes, while there are some left; return their addresses.

        The engine must hook them, and every block that holds one of them must be met again.
        """
        added = []
        for address, kind in self.decoded[number].assumed:
            slot = self.tables.probe_count
            if kind == rec.NO_PROBE or address in self.probe_at or slot == rec.MAX_PROBES:
                continue
            probe = self.tables.probes[slot]
            probe["address"], probe["kind"] = address, kind
            if kind == rec.PROBE_DIVISION:
                ops = self.decoded[number].ops
                opcode = int(ops["opcode"][ops["address"] == address][0])
                probe["dividend"], probe["divisor"], probe["operation"] = operation_of(opcode)
            self.probe_at[address] = slot
            self.tables.probe_count += 1
            added.append(address)
        return added

    # entries and outcomes

    def executed(self, block: int, predicates: int) -> npt.NDArray[np.uint8]:
        """Return for each instruction of a block whether it runs when these IT groups do."""
        decoded = self.decoded[block]
        held = (predicates & PREDICATE_MASK) >> np.maximum(decoded.group, 0) & 1
        return np.where(decoded.group < 0, 1, held ^ decoded.inverted).astype(np.uint8)

    def costs(
        self, block: int, entry_state: int, predicates: int, taken: bool
    ) -> tuple[int, npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Price a block: total cycles, cycles by instruction and cause, exit state.

        That of a pipeline with `MISPREDICTION` still has in that place what a misprediction costs.
        """
        ops = self.places.placed(block, self.decoded[block].ops, predicates)
        costs = np.zeros((len(ops), len(CAUSES)), np.int32)
        state = np.empty(self.pipeline.STATE_SIZE, np.int64)
        total = self.pipeline.price(
            ops, self.executed(block, predicates), taken, self._states[entry_state],
            self.core.class_cycles, self.core.class_register_cycles, self.core.rules, state, costs,
        )  # fmt: skip
        return int(total), costs, state

    def price_outcome(self, outcome: int) -> None:
        """Find the price of an outcome in the tables, and which lines of flash it needs."""
        entry = self.tables.arrays["entries"][outcome // 2]
        block = int(entry["block"])
        total, costs, state = self.costs(block, int(entry["state"]), int(entry["predicates"]), bool(outcome & 1))
        row = self.tables.arrays["outcomes"][outcome]
        slot = getattr(self.pipeline, "MISPREDICTION", None)
        if slot is not None:
            row["mispredict_cycles"], state[slot] = state[slot], 0  # no part of what is in flight
        if self.core.file.predictor:
            row["branch"] = self._branch_of(block)
        row["cycles"], row["exit_state"] = total, self.intern(state)
        row["look_at"] = self.alignments.first_look(block)
        if self.line_at is not None:
            ops, words, pace = self.decoded[block].ops, self.buffer_words, self.words_per_cycle
            lead_cycles = 1 if outcome & 1 else fetch_lead(ops, costs, words, pace)
            lines = lines_needed(ops, costs, words, self.line_at, pace)
            self.tables.add_lines(outcome, lines, moments(ops, costs), lead_cycles)

    def _branch_of(self, block: int) -> int:
        """Return the number of the branch that a block ends in; NO_BRANCH where it ends in none."""
        ops = self.decoded[block].ops
        if not self.tables.arrays["blocks"][block]["flags"] & rec.ENDS_IN_BRANCH:
            return NO_BRANCH
        key = (int(ops[-1]["address"]), int(ops[-1]["opcode"]))
        number = self._branches.get(key)
        if number is None:
            number = self._branches[key] = self.tables.add_branch(key[0], branch_kind(ops[-1]))
            branches.refresh(self.tables.machine, number, number + 1)
        return number

    def charge_running(self, charge: Callable[[Any, int, int], bool], index: int) -> None:
        """Charge natively what fetching the running block has waited up to its instruction `index`, which runs now.

        `charge` is a kind of memory's `charge_up_to`, which says False where the block has no price yet.
        """
        outcome = 2 * int(self.tables.m["current_entry"])
        if not charge(self.tables.machine, outcome, index):
            self.price_outcome(outcome)
            charge(self.tables.machine, outcome, index)

    def cycles_before(self, block: int, entry_state: int, index: int) -> int:
        """Return the cycles from a block's start until its instruction `index` issues, if all its IT groups run."""
        _, costs, _ = self.costs(block, entry_state, (1 << rec.MAX_PREDICATES) - 1, False)
        return int(costs[:index].sum() + costs[index].sum() - costs[index, ISSUE] - costs[index, TRANSFER])

    def unknown_class(self, block: int) -> tuple[int, str] | None:
        """Return address and class of the block's first instruction that the core has no timing for."""
        ops = self.decoded[block].ops
        missing = np.flatnonzero(self.core.class_cycles[ops["klass"]] < 0)
        if not len(missing):
            return None
        return int(ops[missing[0]]["address"]), isa.CLASSES[ops[missing[0]]["klass"]]
