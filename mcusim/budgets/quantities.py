# SPDX-License-Identifier: Apache-2.0
"""What a budget can limit, and how large it is in a profile.

A quantity has a key with its unit (`live_peak_bytes`), and a function for each scope that has it. Of several runs of a
layer, and of several inferences, the largest counts: a limit holds for each of them. What a profile does not have is an
error that says how to get it, never zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mcusim.energy import Energy, estimate
from mcusim.errors import McusimError, unknown_name
from mcusim.profile import ClockPhase, FunctionCost, Profile
from mcusim.profile_memory import Activation, Layers, MemoryProfile


class MissingError(Exception):
    """A profile lacks a quantity: the message says why, and what to do."""


Value = Callable[[Profile, int], float]  # the index is of the layer or function, 0 for the run and its inferences


@dataclass(frozen=True)
class Quantity:
    """`unit` is cycles, bytes, ms, uJ or count; `scopes` has the function for each scope; `tracked` needs memory."""

    unit: str
    title: str
    scopes: dict[str, Value]
    tracked: bool = False


def quantity_of(key: str, scope: str, place: str) -> Quantity:
    """Return a quantity that a scope has. Raises `McusimError` where it has none of that name."""
    quantity = QUANTITIES.get(key)
    here = [name for name, each in QUANTITIES.items() if scope in each.scopes]
    if quantity is None:
        raise McusimError(f"{place}: {unknown_name('quantity', key, here)}")
    if scope not in quantity.scopes:
        article = "an" if scope[0] in "aeiou" else "a"
        raise McusimError(f"{place}: {key}: {article} {scope} has none: give one of {', '.join(here)}")
    return quantity


# The run


def _memory(profile: Profile) -> MemoryProfile:
    if profile.memory is None:
        raise MissingError("memory was not tracked: run with --memory on")
    return profile.memory


def _reserved(profile: Profile, _: int) -> float:
    budget = _memory(profile).budget
    return budget.statics_bytes + budget.stack_bytes + budget.heap_bytes


def _heap(profile: Profile, _: int) -> float:
    heap = _memory(profile).heap
    return heap.peak_bytes if heap is not None else 0  # a firmware without an allocator


def _stack(profile: Profile, _: int) -> float:
    if not profile.stacks:
        raise MissingError("no stack was seen")
    return sum(stack.used_bytes for stack in profile.stacks)


# Inferences and layers


def layers_of(profile: Profile) -> Layers:
    """Return the layers of a profile that has some."""
    if profile.layers is None or not profile.layers.layers:
        raise MissingError("no layers were found: name them with --layers (docs/layers.md)")
    return profile.layers


def runs_of(profile: Profile, layer: int) -> list[Activation]:
    """Return the runs of a layer; those that the end of the run has cut tell nothing of the others."""
    runs = [run for run in layers_of(profile).activations if run.layer == layer and not run.cut]
    if not runs:
        raise MissingError("it was not finished once")
    return runs


def inferences_of(profile: Profile) -> list[list[Activation]]:
    """Return the outermost runs of layers of each inference that came to its end."""
    whole = layers_of(profile).whole_inferences()
    if not whole:
        raise MissingError("no inference was finished")
    return whole


def time_ms(run: Activation, clock: Sequence[ClockPhase]) -> float:
    """Return the time that a run's own cycles take, by the clocks of the time from its start to its end."""
    whole_cycles = run.end_cycles - run.start_cycles
    if whole_cycles <= 0:
        return 0.0
    ends = [phase.start_cycles for phase in clock[1:]] + [run.end_cycles]
    whole_s = sum(
        max(0, min(end, run.end_cycles) - max(phase.start_cycles, run.start_cycles)) / phase.core_hz
        for phase, end in zip(clock, ends, strict=True)
    )
    return 1e3 * whole_s * run.total_cycles / whole_cycles


def _inference(figure: Callable[[Profile, list[Activation]], float]) -> Value:
    return lambda profile, _: max(figure(profile, runs) for runs in inferences_of(profile))


