# SPDX-License-Identifier: Apache-2.0
"""A check as JUnit XML, which CI systems show: a test suite for each target, a test case for each case.

Source of the format: the schema of Jenkins' JUnit plugin (junit-10.xsd), of which CI systems read this part.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from mcusim.checking.baseline import Comparison
from mcusim.checking.run import ERROR, FAILED, KNOWN, TargetOutcome


def junit_xml(outcomes: Sequence[TargetOutcome], comparison: Comparison | None) -> bytes:
    """Return the document. A case that is right but worse than the baseline is a failure, too.

    One that is wrong as the library is known to be is a test that was skipped.
    """
    worse = {(each.function, each.case): each.text for each in (comparison.regressions if comparison else ())}
    root = Element("testsuites", name="mcusim check")
    for outcome in outcomes:
        function = outcome.target.name
        suite = SubElement(root, "testsuite", name=function, tests=str(len(outcome.cases)))
        failures = errors = skipped = 0
        for case in outcome.cases:
            row = SubElement(suite, "testcase", classname=function, name=_printable(case.name))
            regression = worse.get((function, case.name))
            if case.status == ERROR:
                errors += 1
                SubElement(row, "error", message=_printable(case.message))
            elif case.status == FAILED or regression:
                failures += 1
                text = "; ".join(each for each in (case.message, regression) if each)
                SubElement(row, "failure", message=_printable(text))
            elif case.status == KNOWN:
                skipped += 1
                SubElement(row, "skipped", message=_printable(case.message))
            if case.measured:
                properties = SubElement(row, "properties")
                for name, value in (("cycles", case.cycles), ("stack_bytes", case.stack_bytes)):
                    SubElement(properties, "property", name=name, value=str(value))
        suite.set("failures", str(failures))
        suite.set("errors", str(errors))
        suite.set("skipped", str(skipped))
    indent(root)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root) + b"\n"


def _printable(text: str) -> str:
    """Return text without what XML cannot hold."""
    return "".join(c if c.isprintable() else "?" for c in text)
