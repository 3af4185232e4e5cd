# SPDX-License-Identifier: Apache-2.0
"""A check as JUnit XML (`mcusim.junit`): a test suite for each target, a test case for each case."""

from __future__ import annotations

from collections.abc import Sequence

from mcusim import junit
from mcusim.checking.baseline import Comparison
from mcusim.checking.run import ERROR, FAILED, KNOWN, CaseOutcome, TargetOutcome


def junit_xml(outcomes: Sequence[TargetOutcome], comparison: Comparison | None) -> bytes:
    """Return the document. A case that is right but worse than the baseline is a failure, too.

    One that is wrong as the library is known to be is a test that was skipped.
    """
    worse = {(each.function, each.case): each.text for each in (comparison.regressions if comparison else ())}
    return junit.document("mcusim check", [_suite(outcome, worse) for outcome in outcomes])


def _suite(outcome: TargetOutcome, worse: dict[tuple[str, str], str]) -> junit.TestSuite:
    name = outcome.target.name
    cases = (_case(case, worse.get((name, case.name), "")) for case in outcome.cases)
    return junit.TestSuite(name, tuple(cases))


def _case(case: CaseOutcome, regression: str) -> junit.TestCase:
    figures = {"cycles": str(case.cycles), "stack_bytes": str(case.stack_bytes)} if case.measured else {}
    if case.status == ERROR:
        return junit.TestCase(case.name, error=case.message or "the call failed", properties=figures)
    if case.status == FAILED or regression:
        failure = "; ".join(each for each in (case.message, regression) if each) or "the result is wrong"
        return junit.TestCase(case.name, failure, properties=figures)
    skipped = (case.message or "known to be wrong") if case.status == KNOWN else ""
    return junit.TestCase(case.name, skipped=skipped, properties=figures)
