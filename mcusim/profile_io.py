# SPDX-License-Identifier: Apache-2.0
"""Profiles as JSON: deterministic, readable as a diff, and loaded back unchanged.

The layout is one top-level key per line, and one line per element of the long lists (functions, tree, instructions),
so that two profiles can be compared with `diff` and goldens can be reviewed. Layers and memory hold lists of their own
and are laid out the same way; a column of the timeline is a line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from mcusim import output
from mcusim.errors import McusimError
from mcusim.profile import SCHEMA_VERSION, Profile
from mcusim.profile_caches import CacheUse
from mcusim.profile_code import Code
from mcusim.profile_memory import ZONES, Heap, Layers, MemoryProfile, Timeline

# Records that hold long lists themselves.
_OPENED = (Layers, MemoryProfile, Timeline, Heap, CacheUse, Code)
# Keys that are left out where there is nothing to say: files of other boards stay as they were.
_OPTIONAL = ("caches", "code", "power", "flash_on")


class _LostError(Exception):
    """What an older file says that no longer has a meaning, in words."""


def _from_3(raw: dict[str, Any]) -> dict[str, Any]:
    """4 adds what may be missing: code. Early files of 3 had the calls that made the main stack deepest elsewhere.

    Raises `_LostError` for still earlier ones, whose statics counted bytes that were accessed, not used.
    """
    memory = raw.get("memory")
    if not isinstance(memory, dict):
        return {**raw, "schema_version": 4}
    statics = memory.get("statics")
    if isinstance(statics, list) and any(isinstance(each, dict) and "touched_bytes" in each for each in statics):
        raise _LostError("statics say how many bytes were touched, not how many were used")
    stacks, path = raw.get("stacks"), memory.get("stack_path")
    if path and isinstance(stacks, list) and stacks and isinstance(stacks[0], dict) and not stacks[0].get("path"):
        raw = {**raw, "stacks": [{**stacks[0], "path": path}, *stacks[1:]]}
    return {**raw, "schema_version": 4}


# Version -> function that turns the plain JSON object of that version into the next one's.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
    # 2 adds guessed registers (notes before), and what may be missing: stacks, tasks, the fault
    1: lambda raw: {**raw, "schema_version": 2, "guessed": []},
    # 3 adds what may be missing: layers, memory. The first files of 2 had no guessed registers yet.
    2: lambda raw: {"guessed": [], **raw, "schema_version": 3},
    3: _from_3,
}


class _Head(msgspec.Struct):
    """What every version of the file starts with."""

    schema_version: int


def dumps(profile: Profile) -> bytes:
    """Return the profile as JSON. Equal profiles give equal bytes."""
    return _keys(profile) + b"\n"


def _keys(record: Any) -> bytes:
    """Return a record as JSON with one key per line."""
    rows = [
        b'"%s": %s' % (field.name.encode(), _lines(getattr(record, field.name)))
        for field in fields(record)
        if field.name not in _OPTIONAL or getattr(record, field.name) is not None
    ]
    return b"{\n" + b",\n".join(rows) + b"\n}"


def _lines(value: object) -> bytes:
    """Return `value` as JSON: lists of records with one element per line, anything else on one line."""
    if isinstance(value, _OPENED):
        return _keys(value)
    if not isinstance(value, list) or not value or not is_dataclass(value[0]):
        return msgspec.json.encode(value)
    return b"[\n" + b",\n".join(b" " + msgspec.json.encode(element) for element in value) + b"\n]"


def loads(data: bytes, name: str = "profile") -> Profile:
    """Return the profile that `dumps` wrote. `name` says in errors which file it was.

    Raises `McusimError` when the data are not a profile, are damaged, or come from a newer mcusim.
    """
    version = _version(data, name)
    try:
        if version == SCHEMA_VERSION:
            profile = msgspec.json.decode(data, type=Profile)
        else:
            profile = msgspec.convert(_migrate(msgspec.json.decode(data), version, name), Profile, str_keys=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise _damaged(name, str(error)) from error
    _check_references(profile, name)
    return profile


def json_schema() -> bytes:
    """Return the JSON Schema (2020-12) of saved profiles, as published in `docs/profile-schema.json`.

    It is made from the dataclasses, so it cannot lag behind them. Files may have further keys: a later mcusim of the
    same schema version may add some, and readers leave out what they do not know.
    """
    schema = msgspec.json.schema(Profile)
    version: dict[str, Any] = {"const": SCHEMA_VERSION}
    schema["$defs"]["Profile"]["properties"]["schema_version"].update(version)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"mcusim-profile-{SCHEMA_VERSION}",
        "title": f"mcusim profile, schema version {SCHEMA_VERSION}",
    }
    return msgspec.json.format(msgspec.json.encode({**head, **schema}), indent=1) + b"\n"


def save(profile: Profile, path: Path, *, force: bool = False) -> None:
    """Write the profile to `path`, whole or not at all; an existing file is replaced only with `force`."""
    output.write(path, dumps(profile), force=force)


def load_profile(path: Path | str) -> Profile:
    """Return the profile saved at `path`."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise McusimError(f"{path}: cannot be read: {reason}: give a profile saved with -o") from error
    return loads(data, str(path))


