# SPDX-License-Identifier: Apache-2.0
"""What the sanitizer found: one line for each place, with the layer, the source line and the other party."""

from __future__ import annotations

from mcusim.profile import Profile
from mcusim.profile_memory import Finding
from mcusim.reports import numbers
from mcusim.reports.layer_names import Labels
from mcusim.reports.options import DEFAULT_TOP, RenderOptions
from mcusim.reports.table import Column, Name, Row, Table

_COLUMNS = (
    Column("count", "times", "count"),
    Column("kind", "kind", "text", rank=3),
    Column("address", "data at", "address", rank=1),
    Column("bytes", "bytes", "count", audience="data"),
    Column("pc", "code at", "address", rank=2),
    Column("cycles", "first in cycle", "count", rank=4),
    Column("layer", "layer", "text", rank=1),
    Column("function", "function", "text", audience="data"),
    Column("file", "file", "text", audience="data"),
    Column("line", "line", "count", audience="data"),
    Column("text", "text", "text", audience="data"),
    Column("other", "other", "text", audience="data"),
    Column("words", "what and where", "text", audience="people", flexible=True, wrap=True),
)


def findings_table(profile: Profile, options: RenderOptions, *, audience: str) -> Table:
    """Return the findings in the order in which they were met."""
    assert profile.memory is not None
    labels = Labels(profile.layers)
    findings = profile.memory.findings
    top = options.top if options.top is not None else (DEFAULT_TOP if audience == "people" else 0)
    shown = findings[:top] if top else findings
    rows = [
        Row((
            each.count, each.kind, each.address, each.size_bytes, each.pc, each.cycles, labels.layer(each.layer),
            each.function, each.file, each.line, each.text, each.other, _words(each),
        ))
        for each in shown
    ]  # fmt: skip
    more = len(findings) - len(shown)
    remark = f"{numbers.things(more, 'more finding', 'more findings')} (--top 0 shows all)" if more else ""
    return Table("What the sanitizer found", _COLUMNS, rows, remark).only(audience)


def _words(finding: Finding) -> str:
    """Return the finding as a sentence: 'read of 4 bytes ..., in conv2d (conv2d.c:34); other: ...'."""
    where = Name(finding.function, finding.file).fit()
    if finding.file is not None and finding.line is not None and where.endswith(")"):
        where = f"{where[:-1]}:{finding.line})"
    other = f"; {finding.other}" if finding.other else ""
    return f"{finding.text}, in {where}{other}"
