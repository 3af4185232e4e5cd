# SPDX-License-Identifier: Apache-2.0
"""Two call trees as one: each path of calls with its cycles before and after, for a differential flame graph."""

from __future__ import annotations

from dataclasses import dataclass, field

from mcusim.diff.align import align_functions
from mcusim.profile import Profile


@dataclass
class TreeChange:
    """A path of calls: `parent` is an index of an earlier one, -1 for a root.

    `kind` is that of `mcusim.profile.TreeNode`. Pairs are before and after, 0 where the path does not exist there; own
    cycles are without those of what it calls.
    """

    parent: int
    name: str
    kind: str
    own_cycles: tuple[int, int] = (0, 0)
    total_cycles: tuple[int, int] = (0, 0)
    calls: tuple[int, int] = (0, 0)
    width: int = field(default=0)

    @property
    def share(self) -> float:
        """The difference as a part of the larger side: from -1 (gone) over 0 (as before) to 1 (new)."""
        before, after = self.total_cycles
        return (after - before) / max(before, after, 1)


def tree_changes(before: Profile, after: Profile) -> list[TreeChange]:
    """Return both call trees laid over each other, parents first; functions are matched as in `mcusim.diff.align`.

    `width` is what a node takes in a picture in which neither side is hidden: the larger of its own cycles before and
    after, and the widths of what it calls.
    """
    names: list[str] = []
    identities: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for identity, pair in enumerate(align_functions(before, after)):
        for side, at in enumerate(pair):
            if at is not None:
                identities[side][at] = identity
        old, new = pair
        names.append(after.functions[new].name if new is not None else before.functions[old or 0].name)
    changes: list[TreeChange] = []
    known: dict[tuple[int, str, int], int] = {}
    for side, profile in enumerate((before, after)):
        place: list[int] = []
        for node in profile.tree:
            parent = place[node.parent] if node.parent >= 0 else -1
            identity = identities[side][node.function]
            key = (parent, node.kind, identity)
            if key not in known:
                known[key] = len(changes)
                changes.append(TreeChange(parent, names[identity], node.kind))
            at = known[key]
            place.append(at)
            change = changes[at]
            change.own_cycles = _plus(change.own_cycles, side, node.self_cycles)
            change.total_cycles = _plus(change.total_cycles, side, node.total_cycles)
            change.calls = _plus(change.calls, side, node.calls)
    for change in reversed(changes):
        change.width += max(change.own_cycles)
        if change.parent >= 0:
            changes[change.parent].width += change.width
    return changes


def _plus(pair: tuple[int, int], side: int, value: int) -> tuple[int, int]:
    before, after = pair
    return (before + value, after) if side == 0 else (before, after + value)
