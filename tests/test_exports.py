# SPDX-License-Identifier: Apache-2.0
"""Exports for other tools: each is read back by a reader of its own, and says the totals that the profile says."""

from __future__ import annotations

import json
import re
import subprocess
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from conftest import LONG
from fakes import make_profile
from fakes_memory import make_network_profile
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, unknown_fields
from hypothesis import given, settings
from test_profile_io import profiles

import mcusim
from mcusim import profile_io
from mcusim.cli import main
from mcusim.errors import McusimError
from mcusim.profile import SCHEMA_VERSION, Profile, TreeNode
from mcusim.reports import FORMATS, PATHS, RenderOptions, render, render_bytes
from mcusim.reports.stacks import DEEPER, DEEPEST, KINDS, available, call_stacks, stacks_of

ROOT = Path(__file__).resolve().parents[1]
FIRMWARES = ("heap/heap-nucleo-l4r5zi.elf", "two_tasks/two_tasks-nucleo-l4r5zi.elf")


def simulated(name: str) -> Profile:
    """Return the profile of an example, with its memory tracked."""
    wanted = "callees-of=run_network" if "heap" in name else "auto"
    image = mcusim.load(ROOT / "examples" / name)
    board, reason = mcusim.guess_board(image)
    asked = mcusim.Settings(memory_tracking=True, layers=wanted)
    return mcusim.attribute(mcusim.run(image, board, asked, board_reason=reason))


@pytest.fixture(scope="module")
def samples() -> list[Profile]:
    """Profiles built by hand, and of runs: with a heap, and with tasks, handlers and recursion."""
    return [make_profile(), make_network_profile(), *map(simulated, FIRMWARES)]


# Paths


def test_kinds_of_paths_are_those_of_the_command_line() -> None:
    assert tuple(KINDS) == PATHS


def weighed(profile: Profile, kind: str) -> int:
    """Return what a kind of paths must add up to, from the profile's own sums."""
    if kind in ("functions", "layers"):
        return profile.totals.cycles
    assert profile.memory is not None
    if kind == "peak":
        return profile.memory.peak_bytes
    if kind == "heap":
        assert profile.memory.heap is not None
        return sum(site.allocated_bytes for site in profile.memory.heap.sites)
    return sum(region.read_bytes + region.written_bytes for region in profile.memory.regions)


def test_paths_add_up_to_what_the_profile_says(samples: list[Profile]) -> None:
    seen = set()
    for profile in samples[2:]:
        for kind in available(profile):
            assert stacks_of(profile, kind).total == weighed(profile, kind), (profile.image.name, kind)
            seen.add(kind)
    assert seen == set(KINDS)


def test_the_whole_of_a_call_is_that_of_the_tree() -> None:
    profile = make_profile()
    stacks = call_stacks(profile)
    wholes = dict(zip((node.frame.function for node in stacks.nodes), stacks.wholes(), strict=True))
    for node in profile.tree:
        if [other.function for other in profile.tree].count(node.function) == 1:
            assert wholes[node.function] == node.total_cycles


def test_roots_are_told_apart(samples: list[Profile]) -> None:
    roots = {node.frame.name for node in call_stacks(samples[3]).nodes if node.parent < 0}
    assert {"[thread]", "[handlers]", "[task sort_task]", "[task filter_task]"} <= roots


def test_runaway_recursion_stays_small() -> None:
    profile = make_profile()
    depth = 20_000
    profile.tree = [
        TreeNode(index - 1, 1, "call" if index else "thread", 1, 1, depth - index) for index in range(depth)
    ]
    profile.totals.cycles = depth
    stacks = call_stacks(profile)
    assert stacks.total == depth
    assert stacks.nodes[-1].frame.name == DEEPER
    assert len(stacks.nodes) == DEEPEST + 1
    for form in ("collapsed", "flamegraph", "speedscope", "callgrind", "pprof"):
        assert len(render_bytes(profile, form)) < 5_000_000


