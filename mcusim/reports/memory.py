# SPDX-License-Identifier: Apache-2.0
"""What is said of SRAM: the budget, what was live at the peak, and who reserved which bytes."""

from __future__ import annotations

from collections.abc import Sequence

from mcusim.profile import Profile
from mcusim.profile_memory import Buffer, MemoryProfile
from mcusim.reports import numbers
from mcusim.reports.layer_names import Labels, chosen_activations
from mcusim.reports.options import DEFAULT_PEAK_ROWS, DEFAULT_TOP, RenderOptions
from mcusim.reports.table import Cell, Column, Row, Table

_BUFFERS = (
    Column("bytes", "bytes", "count"),
    Column("zone", "zone", "text"),
    Column("owner", "reserved by", "text", flexible=True, least=14),
    Column("start", "from", "address", rank=3),
    Column("end", "up to", "address", rank=4),
    Column("first_cycles", "from cycle", "count", rank=5),
    Column("last_cycles", "up to cycle", "count", rank=6),
    Column("writer", "written by", "text", rank=1),
    Column("reader", "last read by", "text", rank=2),
)
_PEAK = (
    Column("live_bytes", "live", "count"),
    Column("bytes", "of bytes", "count", rank=5),
    *_BUFFERS[1:],
)
_ARENAS = (
    Column("size_bytes", "reserved", "count"),
    Column("used_bytes", "used up to", "count"),
    Column("lived_bytes", "ever live", "count"),
    Column("gap_bytes", "largest gap", "count", rank=2),
    Column("live_peak_bytes", "live peak", "count"),
    Column("spare_bytes", "reserved in vain", "count", rank=2),
    Column("address", "address", "address", rank=1),
    Column("name", "arena", "text", flexible=True),
)
_STATICS = (
    Column("size_bytes", "bytes", "count"),
    Column("used_bytes", "used", "count"),
    Column("percent", "share", "percent", rank=1),
    Column("address", "address", "address", rank=2),
    Column("zone", "zone", "text", rank=3),
    Column("name", "variable", "text", flexible=True),
)
_HEAP = (
    Column("peak_bytes", "at most", "count"),
    Column("allocated_bytes", "in all", "count", rank=1),
    Column("allocations", "allocations", "count", rank=2),
    Column("leaked_bytes", "leaked", "count"),
    Column("leaked_blocks", "blocks", "count", rank=3),
    Column("path", "allocated by", "text", flexible=True, wrap=True),
)
_REGIONS = (
    Column("size_bytes", "bytes", "count"),
    Column("touched_bytes", "touched", "count"),
    Column("read_bytes", "bytes read", "count"),
    Column("written_bytes", "bytes written", "count"),
    Column("start", "address", "address", rank=1),
    Column("kind", "kind", "text", rank=2),
    Column("name", "region", "text", flexible=True),
)
_SCATTERED = 64  # times the live bytes: input that is nearly used up is less
_RUNS = (
    Column("inference", "inference", "count"),
    Column("start_cycles", "from cycle", "count"),
    Column("end_cycles", "up to cycle", "count", rank=4),
    Column("total_cycles", "cycles", "count"),
    Column("self_cycles", "own cycles", "count", rank=3),
    Column("live_peak_bytes", "live peak", "count", rank=1),
    Column("stack_bytes", "stack", "count", rank=2),
    Column("layer", "layer", "text", flexible=True),
)


def memory_facts(profile: Profile) -> list[tuple[str, str]]:
    """Return the lines of the report's head on SRAM as a whole, as (key, text)."""
    memory = profile.memory
    if memory is None:
        return []
    facts = [("SRAM budget", _budget(memory)), ("live peak", _peak(profile, memory))]
    if memory.heap is not None:
        heap = memory.heap
        leaked_bytes = sum(site.leaked_bytes for site in heap.sites)
        leaked = f"; {numbers.count(leaked_bytes)} not freed at the end" if leaked_bytes else ""
        failed = f"; {numbers.things(heap.failed, 'allocation', 'allocations')} failed" if heap.failed else ""
        asked = numbers.things(heap.allocations, "allocation", "allocations")
        facts.append(("heap", f"{numbers.count(heap.peak_bytes)} bytes at most, {asked}{leaked}{failed}"))
    if memory.sanitized:
        count = len(memory.findings)
        facts.append(("sanitizer", numbers.things(count, "finding", "findings") if count else "found nothing"))
    return facts


