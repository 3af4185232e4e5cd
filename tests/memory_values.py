# SPDX-License-Identifier: Apache-2.0
"""Layers and memory for hypothesis: indices are right, strings and sizes are anything."""

from __future__ import annotations

from hypothesis import strategies as st

from mcusim.profile_memory import (
    ZONES,
    Activation,
    Arena,
    Budget,
    Buffer,
    Finding,
    FlashSymbol,
    Heap,
    HeapSite,
    Layer,
    Layers,
    MemoryProfile,
    Outside,
    RegionUse,
    Static,
    Timeline,
)

TEXT = st.text(max_size=20)
COUNT = st.integers(0, 2**40)
ADDRESS = st.integers(0, 2**32 - 1)
BYTES = st.dictionaries(TEXT, COUNT, max_size=2)
STATIC = st.builds(Static, TEXT, ADDRESS, COUNT, st.sampled_from(ZONES), COUNT)
SITE = st.builds(HeapSite, st.lists(TEXT, max_size=3), COUNT, COUNT, COUNT, COUNT, COUNT)
HEAP = st.builds(Heap, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT, st.lists(SITE, max_size=2))


@st.composite
def layers(draw: st.DrawFn, functions: int) -> Layers:
    """Up to four layers, nested in any way, and up to six runs of them."""
    found: list[Layer] = []
    for at in range(draw(st.integers(1, 4))):
        found.append(
            draw(
                st.builds(
                    Layer, TEXT, st.integers(-1, functions - 1), st.integers(-1, at - 1), COUNT, TEXT, TEXT,
                    st.none() | COUNT, COUNT, BYTES, BYTES, BYTES, COUNT, COUNT, COUNT, COUNT,
                )
            )
        )  # fmt: skip
    inferences = draw(st.integers(1, 3))
    runs: list[Activation] = []
    for at in range(draw(st.integers(0, 6))):
        start = draw(COUNT)
        runs.append(
            draw(
                st.builds(
                    Activation, st.integers(0, len(found) - 1), st.integers(0, inferences - 1), st.integers(-1, at - 1),
                    st.just(start), st.integers(start, 2**41), COUNT, COUNT, COUNT, COUNT,
                )
            )
        )  # fmt: skip
    outside = st.builds(
        Outside, TEXT, st.sampled_from(["thread", "handler", "task"]), COUNT, COUNT, BYTES, BYTES, BYTES
    )
    return Layers(draw(TEXT), inferences, found, runs, draw(st.lists(outside, max_size=2)), draw(COUNT))


@st.composite
def memory(draw: st.DrawFn, layer_count: int, run_count: int) -> MemoryProfile:
    """A timeline of up to five stretches, a few of everything else."""
    rows = draw(st.integers(0, 5))
    column = st.lists(COUNT, min_size=rows, max_size=rows)
    run = st.integers(-1, run_count - 1)
    zones = draw(st.sets(st.sampled_from(ZONES)))
    timeline = Timeline(
        sorted(draw(column)), draw(st.lists(run, min_size=rows, max_size=rows)), draw(column), draw(column),
        draw(column), draw(column), {zone: draw(column) for zone in ZONES if zone in zones},
    )  # fmt: skip
    span = st.tuples(ADDRESS, ADDRESS).map(sorted)
    time = st.tuples(COUNT, COUNT).map(sorted)
    buffer = st.builds(
        lambda span, zone, owner, writer, reader, time: Buffer(*span, zone, owner, writer, reader, *time),
        span, st.sampled_from(ZONES), TEXT, run, run, time,
    )  # fmt: skip
    layer = st.integers(-1, layer_count - 1)
    used = st.lists(st.integers(0, layer_count - 1), max_size=3) if layer_count else st.just([])
    finding = st.builds(
        Finding,
        TEXT,
        TEXT,
        layer,
        TEXT,
        st.none() | TEXT,
        st.none() | COUNT,
        ADDRESS,
        ADDRESS,
        COUNT,
        COUNT,
        COUNT,
        TEXT,
    )
    symbol = st.builds(FlashSymbol, TEXT, ADDRESS, COUNT, st.sampled_from(["code", "constants"]), COUNT, used)
    return MemoryProfile(
        draw(st.lists(st.builds(RegionUse, TEXT, TEXT, ADDRESS, COUNT, COUNT, COUNT, COUNT), max_size=2)),
        timeline, draw(COUNT), draw(st.integers(-1, rows - 1)), draw(COUNT), draw(st.lists(buffer, max_size=3)),
        draw(st.lists(buffer, max_size=3)), draw(COUNT),
        draw(st.lists(st.builds(Arena, TEXT, ADDRESS, COUNT, COUNT, COUNT), max_size=2)),
        draw(st.lists(STATIC, max_size=2)), draw(st.none() | HEAP),
        draw(st.builds(Budget, COUNT, COUNT, COUNT, COUNT)), draw(st.lists(symbol, max_size=2)),
        draw(st.booleans()), draw(st.lists(finding, max_size=2)),
    )  # fmt: skip