def test_what_was_not_seen_cannot_be_exported() -> None:
    with pytest.raises(McusimError, match=r"--show heap: memory was not tracked in this run"):
        render(make_profile(), "collapsed", options=RenderOptions(show=("heap",)))
    with pytest.raises(McusimError, match=r"collapsed holds one kind of paths: --show one of functions, layers"):
        render(make_profile(), "collapsed", options=RenderOptions(show=("causes",)))
    with pytest.raises(McusimError, match="callgrind is always the whole profile"):
        render(make_profile(), "callgrind", options=RenderOptions(top=3))
    with pytest.raises(McusimError, match="pprof is not text"):
        render(make_profile(), "pprof")


# Collapsed stacks


def collapsed(text: str) -> Counter[tuple[str, ...]]:
    """Read collapsed stacks as flamegraph.pl does: the number behind the last blank."""
    paths: Counter[tuple[str, ...]] = Counter()
    for line in text.splitlines():
        path, _, weight = line.rpartition(" ")
        assert int(weight) > 0
        paths[tuple(path.split(";"))] += int(weight)
    return paths


def test_collapsed_stacks(samples: list[Profile]) -> None:
    for profile in samples:
        for kind in available(profile):
            paths = collapsed(render(profile, "collapsed", options=RenderOptions(show=(kind,))))
            assert sum(paths.values()) == stacks_of(profile, kind).total
    inner = Counter[str]()
    for path, cycles in collapsed(render(samples[0], "collapsed")).items():
        inner[path[-1]] += cycles
    assert inner == {f.name.replace(";", ":"): f.self_cycles for f in samples[0].functions if f.self_cycles}


# Speedscope


def sampled(document: dict[str, Any]) -> list[Counter[str]]:
    """Replay the events as speedscope does; return for each profile the weight of each frame itself."""
    frames = [frame["name"] for frame in document["shared"]["frames"]]
    found = []
    for each in document["profiles"]:
        assert each["type"] == "evented"
        at, open_frames, weights = each["startValue"], [], Counter[str]()
        for event in each["events"]:
            assert event["at"] >= at
            if event["at"] > at:
                weights[frames[open_frames[-1]]] += event["at"] - at
                at = event["at"]
            if event["type"] == "O":
                open_frames.append(event["frame"])
            else:
                assert open_frames.pop() == event["frame"]
        assert not open_frames
        assert at == each["endValue"]
        found.append(weights)
    return found


def test_speedscope(samples: list[Profile]) -> None:
    for profile in samples:
        document = json.loads(render(profile, "speedscope"))
        assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
        kinds = available(profile)
        for kind, each, weights in zip(kinds, document["profiles"], sampled(document), strict=True):
            stacks = stacks_of(profile, kind)
            assert each["unit"] == {"cycles": "none", "bytes": "bytes"}[stacks.unit]
            expected = Counter[str]()
            for node in stacks.nodes:
                expected[node.frame.name] += node.weight
            assert weights == +expected


# Flame graphs


def test_flame_graph(samples: list[Profile]) -> None:
    for profile in samples:
        for kind in available(profile):
            text = render(profile, "flamegraph", options=RenderOptions(show=(kind,)))
            root = ElementTree.fromstring(text)
            frames = [each for each in root.iter("{http://www.w3.org/2000/svg}g") if each.get("class") == "f"]
            top = [float(str(frame.get("data-w"))) for frame in frames if frame.get("data-r") == "0"]
            assert 0.99 < sum(top) < 1.0000001
            for frame in frames:
                assert float(str(frame.get("data-x"))) + float(str(frame.get("data-w"))) < 1.0000001
            assert not re.search(r"(?:href|src)=|url\(|@import", text)  # nothing is fetched
    assert "frames too narrow to be seen left out" in render(samples[3], "flamegraph")


def test_a_flame_graph_is_safe_to_open() -> None:
    profile = make_profile()
    profile.functions[1].name = '<script>alert("x")</script>]]>&'
    root = ElementTree.fromstring(render(profile, "flamegraph"))
    assert len(list(root.iter("{http://www.w3.org/2000/svg}script"))) == 1


# Callgrind


@dataclass
class Callgrind:
    """What a callgrind file says: own costs by function, inclusive cycles by (caller, callee)."""

    events: list[str]
    own: dict[str, Counter[str]] = field(default_factory=dict)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    inclusive: Counter[tuple[str, str]] = field(default_factory=Counter)


