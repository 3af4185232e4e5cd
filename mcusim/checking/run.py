# SPDX-License-Identifier: Apache-2.0
"""Checks a target: draws cases, calls the function, compares with the reference, finds out what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np

from mcusim.calling import CallResult, Firmware
from mcusim.checking.binding import Binding, call_arguments, check_binding, scratch_bytes
from mcusim.checking.case import FILL, Array, Case, Values
from mcusim.checking.space import draw
from mcusim.checking.suite import Suite, Target
from mcusim.differences import Difference, first_difference
from mcusim.errors import McusimError

PASSED, FAILED, ERROR, KNOWN = "passed", "failed", "error", "known"


@dataclass(frozen=True)
class CaseOutcome:
    """What became of a case. `status` is passed, failed (a wrong result) or error (no result); then `message` says it.

    Or known: failed or an error, as it is known that the library does; then `message` is the `Deviation`'s words.

    `causes` are the mistakes with which the reference gives the same as the firmware, in the `array` that differs.
    `macs` are the products, or the elements that are looked at, of the operator: cycles are per one of them.
    """

    name: str
    status: str
    message: str = ""
    cycles: int = 0
    instructions: int = 0
    stack_bytes: int = 0
    macs: int = 0
    difference: Difference | None = None
    causes: tuple[str, ...] = ()
    array: str = ""

    @property
    def measured(self) -> bool:
        """Whether the call came to an end that can be believed, so that its cycles and stack can."""
        return self.status != ERROR and self.instructions > 0

    @property
    def wrong(self) -> bool:
        """Whether it failed or was an error."""
        return self.status in (FAILED, ERROR)


@dataclass(frozen=True)
class TargetOutcome:
    """The outcomes of a target's cases, in their order."""

    target: Target
    cases: tuple[CaseOutcome, ...]

    @property
    def passed(self) -> int:
        """How many cases passed."""
        return sum(case.status == PASSED for case in self.cases)

    @property
    def largest(self) -> CaseOutcome | None:
        """The case with the most products, of those that gave a result: its cycles per product are the best known."""
        return max((case for case in self.cases if case.measured), key=lambda case: case.macs, default=None)

    @property
    def wrong(self) -> list[CaseOutcome]:
        """The wrong cases, those that say most first: the cause that most of them show and that was found by running
        the reference again, then those without such a cause, then errors; of equals the one that differs most.
        """
        wrong = [case for case in self.cases if case.wrong]
        named = Counter(case.difference.cause for case in wrong if case.difference is not None and case.causes)

        def worth(case: CaseOutcome) -> tuple[int, bool, int]:
            if case.difference is None:
                return 0, case.status == FAILED, 0
            shown = named[case.difference.cause] if case.causes else 0
            # What few of them show may be chance: small cases have the same result with several mistakes.
            return shown if 3 * shown >= len(wrong) else 0, True, case.difference.count

        return sorted(wrong, key=worth, reverse=True)


def make_case(target: Target, number: int, seed: int) -> Case:
    """Return a case: the same for the same function, number and seed, whatever else is checked."""
    rng = np.random.default_rng([seed, crc32(target.name.encode()), number])
    sizes = draw(target.space, rng, number)
    values = target.operator.draw(sizes, rng, target.binding.style)
    if target.binding.prepare is not None:
        values = target.binding.prepare(values)
    name = f"{number:02d} " + " ".join(f"{key}={values.get(key, size)}" for key, size in sizes.items())
    return Case(target.operator, name, values, int(values.get("macs", 0)), target.operator.reference(values))


def fitting(firmware: Firmware, suite: Suite) -> tuple[Suite, list[str]]:
    """Return a suite with the targets whose bindings fit the firmware's functions, and why the others do not.

    For functions that are found by their names: another version of a library, or another's function, may be called so.
    Raises McusimError where none fits.
    """
    kept, reasons = [], []
    for target in suite.targets:
        try:
            check_binding(target.binding, firmware, make_case(target, 0, suite.seed).values)
            kept.append(target)
        except McusimError as error:
            reasons.append(str(error))
    if not kept:
        raise McusimError(f"no function that the bindings know fits its binding; the first: {reasons[0]}")
    return replace(suite, targets=tuple(kept)), reasons


def check_target(
    firmware: Firmware, target: Target, seed: int, finished: Callable[[CaseOutcome], None] = lambda _: None
) -> TargetOutcome:
    """Check all cases of a target. Raises McusimError where the suite is wrong, not where the firmware is."""
    firmware.pointer(target.function)  # it must be there
    firmware.reset()  # what is checked before it must not change anything
    smallest = make_case(target, 0, seed)
    check_binding(target.binding, firmware, smallest.values)
    if not smallest.expected.size and not make_case(target, 1, seed).expected.size:
        raise McusimError(f"{target.name}, space: outputs have no elements, so nothing would be compared: give sizes")
    outcomes: list[CaseOutcome] = []
    for number in range(target.cases):
        outcome = check_case(firmware, target, make_case(target, number, seed))
        outcomes.append(outcome)
        finished(outcome)
    return TargetOutcome(target, _agreed(outcomes))


