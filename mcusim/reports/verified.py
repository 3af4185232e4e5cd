# SPDX-License-Identifier: Apache-2.0
"""Layers of a firmware against operators of its model: a row for each, and the first that differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcusim.reports.document import Document
from mcusim.reports.numbers import things
from mcusim.reports.table import Column, Row, Table

if TYPE_CHECKING:
    from mcusim.verifying import Compared, Verification

SCHEMA_VERSION = 1
_COLUMNS = (
    Column("layer", "layer", "text", flexible=True, least=20),
    Column("kind", "kind", "text", rank=2),
    Column("operator", "operator", "text"),
    Column("elements", "elements", "count", rank=1),
    Column("status", "result", "text"),
    Column("alone", "by itself", "text"),
    Column("differ", "differ", "count"),
    Column("largest", "by up to", "count", rank=3),
)


def verification_document(name: str, model: str, board: str, found: Verification) -> Document:
    """Return what is said about a verification, for every format."""
    rows = [_row(each) for each in found.compared]
    title = f"{name} on {board} against {model}, rounding {found.rounding}"
    data: dict[str, object] = {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "model": model,
        "board": board,
        "rounding": found.rounding,
        "input": found.source,
        "layers": [dict(zip((column.key for column in _COLUMNS), row.cells, strict=True)) for row in rows],
        "first_difference": _told(found.first) if found.first is not None else None,
        "operators_without_a_layer": [each.label for each in found.left_out],
        "operators_not_verified": [each.label for each in found.uncovered],
        "operators_not_reached": [each.label for each in found.unreached],
        "layers_without_an_operator": found.others,
        "cut": found.cut,
        "verdict": found.verdict,
    }
    return Document("Layers against their model", [Table(title, _COLUMNS, rows)], Table(name, _COLUMNS, rows), data,
                    _notes(found))  # fmt: skip


def _row(each: Compared) -> Row:
    difference = each.difference
    differ, largest = (difference.count, difference.largest) if difference is not None else (None, None)
    facts = each.layer.facts
    alone = (
        "" if each.difference is None or each.read else {True: "same", False: "different", None: "unknown"}[each.alone]
    )
    name = f"{facts.name} (what it read)" if each.read else facts.name
    return Row((name, facts.kind, each.operator.label, each.elements, each.status, alone, differ, largest))


def _notes(found: Verification) -> list[str]:
    count = {status: sum(each.status == status for each in found.compared) for status in ("same", "different")}
    notes = [f"Input: {found.source}."]
    if found.verdict:
        notes.append(f"{found.verdict}.")
    if found.unreached:
        labels = things(len(found.unreached), "operator", "operators")
        notes.append(
            f"The run was cut within the inference ({found.cut}): {labels}, from {found.unreached[0].label} on, were "
            "not reached. Let it run longer (--max-cycles, --timeout, --until)."
        )
    if found.first is not None:
        notes.append(f"The first difference: {_told(found.first)}.")
    notes += [
        f"Not compared: {each.layer.facts.name}, {each.operator.label}: {each.problem}."
        for each in found.compared
        if each.problem
    ]
    if found.left_out:
        labels = ", ".join(each.label for each in found.left_out)
        notes.append(f"Operators without a layer of their own (fused, folded or left out): {labels}.")
    if found.uncovered:
        labels = ", ".join(each.label for each in found.uncovered)
        notes.append(f"Not verified, since no layer that was compared depends on them: {labels}.")
    if found.others:
        between = things(found.others, "layer in between is", "layers in between are")
        notes.append(f"{between} no operator of the model.")
    behind = sum(each.alone is True for each in found.compared)
    told = f" ({behind} of these only because their input does)" if behind else ""
    same = things(count["same"], "layer is", "layers are")
    notes.append(
        f"{same} the same bit for bit, {count['different']} differ{'s' if count['different'] == 1 else ''}{told}."
    )
    return notes


def _told(each: Compared) -> str:
    """Say which layer differs, where, and why perhaps."""
    read = ", what it read" if each.read else ""
    return f"layer {each.layer.number}, {each.layer.facts.name}{read} ({each.operator.label}), at {each.difference}"