def read_callgrind(text: str) -> Callgrind:
    """Read the parts of the format that we write, after Valgrind's manual."""
    (events,) = re.findall(r"^events: (.*)$", text, re.MULTILINE)
    found, names = Callgrind(events.split()), dict[str, str]()
    function = callee = ""
    in_call = False
    for line in text.splitlines():
        if match := re.fullmatch(r"(c?fn)=(\(\d+\))(?: (.*))?", line):
            names.setdefault(match[2], match[3])
            if match[1] == "fn":
                function = names[match[2]]
                found.own.setdefault(function, Counter())
            else:
                callee = names[match[2]]
        elif line.startswith("calls="):
            found.calls[function, callee] += int(line[6:].split()[0])
            in_call = True
        elif line.startswith("0x"):
            numbers = [int(number) for number in line.split()[2:]]
            if in_call:
                found.inclusive[function, callee] += numbers[0]
            else:
                found.own[function].update(dict(zip(found.events, numbers, strict=True)))
            in_call = False
    return found


def test_callgrind(samples: list[Profile]) -> None:
    for profile in samples:
        text = render(profile, "callgrind")
        found = read_callgrind(text)
        total = sum(found.own.values(), Counter[str]())
        totals = [profile.totals.cycles, profile.totals.instructions]
        assert [total["Cycles"], total["Instructions"]] == totals
        for cause, cycles in profile.totals.causes.items():
            assert total[cause.replace("-", "_")] == cycles
        for key in ("summary", "totals"):
            (line,) = re.findall(rf"^{key}: (.*)$", text, re.MULTILINE)
            assert [int(number) for number in line.split()] == [total[event] for event in found.events]
        for function in profile.functions:
            assert found.own[function.name]["Cycles"] == function.self_cycles
            assert found.own[function.name]["Instructions"] == function.instructions
            assert sum(calls for (_, to), calls in found.calls.items() if to == function.name) == function.calls
        roots = {caller for caller, _ in found.inclusive if caller.startswith("[")}
        assert sum(found.inclusive[pair] for pair in found.inclusive if pair[0] in roots) == profile.totals.cycles


def test_recursion_counts_once_in_callgrind(samples: list[Profile]) -> None:
    found = read_callgrind(render(samples[3], "callgrind"))
    (sort,) = [function for function in samples[3].functions if function.name == "sort"]
    assert found.calls["sort", "sort"] > 10
    assert found.inclusive["sort", "sort"] <= sort.total_cycles


def recursive(profile: Profile) -> set[str]:
    """Return the functions that are called within themselves."""
    above: list[set[int]] = []
    found = set()
    for node in profile.tree:
        before = above[node.parent] if node.parent >= 0 else set()
        if node.function in before:
            found.add(profile.functions[node.function].name)
        above.append(before | {node.function})
    return found


