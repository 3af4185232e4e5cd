# SPDX-License-Identifier: Apache-2.0
"""Profiles as JSON: deterministic, readable as a diff, and loaded back unchanged.

The layout is one top-level key per line, and one line per element of the long lists (functions, tree, instructions),
so that two profiles can be compared with `diff` and goldens can be reviewed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec

from mcusim import output
from mcusim.errors import McusimError
from mcusim.profile import SCHEMA_VERSION, Profile

# Version -> function that turns the plain JSON object of that version into the next one's.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
    # 2 adds guessed registers (notes before), and what may be missing: stacks, tasks, the fault
    1: lambda raw: {**raw, "schema_version": 2, "guessed": []},
    # 3 adds what may be missing: layers, memory
    2: lambda raw: {**raw, "schema_version": 3},
}


class _Head(msgspec.Struct):
    """What every version of the file starts with."""

    schema_version: int


def dumps(profile: Profile) -> bytes:
    """Return the profile as JSON. Equal profiles give equal bytes."""
    rows = []
    for field in fields(profile):
        value = getattr(profile, field.name)
        rows.append(b'"%s": %s' % (field.name.encode(), _lines(value)))
    return b"{\n" + b",\n".join(rows) + b"\n}\n"


def _lines(value: object) -> bytes:
    """Return `value` as JSON: lists of records with one element per line, anything else on one line."""
    if not isinstance(value, list) or not value:
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


def save(profile: Profile, path: Path, *, force: bool = False) -> None:
    """Write the profile to `path`, whole or not at all; an existing file is replaced only with `force`."""
    output.write(path, dumps(profile), force=force)


def load_profile(path: Path) -> Profile:
    """Return the profile saved at `path`."""
    try:
        data = path.read_bytes()
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
        raw = MIGRATIONS[version](raw)
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
