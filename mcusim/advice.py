# SPDX-License-Identifier: Apache-2.0
"""What the figures of a run suggest to change: each piece of advice with the figure that it rests on, and none without.

A rule is a function from a profile to pieces of advice; `RULES` lists them in the order of the report. The thresholds
below say from where on a figure is worth a person's time. Nothing here is sure to help: it is where to look first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mcusim.profile import Profile
from mcusim.profile_memory import Buffer, Layer, Layers, MemoryProfile

# A wait that is a fifth of the run is worth a change of the hardware's settings or of where things lie.
WAITS_PERCENT = 20.0
SLOW_FETCH_FROM_SRAM = ("cortex-m3", "cortex-m4")  # over the system bus: `system_fetch_cycles` of the core
# A source of stalls that compiler options or a small edit remove is worth it from a twentieth of the run on.
STALLS_PERCENT = 5.0
# What one layer needs more than every other one: below a tenth, the next layer is the peak after any change.
PEAK_LEAD_PERCENT = 10.0
# What is saved of memory that is reserved for tensors: below a tenth, alignment may eat it.
SPARE_PERCENT = 10.0
# What tensors need as wholes over what is live: half as much again is worth another kernel, and less is not.
WHOLE_PER_LIVE = 1.5
# Layers of one operator differ in cycles per MAC by their shapes, by less than a factor of two in good kernels.
SLOW_FACTOR = 2.0
# Flash that this run never used: libraries come in such pieces that some always is.
UNUSED_PERCENT = 10.0
# A function is named for a cause of stalls if it has a tenth of it: an edit elsewhere changes nothing.
LEAST_OF_CAUSE_PERCENT = 10.0
# Bytes below which nobody rearranges memory or code.
LEAST_BYTES = 1024
# MACs below which overheads of the call decide, and cycles per MAC say nothing of the kernel.
LEAST_MACS = 1000
_EXAMPLES = 3  # names given as examples

FLASH = {"flash-fetch": "instruction fetch", "flash-literal": "loads of literals", "flash-data": "loads of constants"}
CACHES = {"icache": "instruction fetch", "dcache": "loads and stores", "bus": "memory that is not cached"}
# Names of the run-time library's floating-point arithmetic (Arm RTABI 4.1.2, and GCC's own names).
_SOFT_FLOAT = (
    "__aeabi_f", "__aeabi_d", "__aeabi_cf", "__aeabi_cd", "__aeabi_i2", "__aeabi_ui2", "__aeabi_l2", "__aeabi_ul2",
    "__addsf", "__adddf", "__subsf", "__subdf", "__mulsf", "__muldf", "__divsf", "__divdf",
)  # fmt: skip
_DIVISION = ("__aeabi_idiv", "__aeabi_uidiv", "__aeabi_ldiv", "__aeabi_uldiv", "__udivmoddi4", "__divsi3", "__udivsi3")


@dataclass(frozen=True)
class Advice:
    """A piece of advice: `kind` names its rule, `title` what it is about, `evidence` the figure, `action` what to do.

    `share_percent` is the share of the run's cycles, of reserved SRAM or of the image's flash that it is about.
    """

    kind: str
    title: str
    evidence: str
    action: str
    share_percent: float


Rule = Callable[[Profile], Iterator[Advice]]


def advise(profile: Profile) -> list[Advice]:
    """Return the advice on a run, in the order of `RULES`; none where nothing stands out."""
    return [advice for rule in RULES for advice in rule(profile)]


def _share(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 0.0


def _waited(spent: dict[str, int], causes: dict[str, str]) -> tuple[int, str]:
    """Return the cycles that were waited for some causes, and the largest of them."""
    return sum(spent.get(cause, 0) for cause in causes), max(causes, key=lambda cause: spent.get(cause, 0))


def _waits(profile: Profile, causes: dict[str, str]) -> tuple[float, str, str]:
    """Return the share of the run that was waited, and the largest cause in words, by its name and share."""
    cycles, largest = _waited(profile.totals.causes, causes)
    words = f"{_share(profile.totals.causes.get(largest, 0), profile.totals.cycles):.1f}% for {causes[largest]}"
    return _share(cycles, profile.totals.cycles), largest, words


def flash_waits(profile: Profile) -> Iterator[Advice]:
    """Flash with wait states that the core waits for."""
    share, largest, words = _waits(profile, FLASH)
    if share < WAITS_PERCENT:
        return
    evidence = f"{share:.1f}% of all cycles wait for flash, {words}"
    yield Advice("flash-waits", "flash waits", evidence, _flash_action(profile, largest), share)


def _flash_action(profile: Profile, largest: str) -> str:
    """Return what to do about waits for flash: a cache that is on cannot be turned on; None: nobody knows."""
    flash_on = profile.flash_on
    sram = "run the hottest functions from SRAM"
    if profile.board.core in SLOW_FETCH_FROM_SRAM:
        sram = "try the hottest functions in SRAM, where each word of code takes two cycles"
    if largest == "flash-fetch":
        off = [name for name in ("icache", "prefetch") if flash_on is not None and not flash_on[name]]
        if flash_on is None or off:
            words = {"icache": "instruction cache", "prefetch": "prefetch"}
            what = " and ".join(words[name] for name in off or words)
            return f"turn on the flash's {what}, if the part has it, or {sram}"
        return f"{sram}: the flash's instruction cache and prefetch are on"
    copy = (
        "copy the weights that are read most to SRAM" if largest == "flash-data" else "load fewer literals (movw, movt)"
    )
    if flash_on is None or not flash_on["dcache"]:
        return f"{copy}, or turn on the flash's data cache, if the part has it"
    if largest == "flash-data":
        return f"{copy}, or read them in the order they lie in: the flash's data cache is on, and a stride defeats it"
    return f"{copy}, or {sram}: the flash's data cache is on"


def cache_misses(profile: Profile) -> Iterator[Advice]:
    """A core's caches that miss, or are off."""
    share, largest, words = _waits(profile, CACHES)
    if share < WAITS_PERCENT:
        return
    actions = {
        "icache": "turn on the instruction cache, or put the hottest functions into ITCM",
        "dcache": "turn on the data cache, or put weights and tensors of the slowest layers into DTCM",
        "bus": "turn on the caches, or let the MPU make this memory cacheable",
    }
    evidence = f"{share:.1f}% of all cycles wait for memory behind the caches, {words}"
    yield Advice("cache-misses", "cache misses", evidence, actions[largest], share)


