# SPDX-License-Identifier: Apache-2.0
"""The sanitizer finds what the test firmware does wrong, at the lines that say so, and nothing else."""

from __future__ import annotations

import re
from functools import cache

import pytest
from machines import FIRMWARE, prebuilt, run_profile

from mcusim.cli import main
from mcusim.image import load
from mcusim.profile import Profile
from mcusim.profile_memory import Finding

NAME, BOARD = "sanitizer", "nucleo-l4r5zi"
# By line of the source, as the marks say: function, layer, and what the other party's words hold.
EXPECTED = {
    "overlap": [("make_over", "second", "written by make", "sum reads first's bytes beside them later")],
    "outside-arena": [
        ("make_too_much", "too much", "into 'behind_arena'", "1 byte away, to 'arena' + 511"),
        ("end_with_zero", "beside", "into 'before_arena' + 31, beside 'arena'"),
    ],
    "unwritten": [("show_third", "", "in the heap's block of 16 bytes")],
    "freed-read": [("read_of_freed_memory", "", "24 bytes at", "freed by", "main > read_of_freed_memory in cycle")],
    "freed-written": [("write_to_freed_memory", "", "40 bytes at", "allocated by", "main > write_to_freed_memory")],
    "freed-twice": [("freed_twice", "", "56 bytes at", "allocated by", "freed by")],
    "never-allocated": [("freed_but_not_allocated", "", "in the heap's block of 72 bytes")],
    "unreserved": [("write_to_nobodys_memory", "", "below where the stack has ever been")],
    "stack": [("recurse", "", "into 'below_stack'", "on_stack > recurse x 7")],
    "read-only": [("write_to_flash", "", "to 'constants' + 4")],
    "unaligned": [("unaligned_pair", "", ""), ("unaligned_with_trap", "", "")],
}


def marks() -> list[tuple[str, int]]:
    """Return the kinds and lines that bugs.c says will be found, by line."""
    lines = (FIRMWARE / NAME / "bugs.c").read_text().splitlines()
    found = [(re.search(r"/\* found: ([a-z-]+) \*/", line), number) for number, line in enumerate(lines, 1)]
    return [(mark[1], number) for mark, number in found if mark]


@cache
def profile() -> Profile:
    """Return the profile of a run with the sanitizer."""
    return run_profile(load(prebuilt(NAME, BOARD)), BOARD, layers="auto", arenas=("arena",), sanitize=True)


def findings() -> list[Finding]:
    """Return what was found."""
    memory = profile().memory
    assert memory is not None
    return memory.findings


def layer_name(finding: Finding) -> str:
    """Return the name of a finding's layer, '' outside."""
    layers = profile().layers
    assert layers is not None
    return layers.layers[finding.layer].name if finding.layer >= 0 else ""


def test_each_bug_is_found_once_and_nothing_else() -> None:
    found = sorted((f.kind, f.line) for f in findings() if f.file == "bugs.c")
    assert found == sorted(marks())
    others = [f for f in findings() if f.file != "bugs.c"]
    assert [(f.kind, f.function, f.file) for f in others] == [("unwritten", "memcpy", "memory.c")]
    assert "a copy, for copy_of_padding: these bytes may be padding" in others[0].other


@pytest.mark.parametrize("kind", EXPECTED)
def test_a_finding_names_function_layer_and_other_party(kind: str) -> None:
    found = [f for f in findings() if f.kind == kind and f.file == "bugs.c"]
    found.sort(key=lambda finding: finding.line or 0)
    assert [(f.function, layer_name(f)) for f in found] == [row[:2] for row in EXPECTED[kind]]
    for finding, (_, _, *words) in zip(found, EXPECTED[kind], strict=True):
        assert all(word in finding.other for word in words), finding.other


def test_addresses_and_counts_are_those_of_the_accesses() -> None:
    image = load(prebuilt(NAME, BOARD))
    arena = image.find_symbol("arena")
    assert arena is not None
    rows = {(f.kind, f.function): (f.address, f.size_bytes, f.count) for f in findings()}
    assert rows["overlap", "make_over"] == (arena.address + 48, 16, 1)
    assert rows["outside-arena", "make_too_much"] == (arena.end, 1, 4)
    assert rows["outside-arena", "end_with_zero"] == (arena.address - 1, 1, 1)
    assert rows["unreserved", "write_to_nobodys_memory"] == (0x2005_0000, 4, 1)
    assert [f.cycles for f in findings()] == sorted(f.cycles for f in findings())


def test_nothing_is_found_where_nobody_looked() -> None:
    image = load(prebuilt(NAME, BOARD))
    memory = run_profile(image, BOARD, layers="auto", arenas=("arena",), memory_tracking=True).memory
    assert memory is not None
    assert not memory.sanitized
    assert not memory.findings


@pytest.mark.parametrize(("name", "status", "words"), [(NAME, 1, "overlap"), ("heap", 0, "Nothing.")])
def test_the_exit_code_tells(capsys: pytest.CaptureFixture[str], name: str, status: int, words: str) -> None:
    arguments = ["profile", str(prebuilt(name, BOARD)), "-q", "--sanitize", "--show", "findings", "--top", "0"]
    arguments += ["--arena", "arena"] if name == NAME else []
    assert main(arguments) == status
    assert words in capsys.readouterr().out
