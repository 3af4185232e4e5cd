# SPDX-License-Identifier: Apache-2.0
"""What is said of two profiles, one from the other: totals, what got slower and why, and the parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcusim.diff.changes import GONE, NEW, REST, SAME, Change, Difference, LayerChange, both_have_layers
from mcusim.energy import estimate
from mcusim.profile import Profile
from mcusim.reports import numbers
from mcusim.reports.document import Document
from mcusim.reports.options import DEFAULT_LAYER_ROWS
from mcusim.reports.table import Cell, Column, Row, Table

SCHEMA_VERSION = 1
TOTALS, REASONS = "Totals", "What changed most, and why"  # titles of the first tables
_REASONS = 10  # of what changed most
_CAUSES = 4  # that are named of one change
_LONGEST = 40  # characters of a name in a table for people
_COLUMNS = (
    Column("section", "", "text", audience="data"),
    Column("number", "#", "text"),
    Column("label", "", "text", audience="people"),
    Column("name", "name", "text", audience="data"),
    Column("old_name", "old name", "text", audience="data"),
    Column("state", "state", "text", audience="data"),
    Column("before", "before", "quantity", rank=2),
    Column("after", "after", "quantity"),
    Column("difference", "difference", "difference"),
    Column("percent", "change", "change", rank=1),
    Column("why", "by cause", "text", audience="people", flexible=True, wrap=True, least=24),
)


@dataclass(frozen=True)
class _Item:
    """A row, before a table decides how it looks. `causes` are differences."""

    section: str
    name: str
    before: float | None
    after: float | None
    state: str
    causes: Mapping[str, float]
    number: str = ""
    old_name: str = ""
    remark: str = ""
    needs: str = ""  # what else changed

    @property
    def difference(self) -> float:
        return (self.after or 0) - (self.before or 0)

    @property
    def percent(self) -> float | None:
        known = self.before and self.after is not None and self.difference
        return 100 * self.difference / self.before if known and self.before else None

    def row(self, causes: Sequence[str] = ()) -> Row:
        figures = [None if value is None else _whole(value) for value in (self.before, self.after, self.difference)]
        cells: tuple[Cell, ...] = (
            self.section, self.number or None, self.label(), self.name, self.old_name, self.state, *figures,
            self.percent, "; ".join(filter(None, (self.why(), self.needs))),
        )  # fmt: skip
        return Row((*cells, *(_whole(self.causes.get(cause, 0)) for cause in causes)))

    def label(self) -> str:
        """Return the name as people read it, with what became of it."""
        section = f"{self.section} " if self.section in ("variable", "symbol") and self.name != REST else ""
        renamed = f" (was {numbers.middle(self.old_name, _LONGEST)})" if self.old_name else ""
        state = f" ({self.state})" if self.state in (NEW, GONE) else ""
        return f"{section}{numbers.middle(self.name, _LONGEST)}{renamed}{state}"

    def why(self) -> str:
        """Return what the difference consists of."""
        return "; ".join(filter(None, (by_cause(self.causes), self.remark)))


def diff_document(changed: Difference, before: str, after: str, *, top: int, everything: bool = False) -> Document:
    """Return the difference for every format.

    `before` and `after` name the profiles, `top` is how many functions and symbols are shown (0: all that changed);
    with `everything` what did not change is shown, too.
    """
    title = f"{changed.after.image.name}: from {before} to {after}"
    layers, outside, functions = _layer_items(changed), _items("outside", changed.outside), _function_items(changed)
    causes = _cause_items(changed)
    memory, flash = _items("memory", changed.memory), _items("flash", changed.flash)
    variables, symbols = _items("variable", changed.variables), _items("symbol", changed.symbols)
    whole = [*_totals(changed), *causes, *layers, *outside, *functions, *memory, *variables, *flash, *symbols]
    keys = list(dict.fromkeys(key for item in whole for key in item.causes))
    columns = (
        *_COLUMNS,
        *(Column(f"cycles_{key.replace('-', '_')}", key, "quantity", audience="data") for key in keys),
    )
    rows = Table("Differences", columns, [item.row(keys) for item in whole])
    tables = [
        _table(TOTALS, _totals(changed), 0, everything=True, bare=True),
        _reasons(changed, layers, outside, functions),
        _table("Cycles by cause", causes, 0, everything=everything, bare=True),
        _layers_table(changed, layers, outside, DEFAULT_LAYER_ROWS if top else 0, everything=everything),
        _table("Functions by change, self cycles", _by_size(functions), top, everything=everything),
        _table("SRAM, bytes", [*memory, *_by_size(variables)], top, everything=everything, bare=True),
        _table("Flash, bytes", [*flash, *_by_size(symbols)], top, everything=everything, bare=True),
    ]
    shown = [table for table in tables if table.rows]
    return Document(title, shown, rows, _data(changed, before, after, whole), _notes(changed), _lead(changed))


# What must be known first


def _lead(changed: Difference) -> list[str]:
    """Return what a reader must know before any figure: what is compared, and what makes it unequal."""
    old, new = changed.before, changed.after
    said = []
    if changed.identical:
        said.append("No difference: every figure is the same.")
    if (old.board.name, old.board.core) != (new.board.name, new.board.core):
        said.append(
            f"Different boards: {old.board.name} ({old.board.core}) before, {new.board.name} ({new.board.core}) after."
        )
    settings = _settings(old, new)
    if settings:
        said.append(f"Different settings: {settings}.")
    if old.tool != new.tool:
        said.append(f"Different versions of mcusim: {old.tool} before, {new.tool} after; its rules may have changed.")
    if old.image.name != new.image.name:
        said.append(f"Different firmware by name: {old.image.name} before, {new.image.name} after.")
    said += [f"The run {when} was not whole: {each.end.text}." for when, each in (("before", old), ("after", new))
             if each.end.cut]  # fmt: skip
    said += _unequal(old, new)
    if old.output != new.output:
        said.append("The firmware printed something else (which may be its cycles).")
    return said


def _settings(old: Profile, new: Profile) -> str:
    keys = sorted(old.settings.keys() | new.settings.keys())
    return ", ".join(
        f"{key} {_word(old.settings.get(key))} before, {_word(new.settings.get(key))} after"
        for key in keys
        if old.settings.get(key) != new.settings.get(key)
        # Memory is tracked where layers are or a budget needs it: what the option said does not matter if both have it.
        and not (key == "memory" and old.memory is not None and new.memory is not None)
    )


def _word(value: str | int | bool | None) -> str:
    return "not set" if value in (None, False, "") else "on" if value is True else str(value)


def _unequal(old: Profile, new: Profile) -> list[str]:
    """Return which parts one of the profiles lacks, and whether there are as many inferences."""
    said = []
    if both_have_layers(old.layers, new.layers):
        assert old.layers is not None
        assert new.layers is not None
        if old.layers.inferences != new.layers.inferences:
            said.append(
                f"Different numbers of inferences: {old.layers.inferences} before, {new.layers.inferences} after; "
                "layers are means of an inference, totals and functions are of whole runs."
            )
    elif old.layers is not None or new.layers is not None:
        which = "the profile before" if old.layers is None else "the profile after"
        said.append(f"There are no layers in {which}, so layers are not compared.")
    if (old.memory is None) != (new.memory is None):
        which = "before" if old.memory is None else "after"
        said.append(f"Memory was not tracked {which}, so live bytes, variables and symbols are not compared.")
    return said


def _notes(changed: Difference) -> list[str]:
    notes = []
    if changed.before.image.sha256 == changed.after.image.sha256:
        notes.append("Both profiles are of the same file.")
    sure = {f"{p.board.core} ({p.accuracy.level}): {p.accuracy.text}" for p in (changed.before, changed.after)}
    return notes + sorted(sure)


# Items


def _items(section: str, changes: Sequence[Change]) -> list[_Item]:
    return [
        _Item(section, each.name, each.before, each.after, each.state, each.causes, "", each.old_name)
        for each in changes
    ]


def _totals(changed: Difference) -> list[_Item]:
    old, new = changed.before, changed.after
    rows: list[tuple[str, float, float]] = [
        ("cycles", old.totals.cycles, new.totals.cycles),
        ("time, ms", 1e3 * old.totals.time_s, 1e3 * new.totals.time_s),
        ("instructions", old.totals.instructions, new.totals.instructions),
    ]
    if changed.inference is not None:
        rows.insert(0, ("cycles of an inference", *changed.inference))
    for each in changed.memory:
        if each.name in ("live peak", "reserved") and each.before is not None and each.after is not None:
            rows.append((f"{each.name}, bytes of SRAM", each.before, each.after))
    rows.append(("flash, bytes", old.image.flash_bytes, new.image.flash_bytes))
    energies = estimate(old), estimate(new)
    if energies[0] is not None and energies[1] is not None:
        rows.append(("energy, uJ (estimate)", 1e6 * energies[0].run_j, 1e6 * energies[1].run_j))
    return [_Item("total", name, a, b, SAME if a == b else "changed", {}) for name, a, b in rows]


def _cause_items(changed: Difference) -> list[_Item]:
    old, new = changed.before.totals.causes, changed.after.totals.causes
    return [
        _Item("cause", key, old.get(key, 0), new.get(key, 0), SAME if old.get(key) == new.get(key) else "changed", {})
        for key in dict.fromkeys((*old, *new))
    ]


def _layer_items(changed: Difference) -> list[_Item]:
    return [
        _Item("layer", each.cycles.name, *each.means, each.state, each.mean_causes, _number(each), each.cycles.old_name,
              needs=_needs(each))
        for each in changed.layers
    ]  # fmt: skip


def _number(layer: LayerChange) -> str:
    """Return '3', or '3>4' where the number changed."""
    if layer.number_before and layer.number_after and layer.number_before != layer.number_after:
        return f"{layer.number_before}>{layer.number_after}"
    return layer.number_after or layer.number_before


def _needs(layer: LayerChange) -> str:
    """Return what else changed of a layer that is there before and after."""
    if layer.state in (NEW, GONE):
        return ""
    parts = [
        f"{each.name} {numbers.difference(each.difference)} bytes"
        for each in (layer.live_peak, layer.stack, layer.flash)
        if each.difference
    ]
    return ", ".join(parts)


def _function_items(changed: Difference) -> list[_Item]:
    return [
        _Item("function", each.name, each.before, each.after, each.state, each.causes, "", each.old_name,
              _code(each))
        for each in changed.functions
    ]  # fmt: skip


def _code(function: Change) -> str:
    """Return what a function's code says of its difference."""
    if function.code_bytes:
        return f"code {numbers.difference(function.code_bytes)} bytes"
    return "same instructions" if function.same_code and function.difference else ""


