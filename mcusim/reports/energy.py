# SPDX-License-Identifier: Apache-2.0
"""What is said of energy: the estimate for the run, for an inference, for layers; how long a battery lasts."""

from __future__ import annotations

from mcusim.energy import HOURS_S, Energy, battery, current_ma, estimate, within_points, working_clocks
from mcusim.errors import McusimError
from mcusim.profile import Profile
from mcusim.profile_power import PowerInfo
from mcusim.reports import numbers
from mcusim.reports.options import RenderOptions
from mcusim.reports.table import Cell, Column

_MOST_CLOCKS = 3  # that currents are named for: the fastest
_DAY_H = 24.0
_YEAR_H = 365.25 * _DAY_H


def energy_facts(profile: Profile, options: RenderOptions) -> list[tuple[str, str]]:
    """Return the lines of the report's head. Raises `McusimError` for a duty cycle that nothing is known for."""
    energy, power = estimate(profile), profile.power
    if energy is None or power is None:
        if options.duty_s is not None:
            raise McusimError(f"--duty: the file of board {profile.board.name} gives no currents: add a [power] table")
        return []
    text = numbers.joules(energy.run_j)
    if energy.inference_j is not None:
        text += f", {numbers.joules(energy.inference_j)} an inference"
    clocks = working_clocks(profile)
    currents = [
        f"{numbers.quantity(current_ma(power.active, core_hz))} mA at {numbers.frequency(core_hz)}"
        for core_hz in clocks[-_MOST_CLOCKS:]
    ]
    text += f" (estimate: {', '.join(currents)}, {power.supply_v:g} V)"
    facts = [("energy", text)]
    if options.duty_s is not None:
        facts.append(("battery", _battery(energy, power, options)))
    return facts


def energy_note(profile: Profile) -> str:
    """Return what the estimate assumes, '' where there is none."""
    power = profile.power
    if power is None:
        return ""
    clocks = sorted({phase.core_hz for phase in profile.totals.clock})
    beyond = [numbers.frequency(hz) for hz in clocks if not within_points(power.active, hz)]
    text = f"energy: {power.conditions}"
    if beyond and len(power.active) == 1:
        text += f"; at {', '.join(beyond)} in proportion to the clock"
    elif beyond:
        text += f"; at {', '.join(beyond)} beyond the figures' clocks, so by their line extended"
    asleep = estimate(profile)
    if asleep is not None and asleep.asleep_s and not power.sleep:
        text += f"; {numbers.duration(asleep.asleep_s)} asleep counted as running: no current of sleep is known"
    return text


def _battery(energy: Energy, power: PowerInfo, options: RenderOptions) -> str:
    """Return how long a battery lasts: of one inference in each period, or the whole run where there is none."""
    assert options.duty_s is not None
    inference = energy.inference_j is not None and energy.inference_s is not None
    work_j = energy.inference_j if inference and energy.inference_j is not None else energy.run_j
    work_s = energy.inference_s if inference and energy.inference_s is not None else energy.awake_s + energy.asleep_s
    life = battery(power, work_j, work_s, options.duty_s, options.battery_mah)
    what = "an inference" if inference else "a run"
    return (
        f"{_life(life.life_h)} from {numbers.quantity(options.battery_mah)} mAh (estimate) with {what} every "
        f"{options.duty_s:g} s: {_ma(life.mean_ma)} on average, {_ma(life.active_ma)} of it for the work, the rest "
        f"{power.deep_name}"
    )


def _life(hours: float) -> str:
    if hours >= _YEAR_H:
        return f"{hours / _YEAR_H:.3g} years"
    return f"{hours / _DAY_H:.3g} days" if hours >= 2 * _DAY_H else f"{hours:.3g} hours ({hours * HOURS_S:,.0f} s)"


def _ma(value: float) -> str:
    return f"{value:.3g} mA" if value >= 1 else f"{1e3 * value:.3g} µA"


def energy_columns(profile: Profile) -> tuple[Column, ...]:
    """Return the column of layers' energy; none where the board gives no currents."""
    return (Column("energy_uj", "µJ", "quantity", rank=7),) if profile.power is not None else ()


def layer_energies(profile: Profile) -> list[Cell]:
    """Return the energy of each layer in microjoules, the mean of its runs; None where it is not known."""
    energy = estimate(profile)
    if energy is None or profile.layers is None:
        return [None] * (len(profile.layers.layers) if profile.layers is not None else 0)
    return [None if each is None else 1e6 * each for each in energy.layers_j]
