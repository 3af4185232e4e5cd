# SPDX-License-Identifier: Apache-2.0
"""Instructions that the core has no timing for: of a class its table leaves out, or, with --core, not its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcusim.isa.architecture import why_not

if TYPE_CHECKING:
    from mcusim.machine.loop import RunLoop


class Untimed:
    """Looks at every block that is met. `classes` are those without a timing, and where one such instruction is."""

    def __init__(self, loop: RunLoop) -> None:
        self._loop = loop
        self.classes: dict[str, int] = {}

    def look(self, number: int) -> None:
        """A block has been met: raise `McusimError` if it holds what the core cannot time and the user does not allow.

        Undefined instructions fault when, and only if, they run; so do those of a unit that the board's core lacks.
        """
        loop = self._loop
        machine = loop.machine
        if loop.settings.core is not None and not loop.settings.allow_unknown:
            self._look_at_foreign(number)
        unknown = machine.pricer.unknown_class(number)
        if unknown is None:
            return
        address, klass = unknown
        self.classes.setdefault(klass, address)
        no_unit = klass.startswith("fp_") and machine.core.fpu == "none"
        if klass == "undefined" or loop.settings.allow_unknown or no_unit:
            return
        raise loop.error(
            f"{machine.timing_core.title} has no timing for the instruction at {loop.place(address)} (class {klass}); "
            "--allow-unknown goes on at one cycle each"
        )

    def _look_at_foreign(self, number: int) -> None:
        loop = self._loop
        core = loop.machine.timing_core
        for op in loop.machine.pricer.decoded[number].ops:
            reason = why_not(op, core.architecture, core.fpu)
            if reason:
                raise loop.error(
                    f"this firmware does not run on --core {core.name}, which has {reason} (choose another core, or "
                    f"build for it): seen at {loop.place(int(op['address']))}"
                )
