# SPDX-License-Identifier: Apache-2.0
"""The layer table: what each position in the network costs, in the order of the network.

    layer                 cycles  share     MACs  cyc/MAC  live peak  stack  flash
    patch_stage          400,000  20.0%        -        -     61,440     24    220
    ├─ conv2d            200,000  10.0%  442,368     0.45     61,440    120  1,084
    └─ depthwise_conv2d  ...
    all layers         2,000,000 100.0%
    [outside] Reset_H... 120,000
    whole run          2,120,000

Cycles of a layer count nested ones; its own cycles, flash bytes and traffic do not. Own cycles of layers and what ran
outside them add up to the run's. Peaks are never added up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from mcusim.profile import Profile
from mcusim.profile_memory import Activation, Layer, Layers
from mcusim.reports import numbers
from mcusim.reports.caches import added, cache_columns, cache_values
from mcusim.reports.energy import energy_columns, layer_energies
from mcusim.reports.functions import cause_columns, causes_in_order, stalls
from mcusim.reports.layer_names import Place, chosen_activations, in_order
from mcusim.reports.options import DEFAULT_LAYER_ROWS, RenderOptions
from mcusim.reports.table import Cell, Column, Name, Row, Table

_COLUMNS = (
    Column("number", "#", "text"),
    Column("label", "layer", "name", audience="people", flexible=True, least=26),
    Column("layer", "layer", "text", audience="data"),
    Column("row", "row", "text", audience="data"),
    Column("operator", "operator", "text", rank=10),
    Column("shape", "shape", "text", rank=6),
    Column("cycles", "cycles", "count"),
    Column("percent", "share", "percent"),
    Column("spread", "least..most", "text", rank=5, audience="people"),
    Column("least_cycles", "least cycles", "count", audience="data"),
    Column("most_cycles", "most cycles", "count", audience="data"),
    Column("self_cycles", "own cycles", "count", rank=8),
    Column("macs", "MACs", "count", rank=4),
    Column("cycles_per_mac", "cyc/MAC", "ratio", rank=2),
    Column("bytes_per_mac", "bytes/MAC", "ratio", rank=9),
    Column("live_peak_bytes", "live peak", "count", rank=1),
    Column("stack_bytes", "stack", "count", rank=3),
    Column("flash_bytes", "flash", "count", rank=3),
    Column("stalls", "stalled by", "text", rank=7, audience="people"),
    Column("code_bytes", "code", "count", audience="data"),
    Column("code_shared_bytes", "of it shared", "count", audience="data"),
    Column("constant_bytes", "constants", "count", audience="data"),
    Column("constant_shared_bytes", "of them shared", "count", audience="data"),
    Column("read_bytes", "bytes read", "count", audience="data"),
    Column("written_bytes", "bytes written", "count", audience="data"),
)
_OUTSIDE_PREFIX = {"thread": "[outside]", "handler": "[handler]", "task": "[task]"}
_Values = dict[str, Cell]


def layers_table(profile: Profile, options: RenderOptions, *, audience: str) -> Table:
    """Return one row for each layer, then all of them, what ran outside, and the whole run."""
    layers = profile.layers
    assert layers is not None
    runs = chosen_activations(layers, options.inference)
    by_layer: dict[int, list[Activation]] = {}
    for run in runs:
        by_layer.setdefault(run.layer, []).append(run)
    inferences = _by_inference(runs)
    how_often = Counter(run.layer for run in layers.activations)
    rows, energies = [], layer_energies(profile)
    for place in in_order(layers):
        if place.layer in by_layer:
            often = how_often[place.layer]
            values = _layer(layers.layers[place.layer], place, by_layer[place.layer], inferences, often)
            values |= cache_values(profile, profile.caches.layers[place.layer] if profile.caches else None)
            values["energy_uj"] = energies[place.layer]
            if profile.memory is None:
                values["flash_bytes"] = None  # of constants nothing is known then
            rows.append((values, ""))
    cut = False
    if audience == "people":
        rows, cut = _cut(rows, options.layer_rows)
    once = layers.inferences == 1
    rows += [(values, "") for values in _below(profile, layers, runs, inferences, once)]
    causes = causes_in_order(profile) if audience == "data" else []
    kinds = (*_COLUMNS, *energy_columns(profile), *cache_columns(profile))
    columns = (*(_adapted(column, once, len(inferences)) for column in kinds), *cause_columns(causes))
    if audience == "people":
        columns = tuple(c for c in columns if c.rank == 0 or any(v.get(c.key) not in (None, "") for v, _ in rows))
    blank: _Values = {column.key: 0 for column in cause_columns(causes)}
    cells = [Row(tuple({**blank, **values}.get(column.key) for column in columns), style) for values, style in rows]
    remark = _remark(layers, cut, profile.memory.resolution_cycles if profile.memory is not None else 0)
    return Table(_title(layers, options.inference, inferences), columns, cells, remark).only(audience)


def _by_inference(runs: Sequence[Activation]) -> list[int]:
    """Return the cycles of each inference: of its layers, those nested counted once."""
    cycles: dict[int, int] = {}
    for run in runs:
        cycles[run.inference] = cycles.get(run.inference, 0) + (run.total_cycles if run.parent < 0 else 0)
    return list(cycles.values())


def _adapted(column: Column, once: bool, inferences: int) -> Column:
    """With several inferences `cycles` is a mean, and the column that adds up to the run must stay."""
    if column.key == "self_cycles" and not once:
        return replace(column, rank=1, title="own, whole run")
    if column.key == "cycles" and inferences > 1:
        return replace(column, title="mean cycles")
    return column


def _layer(layer: Layer, place: Place, runs: Sequence[Activation], inferences: Sequence[int], often: int) -> _Values:
    """Return the cells of a layer; `often` is how many runs the sums in `layer` are over."""
    whole = [run for run in runs if not run.cut]  # a run that was cut tells nothing of the others
    cycles = [run.total_cycles for run in whole or runs]
    macs = layer.macs if whole else None
    read, written = sum(layer.read_bytes.values()), sum(layer.written_bytes.values())
    return {
        "number": place.number,
        "label": Name(layer.name if whole else f"{layer.name} (not finished)", None, place.guides, place.depth),
        "layer": layer.name,
        "row": "layer",
        "operator": layer.kind,
        "shape": layer.shape,
        "percent": numbers.share_percent(sum(cycles), sum(inferences)),
        "self_cycles": sum(layer.causes.values()),
        "macs": macs,
        "bytes_per_mac": (read + written) / often / macs if macs and read + written else None,
        "live_peak_bytes": max(run.live_peak_bytes for run in runs) or None,
        "stack_bytes": max(run.stack_bytes for run in runs),
        "flash_bytes": layer.code_bytes + layer.constant_bytes or None,
        "code_bytes": layer.code_bytes,
        "code_shared_bytes": layer.code_shared_bytes,
        "constant_bytes": layer.constant_bytes,
        "constant_shared_bytes": layer.constant_shared_bytes,
        "read_bytes": read,
        "written_bytes": written,
        "stalls": stalls(layer.causes),
        **_spread(cycles, macs),
        **_causes(layer.causes),
    }


def _spread(cycles: Sequence[int], macs: int | None) -> _Values:
    """Return the mean and the bounds of what several runs took."""
    mean = round(sum(cycles) / len(cycles))
    return {
        "cycles": mean,
        "spread": f"{numbers.count(min(cycles))}..{numbers.count(max(cycles))}" if max(cycles) > min(cycles) else None,
        "least_cycles": min(cycles),
        "most_cycles": max(cycles),
        "cycles_per_mac": mean / macs if macs else None,
    }


def _causes(causes: dict[str, int]) -> _Values:
    return {column.key: causes[column.title] for column in cause_columns(list(causes))}


def _added(parts: Sequence[dict[str, int]]) -> dict[str, int]:
    whole: Counter[str] = Counter()
    for part in parts:
        whole.update(part)
    return dict(whole)


def _cut(rows: list[tuple[_Values, str]], most: int | None) -> tuple[list[tuple[_Values, str]], bool]:
    """Leave out the middle of a long network; the line in its place says how many layers and how many cycles."""
    most = DEFAULT_LAYER_ROWS if most is None else most
    if not most or len(rows) <= most:
        return rows, False
    head = (most + 1) // 2
    tail = len(rows) - (most - head)
    own = sum(int(str(values["self_cycles"])) for values, _ in rows[head:tail])
    label = f"… {numbers.things(tail - head, 'more layer', 'more layers')}"
    return [*rows[:head], ({"label": Name(label), "self_cycles": own}, "aside"), *rows[tail:]], True


def _below(
    profile: Profile, layers: Layers, runs: Sequence[Activation], inferences: Sequence[int], once: bool
) -> list[_Values]:
    """Return the rows below the layers: all of them, what ran outside, the whole run."""
    rows: list[_Values] = []
    if runs:
        macs = sum(layer.macs or 0 for layer in layers.layers) or None
        rows.append({
            "label": Name("all layers"),
            "row": "layers",
            "percent": 100.0,
            "self_cycles": sum(sum(layer.causes.values()) for layer in layers.layers),
            "macs": macs,
            "live_peak_bytes": max(run.live_peak_bytes for run in runs) or None,
            "stack_bytes": max(run.stack_bytes for run in runs),
            **_spread(inferences, macs),
            **cache_values(profile, added(profile.caches.layers) if profile.caches else None),
            **_causes(_added([layer.causes for layer in layers.layers])),
        })  # fmt: skip
    for part in layers.outside:
        rows.append({
            "label": Name(f"{_OUTSIDE_PREFIX.get(part.kind, '[outside]')} {part.name}"),
            "layer": part.name,
            "row": part.kind,
            "cycles": part.self_cycles if once else None,
            "self_cycles": part.self_cycles,
            "read_bytes": sum(part.read_bytes.values()),
            "written_bytes": sum(part.written_bytes.values()),
            **_causes(part.causes),
        })  # fmt: skip
    whole = profile.totals.cycles
    rows.append({
        "label": Name("whole run"),
        "row": "run",
        "cycles": whole if once else None,
        "self_cycles": whole,
        "live_peak_bytes": profile.memory.peak_bytes if profile.memory is not None else None,
        "flash_bytes": profile.image.flash_bytes,
        **cache_values(profile, profile.caches.totals if profile.caches else None),
        **_causes(profile.totals.causes),
    })  # fmt: skip
    return rows


def _title(layers: Layers, inference: int | None, inferences: Sequence[int]) -> str:
    """Return which rule found the layers, and what the numbers are of."""
    found = f"Layers ({layers.rule})"
    if layers.inferences == 1 or not inferences:
        return found
    if inference is not None:
        return f"{found}, inference {inference} of {layers.inferences}"
    how = f" ({layers.inferences_by})" if layers.inferences_by else ""
    return f"{found}, mean of {layers.inferences} inferences{how}"


def _remark(layers: Layers, cut: bool, resolution_cycles: int) -> str:
    sentences = ["--layer-rows 0 shows all layers"] if cut else []
    sentences += ["cycles: with nested layers, without handlers and other tasks; share: of an inference"]
    if any(layer.parent >= 0 for layer in layers.layers):
        sentences.append("own cycles and flash: without nested layers")
    if any(run.live_peak_bytes or run.stack_bytes for run in layers.activations):
        sentences.append("live peak, stack and flash in bytes")
    if resolution_cycles:
        sentences.append(
            f"live peak: within a stretch of at most {numbers.count(resolution_cycles)} cycles, so no less than at one "
            "moment"
        )
    if layers.left_out:
        more = numbers.things(layers.left_out, "further run of a layer counts", "further runs of layers count")
        sentences.append(f"{more} as what called it")
    return "; ".join(sentences)
