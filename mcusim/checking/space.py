# SPDX-License-Identifier: Apache-2.0
"""Which sizes are drawn: for each dimension a number, a list of numbers, a range "1..16" or "4..64:4" (inclusive), or
the name of another dimension that it is equal to ("kernel_h").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import numpy as np

from mcusim.errors import McusimError

Choices = tuple[int, ...] | str
Space = dict[str, Choices]
Given = int | str | Sequence[int]
_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)(?::(\d+))?")
LARGEST = 4096  # of a dimension, and of how many choices there are


def choices(name: str, given: Given) -> Choices:
    """Return the numbers that a dimension may have. Raises McusimError naming it."""
    if isinstance(given, str) and given.isidentifier():
        return given
    if isinstance(given, str):
        found = _RANGE.fullmatch(given.strip())
        if found is None:
            raise McusimError(f"{name}: '{given}' is no range: write 1..16, or 4..64:4 for every fourth")
        numbers = tuple(range(int(found[1]), int(found[2]) + 1, int(found[3] or 1) or 1))
    elif isinstance(given, (list, tuple)):
        numbers = tuple(given)
    elif isinstance(given, int) and not isinstance(given, bool):
        numbers = (given,)
    else:
        raise McusimError(f"{name}: {given!r} is neither a number, nor a list of them, nor a range such as 1..16")
    if not numbers or len(numbers) > LARGEST or any(not isinstance(n, int) or not 0 <= n <= LARGEST for n in numbers):
        raise McusimError(f"{name}: {given!r} is empty, or not between 0 and {LARGEST}")
    return numbers


def spaces(given: Mapping[str, Given], known: Mapping[str, Choices], where: str) -> Space:
    """Return a space: what is `known` (the operator's own), with what is given in its place."""
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
            raise McusimError(f"{where}: no dimension '{name}': {hint}")
    made = {name: choices(f"{where}.{name}", given[name]) if name in given else known[name] for name in known}
    for name, value in made.items():
        if isinstance(value, str) and not isinstance(made.get(value), tuple):
            raise McusimError(f"{where}.{name}: '{value}' is no dimension with sizes of its own")
    return made


def draw(space: Space, rng: np.random.Generator, number: int) -> dict[str, int]:
    """Return one size for each dimension: the smallest of all in the first case, the largest in the second, or random.

    In the largest case what is not a size (`stride_h` and the like, groups) is as in the first.
    """
    own = {name: values for name, values in space.items() if not isinstance(values, str)}
    if number == 0:
        sizes = {name: min(values) for name, values in own.items()}
    elif number == 1:
        sizes = {name: max(values) if _is_size(name) else min(values) for name, values in own.items()}
    else:
        sizes = {name: values[int(rng.integers(len(values)))] for name, values in own.items()}
    return {name: sizes[values if isinstance(values, str) else name] for name, values in space.items()}


def _is_size(name: str) -> bool:
    return name.endswith(("_h", "_w", "_c", "rows", "depth", "size")) and not name.startswith(("stride", "dilation"))
