# SPDX-License-Identifier: Apache-2.0
"""Flash of a profile: which bytes were executed or read, by which layers, and which never.

Data read inside a function's range (its literals) counts as code. Constants that one layer reads are its own (weights,
as a rule); those that several read are shared (tables, as a rule).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from mcusim.access_trace import AccessTrace
from mcusim.attribution.inferences import Places
from mcusim.engine.access_tables import OTHER_LAYERS
from mcusim.image.model import in_sram_window
from mcusim.layer_trace import Spending
from mcusim.profile_memory import FlashSymbol, Layer
from mcusim.trace import Trace

OUTSIDE, OTHERS = -1, -2  # slots that are none: no layer, layers that are told apart no more


class FlashUse:
    """By byte of each flash: was it executed, who has read it."""

    def __init__(self, trace: Trace, places: Places | None, spent: list[Spending], everything: Spending) -> None:
        self._trace = trace
        self._access: AccessTrace | None = trace.access
        self._executed_by: list[set[tuple[int, int]]] = [self._ops(spending) for spending in spent]
        self._executed = self._ops(everything)
        self._masks: dict[int, npt.NDArray[np.bool_]] = {}  # by a region's start
        slot_of = places.slot_of if places is not None else []
        sets = self._access.layer_sets if self._access is not None else []
        self._slots = [frozenset(_slot(layer, slot_of) for layer in layers) for layers in sets]

    def _ops(self, spending: Spending) -> set[tuple[int, int]]:
        """Return address and size of each instruction that ran."""
        found: set[tuple[int, int]] = set()
        counts = spending.dense("outcomes", len(self._trace.outcomes))
        for block in np.unique(self._trace.entries["block"][np.flatnonzero(counts) // 2]):
            ops = self._trace.pricer.decoded[int(block)].ops
            found.update(zip(ops["address"].tolist(), ops["size_bytes"].tolist(), strict=True))
        return found

    def fill(self, layers: list[Layer]) -> None:
        """Give each layer the bytes of code and constants that it used."""
        users: dict[tuple[int, int], int] = {}
        for mine in self._executed_by:
            for op in mine:
                users[op] = users.get(op, 0) + 1
        for layer, mine in zip(layers, self._executed_by, strict=True):
            layer.code_bytes = sum(size for _, size in mine)
            layer.code_shared_bytes = sum(op[1] for op in mine if users[op] > 1)
        self._fill_code_that_was_read(layers, users)
        for slots, code_bytes, constant_bytes in self._reads():
            named = [slot for slot in slots if slot >= 0]
            shared = len(named) > 1 or OTHERS in slots
            for slot in named:
                layers[slot].code_bytes += code_bytes
                layers[slot].code_shared_bytes += code_bytes if shared else 0
                layers[slot].constant_bytes += constant_bytes
                layers[slot].constant_shared_bytes += constant_bytes if shared else 0

    def _fill_code_that_was_read(self, layers: list[Layer], users: dict[tuple[int, int], int]) -> None:
        """Add the bytes that were executed, and read as well: by a checksum, say. None counts twice for one layer."""
        both = self._executed_and_read()
        if not both:
            return
        executors: dict[int, list[tuple[int, bool]]] = {}  # by byte: layers, and whether they are known to share it
        for slot, mine in enumerate(self._executed_by):
            for address, size in mine:
                for byte in range(address, address + size):
                    if byte in both:
                        executors.setdefault(byte, []).append((slot, users[address, size] > 1))
        for byte, readers in both.items():
            named = {slot for slot in readers if slot >= 0}
            executing = executors.get(byte, [])
            all_users = named | {slot for slot, _ in executing}
            if len(all_users) > 1 or OTHERS in readers:
                for slot in all_users - {slot for slot, known in executing if known}:
                    layers[slot].code_shared_bytes += 1
            for slot in named - {slot for slot, _ in executing}:
                layers[slot].code_bytes += 1

    def _executed_and_read(self) -> dict[int, frozenset[int]]:
        """Return who has read the bytes that were executed too, by address."""
        found: dict[int, frozenset[int]] = {}
        flashes = self._access.flash_sets if self._access is not None else []
        for region, sets in zip(self._trace.board.region, flashes, strict=False):
            if sets is None:
                continue
            for byte in np.flatnonzero(self._executed_mask(region.start, len(sets)) & (sets != 0)).tolist():
                found[region.start + byte] = self._slots[int(sets[byte])]
        return found

    def _executed_mask(self, start: int, size_bytes: int) -> npt.NDArray[np.bool_]:
        """Return which bytes of a region were executed. Not to be written to: it is kept."""
        mask = self._masks.get(start)
        if mask is None:
            mask = self._masks[start] = np.zeros(size_bytes, np.bool_)
            for address, size in self._executed:
                if start <= address < start + size_bytes:
                    mask[address - start : address - start + size] = True
        return mask

    def _reads(self) -> Iterable[tuple[frozenset[int], int, int]]:
        """Yield sets of layers, and how many bytes of code and of constants exactly these have read."""
        if self._access is None:
            return
        totals: dict[int, list[int]] = {}
        for region, sets in zip(self._trace.board.region, self._access.flash_sets, strict=True):
            if sets is None:
                continue
            in_code = self._in_functions(region.start, len(sets))
            read_only = ~self._executed_mask(region.start, len(sets))
            for column, chosen in enumerate((in_code & read_only, ~in_code & read_only)):
                counts = np.bincount(sets[chosen])
                for users in np.flatnonzero(counts):
                    totals.setdefault(int(users), [0, 0])[column] += int(counts[users])
        for number, (code, constants) in sorted(totals.items()):
            if number:
                yield self._slots[number], code, constants

    def _in_functions(self, start: int, size_bytes: int) -> npt.NDArray[np.bool_]:
        inside = np.zeros(size_bytes, np.bool_)
        for symbol in self._trace.image.functions:
            if start <= symbol.address < start + size_bytes:
                inside[symbol.address - start : symbol.end - start] = True
        return inside

    def symbols(self) -> list[FlashSymbol]:
        """Return the functions and constants in flash, with what was used of them, by address."""
        access = self._access
        assert access is not None
        rows = []
        executed: dict[int, set[int]] = {}
        for slot, mine in enumerate(self._executed_by):
            for address, _ in mine:
                executed.setdefault(address, set()).add(slot)
        for region, sets in zip(self._trace.board.region, access.flash_sets, strict=True):
            if sets is None:
                continue
            used = (sets != 0) | self._executed_mask(region.start, len(sets))
            for symbol in self._trace.image.symbols:
                if not region.start <= symbol.address < region.start + region.size_bytes or not symbol.size_bytes:
                    continue
                low, high = symbol.address - region.start, symbol.end - region.start
                users = {slot for number in np.unique(sets[low:high]) for slot in self._slots[int(number)] if slot >= 0}
                if symbol.kind == "function":
                    for address in range(symbol.address, symbol.end, 2):
                        users |= executed.get(address, set())
                kind = "code" if symbol.kind == "function" else "constants"
                rows.append(
                    FlashSymbol(
                        symbol.name, symbol.address, symbol.size_bytes, kind, int(used[low:high].sum()), sorted(users)
                    )
                )
        return [row for row in sorted(rows, key=lambda row: row.address) if not in_sram_window(row.address)]


def _slot(layer: int, slot_of: list[int]) -> int:
    """Return the slot of a layer as the tracking numbers them: an activation plus one, 0 outside."""
    if layer == 0:
        return OUTSIDE
    return OTHERS if layer >= OTHER_LAYERS or layer > len(slot_of) else slot_of[layer - 1]