def check_case(firmware: Firmware, target: Target, case: Case) -> CaseOutcome:
    """Call the function for one case and compare."""
    outcome = _compared(firmware, target, case)
    for deviation in target.binding.deviations:
        if outcome.status == deviation.status and deviation.applies(case.values):
            if outcome.status == ERROR:  # it may have come to an end; what it took is not to be believed
                outcome = replace(outcome, cycles=0, instructions=0, stack_bytes=0)
            return replace(outcome, status=KNOWN, message=deviation.words)
    return outcome


def _compared(firmware: Firmware, target: Target, case: Case) -> CaseOutcome:
    binding = target.binding
    values = {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in case.values.items()}
    output = values["output"]
    output.view(np.uint8)[...] = FILL
    if binding.before is not None:
        output[...] = binding.before(case.values)
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            if name.endswith("scratch"):
                value.view(np.uint8)[...] = FILL  # on a board it holds what was there before, not zeros
            value.flags.writeable = binding.writes(name)
    try:
        result = _call(firmware, binding, values)
    except McusimError as error:
        return CaseOutcome(case.name, ERROR, str(error), macs=case.macs)
    spent = (result.cycles, result.instructions, result.stack_bytes, case.macs)
    if binding.success is not None and result.value != binding.success:
        refused = f"{target.function} returns {result.value}, not {binding.success}: it refuses the case"
        if not binding.library:
            refused += ", or what it returns is no status (then leave out success)"
        return CaseOutcome(case.name, ERROR, refused, *spent)
    got = values[binding.result].reshape(-1)[: case.expected.size].reshape(case.expected.shape)
    checked = [("output", got, None), *((word, values[word], reference) for word, reference in binding.more.items())]
    for word, array, reference in checked:
        expected = case.expected if reference is None else reference(case.values)
        settled = case.operator.settled(case.values, expected, array) if reference is None else array
        difference = first_difference(settled, expected)
        if difference is not None:
            causes = mistakes_that_give(case, array, reference)
            outcome = CaseOutcome(case.name, FAILED, "", *spent, difference, causes, word)
            return _worded(outcome, causes[0] if causes else difference.cause)
    return CaseOutcome(case.name, PASSED, "", *spent)


def _worded(outcome: CaseOutcome, cause: str) -> CaseOutcome:
    """Return a failed case's outcome with its message, which names this cause."""
    assert outcome.difference is not None
    difference = replace(outcome.difference, cause=cause)
    return replace(outcome, message=f"{outcome.array}{difference}", difference=difference)


def _agreed(cases: Sequence[CaseOutcome]) -> tuple[CaseOutcome, ...]:
    """Return outcomes of which each names, of the mistakes that give its result, the one that most cases show.

    A small case has the same result with several mistakes: the other cases tell which it is.
    """
    votes = Counter(cause for case in cases if case.wrong for cause in case.causes)
    return tuple(
        _worded(case, max(case.causes, key=lambda cause: votes[cause])) if case.causes and case.wrong else case
        for case in cases
    )


def _call(firmware: Firmware, binding: Binding, values: Values) -> CallResult:
    size = scratch_bytes(binding, firmware, values)
    values["scratch_bytes"], values["scratch"] = size, np.full(max(size, 1), FILL, np.int8)
    made = call_arguments(binding, firmware, values, binding.function, binding.arguments)
    restype: Any = np.int32 if binding.success is not None else None
    return firmware.call(binding.function, *made["values"], argtypes=made["argtypes"], restype=restype)


def mistakes_that_give(case: Case, got: Array, reference: Callable[[Values], Array] | None = None) -> tuple[str, ...]:
    """Return the mistakes with which the reference gives what the firmware gave.

    `reference` where it is not the operator's output that is looked at. Where no mistake gives it, but all that differs
    is where the reference clamps, and is not just next to that, the clamp is what is missing.
    """
    compute = reference or case.operator.reference
    expected = case.expected if reference is None else reference(case.values)
    found = []
    for variant in case.operator.variants:
        changed = variant.change(case.values)
        if changed is None:
            continue
        try:
            with_it = compute(changed)
        except ValueError:
            continue  # the reference does not take such values
        alike = case.operator.settled(changed, with_it, got) if reference is None else got
        if np.array_equal(with_it, alike) and not np.array_equal(with_it, expected):
            found.append(variant.words)
    if not found and reference is None and "activation_min" in case.values and _not_clamped(case, got):
        found.append("saturation: outputs are not clamped: all that differ are at an end of the range, and wrap")
    return tuple(found)


def _not_clamped(case: Case, got: Array) -> bool:
    different = got != case.expected
    ends = (case.values["activation_min"], case.values["activation_max"])
    gaps = np.abs(got[different].astype(np.int64) - case.expected[different])
    return bool(np.isin(case.expected[different], ends).all() and (gaps > 1).all() and np.unique(gaps).size > 1)
