# SPDX-License-Identifier: Apache-2.0
"""Amounts as people write them in a budget: 36_000_000, "36M", "40 KiB", "2.3 s", "2%"."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal

from mcusim.errors import McusimError

# What a number may be followed by -> how much one of it is, in the unit of the quantity.
_COUNTS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_SUFFIXES: dict[str, dict[str, Decimal]] = {
    "cycles": {key: Decimal(value) for key, value in _COUNTS.items()},
    "bytes": {key: Decimal(value) for key, value in {**_COUNTS, "kib": 1024, "mib": 1024**2}.items()},
    "ms": {"": Decimal(1), "s": Decimal(1000), "ms": Decimal(1), "us": Decimal("0.001")},
    "uJ": {"": Decimal(1), "j": Decimal(10**6), "mj": Decimal(1000), "uj": Decimal(1)},
}
_SUFFIXES["count"] = _SUFFIXES["cycles"]
_EXAMPLES = {"cycles": "36000000 or '36M'", "bytes": "40000, '40k' or '40 KiB'", "ms": "2300, '2300 ms' or '2.3 s'",
             "uJ": "120, '120 uJ' or '0.12 mJ'", "count": "1000 or '1k'"}  # fmt: skip


@dataclass(frozen=True)
class Increase:
    """How much more than a baseline is allowed: a share of it in percent, or an amount in the quantity's unit."""

    percent: float | None
    amount: float | None
    text: str

    def limit(self, baseline: float) -> float:
        """Return the largest value that is allowed."""
        if self.percent is not None:
            return baseline + baseline * self.percent / 100  # in this order a whole limit comes out whole
        assert self.amount is not None
        return baseline + self.amount


@dataclass(frozen=True)
class Allowance:
    """The largest value in itself, and against a baseline; at least one of them is given."""

    most: float | None
    increase: Increase | None


def parse_allowance(
    most: int | float | str | None, increase: int | float | str | None, unit: str, where: str
) -> Allowance:
    """Return what a budget allows of a quantity in `unit`. Raises `McusimError` that begins with `where`."""
    return Allowance(
        None if most is None else parse_amount(most, unit, where),
        None if increase is None else parse_increase(increase, unit, f"{where}: max_increase"),
    )


def parse_increase(value: int | float | str, unit: str, where: str) -> Increase:
    """Return an increase: "2%", or an amount."""
    if isinstance(value, str) and value.strip().endswith("%"):
        found = re.fullmatch(r"\s*\+?([0-9]+(?:\.[0-9]+)?)\s*%\s*", value)
        if not found:
            raise McusimError(f"{where}: '{value}' is not a share: give one such as '2%'")
        return Increase(float(found[1]), None, f"+{float(found[1]):g}%")
    amount = parse_amount(value, unit, where, extra=" or '2%'")
    return Increase(None, amount, f"+{amount:,g}" if amount != int(amount) else f"+{int(amount):,}")


def parse_amount(value: int | float | str, unit: str, where: str, *, extra: str = "") -> float:
    """Return an amount in `unit`: cycles, bytes, ms, uJ or count."""
    wrong = McusimError(f"{where}: {value!r} is not an amount of {unit}: give one such as {_EXAMPLES[unit]}{extra}")
    if isinstance(value, (int, float)):
        if not math.isfinite(value) or value < 0 or value > 1e18:
            raise wrong
        return value
    found = re.fullmatch(r"\s*([0-9][0-9_,]*(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", value)
    if not found:
        raise wrong
    suffix = found[2].lower()
    if unit == "bytes" and suffix in ("kb", "mb"):
        raise McusimError(f"{where}: '{value}' may mean two sizes: give KiB (1024 bytes) or k (1000)")
    if suffix not in _SUFFIXES[unit]:
        raise wrong
    amount = Decimal(re.sub("[_,]", "", found[1])) * _SUFFIXES[unit][suffix]
    if amount > 10**18:
        raise wrong
    return int(amount) if amount == int(amount) else float(amount)
