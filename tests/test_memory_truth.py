# SPDX-License-Identifier: Apache-2.0
"""The ground truth of the examples about memory holds: two ways that share nothing find the same, byte for byte.

`memory_truth` derives it from the plans; `naive_liveness` observes it while the committed images run.
"""

from __future__ import annotations

import itertools
import os
import re
import struct
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from conftest import LONG
from heap_truth import HEAP_FRAMES, HEAP_FUNCTIONS, heap
from hypothesis import given
from hypothesis import strategies as st
from liveness import Activation, Life, Liveness, runs
from machines import EXAMPLES, prebuilt, run_loop
from memory_truth import (
    FRAMES,
    KEYWORD_FRAMES,
    KEYWORD_FUNCTIONS,
    MEMORY_PLAN_FUNCTIONS,
    PATCHES_FRAMES,
    PATCHES_FUNCTIONS,
    PEAK_BYTES,
    PLANS,
    SIZES,
    TENSORS,
    Tape,
    Truth,
    keyword_layers,
    keyword_spotting,
    memory_plan,
    patches,
)  # fmt: skip
from naive_liveness import Watch, observe

from mcusim.board import load_board
from mcusim.image import Image, load

NUCLEO = "nucleo-l4r5zi"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}


@cache
def image_of(name: str) -> Image:
    """Return a committed image."""
    return load(prebuilt(name, NUCLEO))


def base(image: Image, name: str) -> int:
    """Return the address of an array."""
    symbol = image.find_symbol(name)
    assert symbol is not None, name
    return symbol.address


def assert_same(truth: Truth, image: Image, functions: tuple[str, ...], *, markers: bool = False) -> None:
    """Hold what was derived against a run: layers, their stack, and every life of every byte of the arrays."""
    seen = observe(image, load_board(NUCLEO), functions, markers=markers)
    assert seen.stretches == truth.liveness.stretches
    assert seen.activations == truth.liveness.activations
    for name, (start, end) in truth.arrays.items():
        symbol = image.find_symbol(name)
        assert symbol is not None
        assert (symbol.address, symbol.size_bytes) == (start, end - start)
        assert seen.within(start, end).lives == truth.liveness.within(start, end).lives


SLOW = pytest.mark.skipif(not LONG, reason="Python at every access: set MCUSIM_LONG")


@pytest.mark.parametrize("plan", ["good", pytest.param("bad", marks=SLOW)])
def test_memory_plan(plan: str) -> None:
    image = image_of(f"memory_plan_{plan}")
    truth = memory_plan(plan, base(image, "arena"))
    assert truth.printed == (EXAMPLES / "memory_plan" / "expected.txt").read_text()
    assert_same(truth, image, MEMORY_PLAN_FUNCTIONS)


@pytest.mark.parametrize("kind", ["marker", pytest.param("function", marks=SLOW)])
def test_patches(kind: str) -> None:
    image = image_of("patches")
    truth = patches({name: base(image, name) for name in ("image", "layers_arena", "patches_arena")}, kind)
    assert truth.printed == (EXAMPLES / "patches" / "expected.txt").read_text()
    functions = PATCHES_FUNCTIONS if kind == "function" else ()
    assert_same(truth, image, functions, markers=kind == "marker")


@SLOW
def test_keyword_spotting() -> None:
    image = image_of("keyword_spotting")
    assert_same(keyword_spotting(base(image, "arena")), image, KEYWORD_FUNCTIONS)


def test_heap_reads_what_was_never_written_only_where_realloc_copies_it() -> None:
    watch = Watch(image_of("heap"), load_board(NUCLEO), HEAP_FUNCTIONS, markers=False)
    seen = watch.run()
    assert [activation.name for activation in seen.activations] == [layer.name for layer in heap().layers]
    assert [activation.stack_bytes for activation in seen.activations] == list(heap().stack_bytes)
    assert len(watch.never_written) == heap().never_written_bytes


# The curves, as numbers, lest both ways be wrong in the same way


def test_both_plans_need_the_same_and_reserve_different_amounts() -> None:
    bad, good = memory_plan("bad"), memory_plan("good")
    assert bad.printed == good.printed
    assert bad.liveness.live_bytes() == good.liveness.live_bytes()
    assert max(good.liveness.live_bytes()) == PEAK_BYTES == good.arrays["arena"][1]
    assert bad.arrays["arena"][1] > 3 * PEAK_BYTES


def test_memory_plan_by_hand() -> None:
    size = dict(zip(TENSORS, SIZES, strict=True))
    unread = 45  # the last row of WIDE
    liveness = memory_plan("good").liveness
    assert liveness.live_peak_bytes() == [
        size["INPUT"] + size["STEM"],
        size["STEM"] + size["NARROW"],
        size["STEM"] + size["NARROW"] + size["WIDE"],
        size["STEM"] + size["WIDE"],  # in place; the last row is read here, and what is written there is not
        size["WIDE"] - unread + size["POOLED"],
        size["WIDE"] - unread + size["POOLED"],
        size["WIDE"] - unread + size["POOLED"] + size["HEAD"],
        size["POOLED"] + size["HEAD"] + size["SCORES_A"],
        size["HEAD"] + size["SCORES_A"] + size["SCORES_B"],
        size["SCORES_A"] + size["SCORES_B"],
    ]
    assert liveness.end_live_bytes()[-1] == 0
    buffers = liveness.buffers()
    relu = [(buffer.start - 1665, buffer.end - 1665) for buffer in buffers if buffer.writer == 5]
    assert relu == [(5 * 45, 12 * 45)]  # the seven rows
    addition = [(buffer.start - 1665, buffer.end - 1665, buffer.reader) for buffer in buffers if buffer.writer == 3]
    assert addition == [(0, 225, 6), (225, 540, 5), (540, 1620, 6)]


