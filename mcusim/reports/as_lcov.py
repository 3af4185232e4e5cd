# SPDX-License-Identifier: Apache-2.0
"""Lcov: which lines, functions and branches of the firmware ran, as genhtml and editors read it.

The layout is that of geninfo's manual page. A line ran as often as the instruction of it that ran most. A branch is one
instruction with a condition, and its two outcomes are 'taken' (0) and 'not taken' (1); compiled code decides which of
them is the `if`. Branches in code that never ran are not known, so they are not there.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from mcusim.errors import McusimError
from mcusim.profile import Profile
from mcusim.profile_code import Branch, Code
from mcusim.reports.numbers import printable
from mcusim.reports.options import RenderOptions


@dataclass
class _File:
    """What is said of one file. `lines` has counts by line, `branches` those at each line by address."""

    lines: dict[int, int] = field(default_factory=dict)
    functions: dict[str, tuple[int, int]] = field(default_factory=dict)  # name -> line, calls
    branches: dict[int, list[Branch]] = field(default_factory=lambda: defaultdict(list))


def render(profile: Profile, options: RenderOptions) -> str:
    """Return the coverage. Raises `McusimError` where the profile does not say which code there is."""
    code = profile.code
    if code is None:
        raise McusimError(
            "lcov: the profile has no lines of code: build the firmware with -g, and profile it with this mcusim"
        )
    files = _collect(profile, code)
    lines = ["TN:"]
    for name in sorted(files):
        lines += [f"SF:{printable(name)}", *_record(files[name]), "end_of_record"]
    return "\n".join(lines) + "\n"


def _collect(profile: Profile, code: Code) -> dict[str, _File]:
    files = {file.name: _File(dict.fromkeys(file.lines, 0)) for file in code.files}
    places: dict[int, tuple[str, int]] = {}
    entered = {each.address: each.count for each in profile.instructions}
    for each in profile.instructions:
        if each.file is not None and each.line:
            lines = files.setdefault(each.file, _File()).lines
            lines[each.line] = max(lines.get(each.line, 0), each.count)
            places[each.address] = (each.file, each.line)
    for function in code.functions:
        if function.file is not None and function.line:
            calls = 0
            if function.function >= 0:  # one that was jumped into without a call has run as well
                cost = profile.functions[function.function]
                calls = cost.calls or entered.get(cost.address, 0) or int(cost.instructions > 0)
            names = files.setdefault(function.file, _File()).functions
            line, before = names.get(printable(function.name), (function.line, 0))
            names[printable(function.name)] = (line, before + calls)
    for branch in code.branches:
        if branch.address in places:
            file, line = places[branch.address]
            files[file].branches[line].append(branch)
    return files


def _record(file: _File) -> list[str]:
    """Return the lines of one file's record."""
    names = sorted(file.functions.items(), key=lambda item: (item[1][0], item[0]))
    lines = [f"FN:{line},{name}" for name, (line, _) in names]
    lines += [f"FNDA:{calls},{name}" for name, (_, calls) in names]
    lines += [f"FNF:{len(names)}", f"FNH:{sum(calls > 0 for _, (_, calls) in names)}"]
    outcomes = []
    for line in sorted(file.branches):
        for block, branch in enumerate(file.branches[line]):
            for number, count in enumerate((branch.taken, branch.not_taken)):
                outcomes.append(count)
                lines.append(f"BRDA:{line},{block},{number},{count}")
    lines += [f"BRF:{len(outcomes)}", f"BRH:{sum(count > 0 for count in outcomes)}"]
    lines += [f"DA:{line},{count}" for line, count in sorted(file.lines.items())]
    return [*lines, f"LF:{len(file.lines)}", f"LH:{sum(count > 0 for count in file.lines.values())}"]
