# SPDX-License-Identifier: Apache-2.0
"""Which layer, and which function, of one profile is which of another one.

Layers are matched in their order, as a text's lines are by `diff`: the pairing that is worth most (Needleman and
Wunsch's global alignment), where a pair is worth more the more of name, operator, shape and size are equal, and among
equal ones those that cost alike. So a layer that was put in or taken out shows as one, and those behind it keep their
partners. Layers below a layer are matched where their parents are.

Functions are matched by name; then by name without what compilers append to clones (`.part.0`, `.isra.1`,
`.constprop.0`); then, where one function on either side executes just the same instructions as often, as renamed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from mcusim.profile import FunctionCost, Profile
from mcusim.profile_memory import Layer, Layers

T = TypeVar("T")
Pair = tuple[int | None, int | None]  # an index in either profile, None where it is not there

# What GCC and Clang append to the names of clones and of functions that had to be told apart.
_CLONE = re.compile(r"(\.(part|isra|constprop|cold|lto_priv|llvm|specialized|clone)(\.\d+)*)+(?=$| \()")
_WORTH = {"name": 4.0, "kind": 2.0, "shape": 2.0, "macs": 1.0, "constants": 0.5}
_COST_WORTH = 0.4  # less than any of the others: only breaks ties between them
_LEAST = 2.0  # of a pair: below it they are two layers
_RENAMED_LEAST = 8  # instructions executed: shorter functions are alike by chance


def align(before: Sequence[T], after: Sequence[T], worth: Callable[[T, T], float]) -> list[Pair]:
    """Return the pairs of indices of two sequences, in order, whose worth is the largest in sum.

    Pairs that are worth 0 or less do not exist. What is in one sequence only is paired with None, that of `before`
    first. Takes time in proportion to the product of the lengths.
    """
    rows, columns = len(before), len(after)
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    paired = [[0.0] * columns for _ in range(rows)]
    for i in range(rows - 1, -1, -1):
        here, below, mine = best[i], best[i + 1], paired[i]
        for j in range(columns - 1, -1, -1):
            mine[j] = worth(before[i], after[j])
            together = below[j + 1] + mine[j] if mine[j] > 0 else -1.0
            here[j] = max(together, below[j], here[j + 1])
    pairs: list[Pair] = []
    i = j = 0
    while i < rows and j < columns:
        if paired[i][j] > 0 and best[i][j] == best[i + 1][j + 1] + paired[i][j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            pairs.append((i, None))
            i += 1
        else:
            pairs.append((None, j))
            j += 1
    return pairs + [(k, None) for k in range(i, rows)] + [(None, k) for k in range(j, columns)]


def align_layers(before: Layers, after: Layers) -> list[Pair]:
    """Return the pairs of layers, as the network of `after` runs them, those below a layer after it."""
    return _align_below(before, after, -1, -1)


def _align_below(before: Layers, after: Layers, parent_before: int | None, parent_after: int | None) -> list[Pair]:
    old, new = _children(before, parent_before), _children(after, parent_after)
    worth = _worth_of_layers([before.layers[at] for at in old], [after.layers[at] for at in new])
    found: list[Pair] = []
    for i, j in align(range(len(old)), range(len(new)), worth):
        pair = (old[i] if i is not None else None, new[j] if j is not None else None)
        found += [pair, *_align_below(before, after, *pair)]
    return found


def _children(layers: Layers, parent: int | None) -> list[int]:
    """Return the layers below one, in their order; below None there are none."""
    if parent is None:
        return []
    children = [at for at, layer in enumerate(layers.layers) if layer.parent == parent]
    return sorted(children, key=lambda at: (layers.layers[at].index, at))


def _worth_of_layers(before: Sequence[Layer], after: Sequence[Layer]) -> Callable[[int, int], float]:
    cost_before, cost_after = ([sum(layer.causes.values()) for layer in side] for side in (before, after))

    def worth(i: int, j: int) -> float:
        old, new = before[i], after[j]
        value = _WORTH["name"] * (clone_base(old.name) == clone_base(new.name))
        value += _WORTH["kind"] * (old.kind == new.kind != "")
        value += _WORTH["shape"] * (old.shape == new.shape != "")
        value += _WORTH["macs"] * (old.macs == new.macs is not None)
        if value < _LEAST:
            return 0.0
        value += _WORTH["constants"] * (old.constant_bytes == new.constant_bytes)
        low, high = sorted((cost_before[i], cost_after[j]))
        return value + _COST_WORTH * (low / high if high else 1.0)

    return worth


def align_functions(before: Profile, after: Profile) -> list[Pair]:
    """Return the pairs of functions: those of `after` in their order, then those that are in `before` alone."""
    partners: dict[int, int] = {}  # after -> before
    free = set(range(len(before.functions)))
    open_after = list(range(len(after.functions)))

    def match(key_before: Callable[[int], object], key_after: Callable[[int], object], *, unique: bool) -> None:
        """Pair what has an equal key that is not None, in the order of addresses, or only where there is one each."""
        nonlocal open_after
        by_key: dict[object, list[int]] = {}
        for at in sorted(free, key=lambda at: before.functions[at].address):
            by_key.setdefault(key_before(at), []).append(at)
        wanted: dict[object, list[int]] = {}
        for at in sorted(open_after, key=lambda at: after.functions[at].address):
            wanted.setdefault(key_after(at), []).append(at)
        for key, mine in wanted.items():
            theirs = by_key.get(key, [])
            if key is None or (unique and (len(mine) > 1 or len(theirs) > 1)):
                continue
            for new, old in zip(mine, theirs, strict=False):
                partners[new] = old
                free.discard(old)
        open_after = [at for at in open_after if at not in partners]

    match(lambda at: _full(before.functions[at]), lambda at: _full(after.functions[at]), unique=False)
    match(lambda at: before.functions[at].name, lambda at: after.functions[at].name, unique=False)
    match(lambda at: clone_base(before.functions[at].name), lambda at: clone_base(after.functions[at].name),
          unique=False)  # fmt: skip
    old_code, new_code = _code(before), _code(after)
    match(lambda at: _executed(before, old_code, at), lambda at: _executed(after, new_code, at), unique=True)
    pairs: list[Pair] = [(partners.get(at), at) for at in range(len(after.functions))]
    return pairs + [(at, None) for at in sorted(free)]


def clone_base(name: str) -> str:
    """Return a name without what a compiler appends to clones: 'dot.constprop.0 (a.c)' -> 'dot (a.c)'."""
    return _CLONE.sub("", name)


def _full(function: FunctionCost) -> tuple[str, str | None]:
    return function.name, function.file


def _code(profile: Profile) -> dict[int, list[tuple[str, int]]]:
    """Return the mnemonic and count of each executed instruction of each function, by address."""
    code: dict[int, list[tuple[str, int]]] = {}
    for instruction in profile.instructions:
        text = instruction.text.partition(" ")[0]
        code.setdefault(instruction.function, []).append((text, instruction.count))
    return code


def _executed(profile: Profile, code: dict[int, list[tuple[str, int]]], function: int) -> object:
    """Return what a function is recognised by under another name, None where that is too little."""
    executed = code.get(function, [])
    if len(executed) < _RENAMED_LEAST:
        return None
    each = profile.functions[function]
    return each.size_bytes, each.calls, tuple(executed)
