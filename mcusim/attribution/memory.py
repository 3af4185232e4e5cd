# SPDX-License-Identifier: Apache-2.0
"""Memory of a profile: bytes by region, layer and owner, over time; from what the tracking of accesses has left."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from mcusim.access_trace import AccessTrace
from mcusim.attribution.buffers import Owners, buffers_at, find_buffers
from mcusim.attribution.findings import find as find_findings
from mcusim.attribution.flash import FlashUse
from mcusim.attribution.heap import attribute_heap
from mcusim.attribution.layers import PERIPHERALS
from mcusim.board import PERIPHERAL_SPACE
from mcusim.profile_memory import (
    ZONES,
    Activation,
    Arena,
    Budget,
    Buffer,
    Layers,
    MemoryProfile,
    RegionUse,
    Static,
    Timeline,
)
from mcusim.trace import Trace

MOST_BUFFERS = 20_000  # in a profile: the largest are kept
RAM_KINDS = ("sram", "tcm")
ARENA = ZONES.index("arena")


def attribute_memory(trace: Trace, layers: Layers | None, flash: FlashUse) -> MemoryProfile | None:
    """Return what memory was used for; None where it was not tracked. Fills in the live peaks of activations."""
    access = trace.access
    if access is None:
        return None
    live = access.live.sum(axis=0)
    if layers is not None:
        _fill_live_peaks(layers.activations, access, live)
    peak = int(live.argmax()) if len(live) and live.max() > 0 else -1
    owners = Owners(trace)
    buffers = find_buffers(access, owners, trace.clock_cycles)
    kept = sorted(buffers, key=lambda buffer: buffer.start - buffer.end)[:MOST_BUFFERS]
    starts = access.stretches["start_cycles"]
    lengths = np.diff(np.append(starts, trace.clock_cycles))
    return MemoryProfile(
        regions=list(_regions(trace, access)), timeline=_timeline(access, live),
        resolution_cycles=int(lengths.max()) if len(lengths) else 0, peak=peak,
        peak_bytes=int(live[peak]) if peak >= 0 else 0,
        peak_buffers=buffers_at(access, owners, peak, trace.clock_cycles) if peak >= 0 else [],
        buffers=sorted(kept, key=_by_time), buffers_left_out=len(buffers) - len(kept),
        arenas=list(_arenas(trace, access, buffers)), statics=list(_statics(trace, access)),
        heap=attribute_heap(trace) if trace.heap is not None else None,
        budget=_budget(trace), flash_symbols=flash.symbols(), sanitized=trace.sanitized,
        findings=find_findings(trace, layers, owners),
    )  # fmt: skip


def _by_time(buffer: Buffer) -> tuple[int, int, int, int]:
    return buffer.first_cycles, buffer.start, buffer.end, buffer.last_cycles


def _fill_live_peaks(activations: list[Activation], access: AccessTrace, live: npt.NDArray[np.int64]) -> None:
    peaks = np.zeros(len(activations) + 1, np.int64)
    np.maximum.at(peaks, access.stretches["activation"], live)  # the last element is for -1
    for number in range(len(activations) - 1, -1, -1):  # nested ones come after those that hold them
        row = activations[number]
        row.live_peak_bytes = int(peaks[number])
        if row.parent >= 0:
            peaks[row.parent] = max(peaks[row.parent], peaks[number])


def _timeline(access: AccessTrace, live: npt.NDArray[np.int64]) -> Timeline:
    rows = access.stretches
    return Timeline(
        start_cycles=rows["start_cycles"].tolist(), activation=rows["activation"].tolist(), live_bytes=live.tolist(),
        end_live_bytes=access.end_live.tolist(), stack_bytes=rows["stack_bytes"].tolist(),
        heap_bytes=rows["heap_bytes"].tolist(),
        live_by_zone={zone: access.live[index].tolist() for index, zone in enumerate(ZONES)},
    )  # fmt: skip


def _regions(trace: Trace, access: AccessTrace) -> Iterable[RegionUse]:
    for index, region in enumerate(trace.board.region):
        touched, sets = access.touched[index], access.flash_sets[index]
        used = int(touched.sum()) if touched is not None else int((sets != 0).sum()) if sets is not None else 0
        read, written = (int(value) for value in access.traffic[index])
        if used or read or written or region.kind in (*RAM_KINDS, "flash"):
            yield RegionUse(region.name, region.kind, region.start, region.size_bytes, read, written, used)
    read, written = (int(value) for value in access.traffic[-1])
    if read or written:
        start, end = PERIPHERAL_SPACE.start, PERIPHERAL_SPACE.stop
        yield RegionUse(PERIPHERALS, "device", start, end - start, read, written, 0)


def _lived(trace: Trace, access: AccessTrace, start: int, end: int) -> npt.NDArray[np.bool_] | None:
    """Return which bytes of a range of SRAM were live once, or written by a layer; None outside SRAM.

    Zeros that start-up code writes and nobody reads are no use of a variable.
    """
    found, inside = np.zeros(end - start, np.bool_), False
    for region, lived in zip(trace.board.region, access.lived, strict=True):
        for low, high in region.ranges if lived is not None else ():
            first, last = max(start, low), min(end, high)
            if lived is not None and first < last:
                found[first - start : last - start] = lived[first - low : last - low]
                inside = True
    return found if inside else None


def _arenas(trace: Trace, access: AccessTrace, buffers: list[Buffer]) -> Iterable[Arena]:
    lived = {symbol.name: _lived(trace, access, symbol.address, symbol.end) for symbol in trace.arenas}
    used = {name: np.flatnonzero(bytes_) for name, bytes_ in lived.items() if bytes_ is not None}
    whole = int(access.live[ARENA].max(initial=0))
    for symbol in trace.arenas:
        if symbol.name not in used:
            continue
        last = used[symbol.name]
        peak = whole if len(last) else 0
        if sum(len(each) > 0 for each in used.values()) > 1:
            # Live bytes are counted for all arenas together; of one of several this is a bound, by whole buffers.
            peak = min(whole, _peak([each for each in buffers if symbol.address <= each.start < symbol.end]))
        gap = int(np.diff(last, prepend=-1, append=symbol.size_bytes).max()) - 1
        reach = int(last[-1]) + 1 if len(last) else 0
        yield Arena(symbol.name, symbol.address, symbol.size_bytes, reach, peak, len(last), gap)


def _peak(buffers: list[Buffer]) -> int:
    """Return the most bytes that lived at one time."""
    changes: list[tuple[int, int]] = []
    for buffer in buffers:
        size = buffer.end - buffer.start
        changes += [(buffer.first_cycles, size), (buffer.last_cycles, -size)]
    now = most = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def _statics(trace: Trace, access: AccessTrace) -> Iterable[Static]:
    """Yield the variables, and what sections reserve beside them."""
    in_arenas = {symbol.address for symbol in trace.arenas}
    for section in trace.image.sections:
        if not section.sram_bytes or section.kind not in ("data", "bss"):
            continue
        at, end = section.run_address, section.run_address + section.size_bytes
        for symbol in trace.image.symbols:
            if symbol.kind != "object" or not at <= symbol.address < end:
                continue
            if symbol.address > at:
                yield from _static(trace, access, f"({section.name})", at, symbol.address, "statics")
            zone = "arena" if symbol.address in in_arenas else "statics"
            yield from _static(trace, access, symbol.name, symbol.address, min(symbol.end, end), zone)
            at = max(at, symbol.end)
        if at < end:
            yield from _static(trace, access, f"({section.name})", at, end, "statics")


def _static(trace: Trace, access: AccessTrace, name: str, start: int, end: int, zone: str) -> Iterable[Static]:
    lived = _lived(trace, access, start, end)
    if lived is not None and end > start:
        yield Static(name, start, end - start, zone, int(lived.sum()))


def _budget(trace: Trace) -> Budget:
    """Return what is reserved. Stacks and heaps that are variables are among the statics already."""
    sram = sum(region.size_bytes for region in trace.board.region if region.kind in RAM_KINDS)
    ranges = [
        (section.run_address, section.run_address + section.size_bytes)
        for section in trace.image.sections
        if section.sram_bytes
    ]
    statics = sum(section.sram_bytes for section in trace.image.sections if section.kind != "stack")

    def is_static(address: int) -> bool:
        return any(start <= address < end for start, end in ranges)

    stacks = sum(use.top - use.low for use in trace.stacks if not is_static(use.top - 1))
    heap = 0
    if trace.heap is not None:
        first = min((block.address for block in trace.heap.blocks), default=0)
        reserved = trace.heap.reserved_end - trace.heap.reserved_start
        if reserved and not is_static(trace.heap.reserved_start):
            heap = reserved
        elif not reserved and not is_static(first):
            heap = trace.heap.peak_bytes
    memories = sum(region.kind in RAM_KINDS for region in trace.board.region)
    return Budget(sram, statics, stacks, heap, memories)
