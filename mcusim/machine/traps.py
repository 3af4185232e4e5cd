# SPDX-License-Identifier: Apache-2.0
"""Faults that the core raises and the engine does not: found when a block is met, or by a look at the place.

    floating point while CPACR keeps the unit off        looked at before each such instruction until the unit is on
    LDM, STM, LDRD, STRD, VLDM, VSTM to unaligned words  looked at when they run first, and ever after if odd then
    division by zero with DIV_0_TRP                      noticed when its block has ended (in native code)

Blocks of code that nobody has met cost a look once; afterwards only suspicious places are hooked.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mcusim.isa import decode as isa
from mcusim.machine.exceptions import USAGE_FAULT
from mcusim.machine.faults import Fault, bits
from mcusim.machine.machine import Machine
from mcusim.machine.places import Action, Deferred, Places
from mcusim.machine.scb import CCR_DIVIDE_TRAP, CCR_UNALIGN_TRAP

_WORD_ACCESSES = tuple(
    isa.CLASS_NUMBER[name]
    for name in ("load_pair", "store_pair", "load_multiple", "store_multiple", "fp_load", "fp_store",
                 "fp_load_multiple", "fp_store_multiple")
)  # fmt: skip
_FP_CLASSES = tuple(number for name, number in isa.CLASS_NUMBER.items() if name.startswith("fp_"))
SEV, SEV_WIDE = 0xBF40, 0xF3AF_8004
OFF_WORDS = "floating-point instruction while the unit is off (CPACR)"


class Traps:
    """Watches what newly met blocks may do wrong. `raise_fault` is called with the engine standing at the place."""

    def __init__(self, machine: Machine, places: Places, raise_fault: Callable[[Fault], None]) -> None:
        self._machine, self._places, self._raise_fault = machine, places, raise_fault
        self._fp_places: dict[int, Callable[[], Deferred | None]] = {}
        self._word_places: set[int] = set()
        self._event_places: set[int] = set()
        self._looked_at: dict[int, Action] = {}  # by place: it may run several times before it is unhooked
        self._has_fpu = machine.core.fpu != "none"
        self.event = False  # the event register (B1.5.18)

    def look(self, number: int) -> None:
        """A block has been met: hook what needs it."""
        self.tidy()
        ops = self._machine.pricer.decoded[number].ops
        if self._has_fpu and not self._machine.system.scb.fpu_enabled:
            for op in ops[np.isin(ops["klass"], _FP_CLASSES)]:
                self._watch_fp(int(op["address"]))
        self._look_at_addresses(ops)
        for op in ops[(ops["opcode"] == SEV) | (ops["opcode"] == SEV_WIDE)]:
            address = int(op["address"])
            if address not in self._event_places:
                self._event_places.add(address)
                self._places.add(address, self._send_event)

    def _send_event(self) -> None:
        self.event = True

    # floating point

    def _watch_fp(self, address: int) -> None:
        if address in self._fp_places:
            return

        def arrive() -> Deferred | None:
            if self._machine.system.scb.fpu_enabled:
                return None
            return lambda: self._raise_fault(Fault(USAGE_FAULT, bits("NOCP"), OFF_WORDS, address))

        self._fp_places[address] = arrive
        self._places.add(address, arrive)

    def fpu_switched(self) -> None:
        """CPACR has been written. Once the unit is on, nothing needs to be looked at."""
        if self._machine.system.scb.fpu_enabled:
            for address, action in self._fp_places.items():
                self._places.remove(address, action)
            self._fp_places.clear()
        elif self._has_fpu:
            for number in range(self._machine.tables.block_count):
                self.look(number)

    # unaligned accesses of instructions that need words

    def _look_at_addresses(self, ops: isa.OpArray) -> None:
        written = 0
        for op in ops:
            base = int(op["address_reads"])
            single = base and base & base - 1 == 0
            address = int(op["address"])
            if (
                op["klass"] in _WORD_ACCESSES and single and base.bit_length() - 1 < isa.SP
                and address not in self._word_places
            ):  # fmt: skip
                if base & written:  # not known yet: look once, when it runs
                    self._look_once(op.copy())
                elif self._misaligned(op):
                    self._watch(op.copy())
            written |= int(op["writes"])

    def _watch(self, op: np.void) -> None:
        self._word_places.add(int(op["address"]))
        self._places.add(int(op["address"]), self._watch_words(op))

    def _look_once(self, op: np.void) -> None:
        address = int(op["address"])
        watch = self._watch_words(op)
        self._word_places.add(address)

        def arrive() -> Deferred | None:
            deferred = watch()
            if deferred is None:
                self._looked_at[address] = arrive
            return deferred

        self._places.add(address, arrive)

    def tidy(self) -> None:
        """Unhook places that were to be looked at once. The engine must stand still."""
        while self._looked_at:
            self._places.remove(*self._looked_at.popitem())

    def _misaligned(self, op: np.void) -> bool:
        number = int(op["address_reads"]).bit_length() - 1
        return bool(self._machine.engine.read_register(f"r{number}") & 3)

    def _watch_words(self, op: np.void) -> Callable[[], Deferred | None]:
        fault = Fault(
            USAGE_FAULT, bits("UNALIGNED"), "unaligned access by an instruction that cannot", int(op["address"])
        )

        def arrive() -> Deferred | None:
            return (lambda: self._raise_fault(fault)) if self._misaligned(op) else None

        return arrive

    # division

    def division_switched(self) -> None:
        """CCR has been written."""
        scb = self._machine.system.scb
        self._machine.tables.m["divide_trap"] = scb.ccr & CCR_DIVIDE_TRAP != 0
        if scb.ccr & CCR_UNALIGN_TRAP and scb.unaligned_traps_since is None:
            scb.unaligned_traps_since = self._machine.clock.cycles

    def divided_by_zero(self) -> Fault | None:
        """Return the fault of a division that native code has noticed, once."""
        m = self._machine.tables.m
        found = int(m["divided_by_zero"])
        if not found:
            return None
        m["divided_by_zero"] = 0
        address = -found
        if found > 0:
            index = int(self._machine.tables.arrays["divisions"][found - 1]["op_index"])
            address = int(self._machine.pricer.decoded[int(m["last_block"])].ops[index]["address"])
        words = "division by zero; what follows it in its block has run already"
        return Fault(USAGE_FAULT, bits("DIVBYZERO"), words, address)
