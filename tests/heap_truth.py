# SPDX-License-Identifier: Apache-2.0
"""What examples/heap allocates, derived from the sizes in its sources: with whichever allocator, but for the stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class HeapLayer:
    """A layer's effect on the heap, in bytes as asked for."""

    name: str
    peak_bytes: int  # at most allocated while it runs
    after_bytes: int  # when it has returned


@dataclass(frozen=True)
class HeapTruth:
    """What examples/heap allocates, as it asks for it: a reallocation replaces a block by one of the new size."""

    layers: Sequence[HeapLayer]
    peak_bytes: int
    peak_layer: str
    end_bytes: int
    leaks: Mapping[str, tuple[int, int]]  # function that allocated -> (blocks, bytes)
    allocated_bytes: Mapping[str, int]  # function that allocated -> in sum; a reallocation counts its new size
    allocations: int  # malloc and calloc that were granted
    reallocations: int
    frees: int
    failed: int
    stack_bytes: Sequence[int]  # of each layer, with the committed image's allocator
    never_written_bytes: int  # read by realloc without having been written: the end of the block that it moves


HEAP_FRAMES = {
    "stem": 24, "features": 24, "grow": 8, "leaky": 24, "classify": 16,
    "malloc": 16, "calloc": 24, "realloc": 32, "_sbrk": 4, "memcpy": 12,
}  # fmt: skip
# The calls that reach deepest. calloc and realloc have malloc's code inlined; a free block serves calloc, leaky and
# classify, so that _sbrk is not called. realloc moves the block: memcpy is deeper than _sbrk.
HEAP_DEEPEST = (
    ("stem", "malloc", "_sbrk"),
    ("features", "calloc"),
    ("grow", "realloc", "memcpy"),
    ("leaky", "malloc"),
    ("classify", "malloc"),
)
HEAP_FUNCTIONS = ("stem", "features", "grow", "leaky", "classify")
INPUT, STEM, SCRATCH, FEATURES, GROWN, TABLE, LEAKY, SCORES = 333, 741, 59 * 3, 1210, 1999, 101, 247, 10


def heap() -> HeapTruth:
    """Return the truth of examples/heap, with whichever allocator."""
    layers = (
        HeapLayer("stem", INPUT + STEM, STEM),
        HeapLayer("features", STEM + SCRATCH + FEATURES, FEATURES),
        HeapLayer("grow", GROWN, GROWN),
        HeapLayer("leaky", GROWN + TABLE + LEAKY, TABLE + LEAKY),
        HeapLayer("classify", TABLE + LEAKY + SCORES, TABLE + SCORES),
    )
    by_function = {
        "main": INPUT,
        "stem": STEM,
        "features": SCRATCH + FEATURES,
        "grow": GROWN,
        "leaky": TABLE + LEAKY,
        "classify": SCORES,
    }
    peak = GROWN + TABLE + LEAKY
    stack = [sum(HEAP_FRAMES[name] for name in path) for path in HEAP_DEEPEST]
    padding = -(FEATURES + 8) % 8  # payloads follow a header of 8 bytes, blocks are multiples of 8
    return HeapTruth(layers, peak, "leaky", TABLE, {"leaky": (1, TABLE)}, by_function, 7, 1, 6, 1, stack, padding)