def _budget(memory: MemoryProfile) -> str:
    budget = memory.budget
    left = budget.left_bytes
    parts = f"{numbers.count(budget.sram_bytes)} bytes - {numbers.count(budget.statics_bytes)} statics - "
    parts += f"{numbers.count(budget.stack_bytes)} stacks - {numbers.count(budget.heap_bytes)} heap = "
    text = parts + (f"{numbers.count(left)} left" if left >= 0 else f"{numbers.count(-left)} too many")
    return f"{text}, in {budget.memories} memories" if budget.memories > 1 else text


def _peak(profile: Profile, memory: MemoryProfile) -> str:
    """Return the live peak, which every plan needs, beside what this one reserves."""
    budget = memory.budget
    reserved_bytes = budget.statics_bytes + budget.stack_bytes + budget.heap_bytes
    where = _peak_place(profile, memory)
    text = f"{numbers.count(memory.peak_bytes)} bytes live at most{where}; reserved {numbers.count(reserved_bytes)}"
    spare_bytes = reserved_bytes - memory.peak_bytes
    return (
        f"{text}: at least {numbers.count(spare_bytes)} more than were ever live at once" if spare_bytes > 0 else text
    )


def _peak_place(profile: Profile, memory: MemoryProfile) -> str:
    if memory.peak < 0:
        return ""
    cycle = numbers.count(memory.timeline.start_cycles[memory.peak])
    activation = memory.timeline.activation[memory.peak]
    name = Labels(profile.layers).activation(activation)
    place = f"in layer {name}, " if activation >= 0 else f"{name}, " if name else ""
    return f", {place}from cycle {cycle}"


def peak_table(profile: Profile, options: RenderOptions, *, audience: str) -> Table:
    """Return what was live in the stretch in which most bytes were."""
    memory = _memory(profile)
    title = f"Live at the peak, {numbers.count(memory.peak_bytes)} bytes{_peak_place(profile, memory)}"
    most = _most(options, audience, DEFAULT_PEAK_ROWS)
    shown = memory.peak_buffers[:most] if most else memory.peak_buffers
    labels = Labels(profile.layers)
    people = audience == "people"
    rows = [
        Row((each.live_bytes, None if people and _scattered(each) else each.end - each.start, *_story(each, labels)))
        for each in shown
    ]
    rest = memory.peak_buffers[len(shown) :]
    parts = [_more(len(rest), "row", sum(each.live_bytes for each in rest))]
    brief_bytes = memory.peak_bytes - sum(each.live_bytes for each in memory.peak_buffers)
    if brief_bytes > 0:
        parts.append(f"{numbers.count(brief_bytes)} bytes more lived within the stretch only")
    if people and any(_scattered(each) for each in shown):
        parts.append("'of bytes' is empty, and 'from' and 'up to' are bounds, where the bytes lie scattered")
    return Table(title, _PEAK, rows, "; ".join(filter(None, parts))).only(audience)


def _scattered(buffer: Buffer) -> bool:
    """Return whether a row is of bytes here and there, such as a stack's from its first frame to its last."""
    return buffer.end - buffer.start > _SCATTERED * buffer.live_bytes


def buffers_table(profile: Profile, options: RenderOptions, *, audience: str) -> Table:
    """Return the buffers of arenas, heap and statics, by time."""
    memory = _memory(profile)
    table = _buffers(profile, "Buffers by time", memory.buffers, _most(options, audience, DEFAULT_TOP))
    if not memory.buffers_left_out:
        return table.only(audience)
    lost = f"{numbers.things(memory.buffers_left_out, 'later buffer was', 'later buffers were')} not kept"
    return Table(table.title, table.columns, table.rows, "; ".join(filter(None, [table.remark, lost]))).only(audience)


def _story(buffer: Buffer, labels: Labels) -> tuple[Cell, ...]:
    return (
        buffer.zone, buffer.owner, buffer.start, buffer.end, buffer.first_cycles, buffer.last_cycles,
        labels.activation(buffer.writer), labels.activation(buffer.reader),
    )  # fmt: skip


def _buffers(profile: Profile, title: str, buffers: Sequence[Buffer], most: int) -> Table:
    labels = Labels(profile.layers)
    shown = buffers[:most] if most else buffers
    rows = [Row((each.end - each.start, *_story(each, labels))) for each in shown]
    rest = buffers[len(shown) :]
    return Table(title, _BUFFERS, rows, _more(len(rest), "buffer", sum(each.end - each.start for each in rest)))


