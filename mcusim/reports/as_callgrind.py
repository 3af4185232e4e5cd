# SPDX-License-Identifier: Apache-2.0
"""Callgrind: cycles, instructions and causes by function, line and address, for KCachegrind and callgrind_annotate.

The layout is that of Valgrind's manual, "Callgrind Format Specification". Own costs carry all events. A call carries
cycles alone, since the run counts them, and nothing else, along the call tree: inclusive figures of other events are
those of the function itself. Which instruction called is not counted either: calls stand at the caller's first line.
Reset, all handlers and each task are callers of their own, named in brackets.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from mcusim.profile import InstructionCost, Profile
from mcusim.reports.functions import causes_in_order
from mcusim.reports.numbers import printable
from mcusim.reports.options import RenderOptions
from mcusim.reports.stacks import Frame, Stacks, call_stacks, function_frames

_UNKNOWN_FILE = "???"  # callgrind_annotate's own word


@dataclass
class _Arc:
    calls: int = 0
    cycles: int = 0


@dataclass
class _Names:
    """Names in the compressed form: '(3) main' the first time, '(3)' afterwards."""

    numbers: dict[str, int] = field(default_factory=dict)

    def __call__(self, name: str) -> str:
        if name in self.numbers:
            return f"({self.numbers[name]})"
        self.numbers[name] = len(self.numbers) + 1
        return f"({self.numbers[name]}) {name}"


def render(profile: Profile, options: RenderOptions) -> str:
    """Return the profile in the format of Callgrind."""
    causes = causes_in_order(profile)
    totals = profile.totals
    summary = [totals.cycles, totals.instructions, *(totals.causes.get(cause, 0) for cause in causes)]
    stacks = call_stacks(profile)
    lines = [*_head(profile, causes), f"summary: {_numbers(summary)}", "", f"ob=(1) {_word(profile.image.name)}"]
    files, names = _Names(), _Names()
    arcs = _arcs(stacks)
    for node in stacks.nodes:
        if node.parent < 0:
            lines += [f"fl={files(_UNKNOWN_FILE)}", f"fn={names(_word(node.frame.name))}"]
            lines += _calls(profile, node.frame, arcs, files, names)
    instructions: dict[int, list[InstructionCost]] = defaultdict(list)
    for each in profile.instructions:
        instructions[each.function].append(each)
    for frame in function_frames(profile):
        lines += [f"fl={files(_file(frame.file))}", f"fn={names(_word(frame.name))}"]
        lines += _own(profile, frame, instructions[frame.function], causes, files)
        lines += _calls(profile, frame, arcs, files, names)
    return "\n".join([*lines, "", f"totals: {_numbers(summary)}"]) + "\n"


def _head(profile: Profile, causes: list[str]) -> list[str]:
    events = {_event(cause): profile.cause_titles.get(cause, cause) for cause in causes}
    return [
        "# callgrind format",
        "version: 1",
        f"creator: {_word(profile.tool)}",
        f"cmd: {_word(profile.image.name)}",
        f"desc: Board: {_word(profile.board.name)}",
        f"desc: Accuracy: {_word(profile.accuracy.text)}",
        "desc: Calls: carry cycles alone, and stand at the first line of the caller",
        # not `event:` lines, which the format has for that: callgrind_annotate warns of them
        *(f"desc: {event}: {_word(title)}" for event, title in events.items()),
        "positions: instr line",
        f"events: {' '.join(['Cycles', 'Instructions', *events])}",
    ]


def _event(cause: str) -> str:
    """Return a cause as the name of an event: letters, digits and underscores."""
    return re.sub(r"\W", "_", cause, flags=re.ASCII)


def _word(text: str) -> str:
    return printable(text).strip() or "?"


def _file(file: str | None) -> str:
    return _word(file) if file is not None else _UNKNOWN_FILE


def _numbers(values: list[int]) -> str:
    return " ".join(map(str, values))


def _arcs(stacks: Stacks) -> dict[str, dict[Frame, _Arc]]:
    """Return caller -> callee -> calls and inclusive cycles; of a call inside itself only the outermost counts."""
    arcs: dict[str, dict[Frame, _Arc]] = defaultdict(dict)
    wholes = stacks.wholes()
    inside: dict[tuple[str, str], int] = defaultdict(int)
    for index, down in stacks.walk():
        node = stacks.nodes[index]
        if node.parent < 0:
            continue
        caller = stacks.nodes[node.parent].frame.name
        pair = (caller, node.frame.name)
        if not down:
            inside[pair] -= 1
            continue
        arc = arcs[caller].setdefault(node.frame, _Arc())
        arc.calls += node.count
        arc.cycles += 0 if inside[pair] else wholes[index]
        inside[pair] += 1
    return arcs


def _own(
    profile: Profile, frame: Frame, instructions: list[InstructionCost], causes: list[str], files: _Names
) -> list[str]:
    """Return the lines of a function's own costs, by address; what belongs to no instruction stands at its start."""
    function = profile.functions[frame.function]
    lines: list[str] = []
    rest = [function.self_cycles, function.instructions, *(function.causes.get(cause, 0) for cause in causes)]
    home = file = _file(frame.file)
    for each in instructions:
        costs = [each.cycles, each.count, *(each.causes.get(cause, 0) for cause in causes)]
        rest = [left - cost for left, cost in zip(rest, costs, strict=True)]
        if _file(each.file) != file:
            file = _file(each.file)
            lines.append(f"{'fe' if file == home else 'fi'}={files(file)}")
        lines.append(f"0x{each.address:x} {each.line or 0} {_numbers(costs)}")
    if file != home:
        lines.append(f"fe={files(home)}")
    if any(rest):
        lines.append(f"0x{function.address:x} 0 {_numbers(rest)}")
    return lines


def _calls(
    profile: Profile, caller: Frame, arcs: dict[str, dict[Frame, _Arc]], files: _Names, names: _Names
) -> list[str]:
    """Return the lines of the calls that a function makes."""
    lines = []
    for callee, arc in arcs.get(caller.name, {}).items():
        lines += [
            f"cfi={files(_file(callee.file))}",
            f"cfn={names(_word(callee.name))}",
            f"calls={arc.calls} 0x{_address(profile, callee):x} {callee.line or 0}",
            f"0x{_address(profile, caller):x} {caller.line or 0} {arc.cycles}",
        ]
    return lines


def _address(profile: Profile, frame: Frame) -> int:
    return profile.functions[frame.function].address if frame.function >= 0 else 0