def _by_size(items: Sequence[_Item]) -> list[_Item]:
    return sorted(items, key=lambda item: (item.name == REST, -abs(item.difference), item.name))


# Tables


def _table(title: str, items: Sequence[_Item], top: int, *, everything: bool, bare: bool = False) -> Table:
    """Return a table of what changed; `bare` has no causes. The remark says what is left out, and how much."""
    kept = [item for item in items if everything or item.state != SAME]
    shown = kept[:top] if top else kept
    columns = tuple(column for column in _COLUMNS if column.key != "number" and not (bare and column.key == "why"))
    rows = [_of_columns(item.row(), columns) for item in shown]
    parts = []
    if len(kept) > len(shown):
        rest = sum(item.difference for item in kept[len(shown) :])
        parts.append(
            f"{numbers.count(len(kept) - len(shown))} more changed, {numbers.difference(rest)} (--top 0 shows all)"
        )
    if len(items) > len(kept):
        parts.append(f"{numbers.count(len(items) - len(kept))} did not change (--all shows them)")
    return Table(title, columns, rows, "; ".join(parts) if rows else "")


def _of_columns(row: Row, columns: Sequence[Column]) -> Row:
    keys = [column.key for column in _COLUMNS]
    return Row(tuple(row.cells[keys.index(column.key)] for column in columns), row.style)


