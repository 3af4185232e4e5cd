# SPDX-License-Identifier: Apache-2.0
"""The heap of a profile: who has allocated how much, and what was never freed."""

from __future__ import annotations

from mcusim.engine import records as rec
from mcusim.layer_trace import HeapBlock
from mcusim.profile_memory import Heap, HeapSite
from mcusim.trace import Trace


def path_of(trace: Trace, node: int) -> list[str]:
    """Return the names of the functions from the root of the call tree down to a node."""
    names = []
    while node >= 0:
        names.append(trace.functions[int(trace.nodes[node]["function"])].name)
        node = int(trace.nodes[node]["parent"])
    return names[::-1]


def attribute_heap(trace: Trace) -> Heap:
    """Return the heap by allocating paths of calls, the largest peak first."""
    heap = trace.heap
    assert heap is not None
    by_caller: dict[tuple[str, ...], list[HeapBlock]] = {}
    for block in heap.blocks:
        # the allocator itself is the last of the path, unless it was jumped to from a root
        path = path_of(trace, block.node)
        below_root = (
            int(trace.nodes[block.node]["parent"]) >= 0 and int(trace.nodes[block.node]["kind"]) == rec.KIND_CALL
        )
        by_caller.setdefault(tuple(path[:-1] if below_root else path), []).append(block)
    sites = []
    for caller, blocks in by_caller.items():
        leaked = [block for block in blocks if block.end_cycles < 0]
        sites.append(
            HeapSite(
                list(caller), len(blocks), sum(block.size_bytes for block in blocks), _peak(blocks), len(leaked),
                sum(block.size_bytes for block in leaked),
            )
        )  # fmt: skip
    end_bytes = sum(block.size_bytes for block in heap.blocks if block.end_cycles < 0)
    return Heap(
        heap.peak_bytes, heap.peak_cycles, end_bytes, heap.reserved_end - heap.reserved_start, heap.allocations,
        heap.frees, heap.failed, sorted(sites, key=lambda site: (-site.peak_bytes, site.path)),
    )  # fmt: skip


def _peak(blocks: list[HeapBlock]) -> int:
    """Return the most bytes of these blocks that were allocated at one time."""
    changes = [(block.start_cycles, 1, block.size_bytes) for block in blocks]
    changes += [(block.end_cycles, 0, -block.size_bytes) for block in blocks if block.end_cycles >= 0]
    now = most = 0
    for _, _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most
