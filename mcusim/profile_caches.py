# SPDX-License-Identifier: Apache-2.0
"""What a profile says of the core's caches: how often they were asked, and how often they did not have it.

Cycles that this cost are in the causes `icache`, `dcache` and `bus` of functions, layers and instructions.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class CacheCounts:
    """Accesses to memory that may be cached or lies on the bus; those to tightly coupled memory are not counted.

    `fetches` are 64-bit words of instructions, as blocks run through them; `fetch_misses` lines that were read from
    memory for them, cached or not. `reads` and `writes` are transfers (an LDM makes several), of which the misses were
    not in the data cache, and the uncached ones could not be.
    """

    fetches: int = 0
    fetch_misses: int = 0
    reads: int = 0
    read_misses: int = 0
    uncached_reads: int = 0
    writes: int = 0
    write_misses: int = 0
    uncached_writes: int = 0


@dataclass
class InstructionCounts:
    """Counts of the instruction at an address. Reads and writes of a block are shared out among its instructions.

    `exact` says that they were counted; else they are shares, since some of the block's accesses were to other memory.
    """

    address: int
    exact: bool
    counts: CacheCounts


@dataclass
class CacheUse:
    """Counts of the run, of `Profile.functions` and `Layers.layers` in their order, of instructions by address."""

    totals: CacheCounts
    functions: list[CacheCounts]
    layers: list[CacheCounts] = field(default_factory=list)
    instructions: list[InstructionCounts] = field(default_factory=list)
