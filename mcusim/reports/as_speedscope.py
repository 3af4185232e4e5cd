# SPDX-License-Identifier: Apache-2.0
"""Speedscope (https://www.speedscope.app): calls by cycles, and each other kind of paths as a profile of its own.

The layout is that of speedscope's `file-format-spec.ts`: frames shared by all profiles, and for each profile events
that open and close them at a position, which is not time but the weight up to there.
"""

from __future__ import annotations

import json

from mcusim.profile import Profile
from mcusim.reports.numbers import printable
from mcusim.reports.options import RenderOptions
from mcusim.reports.stacks import Frame, Stacks, available, stacks_of

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"
_UNITS = {"cycles": "none", "bytes": "bytes"}  # speedscope knows no cycles


def render(profile: Profile, options: RenderOptions) -> str:
    """Return the profile as JSON for speedscope."""
    numbers: dict[Frame, int] = {}
    profiles = [_evented(stacks_of(profile, kind), numbers) for kind in available(profile)]
    document = {
        "$schema": _SCHEMA,
        "name": printable(f"{profile.image.name} on {profile.board.name}"),
        "exporter": printable(profile.tool),
        "activeProfileIndex": 0,
        "shared": {"frames": [_frame(frame) for frame in numbers]},
        "profiles": profiles,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


def _frame(frame: Frame) -> dict[str, object]:
    place = {"file": frame.file, "line": frame.line}
    return {"name": frame.name, **{key: value for key, value in place.items() if value is not None}}


def _evented(stacks: Stacks, numbers: dict[Frame, int]) -> dict[str, object]:
    """Return one profile: a frame's own weight first, then those below it."""
    events: list[dict[str, object]] = []
    at = 0
    for index, down in stacks.walk():
        node = stacks.nodes[index]
        number = numbers.setdefault(node.frame, len(numbers))
        events.append({"type": "O" if down else "C", "frame": number, "at": at})
        at += node.weight if down else 0
    return {
        "type": "evented",
        "name": stacks.title,
        "unit": _UNITS[stacks.unit],
        "startValue": 0,
        "endValue": at,
        "events": events,
    }