def layer_misses(profile: Profile) -> Iterator[Advice]:
    """The layer that waits most behind the core's caches, where the run as a whole does not."""
    layers = profile.layers
    if layers is None or _waits(profile, CACHES)[0] >= WAITS_PERCENT:
        return
    found: list[tuple[int, int, float, str]] = []
    for at, each in enumerate(layers.layers):
        cycles, (misses, largest) = sum(each.causes.values()), _waited(each.causes, CACHES)
        own_share = _share(misses, cycles)
        if _share(cycles, profile.totals.cycles) >= STALLS_PERCENT and own_share >= WAITS_PERCENT:
            found.append((misses, at, own_share, largest))
    if not found:
        return
    misses, at, own_share, largest = max(found)
    share = _share(misses, profile.totals.cycles)
    evidence = (
        f"layer {_named(layers, at)} waits behind the caches for {own_share:.1f}% of its cycles, most for "
        f"{CACHES[largest]}: {share:.1f}% of all cycles"
    )
    actions = {
        "icache": "put its functions into ITCM",
        "dcache": "put its tensor into DTCM, or use all of a line before the next: a stride of a line misses each time",
        "bus": "let the MPU make its memory cacheable",
    }
    yield Advice("layer-misses", "cache misses", evidence, actions[largest], share)


