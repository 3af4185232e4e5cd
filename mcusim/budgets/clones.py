# SPDX-License-Identifier: Apache-2.0
"""Functions of which a compiler made clones (`dot.constprop.0`, `dot.part.0`), each as the one function that it was.

Whether GCC clones a function depends on its options and on other functions: a budget is of what was written.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from mcusim.diff.align import clone_base
from mcusim.profile import FunctionCost, Profile


def heads(profile: Profile) -> list[int]:
    """Return the first index of each function and its clones, in the order of the profile."""
    return [group[0] for group in _groups(profile).values()]


def with_clones_summed(profile: Profile) -> Profile:
    """Return a profile in which the first of a function and its clones (`heads`) has what all of them have.

    Its name is that without the clone's suffix. The others stay as they are, so that indices do.
    """
    functions = list(profile.functions)
    for name, group in _groups(profile).items():
        if len(group) > 1:
            functions[group[0]] = _summed(profile, name, group)
        else:
            functions[group[0]] = replace(functions[group[0]], name=name)
    return replace(profile, functions=functions)


def _groups(profile: Profile) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for at, function in enumerate(profile.functions):
        groups[clone_base(function.name)].append(at)
    return groups


def _summed(profile: Profile, name: str, group: list[int]) -> FunctionCost:
    """Return the sum of several functions. `total_cycles` are those below any of them, once where one calls another."""
    members = [profile.functions[at] for at in group]
    total, inside = 0, set()
    for at, node in enumerate(profile.tree):
        if node.function in group or node.parent in inside:
            inside.add(at)
            total += node.self_cycles
    causes: dict[str, int] = defaultdict(int)
    for member in members:
        for cause, cycles in member.causes.items():
            causes[cause] += cycles
    return FunctionCost(
        name, members[0].file, members[0].address, sum(each.size_bytes for each in members),
        sum(each.calls for each in members), sum(each.instructions for each in members),
        sum(each.self_cycles for each in members), total, dict(causes),
    )  # fmt: skip
