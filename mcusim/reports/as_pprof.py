# SPDX-License-Identifier: Apache-2.0
"""Pprof: profile.proto, compressed, for `go tool pprof` and what else reads it.

A sample has a value of each type; the layout is that of google/pprof's `proto/profile.proto`. Two kinds of samples are
in the file, told apart by the types in which they have values:

- `cycles` and `calls` by paths of calls, `alloc_space` and `alloc_objects` by paths of allocations: their frames are
  functions, at the line they begin with;
- `instructions`, `line_cycles` and each cause by instruction: exact to the line, each alone with its function, since
  the run does not count instructions along paths of calls.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from mcusim.profile import Profile
from mcusim.reports import protobuf
from mcusim.reports.functions import causes_in_order
from mcusim.reports.numbers import printable
from mcusim.reports.options import RenderOptions
from mcusim.reports.stacks import Frame, Stacks, available, call_stacks, heap_stacks

_LONGEST_S = 9e9  # that an int64 holds in nanoseconds, 285 years
_GZIP = 31  # zlib's `wbits` for a gzip file; it holds no time


@dataclass
class _Writer:
    """Collects the parts of the file; `strings`, `functions` and `locations` are each written once."""

    profile: Profile
    types: list[tuple[str, str]]
    strings: dict[str, int] = field(default_factory=lambda: {"": 0})
    functions: dict[tuple[str, str], int] = field(default_factory=dict)
    locations: dict[tuple[int, int, int], int] = field(default_factory=dict)  # address, function, line
    samples: list[bytes] = field(default_factory=list)

    def string(self, text: str) -> int:
        return self.strings.setdefault(text, len(self.strings))

    def location(self, name: str, file: str | None, line: int | None, address: int) -> int:
        key = (printable(name), printable(file or ""))
        function = self.functions.setdefault(key, len(self.functions) + 1)
        return self.locations.setdefault((address, function, line or 0), len(self.locations) + 1)

    def frame(self, frame: Frame) -> int:
        address = self.profile.functions[frame.function].address if frame.function >= 0 else 0
        return self.location(frame.name, frame.file, frame.line, address)

    def sample(self, locations: list[int], values: dict[str, int]) -> None:
        """Add a sample, its innermost location first; one without values says nothing."""
        if any(values.values()):
            numbers = [values.get(name, 0) for name, _ in self.types]
            self.samples.append(protobuf.integers(1, locations) + protobuf.integers(2, numbers))

    def paths(self, stacks: Stacks, weight: str, count: str) -> None:
        for index, down in stacks.walk():
            if down:
                node = stacks.nodes[index]
                values = {weight: node.weight, count: node.count}
                self.sample([self.frame(frame) for frame in reversed(stacks.path(index))], values)


def render_bytes(profile: Profile, options: RenderOptions) -> bytes:
    """Return the profile as a compressed profile.proto."""
    causes = causes_in_order(profile)
    has_heap = "heap" in available(profile)
    types = [("calls", "count"), ("cycles", "count")]
    types += [("alloc_objects", "count"), ("alloc_space", "bytes")] if has_heap else []
    types += [("instructions", "count"), ("line_cycles", "count"), *((cause, "count") for cause in causes)]
    writer = _Writer(profile, types)
    writer.paths(call_stacks(profile), "cycles", "calls")
    if has_heap:
        writer.paths(heap_stacks(profile), "alloc_space", "alloc_objects")
    _add_instructions(writer, causes)
    compressor = zlib.compressobj(9, zlib.DEFLATED, _GZIP)
    return compressor.compress(_document(writer)) + compressor.flush()


def _add_instructions(writer: _Writer, causes: list[str]) -> None:
    """Add a sample for each instruction, and one for what a function cost outside of its instructions."""
    profile = writer.profile
    rest = [
        {"instructions": function.instructions, "line_cycles": function.self_cycles, **function.causes}
        for function in profile.functions
    ]
    for each in profile.instructions:
        name = profile.functions[each.function].name
        values = {"instructions": each.count, "line_cycles": each.cycles, **each.causes}
        writer.sample([writer.location(name, each.file, each.line, each.address)], values)
        for key, value in values.items():
            rest[each.function][key] = rest[each.function].get(key, 0) - value
    for function, values in zip(profile.functions, rest, strict=True):
        writer.sample([writer.location(function.name, function.file, None, function.address)], values)


def _document(writer: _Writer) -> bytes:
    """Return the message `Profile`; the numbers of fields are those of profile.proto."""
    profile = writer.profile
    parts = [protobuf.message(1, _value_type(writer, *each)) for each in writer.types]
    parts += [protobuf.message(2, sample) for sample in writer.samples]
    parts.append(protobuf.message(3, _mapping(writer)))
    for (address, function, line), number in writer.locations.items():
        place = protobuf.integer(1, function) + protobuf.integer(2, line)
        body = protobuf.integer(1, number) + protobuf.integer(2, 1) + protobuf.integer(3, address)
        parts.append(protobuf.message(4, body + protobuf.message(4, place)))
    for (name, file), number in writer.functions.items():
        words = [writer.string(name), writer.string(name), writer.string(file)]
        body = protobuf.integer(1, number) + b"".join(protobuf.integer(2 + at, word) for at, word in enumerate(words))
        parts.append(protobuf.message(5, body))
    parts.append(protobuf.integer(10, round(min(profile.totals.time_s, _LONGEST_S) * 1e9)))
    parts.append(protobuf.message(11, _value_type(writer, "cycles", "count")))
    parts.append(protobuf.integer(12, 1))
    comments = [f"{profile.image.name} on {profile.board.name}, {profile.tool}", profile.accuracy.text]
    parts.append(protobuf.integers(13, [writer.string(printable(comment)) for comment in comments]))
    parts.append(protobuf.integer(14, writer.string("cycles")))
    return b"".join(parts) + b"".join(protobuf.text(6, string) for string in writer.strings)


def _value_type(writer: _Writer, name: str, unit: str) -> bytes:
    return protobuf.integer(1, writer.string(name)) + protobuf.integer(2, writer.string(unit))


def _mapping(writer: _Writer) -> bytes:
    """Return the one mapping: the image. All names are there, so that nobody looks for the file."""
    ends = [function.address + function.size_bytes for function in writer.profile.functions]
    ends += [address + 2 for address, _, _ in writer.locations]  # the shortest instruction: not all sizes are known
    body = protobuf.integer(1, 1) + protobuf.integer(3, max(ends, default=0))
    body += protobuf.integer(5, writer.string(printable(writer.profile.image.name)))
    return body + b"".join(protobuf.integer(flag, 1) for flag in (7, 8, 9, 10))
