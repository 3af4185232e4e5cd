# SPDX-License-Identifier: Apache-2.0
"""Energy of a run, of an inference and of layers: an estimate from the currents that the part's datasheet gives.

    energy = supply voltage x (current of running code x time awake + current of sleep x time asleep)

Currents depend on the core's clock. Between two points of the datasheet they lie on the straight line through them,
which is what the physics says of one voltage range (leakage plus a part proportional to the clock); outside of the
points that line is extended, and a single point is taken as proportional to the clock. Time asleep is the cause
`sleep`; where the clock changed it is taken from the longest phases, since nothing says in which it was. Where the
board gives no current of sleep, sleeping counts as running.

The figures are typical ones, at the datasheet's temperature, with all peripherals off: no pins, no radio, no sensor,
and code that makes the core work as the datasheet's loop does. docs/energy.md has the caveats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mcusim.errors import McusimError
from mcusim.profile import Profile
from mcusim.profile_memory import Activation
from mcusim.profile_power import CurrentPoint, PowerInfo

SLEEP = "sleep"  # the cause of cycles in which the core waits for an interrupt
HOURS_S = 3600.0


@dataclass(frozen=True)
class Energy:
    """Estimates in joules. `inference_j` is the mean of the inferences (None without layers).

    `layers_j` has for each of `Layers.layers` the mean of its activations, nested layers included, None where it never
    ran. `awake_s` and `asleep_s` add up to the time of the run.
    """

    run_j: float
    inference_j: float | None
    inference_s: float | None
    layers_j: list[float | None]
    awake_s: float
    asleep_s: float


@dataclass(frozen=True)
class Battery:
    """How long a battery lasts: mean current in milliamperes, of which `active_ma` is the work; life in hours."""

    mean_ma: float
    active_ma: float
    life_h: float


def current_ma(points: Sequence[CurrentPoint], core_hz: float) -> float:
    """Return the current at a clock, on the lines through the datasheet's points (see the module), never below zero."""
    if len(points) == 1:
        return points[0].current_ma * core_hz / points[0].core_hz
    at = 0
    while at < len(points) - 2 and core_hz > points[at + 1].core_hz:
        at += 1
    low, high = points[at], points[at + 1]
    slope = (high.current_ma - low.current_ma) / (high.core_hz - low.core_hz)
    return max(low.current_ma + slope * (core_hz - low.core_hz), 0.0)


def within_points(points: Sequence[CurrentPoint], core_hz: int) -> bool:
    """Return whether the datasheet has points on both sides of a clock, or at it."""
    return points[0].core_hz <= core_hz <= points[-1].core_hz


def estimate(profile: Profile) -> Energy | None:
    """Return the energy of the run, of an inference, of layers; None where the board gives no currents."""
    power = profile.power
    if power is None:
        return None
    asleep = profile.totals.causes.get(SLEEP, 0)
    run_j = awake_s = asleep_s = 0.0
    for core_hz, cycles in sorted(_phases(profile), key=lambda phase: -phase[1]):
        sleeping = min(asleep, cycles)
        asleep -= sleeping
        awake_s += (cycles - sleeping) / core_hz
        asleep_s += sleeping / core_hz
        run_j += _joules(power, core_hz, cycles - sleeping, sleeping)
    inference_j, inference_s = _of_inference(profile, power)
    return Energy(run_j, inference_j, inference_s, _of_layers(profile, power), awake_s, asleep_s)


def battery(power: PowerInfo, work_j: float, work_s: float, period_s: float, capacity_mah: float) -> Battery:
    """Return how long a battery lasts that does `work` every `period_s` seconds and sleeps deeply in between.

    Raises McusimError where the work takes longer than the period, or the board gives no current of deep sleep.
    """
    if power.deep_ua is None:
        raise McusimError("--duty: the board's file gives no current of a deep sleep: add 'deep' to its [power] table")
    if work_s > period_s:
        raise McusimError(f"--duty: the work takes {work_s:g} s, longer than the {period_s:g} s it is done in")
    active_ma = 1e3 * work_j / power.supply_v / period_s
    mean_ma = active_ma + 1e-3 * power.deep_ua * (period_s - work_s) / period_s
    return Battery(mean_ma, active_ma, capacity_mah / mean_ma if mean_ma else float("inf"))


def _joules(power: PowerInfo, core_hz: int, awake_cycles: float, asleep_cycles: float) -> float:
    """Return the energy of cycles at one clock."""
    active = current_ma(power.active, core_hz)
    sleep = current_ma(power.sleep, core_hz) if power.sleep else active
    return power.supply_v * 1e-3 * (active * awake_cycles + sleep * asleep_cycles) / core_hz


def _phases(profile: Profile) -> list[tuple[int, int]]:
    """Return the clock of each phase in Hz and how many cycles it lasted."""
    clock = profile.totals.clock
    ends = [phase.start_cycles for phase in clock[1:]] + [profile.totals.cycles]
    return [(phase.core_hz, end - phase.start_cycles) for phase, end in zip(clock, ends, strict=True)]


def working_clocks(profile: Profile) -> list[int]:
    """Return the clocks in Hz of what counts: those that inferences ran at, rising, or the one of most of the time."""
    whole = profile.layers.whole_inferences() if profile.layers is not None else []
    if whole:
        return sorted({profile.totals.core_hz_at(run.start_cycles) for runs in whole for run in runs})
    spent_s: dict[int, float] = {}
    for core_hz, cycles in _phases(profile):
        spent_s[core_hz] = spent_s.get(core_hz, 0.0) + cycles / core_hz
    return [max(spent_s, key=lambda core_hz: spent_s[core_hz])]


def _of_activation(profile: Profile, power: PowerInfo, run: Activation) -> tuple[float, float]:
    """Return energy and time of a run of a layer: at the clock that it began with, asleep as much as its layer was."""
    assert profile.layers is not None
    causes = profile.layers.layers[run.layer].causes
    own = sum(causes.values())
    sleeping = run.total_cycles * causes.get(SLEEP, 0) / own if own else 0.0
    core_hz = profile.totals.core_hz_at(run.start_cycles)
    return _joules(power, core_hz, run.total_cycles - sleeping, sleeping), run.total_cycles / core_hz


def _of_inference(profile: Profile, power: PowerInfo) -> tuple[float | None, float | None]:
    """Return the mean energy and time of an inference, the sum of its outermost layers; None without any."""
    whole = profile.layers.whole_inferences() if profile.layers is not None else []
    if not whole:
        return None, None
    parts = [_of_activation(profile, power, run) for runs in whole for run in runs]
    return sum(part[0] for part in parts) / len(whole), sum(part[1] for part in parts) / len(whole)


def _of_layers(profile: Profile, power: PowerInfo) -> list[float | None]:
    layers = profile.layers
    if layers is None:
        return []
    sums: list[list[float]] = [[] for _ in layers.layers]
    for run in layers.activations:
        if not run.cut:
            sums[run.layer].append(_of_activation(profile, power, run)[0])
    return [sum(values) / len(values) if values else None for values in sums]
