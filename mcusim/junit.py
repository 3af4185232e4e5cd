# SPDX-License-Identifier: Apache-2.0
"""JUnit XML, which CI systems show: suites of cases, each of which passed, failed, or could not be tried.

Source of the format: the schema of Jenkins' JUnit plugin (junit-10.xsd), of which CI systems read this part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, SubElement, indent, tostring


@dataclass(frozen=True)
class TestCase:
    """One case. `failure`, `error` (it could not be tried) and `skipped` are messages, '' for none.

    Only the first of error, failure and skipped counts. `properties` are figures.
    """

    name: str
    failure: str = ""
    error: str = ""
    skipped: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TestSuite:
    """Cases under one name."""

    name: str
    cases: tuple[TestCase, ...]


def document(title: str, suites: Iterable[TestSuite]) -> bytes:
    """Return the suites as XML, in UTF-8. Equal suites give equal bytes: there is no time in it."""
    root = Element("testsuites", name=_printable(title))
    for suite in suites:
        element = SubElement(root, "testsuite", name=_printable(suite.name), tests=str(len(suite.cases)))
        for case in suite.cases:
            _add_case(element, suite.name, case)
        element.set("failures", str(sum(bool(case.failure) and not case.error for case in suite.cases)))
        skipped = (bool(case.skipped) and not case.error and not case.failure for case in suite.cases)
        element.set("skipped", str(sum(skipped)))
        element.set("errors", str(sum(bool(case.error) for case in suite.cases)))
    for total in ("tests", "failures", "skipped", "errors"):
        root.set(total, str(sum(int(suite.get(total, "0")) for suite in root)))
    indent(root)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root) + b"\n"


def _add_case(suite: Element, name: str, case: TestCase) -> None:
    row = SubElement(suite, "testcase", classname=_printable(name), name=_printable(case.name))
    if case.error:
        SubElement(row, "error", message=_printable(case.error))
    elif case.failure:
        SubElement(row, "failure", message=_printable(case.failure))
    elif case.skipped:
        SubElement(row, "skipped", message=_printable(case.skipped))
    if case.properties:
        properties = SubElement(row, "properties")
        for key, value in case.properties.items():
            SubElement(properties, "property", name=key, value=_printable(value))


def _printable(text: str) -> str:
    """Return text without what XML cannot hold."""
    return "".join(c if c.isprintable() else "?" for c in text)