def slow_layers(profile: Profile) -> Iterator[Advice]:
    """The layer that loses most cycles against the best one of its operator."""
    layers = profile.layers
    if layers is None:
        return
    numbered = [(at, each) for at, each in enumerate(layers.layers) if each.kind and (each.macs or 0) >= LEAST_MACS]
    runs = [0] * len(layers.layers)
    for activation in layers.activations:
        runs[activation.layer] += not activation.cut
    cost = {at: _per_mac(each, runs[at]) for at, each in numbered if runs[at] and any(each.causes.values())}
    lost: list[tuple[float, int, int]] = []
    for at, each in numbered:
        alike = [other for other, layer in numbered if layer.kind == each.kind and other in cost]
        best = min(alike, key=lambda other: cost[other], default=at)
        if at in cost and cost[at] >= SLOW_FACTOR * cost[best]:
            lost.append((sum(each.causes.values()) * (1 - cost[best] / cost[at]), at, best))
    if not lost:
        return
    cycles, at, best = max(lost)
    share = _share(round(cycles), profile.totals.cycles)
    if share < STALLS_PERCENT:
        return
    evidence = (
        f"layer {_named(layers, at)} takes {cost[at]:.2f} cycles per MAC, layer {_named(layers, best)} of the same "
        f"operator {cost[best]:.2f}: {share:.1f}% of all cycles"
    )
    action = "give its shape the faster kernel: few channels, odd sizes and padding are what fast paths leave out"
    yield Advice("slow-layer", "slow layer", evidence, action, share)


def _per_mac(layer: Layer, runs: int) -> float:
    """Return the own cycles of a layer for each multiplication."""
    return sum(layer.causes.values()) / runs / (layer.macs or 1)


def _named(layers: Layers, at: int) -> str:
    """Return a layer's number and name as the layer table has them: '0.2 conv2d'."""
    name, number = layers.layers[at].name, ""
    while at >= 0:
        number = f"{layers.layers[at].index}.{number}" if number else str(layers.layers[at].index)
        at = layers.layers[at].parent
    return f"{number} {name}"


def soft_float(profile: Profile) -> Iterator[Advice]:
    """Floating point in software."""
    yield from _library(profile, "soft-float", "soft float", _SOFT_FLOAT, "floating point in software",
                        "build for the FPU (-mfloat-abi=hard), keep doubles out, or use fixed point")  # fmt: skip


def division(profile: Profile) -> Iterator[Advice]:
    """Division: the instruction's cycles, or the library's functions."""
    yield from _library(profile, "division", "division", _DIVISION, "division in software",
                        "multiply by a reciprocal and shift, or move the division out of the loop")  # fmt: skip
    yield from _cause(profile, "division", "division", "division takes beyond its first cycles",
                      "multiply by a reciprocal and shift, or move the division out of the loop")  # fmt: skip


def _library(
    profile: Profile, kind: str, title: str, names: tuple[str, ...], what: str, action: str
) -> Iterator[Advice]:
    """Advise where functions of the run-time library take a good part of the run."""
    found = [each for each in profile.functions if each.name.startswith(names)]
    share = _share(sum(each.self_cycles for each in found), profile.totals.cycles)
    if share >= STALLS_PERCENT:
        hot = sorted(found, key=lambda each: -each.self_cycles)[:_EXAMPLES]
        yield Advice(
            kind, title, f"{share:.1f}% of all cycles are {what}: {_names([h.name for h in hot])}", action, share
        )


def _cause(profile: Profile, cause: str, kind: str, what: str, action: str) -> Iterator[Advice]:
    """Advise where one cause of stalls takes a good part of the run; the functions that have most of it are named."""
    share = _share(profile.totals.causes.get(cause, 0), profile.totals.cycles)
    if share < STALLS_PERCENT:
        return
    hot = sorted(profile.functions, key=lambda each: -each.causes.get(cause, 0))[:_EXAMPLES]
    least = profile.totals.causes[cause] * LEAST_OF_CAUSE_PERCENT / 100
    names = _names([each.name for each in hot if each.causes.get(cause, 0) >= least]) or hot[0].name
    yield Advice(kind, kind.replace("-", " "), f"{share:.1f}% of all cycles {what}, most in {names}", action, share)


