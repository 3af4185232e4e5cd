# SPDX-License-Identifier: Apache-2.0
"""Which layer, and which function, of one profile is which of another one.

Layers are matched in their order, as a text's lines are by `diff`: the pairing that is worth most (Needleman and
Wunsch's global alignment), where a pair is worth more the more of name, operator, shape and size are equal, and among
equal ones those that cost alike. So a layer that was put in or taken out shows as one, and those behind it keep their
partners. Layers below a layer are matched where their parents are.

Functions are matched by name; then by name without what compilers append to clones (`.part.0`, `.isra.1`,
`.constprop.0`); then, where there is one of that name on either side, wherever its file is; then, where one function on
either side executes just the same instructions as often, as renamed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from mcusim.profile import Profile
from mcusim.profile_memory import Layer, Layers

T = TypeVar("T")
Pair = tuple[int | None, int | None]  # an index in either profile, None where it is not there

# What GCC and Clang append to the names of clones and of functions that had to be told apart.
_CLONE = re.compile(r"(\.(part|isra|constprop|cold|lto_priv|llvm|specialized|clone)(\.\d+)*)+(?=$| \()")
_FILE = re.compile(r" \([^()]+\)$")  # what tells statics of one name apart
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
    old, new = before.functions, after.functions
    passes: list[_Pass] = [
        ([(f.name, f.file) for f in old], [(f.name, f.file) for f in new], False),
        *_by_name([f.name for f in old], [f.name for f in new]),
        (_executed(before), _executed(after), True),
    ]
    return _match([f.address for f in old], [f.address for f in new], passes)


def align_names(before: Sequence[tuple[str, int]], after: Sequence[tuple[str, int]]) -> list[Pair]:
    """Return the pairs of things with a name and an address, in the order of `align_functions`."""
    passes = _by_name([name for name, _ in before], [name for name, _ in after])
    return _match([address for _, address in before], [address for _, address in after], passes)


# Keys of either side (None: has none), and whether only what is alone with its key is paired.
_Pass = tuple[Sequence[object], Sequence[object], bool]


def _by_name(before: Sequence[str], after: Sequence[str]) -> list[_Pass]:
    bases = [*map(clone_base, before)], [*map(clone_base, after)]
    plain = [_FILE.sub("", name) for name in bases[0]], [_FILE.sub("", name) for name in bases[1]]
    return [(before, after, False), (*bases, False), (*plain, True)]


def _match(addresses_before: Sequence[int], addresses_after: Sequence[int], passes: Sequence[_Pass]) -> list[Pair]:
    """Pair what has equal keys, one pass after the other; of several with one key in the order of their addresses."""
    partners: dict[int, int] = {}  # after -> before
    free = sorted(range(len(addresses_before)), key=lambda at: (addresses_before[at], at))
    wanted = sorted(range(len(addresses_after)), key=lambda at: (addresses_after[at], at))
    for keys_before, keys_after, unique in passes:
        theirs, mine = _grouped(free, keys_before), _grouped(wanted, keys_after)
        for key, group in mine.items():
            others = theirs.get(key, [])
            if not unique or len(group) == len(others) == 1:
                partners |= dict(zip(group, others, strict=False))
        taken = set(partners.values())
        free = [at for at in free if at not in taken]
        wanted = [at for at in wanted if at not in partners]
    pairs: list[Pair] = [(partners.get(at), at) for at in range(len(addresses_after))]
    return pairs + [(at, None) for at in sorted(free)]


def _grouped(indices: Sequence[int], keys: Sequence[object]) -> dict[object, list[int]]:
    groups: dict[object, list[int]] = {}
    for at in indices:
        if keys[at] is not None:
            groups.setdefault(keys[at], []).append(at)
    return groups


def clone_base(name: str) -> str:
    """Return a name without what a compiler appends to clones: 'dot.constprop.0 (a.c)' -> 'dot (a.c)'."""
    return _CLONE.sub("", name)


def executed_code(profile: Profile) -> list[tuple[tuple[str, int], ...]]:
    """Return for each function the mnemonic and count of each instruction that ran, in the order of addresses."""
    code: list[list[tuple[str, int]]] = [[] for _ in profile.functions]
    for instruction in profile.instructions:
        code[instruction.function].append((instruction.text.partition(" ")[0], instruction.count))
    return [tuple(each) for each in code]


def _executed(profile: Profile) -> list[object]:
    """Return what a function is recognised by under another name, None where that is too little."""
    return [
        (function.size_bytes, function.calls, code) if len(code) >= _RENAMED_LEAST else None
        for function, code in zip(profile.functions, executed_code(profile), strict=True)
    ]
