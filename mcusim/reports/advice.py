# SPDX-License-Identifier: Apache-2.0
"""The advice of `mcusim.advice` as a table: what, the figure, what to do."""

from __future__ import annotations

from mcusim.advice import advise
from mcusim.profile import Profile
from mcusim.reports.options import RenderOptions
from mcusim.reports.table import Column, Row, Table

_COLUMNS = (
    Column("kind", "kind", "text", audience="data"),
    Column("title", "about", "text", audience="people"),
    Column("share_percent", "share", "percent", audience="data"),
    Column("evidence", "evidence", "text", audience="data"),
    Column("action", "what to do", "text", audience="data"),
    Column("words", "evidence, and what to do", "text", audience="people", flexible=True, wrap=True),
)


def advice_table(profile: Profile, options: RenderOptions, *, audience: str) -> Table:
    """Return one row for each piece of advice."""
    rows = [
        Row((each.kind, each.title, each.share_percent, each.evidence, each.action, f"{each.evidence}: {each.action}"))
        for each in advise(profile)
    ]
    return Table("Advice: where to look first", _COLUMNS, rows, "" if rows else "Nothing stands out.").only(audience)