def loop_alignment(profile: Profile) -> Iterator[Advice]:
    """Hot loops whose 32-bit instructions lie at halfword addresses."""
    yield from _cause(profile, "fetch", "loop-alignment", "are lost since instruction fetch falls behind",
                      "align hot loops and functions (-falign-loops=4 -falign-functions=4)")  # fmt: skip


def code_in_sram(profile: Profile) -> Iterator[Advice]:
    """Code in SRAM on a core that fetches it over the bus of the data."""
    yield from _cause(profile, "sram-fetch", "code-in-sram", "wait for code in SRAM, of which a word takes two cycles",
                      "leave hot code in flash and turn on its cache, or use memory on the code bus")  # fmt: skip


def unaligned_data(profile: Profile) -> Iterator[Advice]:
    """Loads and stores at addresses that are no multiple of their size."""
    yield from _cause(profile, "unaligned", "unaligned-data", "are further transfers of unaligned accesses",
                      "align buffers and rows to four bytes, or pad a row's channels")  # fmt: skip


def peak_layer(profile: Profile) -> Iterator[Advice]:
    """The one layer that sets the peak of live memory."""
    memory, layers = profile.memory, profile.layers
    if memory is None or layers is None:
        return
    peaks = [0] * len(layers.layers)
    for run in layers.activations:
        peaks[run.layer] = max(peaks[run.layer], run.live_peak_bytes)
    leaves = [at for at in range(len(peaks)) if not any(layer.parent == at for layer in layers.layers)]
    if len(leaves) < 2:
        return
    first, second = sorted(leaves, key=lambda at: -peaks[at])[:2]
    gain = peaks[first] - peaks[second]
    if gain < LEAST_BYTES or _share(gain, peaks[first]) < PEAK_LEAD_PERCENT:
        return
    layer = layers.layers[first]
    evidence = (
        f"layer {layer.index} {layer.name} has {peaks[first]:,} bytes live, no other layer more than {peaks[second]:,}"
    )
    action = f"run it in patches, in place, or with less scratch: up to {gain:,} bytes of SRAM less"
    yield Advice("peak-layer", "live peak", evidence, action, _share(gain, peaks[first]))


def reserved_in_vain(profile: Profile) -> Iterator[Advice]:
    """SRAM for tensors that was never used, that a better plan saves, or that only another kernel saves."""
    memory = profile.memory
    if memory is None:
        return
    areas = _areas(memory)
    reserved = sum(area.size_bytes for area in areas)
    used = sum(area.used_bytes for area in areas)
    if _worth(reserved - used, reserved):
        area = max(areas, key=lambda each: each.size_bytes - each.used_bytes)
        where = f"all in {area.name}"
        if len(areas) > 1:
            where = f"most in {area.name} ({area.size_bytes - area.used_bytes:,} of {area.size_bytes:,})"
        evidence = f"{reserved - used:,} of {reserved:,} bytes of arenas and large variables were never used, {where}"
        action = (
            "make it smaller, and plan around the gap if there is one: up to "
            f"{reserved - used:,} bytes less, unless another run needs them (--show arenas,statics)"
        )
        yield Advice("reserved", "reserved memory", evidence, action, _share(reserved - used, reserved))
    if memory.buffers_left_out or not memory.buffers:
        return  # what whole tensors need is not known
    whole = min(_whole_bytes(memory.buffers, areas), used)
    if _worth(used - whole, reserved):
        evidence = f"{used:,} bytes are used for tensors, of which no more than {whole:,} live at one time as wholes"
        action = (
            f"let tensors that never live together share memory: up to {used - whole:,} bytes less (--show buffers)"
        )
        yield Advice("plan", "memory plan", evidence, action, _share(used - whole, reserved))
    live = max(_live_bytes(memory, areas), 1)
    if whole - live >= LEAST_BYTES and whole >= WHOLE_PER_LIVE * live:
        evidence = f"whole tensors that live at one time take {whole:,} bytes, of which {live:,} are live at most"
        action = f"no plan saves more; only work in place or in patches does: up to {whole - live:,} bytes less"
        yield Advice("in-place", "whole tensors", evidence, action, _share(whole - live, reserved))


