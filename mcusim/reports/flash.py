# SPDX-License-Identifier: Apache-2.0
"""What is said of flash: which bytes were executed or read, by how many layers, and which never were."""

from __future__ import annotations

from mcusim.profile import Profile
from mcusim.profile_memory import FlashSymbol, MemoryProfile
from mcusim.reports import numbers
from mcusim.reports.layer_names import Labels
from mcusim.reports.options import DEFAULT_TOP, RenderOptions
from mcusim.reports.table import Column, Row, Table

_KINDS = (
    Column("bytes", "bytes", "count"),
    Column("percent", "share", "percent"),
    Column("bar", "", "bar", audience="people", rank=1),
    Column("what", "what", "text", flexible=True),
)
_SYMBOLS = (
    Column("size_bytes", "bytes", "count"),
    Column("used_bytes", "used", "count"),
    Column("address", "address", "address", rank=2),
    Column("kind", "kind", "text", rank=1),
    Column("layers", "layers", "text", rank=3),
    Column("name", "function or constant", "text", flexible=True),
)
_CODE = "code that was executed"
_DEAD_CODE = "code that never was"
_WEIGHTS = "constants that one layer read: its weights"
_TABLES = "constants that several layers read: tables"
_OTHERS = "constants that were read outside of layers"
_READ = "constants that were read"
_DEAD = "constants that never were"
_REST = "of no function or constant"


def flash_table(profile: Profile, options: RenderOptions, *, audience: str) -> Table:
    """Return the image's bytes by what they were used for."""
    memory = _memory(profile)
    counted = dict.fromkeys((_CODE, _DEAD_CODE, _WEIGHTS, _TABLES, _OTHERS, _READ, _DEAD), 0)
    for symbol in memory.flash_symbols:
        used, unused = _purposes(symbol, layered=profile.layers is not None)
        counted[used] += symbol.used_bytes
        counted[unused] += symbol.size_bytes - symbol.used_bytes
    rest_bytes = profile.image.flash_bytes - sum(counted.values())
    counted[_REST] = max(0, rest_bytes)  # names may overlap, in which case nothing is left
    whole_bytes = sum(counted.values())
    rows = []
    for what, size_bytes in counted.items():
        if size_bytes:
            share = numbers.share_percent(size_bytes, whole_bytes)
            rows.append(Row((size_bytes, share, share, what)))
    remark = "of no function or constant: initial values of variables, padding, veneers" if counted[_REST] else ""
    return Table("Flash by use", _KINDS, rows, remark).only(audience)


def _purposes(symbol: FlashSymbol, *, layered: bool) -> tuple[str, str]:
    """Return what the used and the unused bytes of a symbol count as."""
    if symbol.kind == "code":
        return _CODE, _DEAD_CODE
    if not layered:
        return _READ, _DEAD
    return (_OTHERS, _WEIGHTS, _TABLES)[min(2, len(symbol.layers))], _DEAD


def symbols_table(profile: Profile, options: RenderOptions, *, audience: str) -> Table:
    """Return functions and constants, the largest first."""
    labels = Labels(profile.layers)
    symbols = sorted(_memory(profile).flash_symbols, key=lambda each: (-each.size_bytes, each.address))
    top = options.top if options.top is not None else (DEFAULT_TOP if audience == "people" else 0)
    shown = symbols[:top] if top else symbols
    rows = [
        Row((each.size_bytes, each.used_bytes, each.address, each.kind,
             labels.several(each.layers, most=len(each.layers) if audience == "data" else 3), each.name))
        for each in shown
    ]  # fmt: skip
    rest = symbols[len(shown) :]
    remark = "used: executed or read"
    if rest:
        size_bytes = numbers.count(sum(each.size_bytes for each in rest))
        more = numbers.things(len(rest), "more symbol", "more symbols")
        remark = f"{more}, {size_bytes} bytes (--top 0 shows all); {remark}"
    return Table("Functions and constants in flash by size", _SYMBOLS, rows, remark).only(audience)


def _memory(profile: Profile) -> MemoryProfile:
    assert profile.memory is not None
    return profile.memory
