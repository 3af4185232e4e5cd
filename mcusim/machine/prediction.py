# SPDX-License-Identifier: Apache-2.0
"""What firmware may switch of branch prediction (Cortex-M7 TRM, DDI 0489F, 3.3.1: ACTLR; Armv7-M ARM B2.2.7: BPIALL).

The predictor is on after reset and CCR.BP cannot turn it off. Only a core whose table has `[predictor]` has one.
"""

from __future__ import annotations

from mcusim.engine import branches
from mcusim.engine.tables import Tables

DISBTACREAD, DISBTACALLOC = 1 << 13, 1 << 14  # only static prediction; branches get no new entries


class BranchPrediction:
    """Switches the native predictor. The engine may be in a block: it holds from that block's end on."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def set_actlr(self, value: int) -> None:
        """Take what was written to ACTLR."""
        m = self._tables.m
        m["btac_reads"], m["btac_allocates"] = not value & DISBTACREAD, not value & DISBTACALLOC
        branches.refresh(self._tables.machine, 0, self._tables.branch_count)

    def invalidate(self) -> None:
        """Take every branch's entry away, as a write to BPIALL does."""
        branches.forget_all(self._tables.machine, self._tables.branch_count)
