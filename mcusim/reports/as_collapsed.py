# SPDX-License-Identifier: Apache-2.0
"""Collapsed stacks: a line for each path, 'root;caller;callee 1234', as flamegraph.pl and inferno read them."""

from __future__ import annotations

from mcusim.profile import Profile
from mcusim.reports.options import RenderOptions
from mcusim.reports.stacks import stacks_of


def render(profile: Profile, options: RenderOptions) -> str:
    """Return the calls by cycles, or the kind of paths that --show names, in the order of the tree."""
    stacks = stacks_of(profile, options.show[0] if options.show else "functions")
    lines = []
    for index, down in stacks.walk():
        if down and stacks.nodes[index].weight:
            path = ";".join(_plain(frame.name) for frame in stacks.path(index))
            lines.append(f"{path} {stacks.nodes[index].weight}\n")
    return "".join(lines)


def _plain(name: str) -> str:
    """Return a name without what separates frames."""
    return name.replace(";", ":") or "?"