def _layers_table(
    changed: Difference, layers: list[_Item], outside: list[_Item], most: int, *, everything: bool
) -> Table:
    """Return the layers that changed, in the order of the network; of more than `most` those that changed most."""
    if not layers or changed.inference is None:
        return Table("Layers", _COLUMNS)
    kept = [item for item in (*layers, *outside) if everything or item.state != SAME]
    if not kept:
        return Table("Layers", _COLUMNS)
    largest = {id(item) for item in sorted(kept, key=lambda item: -abs(item.difference))[: most or None]}
    shown = [item for item in kept if id(item) in largest]
    rows = [item.row() for item in shown]
    rows.append(_Item("layer", "all layers", *changed.inference, "changed", {}).row())
    title = "Layers, own cycles" + ("" if _once(changed) else " of an inference; outside of layers, of the run")
    parts = ["own cycles: without nested layers"]
    memory = changed.after.memory
    if memory is not None and any(item.needs for item in layers):
        parts.append(f"live peak: within a stretch of at most {numbers.count(memory.resolution_cycles)} cycles")
    if len(kept) > len(shown):
        rest = sum(item.difference for item in kept if id(item) not in largest)
        parts.append(
            f"{numbers.count(len(kept) - len(shown))} more changed, {numbers.difference(rest)} (--top 0 shows all)"
        )
    same = len(layers) + len(outside) - len(kept)
    if same:
        parts.append(f"{numbers.count(same)} did not change (--all shows them)")
    return Table(title, _COLUMNS, rows, "; ".join(parts))