@pytest.mark.valgrind
def test_callgrind_annotate_reads_it(samples: list[Profile], tmp_path: Path) -> None:
    for number, profile in enumerate(samples):
        path = tmp_path / f"callgrind.out.{number}"
        path.write_text(render(profile, "callgrind"))
        command = ["callgrind_annotate", "--auto=no", "--threshold=100", "--inclusive=yes", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        assert re.search(rf"^\s*{profile.totals.cycles:,} \(100.0%\).* PROGRAM TOTALS$", done.stdout, re.MULTILINE)
        for function in profile.functions:
            wanted = rf"^\s*{function.total_cycles:,} .*:{re.escape(function.name)}(?: \[.*\])?$"
            if function.total_cycles and function.name not in recursive(profile):
                assert re.search(wanted, done.stdout, re.MULTILINE), function.name


# Lcov


def read_lcov(text: str) -> dict[str, dict[str, list[list[str]]]]:
    """Return for each file what it says under each keyword, with its fields apart."""
    files: dict[str, dict[str, list[list[str]]]] = {}
    for record in text.split("end_of_record\n")[:-1]:
        fields: dict[str, list[list[str]]] = {key: [] for key in ("FN", "FNDA", "BRDA", "DA")}
        for line in record.splitlines():
            key, _, rest = line.partition(":")
            fields.setdefault(key, []).append(rest.split(","))
        (name,) = fields["SF"]
        files[",".join(name)] = fields
    return files


def test_coverage_agrees_with_the_counts(samples: list[Profile]) -> None:
    for profile in (samples[0], *samples[2:]):
        files = read_lcov(render(profile, "lcov"))
        ran: dict[tuple[str, int], int] = {}
        for each in profile.instructions:
            if each.file is not None and each.line:
                ran[each.file, each.line] = max(each.count, ran.get((each.file, each.line), 0))
        counted = {(file, int(line)): int(count) for file in files for line, count in files[file]["DA"]}
        assert {place: count for place, count in counted.items() if count} == ran
        assert len(counted) > len(ran)  # something never ran
        for fields in files.values():
            for found, hit, key in (("LF", "LH", "DA"), ("FNF", "FNH", "FNDA"), ("BRF", "BRH", "BRDA")):
                counts = [each[{"DA": 1, "FNDA": 0, "BRDA": 3}[key]] for each in fields[key]]
                assert fields[found] == [[str(len(counts))]]
                assert fields[hit] == [[str(sum(int(count) > 0 for count in counts))]]


def test_coverage_of_functions(samples: list[Profile]) -> None:
    files = read_lcov(render(samples[3], "lcov"))
    calls = {name: int(count) for fields in files.values() for count, name in fields["FNDA"]}
    for function in samples[3].functions:
        if function.name in calls and function.calls:
            assert calls[function.name] == function.calls
    assert [name for name, count in calls.items() if not count]  # a function that never ran


def test_both_ways_of_a_branch_are_its_instruction(samples: list[Profile]) -> None:
    for profile in samples[2:]:
        assert profile.code is not None
        counts = {each.address: each.count for each in profile.instructions}
        assert len(profile.code.branches) > 10
        for branch in profile.code.branches:
            assert branch.taken + branch.not_taken == counts[branch.address]


@pytest.mark.lcov
def test_lcov_and_genhtml_read_it(samples: list[Profile], tmp_path: Path) -> None:
    profile = samples[3]
    path = tmp_path / "coverage.info"
    path.write_text(render(profile, "lcov"))
    files = read_lcov(path.read_text())
    command = ["lcov", "--rc", "lcov_branch_coverage=1", "--summary", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for key, word in (("L", "lines"), ("FN", "functions"), ("BR", "branches")):
        hit, found = (sum(int(fields[key + end][0][0]) for fields in files.values()) for end in "HF")
        assert re.search(rf"{word}\.+: [\d.]+% \({hit} of {found} {word}\)", done.stdout + done.stderr)
    command = ["genhtml", "--branch-coverage", "--output-directory", str(tmp_path / "html"), str(path)]
    done = subprocess.run(command, cwd=ROOT / "examples" / "two_tasks", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "sort" in next((tmp_path / "html").rglob("main.c.gcov.html")).read_text()


# Pprof

# google/pprof's profile.proto, as far as we write it: message -> number: (name, type, repeated).
_PROTO: dict[str, dict[int, tuple[str, str, bool]]] = {
    "ValueType": {1: ("type", "int64", False), 2: ("unit", "int64", False)},
    "Sample": {1: ("location_id", "uint64", True), 2: ("value", "int64", True)},
    "Mapping": {1: ("id", "uint64", False), 2: ("memory_start", "uint64", False), 3: ("memory_limit", "uint64", False),
                4: ("file_offset", "uint64", False), 5: ("filename", "int64", False), 6: ("build_id", "int64", False),
                7: ("has_functions", "bool", False), 8: ("has_filenames", "bool", False),
                9: ("has_line_numbers", "bool", False), 10: ("has_inline_frames", "bool", False)},
    "Line": {1: ("function_id", "uint64", False), 2: ("line", "int64", False)},
    "Location": {1: ("id", "uint64", False), 2: ("mapping_id", "uint64", False), 3: ("address", "uint64", False),
                 4: ("line", "Line", True), 5: ("is_folded", "bool", False)},
    "Function": {1: ("id", "uint64", False), 2: ("name", "int64", False), 3: ("system_name", "int64", False),
                 4: ("filename", "int64", False), 5: ("start_line", "int64", False)},
    "Profile": {1: ("sample_type", "ValueType", True), 2: ("sample", "Sample", True), 3: ("mapping", "Mapping", True),
                4: ("location", "Location", True), 5: ("function", "Function", True),
                6: ("string_table", "string", True),
                7: ("drop_frames", "int64", False), 8: ("keep_frames", "int64", False),
                9: ("time_nanos", "int64", False), 10: ("duration_nanos", "int64", False),
                11: ("period_type", "ValueType", False), 12: ("period", "int64", False),
                13: ("comment", "int64", True), 14: ("default_sample_type", "int64", False)},
}  # fmt: skip


def pprof_message() -> Any:
    """Return the class `Profile` of Google's library, made from the table above."""
    file = descriptor_pb2.FileDescriptorProto(name="profile.proto", package="perftools", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    for message, fields in _PROTO.items():
        entry = file.message_type.add(name=message)
        for number, (name, kind, repeated) in fields.items():
            label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            added = entry.field.add(name=name, number=number, label=label)
            if kind in _PROTO:
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".perftools.{kind}"
            else:
                added.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("perftools.Profile"))


PPROF = pprof_message()


def read_pprof(data: bytes) -> tuple[Any, dict[str, Counter[tuple[str, ...]]]]:
    """Return the message, and for each type of sample the values by path, outermost first; every index must hold."""
    message = PPROF.FromString(zlib.decompress(data, 31))
    assert not len(unknown_fields.UnknownFieldSet(message))
    strings = list(message.string_table)
    assert strings[0] == ""
    functions = {function.id: strings[function.name] for function in message.function}
    (mapping,) = message.mapping
    locations = {}
    for location in message.location:
        assert location.mapping_id == mapping.id
        assert location.address < mapping.memory_limit
        (line,) = location.line
        locations[location.id] = functions[line.function_id]
    types = [strings[each.type] for each in message.sample_type]
    found: dict[str, Counter[tuple[str, ...]]] = {name: Counter() for name in types}
    for sample in message.sample:
        path = tuple(locations[location] for location in reversed(sample.location_id))
        for name, value in zip(types, sample.value, strict=True):
            if value:
                found[name][path] += value
    return message, found


def test_pprof(samples: list[Profile]) -> None:
    for profile in samples:
        message, found = read_pprof(render_bytes(profile, "pprof"))
        assert message.string_table[message.default_sample_type] == "cycles"
        assert message.duration_nanos == round(profile.totals.time_s * 1e9)
        paths = collapsed(render(profile, "collapsed"))
        assert {
            tuple(name.replace(";", ":") for name in path): cycles for path, cycles in found["cycles"].items()
        } == paths
        assert sum(found["instructions"].values()) == profile.totals.instructions
        lines = Counter({function.name: function.self_cycles for function in profile.functions})
        assert {path[0]: value for path, value in found["line_cycles"].items()} == +lines
        for cause, cycles in profile.totals.causes.items():
            assert sum(found[cause].values()) == cycles
        if "heap" in available(profile):
            assert sum(found["alloc_space"].values()) == weighed(profile, "heap")


@settings(max_examples=100 if LONG else 10)
@given(profiles())
def test_any_profile_is_a_sound_pprof(profile: Profile) -> None:
    """Its names and numbers may be anything: all indices must still point at something."""
    read_pprof(render_bytes(profile, "pprof"))


def test_the_same_profile_gives_the_same_bytes() -> None:
    for form in FORMATS:
        assert render_bytes(make_network_profile(), form) == render_bytes(make_network_profile(), form)


# The command line


def test_a_binary_export_goes_to_a_file_or_a_pipe(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    profile_io.save(make_profile(), tmp_path / "run.json")
    words = ["report", str(tmp_path / "run.json"), "--format", "pprof"]
    assert main([*words, "-o", str(tmp_path / "run.pb.gz")]) == 0
    data = (tmp_path / "run.pb.gz").read_bytes()
    assert data == render_bytes(make_profile(), "pprof")
    capfdbinary.readouterr()
    assert main(words) == 0
    assert capfdbinary.readouterr().out == data
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(words) == 2
    found = capfdbinary.readouterr()
    assert not found.out
    assert found.err == b"mcusim: error: pprof is not text: write it to a file (-o FILE, or > FILE)\n"


def test_the_schema_can_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == f"mcusim profile, schema version {SCHEMA_VERSION}"
