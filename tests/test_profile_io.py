# SPDX-License-Identifier: Apache-2.0
"""A saved profile loads unchanged; a damaged one gives one clear line."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import memory_values
import msgspec
import pytest
from fakes import make_profile
from fakes_memory import make_network_profile
from hypothesis import given
from hypothesis import strategies as st

from mcusim import profile_io
from mcusim.errors import McusimError
from mcusim.profile import (
    SCHEMA_VERSION,
    Accuracy,
    BacktraceLine,
    BoardInfo,
    ClockPhase,
    EndInfo,
    FaultInfo,
    FunctionCost,
    GuessedRegister,
    ImageInfo,
    InstructionCost,
    Note,
    Profile,
    SectionInfo,
    StackInfo,
    TaskInfo,
    Totals,
    TreeNode,
)
from mcusim.profile_code import Branch, Code, CodeFile, CodeFunction

TEXT = st.text(max_size=20)  # hypothesis leaves out what UTF-8 cannot say
COUNT = st.integers(0, 2**62)
ADDRESS = st.integers(0, 2**32 - 1)
CAUSES = st.dictionaries(TEXT, COUNT, max_size=3)
REAL = st.floats(0, allow_nan=False, allow_infinity=False)
GUESSED = st.builds(
    GuessedRegister, ADDRESS, TEXT, TEXT, COUNT, COUNT, TEXT, ADDRESS, COUNT, st.none() | COUNT, TEXT, COUNT, TEXT,
    ADDRESS, st.booleans(),
)  # fmt: skip
FUNCTION = st.builds(FunctionCost, TEXT, st.none() | TEXT, ADDRESS, COUNT, COUNT, COUNT, COUNT, COUNT, CAUSES)


TASK = st.builds(TaskInfo, TEXT, COUNT, TEXT, COUNT, COUNT)
LINE = st.builds(BacktraceLine, ADDRESS, TEXT, TEXT, COUNT, st.none() | TEXT, st.none() | COUNT)
FAULT = st.builds(
    FaultInfo, TEXT, TEXT, st.none() | ADDRESS, COUNT, TEXT, st.dictionaries(TEXT, ADDRESS, max_size=3),
    st.dictionaries(TEXT, TEXT, max_size=3), st.lists(LINE, max_size=3), TEXT, TEXT,
)  # fmt: skip


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    """Profiles whose indices are right and whose strings are anything."""
    functions = draw(st.lists(FUNCTION, min_size=1, max_size=3))
    index = st.integers(0, len(functions) - 1)
    tree: list[TreeNode] = []
    for position in range(draw(st.integers(0, 4))):
        tree.append(draw(st.builds(TreeNode, st.integers(-1, position - 1), index, TEXT, COUNT, COUNT, COUNT)))
    instruction = st.builds(
        InstructionCost, ADDRESS, index, TEXT, TEXT, COUNT, COUNT, CAUSES, st.none() | TEXT, st.none() | COUNT
    )
    found = draw(st.none() | memory_values.layers(len(functions)))
    counts = (len(found.layers), len(found.activations)) if found is not None else (0, 0)
    function = st.builds(CodeFunction, TEXT, st.none() | TEXT, st.none() | COUNT, st.just(-1) | index)
    code = st.builds(
        Code, st.lists(st.builds(CodeFile, TEXT, st.lists(COUNT, max_size=3)), max_size=2),
        st.lists(function, max_size=2), st.lists(st.builds(Branch, ADDRESS, COUNT, COUNT), max_size=2),
    )  # fmt: skip
    section = st.builds(SectionInfo, TEXT, ADDRESS, COUNT, TEXT, COUNT, COUNT)
    return draw(
        st.builds(
            Profile,
            st.just(SCHEMA_VERSION),
            TEXT,
            st.builds(ImageInfo, TEXT, TEXT, TEXT, COUNT, COUNT, st.lists(section, max_size=2)),
            st.builds(BoardInfo, TEXT, TEXT, TEXT, TEXT, TEXT, COUNT, COUNT),
            st.dictionaries(TEXT, st.none() | st.booleans() | COUNT | TEXT, max_size=3),
            st.builds(EndInfo, TEXT, TEXT, st.none() | st.integers(-(2**31), 2**31), ADDRESS, TEXT),
            st.builds(Totals, COUNT, COUNT, REAL, CAUSES, st.lists(st.builds(ClockPhase, COUNT, COUNT), max_size=2)),
            st.just(functions),
            st.just(tree),
            st.lists(instruction, max_size=3),
            st.dictionaries(TEXT, st.dictionaries(st.integers(1, 10**6), TEXT, max_size=2), max_size=2),
            st.lists(st.builds(Note, TEXT, TEXT, COUNT), max_size=2),
            st.lists(GUESSED, max_size=2),
            st.builds(Accuracy, TEXT, st.none() | REAL, TEXT),
            TEXT,
            st.dictionaries(TEXT, TEXT, max_size=2),
            st.lists(st.builds(StackInfo, TEXT, ADDRESS, ADDRESS, COUNT, TEXT), min_size=1, max_size=2),
            st.just([]) if not tree else st.lists(TASK.map(lambda task: replace(task, root=0)), max_size=2),
            st.none() | FAULT,
            st.just(found),
            st.none() | memory_values.memory(*counts),
            code=st.none() | code,
        )
    )


@given(profiles())
def test_a_saved_profile_loads_unchanged(profile: Profile) -> None:
    data = profile_io.dumps(profile)
    again = profile_io.loads(data)
    assert again == profile
    assert profile_io.dumps(again) == data


def test_the_fake_loads_unchanged_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    profile_io.save(make_profile(), path)
    assert profile_io.load_profile(path) == make_profile()


def test_the_file_is_json_with_a_key_or_an_element_per_line() -> None:
    data = profile_io.dumps(make_profile())
    assert msgspec.json.decode(data)["schema_version"] == SCHEMA_VERSION
    assert data.startswith(b'{\n"schema_version": ')
    assert data.count(b"\n") > len(make_profile().functions)


def test_layers_and_memory_are_laid_out_line_by_line() -> None:
    profile = make_network_profile(10, findings=True)
    data = profile_io.dumps(profile)
    assert profile_io.loads(data) == profile
    assert profile.layers is not None
    assert profile.memory is not None
    lines = data.splitlines()
    elements = [*profile.layers.layers, *profile.layers.activations, *profile.memory.buffers, *profile.memory.findings]
    assert all(b" " + msgspec.json.encode(element) in b"\n".join(lines) for element in elements)
    assert max(map(len, lines)) < 4_000
    starts = msgspec.json.encode(profile.memory.timeline.start_cycles)
    assert b'"start_cycles": %s,' % starts in lines


@given(st.data())
def test_damage_gives_one_line_and_never_a_traceback(data: st.DataObject) -> None:
    whole = bytearray(profile_io.dumps(make_profile()))
    at = data.draw(st.integers(0, len(whole) - 1))
    what = data.draw(st.sampled_from(["cut", "byte", "drop"]))
    if what == "cut":
        del whole[at:]
    elif what == "byte":
        whole[at] = data.draw(st.integers(0, 255))
    else:
        del whole[at : at + data.draw(st.integers(1, 40))]
    message = "run.json: still a profile"
    try:
        profile_io.loads(bytes(whole), "run.json")
    except McusimError as error:
        message = str(error)
    assert message.startswith("run.json: ")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"schema_version": 4', b'"schema_version": 5', "saved by a newer mcusim (schema 5, this one reads up to 4)"),
        (b'"schema_version": 4', b'"schema_version": 0', "schema 0 is not one that mcusim ever wrote"),
        (b'"schema_version": 4', b'"schema_version": -7', "schema -7 is not one that mcusim ever wrote"),
        (b'"schema_version": 4,', b"", "not a saved profile: object missing required field 'schema_version'"),
        (b'"cycles":10973137', b'"cycles":"many"', "damaged profile: totals.cycles: expected `int`, got `str`"),
        (b'{"parent":0,"function":1,', b'{"parent":0,"function":99,', "tree[1].function: no function 99, there are 13"),
        (b'{"parent":0,"function":1,', b'{"parent":1,"function":1,', "tree[1].parent: parent 1 is not an earlier node"),
    ],
)
def test_damage_names_the_key(old: bytes, new: bytes, message: str) -> None:
    data = profile_io.dumps(make_profile())
    assert old in data
    with pytest.raises(McusimError) as caught:
        profile_io.loads(data.replace(old, new, 1), "run.json")
    assert str(caught.value).startswith("run.json: ")
    assert message.replace("`", "'") in str(caught.value)


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ("layers.layers.1.function", 99, "layers.layers[1].function: no function 99"),
        ("layers.layers.1.parent", 1, "layers.layers[1].parent: parent 1 is not an earlier layer"),
        ("layers.activations.2.layer", 10, "layers.activations[2].layer: no layer 10"),
        ("layers.activations.2.parent", 2, "layers.activations[2].parent: parent 2 is not an earlier one"),
        ("layers.activations.2.inference", 1, "layers.activations[2].inference: no inference 1, there are 1"),
        ("layers.activations.2.end_cycles", 1, "layers.activations[2].end_cycles: ends before it starts"),
        ("memory.timeline.start_cycles.2", 1, "memory.timeline.start_cycles: is not in the order of time"),
        ("memory.timeline.activation.2", 10, "memory.timeline.activation[2]: no run 10"),
        ("memory.timeline.stack_bytes", [1], "memory.timeline.stack_bytes: has 1 rows, not 22"),
        ("memory.timeline.live_by_zone.heap", [], "memory.timeline.live_by_zone.heap: has 0 rows, not 22"),
        ("memory.timeline.live_by_zone", {"rom": [0] * 22}, "memory.timeline.live_by_zone: no zone ['rom']"),
        ("memory.peak", 22, "memory.peak: no stretch 22"),
        ("memory.buffers.1.writer", 10, "memory.buffers[1].writer: no run 10"),
        ("memory.peak_buffers.1.reader", -2, "memory.peak_buffers[1].reader: no run -2"),
        ("memory.buffers.1.zone", "rom", "memory.buffers[1].zone: no zone 'rom'"),
        ("memory.buffers.1.end", 0, "memory.buffers[1].end: ends before it starts"),
        ("memory.flash_symbols.0.layers", [10], "memory.flash_symbols[0].layers: no layer 10"),
        ("memory.findings.0.layer", 10, "memory.findings[0].layer: no layer 10"),
    ],
)
def test_what_points_at_nothing_in_layers_and_memory_names_the_key(where: str, value: object, message: str) -> None:
    raw = msgspec.json.decode(profile_io.dumps(make_network_profile(10, findings=True)))
    *path, last = where.split(".")
    record: Any = raw
    for key in path:
        record = record[int(key) if key.isdecimal() else key]
    record[int(last) if last.isdecimal() else last] = value
    with pytest.raises(McusimError, match=re.escape(f"run.json: damaged profile: {message}: run the profile again")):
        profile_io.loads(msgspec.json.encode(raw), "run.json")


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", b"[1]", b"\x7fELF", b"{", b"{}", b"[" * 100_000, b'{"a":' * 100_000]
)
def test_something_else_is_not_a_profile(data: bytes) -> None:
    with pytest.raises(McusimError, match=r"^profile: (not a saved|damaged) profile"):
        profile_io.loads(data)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(McusimError, match="cannot be read: No such file"):
        profile_io.load_profile(tmp_path / "none.json")
    with pytest.raises(McusimError, match="cannot be read: Is a directory"):
        profile_io.load_profile(tmp_path)


def test_an_older_profile_is_migrated_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(raw: dict[str, object]) -> dict[str, object]:
        return {"tool" if key == "program" else key: value for key, value in raw.items()} | {"schema_version": 1}

    monkeypatch.setitem(profile_io.MIGRATIONS, 0, rename)
    profile = replace(make_profile(), guessed=[])  # schema 1 had them among the notes
    old = profile_io.dumps(profile).replace(b'"schema_version": 4', b'"schema_version": 0')
    old = old.replace(b'"guessed": [],\n', b"")
    assert profile_io.loads(old.replace(b'"tool"', b'"program"')) == profile
