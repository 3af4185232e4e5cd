# SPDX-License-Identifier: Apache-2.0
"""Kernels of a firmware against the reference kernels: suites, drawn cases, bindings to libraries, baselines, reports.

suite (TOML, or what bindings know) ──► targets ──► cases ──► Firmware.call ──► outcomes ──► text, JUnit, baseline
                                                      └─────► mcusim.kernels ──┘
"""

from __future__ import annotations

from mcusim.checking.run import CaseOutcome, TargetOutcome, check_target
from mcusim.checking.suite import Suite, Target, load_suite, suite_of_bindings

__all__ = ["CaseOutcome", "Suite", "Target", "TargetOutcome", "check_target", "load_suite", "suite_of_bindings"]