_REASON_COLUMNS = (
    Column("difference", "cycles", "difference"),
    Column("percent", "change", "change", rank=1),
    Column("where", "where and why", "text", flexible=True, wrap=True),
)


def _reasons(changed: Difference, layers: list[_Item], outside: list[_Item], functions: list[_Item]) -> Table:
    """Return what changed most, with the causes: by layers where there are some, else by functions."""
    items = [item for item in ([*layers, *outside] if layers else functions) if item.difference]
    ordered = sorted(items, key=lambda item: -abs(item.difference))
    rows = []
    for item in ordered[:_REASONS]:
        what = f"layer {item.number} {item.label()}" if item.section == "layer" else item.label()
        rows.append(Row((item.difference, item.percent, f"{what}: {item.why()}" if item.why() else what)))
    rest = ordered[_REASONS:]
    parts = []
    if rest:
        parts.append(f"{numbers.count(len(rest))} more, {numbers.difference(sum(item.difference for item in rest))}")
    if layers and not _once(changed):
        parts.append("layers: of an inference; outside of layers: of the run")
    return Table(REASONS, _REASON_COLUMNS, rows, "; ".join(parts))


def _once(changed: Difference) -> bool:
    """Whether there is one inference on either side, so that layers and the run are of the same time."""
    return all(each.layers is not None and each.layers.inferences == 1 for each in (changed.before, changed.after))


def by_cause(causes: Mapping[str, float]) -> str:
    """Return differences by cause, the largest first: 'load +10,000, fetch +2,345'."""
    ordered = sorted(causes.items(), key=lambda item: (-abs(item[1]), item[0]))
    shown = [f"{cause} {numbers.difference(_short(value))}" for cause, value in ordered[:_CAUSES]]
    rest = sum(value for _, value in ordered[_CAUSES:])
    if len(ordered) > _CAUSES:
        shown.append(f"others {numbers.difference(_short(rest))}")
    return ", ".join(shown)


def _short(value: float) -> float:
    """Return a mean without digits that say nothing."""
    return round(value) if abs(value) >= 10 else _whole(value)


def _whole(value: float) -> float:
    """Return a mean that is whole as an integer."""
    return int(value) if value == int(value) else value


def _data(changed: Difference, before: str, after: str, whole: Sequence[_Item]) -> dict[str, object]:
    sides = {"before": (before, changed.before), "after": (after, changed.after)}
    return {
        "schema_version": SCHEMA_VERSION,
        **{
            key: {
                "file": name,
                "image": profile.image.name,
                "sha256": profile.image.sha256,
                "board": profile.board.name,
                "core": profile.board.core,
                "settings": profile.settings,
                "inferences": profile.layers.inferences if profile.layers is not None else None,
            }
            for key, (name, profile) in sides.items()
        },
        "identical": changed.identical,
        "slower_percent": changed.slower_percent,
        "remarks": _lead(changed),
        "differences": [
            {
                "section": item.section,
                "number": item.number or None,
                "name": item.name,
                "old_name": item.old_name or None,
                "state": item.state,
                "before": item.before,
                "after": item.after,
                "difference": item.difference,
                "causes": dict(item.causes),
            }
            for item in whole
        ],
    }
