# SPDX-License-Identifier: Apache-2.0
"""JSON: the profile itself, the same bytes that `-o` saves, so that `mcusim report` can read it again."""

from __future__ import annotations

from mcusim.profile import Profile
from mcusim.profile_io import dumps
from mcusim.reports.options import RenderOptions


def render(profile: Profile, options: RenderOptions) -> str:
    """Return the whole profile (`mcusim.reports.check` refused options that would select a part of it)."""
    return dumps(profile).decode()