def arenas_table(profile: Profile, options: RenderOptions, *, audience: str) -> Table:
    """Return each arena: reserved, used, and live at most, which no plan can do without."""
    rows = [
        Row((arena.size_bytes, arena.used_bytes, arena.lived_bytes, arena.gap_bytes, arena.live_peak_bytes,
             arena.size_bytes - arena.live_peak_bytes, arena.start, arena.name))
        for arena in _memory(profile).arenas
    ]  # fmt: skip
    remark = (
        "used up to: the last byte that was ever live; largest gap: of bytes in a row that never were; a plan needs "
    )
    remark += "no less than the live peak, alignment apart"
    return Table("Arenas", _ARENAS, rows, remark).only(audience)


def statics_table(profile: Profile, options: RenderOptions, *, audience: str) -> Table:
    """Return the variables, the largest first; the share is of all statics."""
    statics = sorted(_memory(profile).statics, key=lambda each: (-each.size_bytes, each.address))
    whole_bytes = sum(each.size_bytes for each in statics)
    most = _most(options, audience, DEFAULT_TOP)
    shown = statics[:most] if most else statics
    rows = [
        Row((each.size_bytes, each.used_bytes, numbers.share_percent(each.size_bytes, whole_bytes), each.address,
             each.zone, each.name))
        for each in shown
    ]  # fmt: skip
    rest = statics[len(shown) :]
    remark = _more(len(rest), "variable", sum(each.size_bytes for each in rest))
    return Table("Statics by size", _STATICS, rows, remark).only(audience)


def heap_table(profile: Profile, options: RenderOptions, *, audience: str) -> Table:
    """Return who allocated: by paths of calls, those that leak first, then by what was allocated at the same time."""
    heap = _memory(profile).heap
    assert heap is not None
    sites = sorted(heap.sites, key=lambda site: (-site.leaked_bytes, -site.peak_bytes, site.path))
    most = _most(options, audience, DEFAULT_TOP)
    shown = sites[:most] if most else sites
    rows = [
        Row((site.peak_bytes, site.allocated_bytes, site.allocations, site.leaked_bytes, site.leaked_blocks,
             " > ".join(site.path)))
        for site in shown
    ]  # fmt: skip
    parts = [_more(len(sites) - len(shown), "path", sum(site.peak_bytes for site in sites[len(shown) :]))]
    parts.append("leaked: not freed when the run ended")
    if heap.reserved_bytes:
        parts.append(f"_sbrk handed out {numbers.count(heap.reserved_bytes)} bytes")
    return Table("Heap by path of calls", _HEAP, rows, "; ".join(filter(None, parts))).only(audience)


def regions_table(profile: Profile, options: RenderOptions, *, audience: str) -> Table:
    """Return the memories of the board and the traffic with each."""
    rows = [
        Row(
            (each.size_bytes, each.touched_bytes, each.read_bytes, each.written_bytes, each.start, each.kind, each.name)
        )
        for each in _memory(profile).regions
    ]
    return Table("Memories", _REGIONS, rows, "touched: distinct bytes that were read or written").only(audience)


def activations_table(profile: Profile, options: RenderOptions, *, audience: str) -> Table:
    """Return each run of each layer, in the order of their starts."""
    assert profile.layers is not None
    labels = Labels(profile.layers)
    runs = chosen_activations(profile.layers, options.inference)
    most = _most(options, audience, DEFAULT_TOP)
    shown = runs[:most] if most else runs
    rows = [
        Row((run.inference + 1, run.start_cycles, run.end_cycles, run.total_cycles, run.self_cycles,
             run.live_peak_bytes or None, run.stack_bytes, labels.layer(run.layer)))
        for run in shown
    ]  # fmt: skip
    return Table("Runs of layers", _RUNS, rows, _more(len(runs) - len(shown), "run", None)).only(audience)


def _memory(profile: Profile) -> MemoryProfile:
    assert profile.memory is not None
    return profile.memory


def _most(options: RenderOptions, audience: str, default: int) -> int:
    """Return how many rows are shown, 0 for all."""
    if options.top is not None:
        return options.top
    return default if audience == "people" else 0


def _more(count: int, what: str, size_bytes: int | None) -> str:
    """Say what was cut: '12 more buffers, 1,234 bytes (--top 0 shows all)'."""
    if not count:
        return ""
    size = "" if size_bytes is None else f", {numbers.count(size_bytes)} bytes"
    return f"{numbers.things(count, f'more {what}', f'more {what}s')}{size} (--top 0 shows all)"
