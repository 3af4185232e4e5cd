# SPDX-License-Identifier: Apache-2.0
"""What may be cached where, on a Cortex-M7: the default memory map, and the regions of the MPU over it.

Armv7-M ARM (DDI 0403E) B3.1 (address map), B3.5.9 (MPU_RASR, memory attributes); Arm DDI 0489F 5.9 (shared memory is
not cached unless CACR.SIWT is set), chapter 3 (CACR).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mcusim.engine.cache_tables import UNCACHED, WRITE_BACK, WRITE_THROUGH

# B3.1.1, table B3-1: (end of the range, policy). Where it is write-back, writes allocate.
DEFAULT_MAP = (
    (0x2000_0000, WRITE_THROUGH),  # code
    (0x4000_0000, WRITE_BACK),  # SRAM
    (0x6000_0000, UNCACHED),  # peripherals
    (0x8000_0000, WRITE_BACK),  # RAM
    (0xA000_0000, WRITE_THROUGH),  # RAM
    (1 << 32, UNCACHED),  # devices, the core's own space
)
CACR_SIWT, CACR_FORCEWT = (
    1 << 0,
    1 << 2,
)  # DDI 0489F chapter 3, CACR: shared memory is cached write-through; all of it is
MPU_ENABLE, SUBREGIONS, LEAST_SUBDIVIDED_BYTES = 1, 8, 256  # B3.5.3


@dataclass(frozen=True)
class Attributes:
    """How memory is cached: by policy (`mcusim.engine.cache_tables`); do writes allocate lines?"""

    policy: int
    write_allocate: bool = False


@dataclass(frozen=True)
class MpuRegion:
    """A region as the registers RBAR and RASR hold it."""

    rbar: int
    rasr: int

    @property
    def size_bytes(self) -> int:
        """Bytes, a power of two from 32 on."""
        return 1 << max((self.rasr >> 1 & 31) + 1, 5)

    @property
    def pieces(self) -> Iterator[tuple[int, int]]:
        """Every (start, end) of it whose subregion is not disabled."""
        size = self.size_bytes
        start = self.rbar & ~(size - 1) & 0xFFFF_FFFF
        disabled = self.rasr >> 8 & 0xFF if size >= LEAST_SUBDIVIDED_BYTES else 0
        step = size // SUBREGIONS
        for number in range(SUBREGIONS if disabled else 0):
            if not disabled >> number & 1:
                yield start + number * step, start + (number + 1) * step
        if not disabled:
            yield start, start + size


def default_attributes(address: int) -> Attributes:
    """Return how the default memory map caches an address."""
    policy = next(policy for end, policy in DEFAULT_MAP if address < end)
    return Attributes(policy, policy == WRITE_BACK)


def mpu_attributes(rasr: int, cacr: int) -> Attributes:
    """Return how a region of the MPU is cached, by TEX, C, B and S of its RASR (table B3-13), and CACR."""
    tex, cached, buffered, shared = rasr >> 19 & 7, rasr >> 17 & 1, rasr >> 16 & 1, rasr >> 18 & 1
    if tex & 4:  # the inner policy counts: 01 write-back with write-allocate, 10 write-through, 11 write-back
        found = (
            Attributes(UNCACHED),
            Attributes(WRITE_BACK, True),
            Attributes(WRITE_THROUGH),
            Attributes(WRITE_BACK),
        )[cached << 1 | buffered]
    elif tex == 0 and cached:
        found = Attributes(WRITE_BACK if buffered else WRITE_THROUGH)
    elif tex == 1 and cached and buffered:
        found = Attributes(WRITE_BACK, True)
    else:
        found = Attributes(UNCACHED)
    if found.policy == UNCACHED or not shared:
        return found
    return Attributes(WRITE_THROUGH) if cacr & CACR_SIWT else Attributes(UNCACHED)


def cut(
    windows: Sequence[tuple[int, int]], control: int, regions: Sequence[MpuRegion], cacr: int
) -> list[tuple[int, int, Attributes]]:
    """Return the pieces of some ranges of memory with their attributes, sorted; neighbours that are alike are one.

    `control` is MPU_CTRL; of `regions`, which are enabled, later ones count more (B3.5.3).
    """
    pieces = [(start, end, region) for region in regions for start, end in region.pieces] if control & 1 else []
    edges = {edge for start, end, _ in pieces for edge in (start, end)} | {end for end, _ in DEFAULT_MAP}
    found: list[tuple[int, int, Attributes]] = []
    for low, high in sorted(windows):
        inside = sorted({low, high, *(edge for edge in edges if low < edge < high)})
        for start, end in pairwise(inside):
            over = [region for first, last, region in pieces if first <= start < last]
            given = mpu_attributes(over[-1].rasr, cacr) if over else default_attributes(start)
            if given.policy == WRITE_BACK and cacr & CACR_FORCEWT:
                given = Attributes(WRITE_THROUGH)
            if found and found[-1][1] == start and found[-1][2] == given and start != low:
                found[-1] = (found[-1][0], end, given)
            else:
                found.append((start, end, given))
    return found
