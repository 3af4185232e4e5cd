# SPDX-License-Identifier: Apache-2.0
"""Stretches of a run that are timed as one would with a cycle counter: calls of a function, or from one to another.

A call lasts from the arrival at the function's first instruction to the arrival behind the call: BL or BLX itself is
not in it, what the function calls and the interrupts in between are. Of a recursive function the outermost call
counts. `FIRST..SECOND` lasts from the arrival at one function to the next arrival at another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mcusim.machine.places import Deferred

if TYPE_CHECKING:
    from mcusim.machine.loop import RunLoop

BETWEEN = ".."
MOST = 1000  # times that one stretch is looked at: each arrival costs real time


class Span:
    """One stretch. `times` are (cycles, seconds), one for each time that it was seen whole."""

    def __init__(self, loop: RunLoop, start: int, end: int | None) -> None:
        self._loop, self._start, self._end = loop, start, end
        self._since: int | None = None  # the cycle at which the present one began
        self._return = (-1, -1)  # where a call returns to: address, stack pointer
        self._watched: dict[int, Callable[[], Deferred | None]] = {}
        self.times: list[tuple[int, float]] = []
        self._watch(start, self._arrive)
        if end is not None:
            self._watch(end, self._leave)

    def _watch(self, address: int, action: Callable[[], Deferred | None]) -> None:
        if address not in self._watched:
            self._watched[address] = action
            self._loop.places.add(address, action)

    def _arrive(self) -> Deferred | None:
        return None if self._since is not None else self._begin

    def _begin(self) -> None:
        engine = self._loop.machine.engine
        self._since = self._loop.machine.clock.cycles
        if self._end is None:
            self._return = (engine.read_register("lr") & ~1, engine.read_register("sp"))
            self._watch(self._return[0], lambda address=self._return[0]: self._returned(address))  # type: ignore[misc]

    def _returned(self, address: int) -> Deferred | None:
        if self._since is None or (address, self._loop.machine.engine.read_register("sp")) != self._return:
            return None
        return self._finish

    def _leave(self) -> Deferred | None:
        return None if self._since is None else self._finish

    def _finish(self) -> None:
        assert self._since is not None
        clock = self._loop.machine.clock
        seconds = clock.seconds_at(clock.cycles) - clock.seconds_at(self._since)
        self.times.append((clock.cycles - self._since, seconds))
        self._since = None
        if len(self.times) == MOST:
            for address, action in self._watched.items():
                self._loop.places.remove(address, action)


def make_spans(loop: RunLoop, wanted: tuple[str, ...], code_address: Callable[[str], int]) -> dict[str, Span]:
    """Return the stretches `FUNCTION` or `FIRST..SECOND` that are to be timed, by their text."""
    spans = {}
    for text in wanted:
        start, separator, end = text.partition(BETWEEN)
        spans[text] = Span(loop, code_address(start), code_address(end) if separator else None)
    return spans
