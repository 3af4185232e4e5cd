# SPDX-License-Identifier: Apache-2.0
"""A row of a sweep: one firmware on one board with one setting, whether it fits, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, field

from mcusim.summary import Summary


@dataclass(frozen=True)
class SweepRow:
    """Plain data, picklable. `settings` has what was varied ('clock': '80000000'), `fits` is None where it is unknown.

    `reason` says why it does not fit, `error` why nothing ran (both '' otherwise), `ended` how the run ended. `figures`
    is None where there was no run, or it ended in a fault. `cached` says that it was run before. `profile_json` is
    the whole profile where that was asked for.
    """

    image: str
    board: str
    settings: dict[str, str] = field(default_factory=dict)
    fits: bool | None = None
    reason: str = ""
    error: str = ""
    ended: str = ""
    figures: Summary | None = None
    cached: bool = False

    @property
    def cycles(self) -> int | None:
        """Cycles of one inference (their mean), or of the whole run where there are no layers; None without a run."""
        if self.figures is None:
            return None
        return self.figures.inference_cycles if self.figures.inference_cycles is not None else self.figures.cycles

    @property
    def time_s(self) -> float | None:
        """Seconds that `cycles` take."""
        if self.figures is None:
            return None
        return self.figures.inference_s if self.figures.inference_s is not None else self.figures.time_s

    @property
    def sram_bytes(self) -> int | None:
        """SRAM that the firmware reserves: statics, stacks and heap at their deepest."""
        return self.figures.sram_reserved_bytes if self.figures is not None else None

    @property
    def flash_bytes(self) -> int | None:
        """Flash that the image takes."""
        return self.figures.flash_bytes if self.figures is not None else None

    @property
    def energy_j(self) -> float | None:
        """Estimated energy of what `cycles` counts, in joules; None where the board gives no currents."""
        if self.figures is None:
            return None
        return self.figures.inference_j if self.figures.inference_cycles is not None else self.figures.energy_j