def _version(data: bytes, name: str) -> int:
    """Return the schema version, read first because a newer file may hold anything else."""
    if not data.lstrip().startswith(b"{"):
        start = data[:4]
        raise McusimError(f"{name}: not a saved profile (starts with {start!r}): give a file saved with -o")
    try:
        version = msgspec.json.decode(data, type=_Head).schema_version
    except msgspec.ValidationError as error:
        raise McusimError(f"{name}: not a saved profile: {_plain(str(error))}: give a file saved with -o") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _damaged(name, str(error)) from error
    if version > SCHEMA_VERSION:
        raise McusimError(
            f"{name}: saved by a newer mcusim (schema {version}, this one reads up to {SCHEMA_VERSION}): upgrade mcusim"
        )
    return version


def _migrate(raw: dict[str, Any], version: int, name: str) -> dict[str, Any]:
    """Bring an older file up to date, one version at a time."""
    while version < SCHEMA_VERSION:
        if version not in MIGRATIONS:
            raise McusimError(f"{name}: schema {version} is not one that mcusim ever wrote: run the profile again")
        try:
            raw = MIGRATIONS[version](raw)
        except _LostError as lost:
            raise McusimError(
                f"{name}: saved by an early mcusim (schema {version}) that cannot be carried over: {lost}: "
                "run the profile again"
            ) from lost
        version += 1
    return raw


def _check_references(profile: Profile, name: str) -> None:
    """Indices must point at something, so that no renderer has to doubt them."""
    functions = profile.functions
    for index, node in enumerate(profile.tree):
        _check_index(node.function, functions, f"$.tree[{index}].function", name)
        if not -1 <= node.parent < index:
            raise _damaged(name, f"parent {node.parent} is not an earlier node - at `$.tree[{index}].parent`")
    for index, task in enumerate(profile.tasks):
        if not 0 <= task.root < len(profile.tree):
            raise _damaged(name, f"no node {task.root} in the tree - at `$.tasks[{index}].root`")
    for index, instruction in enumerate(profile.instructions):
        _check_index(instruction.function, functions, f"$.instructions[{index}].function", name)
    layers = profile.layers
    if layers is not None:
        _check_layers(layers, len(functions), name)
    if profile.code is not None:
        for index, function in enumerate(profile.code.functions):
            known = -1 <= function.function < len(functions)
            _check(known, f"no function {function.function}", f"$.code.functions[{index}].function", name)
    if profile.memory is not None:
        counts = (len(layers.layers), len(layers.activations)) if layers is not None else (0, 0)
        _check_memory(profile.memory, *counts, name)


