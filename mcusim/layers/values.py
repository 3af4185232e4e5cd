# SPDX-License-Identifier: Apache-2.0
"""The integers in a call's arguments by their names: `input_dims.h`, `conv_params.stride.w`, `output_ch`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice

from mcusim.image import Array, Base, Pointer, Struct
from mcusim.layers.arguments import View
from mcusim.layers.names import snake

MAX_VALUES = 256
MAX_VISITS = 4096  # members looked at: damaged debug information may make a structure hold itself
MAX_NESTING = 4
MAX_ELEMENTS = 8
LARGEST_DIMENSION = 1 << 20

Path = tuple[str, ...]


def values_of(arguments: Iterable[tuple[str, View]]) -> dict[Path, int]:
    """Return the integers of arguments by path, in order: those in structures too, and in those that one points to."""
    found: dict[Path, int] = {}
    visits = chain.from_iterable(_walk((snake(name),), view, 0, True) for name, view in arguments)
    for path, number in islice(visits, MAX_VISITS):
        if number is not None and len(found) < MAX_VALUES:
            found.setdefault(path, number)
    return found


def _walk(path: Path, view: View, depth: int, follow: bool) -> Iterator[tuple[Path, int | None]]:
    """Yield what is visited: integers, and None for what is none."""
    kind = view.type
    if not isinstance(kind, Base):
        yield path, None
    if isinstance(kind, Pointer):
        target = view.target if follow and isinstance(kind.target, Struct) else None
        if target is not None:
            yield from _walk(path, target, depth + 1, False)
    elif isinstance(kind, Struct) and depth < MAX_NESTING:
        for member in kind.members:
            inner = (*path, snake(member.name)) if member.name else path  # without a name: C11's anonymous members
            yield from _walk(inner, view.of(member), depth + 1, follow)
    elif isinstance(kind, Array) and isinstance(kind.element, Base) and kind.count <= MAX_ELEMENTS:
        for index in range(kind.count):
            element = view.element(index)
            if element is not None:
                yield from _walk((*path, str(index)), element, depth + 1, False)
    elif isinstance(kind, Base):
        yield path, view.number


class Values:
    """Looks integers up by the ends of their paths."""

    def __init__(self, values: Mapping[Path, int]) -> None:
        self._by_last: dict[str, list[tuple[Path, int]]] = {}
        for path, number in values.items():
            self._by_last.setdefault(path[-1], []).append((path, number))

    def has(self, *tails: str) -> bool:
        """Return whether any path has one of these ends."""
        return any(self._numbers(tail) for tail in tails)

    def first(self, *tails: str) -> int | None:
        """Return the integer whose path has one of these ends ("input.height"), the first end that exists.

        Where several paths with that end hold different integers nothing tells which one is meant: None then.
        """
        for tail in tails:
            numbers = self._numbers(tail)
            if numbers:
                return numbers.pop() if len(numbers) == 1 else None
        return None

    def size(self, *tails: str) -> int | None:
        """Return the same where it can be a dimension: from 1 on, and no nonsense from a wild pointer."""
        number = self.first(*tails)
        return number if number is not None and 1 <= number <= LARGEST_DIMENSION else None

    def _numbers(self, tail: str) -> set[int]:
        parts = tuple(tail.split("."))
        return {number for path, number in self._by_last.get(parts[-1], ()) if path[-len(parts) :] == parts}
