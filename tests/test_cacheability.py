# SPDX-License-Identifier: Apache-2.0
"""What may be cached where: the default memory map and the MPU, by the Armv7-M ARM."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcusim.engine.cache_tables import UNCACHED, WRITE_BACK, WRITE_THROUGH
from mcusim.machine.cacheability import (
    CACR_FORCEWT,
    CACR_SIWT,
    Attributes,
    MpuRegion,
    cut,
    default_attributes,
    mpu_attributes,
)

ALLOCATING = Attributes(WRITE_BACK, True)


def rasr(tex: int, c: int, b: int, *, shared: int = 0, size: int = 19, disabled: int = 0) -> int:
    """Return MPU_RASR of an enabled region; SIZE 19 is a megabyte."""
    return tex << 19 | shared << 18 | c << 17 | b << 16 | disabled << 8 | size << 1 | 1


# B3.1.1: flash at 0x08000000 write-through, SRAM write-back with write-allocate, devices not at all
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (0x0800_0000, Attributes(WRITE_THROUGH)),
        (0x2400_0000, ALLOCATING),
        (0x4000_0000, Attributes(UNCACHED)),
        (0x6000_0000, ALLOCATING),
        (0x9000_0000, Attributes(WRITE_THROUGH)),
        (0xC000_0000, Attributes(UNCACHED)),
    ],
)
def test_the_default_map(address: int, expected: Attributes) -> None:
    assert default_attributes(address) == expected


# B3.5.9, table B3-13: TEX, C, B
@pytest.mark.parametrize(
    ("tex", "c", "b", "expected"),
    [
        (0, 0, 0, Attributes(UNCACHED)),
        (0, 0, 1, Attributes(UNCACHED)),
        (0, 1, 0, Attributes(WRITE_THROUGH)),
        (0, 1, 1, Attributes(WRITE_BACK)),
        (1, 0, 0, Attributes(UNCACHED)),
        (1, 1, 1, ALLOCATING),
        (2, 0, 0, Attributes(UNCACHED)),
        (4, 0, 1, ALLOCATING),
        (5, 1, 0, Attributes(WRITE_THROUGH)),
        (6, 1, 1, Attributes(WRITE_BACK)),
        (7, 0, 0, Attributes(UNCACHED)),
    ],
)
def test_attributes_of_a_region(tex: int, c: int, b: int, expected: Attributes) -> None:
    assert mpu_attributes(rasr(tex, c, b), 0) == expected


def test_shared_memory_is_not_cached_unless_the_core_is_told_so() -> None:
    shared = rasr(1, 1, 1, shared=1)
    assert mpu_attributes(shared, 0) == Attributes(UNCACHED)
    assert mpu_attributes(shared, CACR_SIWT) == Attributes(WRITE_THROUGH)


def test_later_regions_count_more_and_subregions_can_be_left_out() -> None:
    window = (0x2000_0000, 0x2010_0000)
    whole = MpuRegion(0x2000_0000, rasr(0, 1, 0))
    # 32 KB from 0x20008000, of which the first 4 KB are not in it
    part = MpuRegion(0x2000_8000, rasr(1, 0, 0, size=14, disabled=1))
    assert cut([window], 1, [whole, part], 0) == [
        (0x2000_0000, 0x2000_9000, Attributes(WRITE_THROUGH)),
        (0x2000_9000, 0x2001_0000, Attributes(UNCACHED)),
        (0x2001_0000, 0x2010_0000, Attributes(WRITE_THROUGH)),
    ]
    assert cut([window], 0, [whole, part], 0) == [(*window, ALLOCATING)]


def test_all_of_it_can_be_forced_to_write_through() -> None:
    window = (0x2400_0000, 0x2408_0000)
    assert cut([window], 0, [], CACR_FORCEWT) == [(*window, Attributes(WRITE_THROUGH))]


REGIONS = st.lists(
    st.builds(
        lambda at, size, kind, disabled: MpuRegion(at, rasr(*kind, size=size, disabled=disabled)),
        st.integers(0, 0x2000).map(lambda number: 0x2000_0000 + 32 * number),
        st.integers(4, 16),
        st.sampled_from([(0, 0, 0), (0, 1, 0), (1, 1, 1)]),
        st.integers(0, 255),
    ),
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(REGIONS, st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=30))
def test_every_address_has_the_attributes_of_its_last_region(regions: list[MpuRegion], offsets: list[int]) -> None:
    window = (0x2000_0000, 0x2001_0000)
    pieces = cut([window], 1, regions, 0)
    assert pieces[0][0] == window[0]
    assert pieces[-1][1] == window[1]
    assert all(before[1] == after[0] and before[2] != after[2] for before, after in pairwise(pieces))
    for offset in offsets:
        address = window[0] + offset
        expected = default_attributes(address)
        for region in regions:
            size = region.size_bytes
            start = region.rbar // size * size
            subregion = (address - start) * 8 // size
            off = size >= 256 and region.rasr >> 8 + max(min(subregion, 7), 0) & 1
            if start <= address < start + size and not off:
                expected = mpu_attributes(region.rasr, 0)
        assert next(found for low, high, found in pieces if low <= address < high) == expected