def _check_layers(layers: Layers, functions: int, name: str) -> None:
    """Check what layers and their runs point at."""
    for index, layer in enumerate(layers.layers):
        key = f"$.layers.layers[{index}]"
        _check(-1 <= layer.function < functions, f"no function {layer.function}", f"{key}.function", name)
        _check(-1 <= layer.parent < index, f"parent {layer.parent} is not an earlier layer", f"{key}.parent", name)
    for index, run in enumerate(layers.activations):
        key = f"$.layers.activations[{index}]"
        _check(0 <= run.layer < len(layers.layers), f"no layer {run.layer}", f"{key}.layer", name)
        _check(-1 <= run.parent < index, f"parent {run.parent} is not an earlier one", f"{key}.parent", name)
        known = 0 <= run.inference < layers.inferences
        _check(known, f"no inference {run.inference}, there are {layers.inferences}", f"{key}.inference", name)
        _check(run.start_cycles <= run.end_cycles, "ends before it starts", f"{key}.end_cycles", name)


def _check_memory(memory: MemoryProfile, layers: int, activations: int, name: str) -> None:
    """Check what stretches, buffers, flash and findings point at, and that the timeline is a table."""
    timeline, rows = memory.timeline, len(memory.timeline.start_cycles)
    columns = {field.name: getattr(timeline, field.name) for field in fields(timeline)}
    columns |= {f"live_by_zone.{zone}": column for zone, column in columns.pop("live_by_zone").items()}
    for key, column in columns.items():
        _check(len(column) == rows, f"has {len(column)} rows, not {rows}", f"$.memory.timeline.{key}", name)
    unknown = set(timeline.live_by_zone) - set(ZONES)
    _check(not unknown, f"no zone {sorted(unknown)}", "$.memory.timeline.live_by_zone", name)
    starts = timeline.start_cycles
    ordered = all(before <= after for before, after in pairwise(starts))
    _check(ordered, "is not in the order of time", "$.memory.timeline.start_cycles", name)
    for index, run in enumerate(timeline.activation):
        _check(-1 <= run < activations, f"no run {run}", f"$.memory.timeline.activation[{index}]", name)
    _check(-1 <= memory.peak < rows, f"no stretch {memory.peak}", "$.memory.peak", name)
    for kind in ("buffers", "peak_buffers"):
        for index, buffer in enumerate(getattr(memory, kind)):
            key = f"$.memory.{kind}[{index}]"
            _check(-1 <= buffer.writer < activations, f"no run {buffer.writer}", f"{key}.writer", name)
            _check(-1 <= buffer.reader < activations, f"no run {buffer.reader}", f"{key}.reader", name)
            _check(buffer.start <= buffer.end, "ends before it starts", f"{key}.end", name)
            _check(buffer.first_cycles <= buffer.last_cycles, "ends before it starts", f"{key}.last_cycles", name)
            _check(buffer.zone in ZONES, f"no zone '{buffer.zone}'", f"{key}.zone", name)
    for index, symbol in enumerate(memory.flash_symbols):
        for layer in symbol.layers:
            _check(0 <= layer < layers, f"no layer {layer}", f"$.memory.flash_symbols[{index}].layers", name)
    for index, finding in enumerate(memory.findings):
        _check(-1 <= finding.layer < layers, f"no layer {finding.layer}", f"$.memory.findings[{index}].layer", name)


def _check(right: bool, reason: str, key: str, name: str) -> None:
    if not right:
        raise _damaged(name, f"{reason} - at `{key}`")


def _check_index(value: int, table: Sequence[object], key: str, name: str) -> None:
    if not 0 <= value < len(table):
        raise _damaged(name, f"no function {value}, there are {len(table)} - at `{key}`")


def _damaged(name: str, reason: str) -> McusimError:
    return McusimError(f"{name}: damaged profile: {_plain(reason)}: run the profile again")


def _plain(reason: str) -> str:
    """Turn msgspec's 'Expected `int` - at `$.totals.cycles`' into 'totals.cycles: expected int'."""
    text, _, key = reason.partition(" - at ")
    text = text.replace("`", "'")
    text = text[:1].lower() + text[1:]
    key = key.replace("`", "").removeprefix("$").removeprefix(".")
    return f"{key}: {text}" if key else text