def test_patches_need_less() -> None:
    truth = patches({"image": 0, "layers_arena": 1000, "patches_arena": 4000})
    peaks = {name: max(truth.liveness.within(*where).live_bytes()) for name, where in truth.arrays.items()}
    assert peaks == {"image": 756, "layers_arena": 1512 + 504, "patches_arena": 882}
    assert 882 == 7 * 9 * 6 + 504  # the last patch and all features
    depths = [activation.parent for activation in truth.liveness.activations]
    assert depths == [-1, 0, 0, -1, 3, 4, 4, 3, 7, 7, 3, 10, 10, 3, 13, 13]


def test_keyword_spotting_by_hand() -> None:
    liveness = keyword_spotting().liveness
    sizes = [size for _, size in keyword_layers()]
    assert liveness.live_peak_bytes() == [8000, *(a + b for a, b in itertools.pairwise(sizes))]
    first_half = sorted((buffer.writer, buffer.reader) for buffer in liveness.buffers() if buffer.start == 0)
    assert first_half == [(number, number + 1) for number in range(0, 12, 2)]


def test_heap_adds_up() -> None:
    truth = heap()
    assert truth.peak_bytes == max(layer.peak_bytes for layer in truth.layers)
    assert truth.layers[-1].after_bytes - 10 == truth.end_bytes == sum(size for _, size in truth.leaks.values())


# The firmwares are what the truth says of them


@pytest.mark.parametrize("plan", PLANS)
def test_the_plan_is_the_firmwares(plan: str) -> None:
    image = image_of(f"memory_plan_{plan}")
    (segment,) = [each for each in image.segments if each.executable]
    start = base(image, "plan") - segment.load_address
    rows = struct.iter_unpack("<HH", segment.data[start : start + 4 * len(TENSORS)])
    assert list(rows) == list(zip(PLANS[plan][0], SIZES, strict=True))


def test_the_heap_layers_are_the_firmwares() -> None:
    text = (EXAMPLES / "heap" / "layers.h").read_text()
    numbers = [int(number) for number in re.findall(r"#define \w+_(?:SIZE|COUNT|ITEM) (\d+)", text)]
    assert numbers == [333, 741, 59, 3, 1210, 1999, 101, 247, 10]


@pytest.mark.cross
@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("memory_plan", FRAMES),
        ("patches", PATCHES_FRAMES),
        ("heap", HEAP_FRAMES),
        ("keyword_spotting", KEYWORD_FRAMES),
    ],
)
def test_frames_are_the_compilers(name: str, frames: Mapping[str, int], tmp_path: Path) -> None:
    make(name, f"BUILD={tmp_path}", "CFLAGS_EXTRA=-fstack-usage")
    said = {}
    for path in tmp_path.rglob("*.su"):
        for place, size, kind in (line.split("\t") for line in path.read_text().splitlines()):
            assert kind == "static"
            said[place.rpartition(":")[2]] = int(size)
    assert {function: said[function] for function in frames} == frames


@pytest.mark.cross
def test_heap_runs_with_the_c_librarys_allocator(tmp_path: Path) -> None:
    make("heap", "ALLOCATOR=newlib", f"BUILD={tmp_path}")
    image = load(tmp_path / f"heap-{NUCLEO}.elf")
    assert image.find_symbol("_malloc_r") is not None
    assert bytes(run_loop(image).machine.output).decode() == (EXAMPLES / "heap" / "expected.txt").read_text()


def make(name: str, *words: str) -> None:
    """Build an example."""
    done = subprocess.run(
        ["make", "-s", "-C", str(EXAMPLES / name), *words], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


# The two ways to count


def test_a_value_lives_from_its_write_to_its_last_read() -> None:
    tape = Tape()
    tape.write(7, 1)
    with tape.layer("a"):
        assert tape.read(7) == 1
        tape.write(7, 2)  # never read
        tape.write(7, 3)
    tape.read(7)
    tape.write(7, 4)  # never read
    assert tape.liveness() == Liveness([Activation("a", -1)], [-1, 0, -1], {Life(7, 0, 1), Life(7, 1, 2)})
    assert tape.liveness().live_bytes() == [1, 1, 1]
    assert tape.liveness().end_live_bytes() == [1, 1, 0]


@given(st.sets(st.integers(0, 40)))
def test_runs_are_the_addresses(addresses: set[int]) -> None:
    found = list(runs(addresses))
    assert {address for start, end in found for address in range(start, end)} == addresses
    assert all(before[1] < after[0] for before, after in itertools.pairwise(found))
    assert all(start < end for start, end in found)