def _layer(figure: Callable[[Profile, Activation], float]) -> Value:
    return lambda profile, layer: max(figure(profile, run) for run in runs_of(profile, layer))


def _live(profile: Profile, run: Activation) -> float:
    _memory(profile)
    return run.live_peak_bytes


def _layer_flash(profile: Profile, layer: int) -> float:
    _memory(profile)  # which constants a layer reads is known only with it
    each = layers_of(profile).layers[layer]
    return each.code_bytes + each.constant_bytes


def _per_mac(profile: Profile, layer: int) -> float:
    macs = layers_of(profile).layers[layer].macs
    if not macs:
        raise MissingError("its multiply-accumulates are not known")
    return max(run.total_cycles for run in runs_of(profile, layer)) / macs


def _energy(figure: Callable[[Energy, int], float | None]) -> Value:
    """Return the function for an estimate in joules, as microjoules: the mean, where a thing ran several times."""

    def value(profile: Profile, index: int) -> float:
        energy = estimate(profile)
        if energy is None:
            raise MissingError(f"board '{profile.board.name}' has no energy figures")
        joules = figure(energy, index)
        if joules is None:
            raise MissingError("it was not finished once")
        return 1e6 * joules

    return value


def _function(profile: Profile, function: int) -> FunctionCost:
    return profile.functions[function]


# Key -> what it is. In the order in which messages list them.
QUANTITIES: dict[str, Quantity] = {
    "cycles": Quantity("cycles", "cycles", {
        "run": lambda profile, _: profile.totals.cycles,
        "inference": _inference(lambda _, runs: sum(run.total_cycles for run in runs)),
        "layer": _layer(lambda _, run: run.total_cycles),
    }),
    "time_ms": Quantity("ms", "time", {
        "run": lambda profile, _: 1e3 * profile.totals.time_s,
        "inference": _inference(lambda profile, runs: sum(time_ms(run, profile.totals.clock) for run in runs)),
        "layer": _layer(lambda profile, run: time_ms(run, profile.totals.clock)),
    }),
    "energy_uj": Quantity("uJ", "energy", {
        "run": _energy(lambda energy, _: energy.run_j),
        "inference": _energy(lambda energy, _: energy.inference_j),
        "layer": _energy(lambda energy, layer: energy.layers_j[layer]),
    }),
    "instructions": Quantity("count", "instructions", {
        "run": lambda profile, _: profile.totals.instructions,
        "function": lambda profile, each: _function(profile, each).instructions,
    }),
    "cycles_per_mac": Quantity("count", "cycles per MAC", {"layer": _per_mac}),
    "self_cycles": Quantity("cycles", "self cycles", {
        "function": lambda profile, each: _function(profile, each).self_cycles,
    }),
    "total_cycles": Quantity("cycles", "total cycles", {
        "function": lambda profile, each: _function(profile, each).total_cycles,
    }),
    "calls": Quantity("count", "calls", {"function": lambda profile, each: _function(profile, each).calls}),
    "live_peak_bytes": Quantity("bytes", "live peak", {
        "run": lambda profile, _: _memory(profile).peak_bytes,
        "inference": _inference(lambda profile, runs: max(_live(profile, run) for run in runs)),
        "layer": _layer(_live),
    }, tracked=True),
    "reserved_bytes": Quantity("bytes", "reserved SRAM", {"run": _reserved}, tracked=True),
    "static_bytes": Quantity("bytes", "statics", {"run": lambda profile, _: profile.image.sram_bytes}),
    "stack_bytes": Quantity("bytes", "stack", {
        "run": _stack,
        "inference": _inference(lambda _, runs: max(run.stack_bytes for run in runs)),
        "layer": _layer(lambda _, run: run.stack_bytes),
    }),
    "heap_bytes": Quantity("bytes", "heap", {"run": _heap}, tracked=True),
    "flash_bytes": Quantity("bytes", "flash", {
        "run": lambda profile, _: profile.image.flash_bytes,
        "layer": _layer_flash,
        "function": lambda profile, each: _function(profile, each).size_bytes,
    }),
}  # fmt: skip
