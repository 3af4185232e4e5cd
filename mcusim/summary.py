# SPDX-License-Identifier: Apache-2.0
"""What matters of a profile when many are held side by side: a dozen figures."""

from __future__ import annotations

from dataclasses import dataclass

from mcusim.energy import estimate
from mcusim.profile import Profile


@dataclass(frozen=True)
class Summary:
    """Figures of one run. None stands for what the run does not tell (no layers, memory not tracked, no currents).

    `inference_cycles` and `inference_s` are the mean of the whole inferences: their outermost layers, without handlers.
    `sram_reserved_bytes` are statics, stacks and heap at their deepest (without memory tracking: statics and stacks),
    `sram_live_bytes` the most bytes that were live at once. Energy is an estimate in joules.
    """

    core: str
    core_hz: int  # at the end of the run
    cycles: int
    instructions: int
    time_s: float
    inferences: int
    inference_cycles: int | None
    inference_s: float | None
    flash_bytes: int
    sram_reserved_bytes: int
    sram_live_bytes: int | None
    energy_j: float | None
    inference_j: float | None
    accuracy: str  # of cycles: "measured", "estimate", "ideal caches", as in the profile


def summarize(profile: Profile) -> Summary:
    """Return the figures of a profile."""
    energy, totals = estimate(profile), profile.totals
    cycles, time_s = _inference(profile)
    return Summary(
        core=profile.board.core,
        core_hz=totals.clock[-1].core_hz,
        cycles=totals.cycles,
        instructions=totals.instructions,
        time_s=totals.time_s,
        inferences=profile.layers.inferences if profile.layers is not None else 0,
        inference_cycles=cycles,
        inference_s=time_s,
        flash_bytes=profile.image.flash_bytes,
        sram_reserved_bytes=_reserved(profile),
        sram_live_bytes=profile.memory.peak_bytes if profile.memory is not None else None,
        energy_j=energy.run_j if energy is not None else None,
        inference_j=energy.inference_j if energy is not None else None,
        accuracy=profile.accuracy.level,
    )


def _reserved(profile: Profile) -> int:
    if profile.memory is not None:
        budget = profile.memory.budget
        return budget.statics_bytes + budget.stack_bytes + budget.heap_bytes
    return profile.image.sram_bytes + sum(stack.used_bytes for stack in profile.stacks)


def _inference(profile: Profile) -> tuple[int | None, float | None]:
    """Return the mean cycles and seconds of a whole inference."""
    whole = profile.layers.whole_inferences() if profile.layers is not None else []
    if not whole:
        return None, None
    runs = [run for outermost in whole for run in outermost]
    time_s = sum(run.total_cycles / profile.totals.core_hz_at(run.start_cycles) for run in runs)
    return round(sum(run.total_cycles for run in runs) / len(whole)), time_s / len(whole)
