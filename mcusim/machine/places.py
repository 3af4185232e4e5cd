# SPDX-License-Identifier: Apache-2.0
"""Instructions before which Python wants a say: --until, stubs, traps that the engine does not know.

Each place is a hook on one instruction, and hooked instructions are slow: a few dozen at most.
"""

from __future__ import annotations

from collections.abc import Callable

from mcusim.engine.engine import Engine

Deferred = Callable[[], None]
# Called when the instruction is about to run. What it returns, if anything, is called once the engine stands still
# before the instruction and everything up to it is charged.
Action = Callable[[], Deferred | None]


class Places:
    """Hooks by address. `stopped` is true when the engine stopped at one of them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._actions: dict[int, list[Action]] = {}
        self._handles: dict[int, int] = {}
        self._deferred: list[Deferred] = []
        self._passing = -1  # the instruction that goes on now: its actions have been asked

    @property
    def stopped(self) -> bool:
        """True when something waits for the engine to stand still."""
        return bool(self._deferred)

    def add(self, address: int, action: Action) -> None:
        """Ask `action` whenever the instruction at `address` is about to run."""
        self._actions.setdefault(address, []).append(action)
        if address not in self._handles:
            self._handles[address] = self._engine.watch(address, lambda: self._arrive(address))

    def remove(self, address: int, action: Action) -> None:
        """Stop asking."""
        self._actions[address].remove(action)
        if not self._actions[address]:
            del self._actions[address]
            self._engine.unwatch(address, self._handles.pop(address))

    def _arrive(self, address: int) -> None:
        if address == self._passing:
            self._passing = -1
            return
        for action in tuple(self._actions.get(address, ())):
            deferred = action()
            if deferred is not None:
                self._deferred.append(deferred)
        if self._deferred:
            self._engine.stop()

    def settle(self, address: int, goes_on_at: Callable[[], int]) -> None:
        """The engine stands before the instruction at `address`: do what was deferred, then let it go on.

        `goes_on_at` says where, after that: what was deferred may have led elsewhere (a stub returns), and then the
        next arrival at this place is a new one.
        """
        self._passing = address
        deferred, self._deferred = self._deferred, []
        for act in deferred:
            act()
        if goes_on_at() != address:
            self._passing = -1