@dataclass(frozen=True)
class _Area:
    """An arena or a large variable: `used_bytes` are those that were ever live or written."""

    name: str
    start: int
    size_bytes: int
    used_bytes: int


def _areas(memory: MemoryProfile) -> list[_Area]:
    """Return what tensors may lie in: arenas, and variables that are no arena and too large to be anything else."""
    areas = [
        _Area(arena.name, arena.start, arena.size_bytes, arena.lived_bytes or arena.used_bytes)
        for arena in memory.arenas
    ]
    arenas = {area.start for area in areas}
    return areas + [
        _Area(each.name, each.address, each.size_bytes, each.used_bytes)
        for each in memory.statics
        if each.zone == "statics" and each.size_bytes >= LEAST_BYTES and each.address not in arenas
    ]


def _worth(spare_bytes: int, reserved_bytes: int) -> bool:
    return spare_bytes >= LEAST_BYTES and _share(spare_bytes, reserved_bytes) >= SPARE_PERCENT


def _inside(buffer: Buffer, areas: list[_Area]) -> bool:
    return any(area.start <= buffer.start < area.start + area.size_bytes for area in areas)


def _whole_bytes(buffers: list[Buffer], areas: list[_Area]) -> int:
    """Return the most bytes of whole buffers that overlap in time: a plan that keeps tensors whole needs no less."""
    changes: list[tuple[int, int]] = []
    for buffer in buffers:
        if _inside(buffer, areas):
            size = buffer.end - buffer.start
            changes += [(buffer.first_cycles, size), (buffer.last_cycles, -size)]
    most = now = 0
    for _, change in sorted(changes):  # at one moment what ends comes first: its bytes are free for what begins
        now += change
        most = max(most, now)
    return most


def _live_bytes(memory: MemoryProfile, areas: list[_Area]) -> int:
    """Return the most bytes that were live at once in the zones of these areas; where unknown, the whole peak."""
    zones = [memory.timeline.live_by_zone.get(zone, []) for zone in ("arena", "statics")]
    arenas = bool(memory.arenas) and len(areas) == len(memory.arenas)  # then variables are no part of it
    rows = [zones[0]] if arenas else zones
    return max((sum(row) for row in zip(*rows, strict=False)), default=0) or memory.peak_bytes


def unused_flash(profile: Profile) -> Iterator[Advice]:
    """Code and constants that this run never used."""
    memory, flash = profile.memory, profile.image.flash_bytes
    if memory is None:
        return
    unused = sorted((each for each in memory.flash_symbols if not each.used_bytes), key=lambda each: -each.size_bytes)
    size = sum(each.size_bytes for each in unused)
    share = _share(size, flash)
    if size < LEAST_BYTES or share < UNUSED_PERCENT:
        return
    names = _names([f"{each.name} ({each.size_bytes:,})" for each in unused[:_EXAMPLES]])
    evidence = f"{size:,} of {flash:,} bytes of flash were not used in this run, most in {names}"
    action = "leave out operators that the network has not; -ffunction-sections -fdata-sections, -Wl,--gc-sections"
    yield Advice("unused-flash", "unused flash", evidence, action, share)


def _names(names: list[str]) -> str:
    return ", ".join(names)


RULES: tuple[Rule, ...] = (
    flash_waits, cache_misses, layer_misses, slow_layers, soft_float, division, loop_alignment, code_in_sram,
    unaligned_data, peak_layer, reserved_in_vain, unused_flash,
)  # fmt: skip
