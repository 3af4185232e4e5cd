# SPDX-License-Identifier: Apache-2.0
"""When nothing runs: WFI, WFE, and branches to themselves. Time passes until the next event, or the run ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mcusim.devices.base import NEVER

if TYPE_CHECKING:
    from mcusim.machine.loop import RunLoop

IDLE_LIMIT_S = 2.0  # simulated time that `b .` may go on while only interrupts run
YIELD, WFE = (0xBF10, 0xF3AF_8001), (0xBF20, 0xF3AF_8002)  # and their 32-bit forms (A7.7.263, A7.7.264)


class Waiting:
    """Lets time pass for a run loop whose engine stands still, everything before charged."""

    def __init__(self, loop: RunLoop) -> None:
        self._loop = loop
        self._idle_since_cycles: int | None = None
        self._idle_pc = -1

    def for_interrupt(self) -> None:
        """WFI has run: wait until an interrupt is pending that only PRIMASK may hold back (B1.5.19)."""
        self._until(self._loop.machine.exceptions.would_wake, "WFI")

    def for_event(self) -> None:
        """WFE has run: go on if an event is registered, else wait for one or for an interrupt (B1.5.18)."""
        loop = self._loop
        if loop.traps.event:
            loop.traps.event = False
            return
        exceptions, scb = loop.machine.exceptions, loop.machine.system.scb
        before = set(exceptions.pending)
        self._until(
            lambda: exceptions.next_taken() is not None or (scb.wakes_on_pending and bool(exceptions.pending - before)),
            "WFE",
        )

    def _until(self, awake: Callable[[], bool], instruction: str) -> None:
        machine = self._loop.machine
        while not awake():
            event = machine.next_event_cycles()
            if event == NEVER:
                self._loop.finish("sleep", f"asleep ({instruction}) with nothing that can wake it")
                return
            if not self._pass_time(event):
                return

    def idle(self) -> None:
        """A branch to itself: let time pass until an interrupt comes, or end."""
        loop, machine = self._loop, self._loop.machine
        event = machine.next_event_cycles()
        if loop.faulting.active or event == NEVER:
            loop.finish("loop", "endless loop (b .)")
            return
        now = machine.clock.cycles
        if self._idle_since_cycles is None or self._idle_pc != loop.pc:
            self._idle_since_cycles, self._idle_pc = now, loop.pc
        if machine.clock.seconds_at(now) - machine.clock.seconds_at(self._idle_since_cycles) >= IDLE_LIMIT_S:
            loop.finish("loop", f"endless loop (b .); only interrupts ran for {IDLE_LIMIT_S:g} s")
            return
        self._pass_time(event)

    def _pass_time(self, event_cycles: int) -> bool:
        """Move the clock to an event (or the limit) and wake devices; return whether the run goes on."""
        machine = self._loop.machine
        limit = self._loop.settings.max_cycles
        target = event_cycles if limit is None else min(event_cycles, limit)
        machine.charge(max(target - machine.clock.cycles, 0), "sleep")
        machine.wake_devices()
        return self._loop.limits.look()
