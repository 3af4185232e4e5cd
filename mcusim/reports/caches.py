# SPDX-License-Identifier: Apache-2.0
"""What is said of a core's caches: hit rates in the head of the report, misses beside functions, layers and lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from mcusim.profile import Profile
from mcusim.profile_caches import CacheCounts
from mcusim.reports import numbers
from mcusim.reports.table import Cell, Column

_PEOPLE = (
    Column("icache_misses", "I-misses", "count", rank=6, audience="people"),
    Column("dcache_misses", "D-misses", "count", rank=5, audience="people"),
)
_TITLES = {
    "fetches": "fetches of 64 bits",
    "fetch_misses": "lines fetched from memory",
    "reads": "reads",
    "read_misses": "reads that missed",
    "uncached_reads": "reads past the cache",
    "writes": "writes",
    "write_misses": "writes that missed",
    "uncached_writes": "writes past the cache",
}
_DATA = tuple(Column(key, title, "count", audience="data") for key, title in _TITLES.items())


def cache_columns(profile: Profile) -> tuple[Column, ...]:
    """Return the columns of hits and misses; none where the profile has no caches."""
    return _PEOPLE + _DATA if profile.caches is not None else ()


def cache_values(profile: Profile, counts: CacheCounts | None) -> dict[str, Cell]:
    """Return the cells of `cache_columns`, by key."""
    if profile.caches is None:
        return {}
    counts = counts or CacheCounts()
    people = {"icache_misses": counts.fetch_misses, "dcache_misses": counts.read_misses + counts.write_misses}
    return {**people, **vars(counts)}


def counts_at(profile: Profile) -> dict[int, CacheCounts]:
    """Return the counts of instructions, by address."""
    return {row.address: row.counts for row in profile.caches.instructions} if profile.caches is not None else {}


def added(parts: Iterable[CacheCounts | None]) -> CacheCounts:
    """Return the sum of counts."""
    total = CacheCounts()
    for part in parts:
        for field in fields(CacheCounts) if part is not None else ():
            setattr(total, field.name, getattr(total, field.name) + getattr(part, field.name))
    return total


def cache_facts(profile: Profile) -> list[tuple[str, str]]:
    """Return the lines of the report's head: hit rates of the run."""
    if profile.caches is None:
        return []
    counts = profile.caches.totals
    code = _rate(counts.fetches, counts.fetch_misses, "fetches of 64 bits")
    reads = _rate(counts.reads - counts.uncached_reads, counts.read_misses, "reads")
    writes = _rate(counts.writes - counts.uncached_writes, counts.write_misses, "writes")
    data = "; ".join(text for text in (reads, writes) if text)
    uncached = counts.uncached_reads + counts.uncached_writes
    if uncached:
        past = f"{numbers.count(uncached)} accesses past it"
        data = f"{data}; {past}" if data else past
    return [(key, text) for key, text in (("I-cache", code), ("D-cache", data)) if text]


def _rate(accesses: int, misses: int, what: str) -> str:
    """Return how many accesses hit: '99.87 % of 5,120 reads hit, 7 missed'; '' where there were none."""
    if accesses <= 0:
        return ""
    hit = f"{100 * (1 - misses / accesses):.2f} % of {numbers.count(accesses)} {what} hit"
    return f"{hit}, {numbers.count(misses)} missed" if misses else hit
