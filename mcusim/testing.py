# SPDX-License-Identifier: Apache-2.0
"""Assertions for tests that call firmware: results bit for bit, cycles and stack within limits.

They are fixtures of the pytest plugin as well (`mcusim.pytest_plugin`), and raise AssertionError anywhere.
"""

from __future__ import annotations

import numpy.typing as npt

from mcusim.calling import CallResult
from mcusim.differences import first_difference
from mcusim.errors import McusimError


def assert_bit_exact(actual: npt.ArrayLike, expected: npt.ArrayLike, name: str = "result") -> None:
    """Fail unless two arrays are equal in shape, dtype and every element; say which one differs first, and how."""
    __tracebackhide__ = True
    try:
        difference = first_difference(actual, expected)
    except McusimError as error:
        raise AssertionError(f"{name}: {error}") from None
    if difference is not None:
        raise AssertionError(f"{name}{difference}")


def assert_cycles_below(result: CallResult, limit: int) -> None:
    """Fail unless a call took fewer cycles than `limit`."""
    __tracebackhide__ = True
    if result.cycles >= limit:
        over = 100 * (result.cycles - limit) / limit if limit > 0 else float("inf")
        raise AssertionError(
            f"{result.function} took {result.cycles:,} cycles, {over:.1f} % above the limit of {limit:,} "
            f"({result.instructions:,} instructions)"
        )


def assert_stack_below(result: CallResult, limit_bytes: int) -> None:
    """Fail unless a call took less stack than `limit_bytes`."""
    __tracebackhide__ = True
    if result.stack_bytes >= limit_bytes:
        raise AssertionError(f"{result.function} took {result.stack_bytes} bytes of stack, the limit is {limit_bytes}")
