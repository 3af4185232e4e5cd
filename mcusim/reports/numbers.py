# SPDX-License-Identifier: Apache-2.0
"""Numbers as people read them, the same in every format: thin and deterministic, thousands grouped by commas."""

from __future__ import annotations

NOTHING = "-"  # where a quantity does not exist (CPI of no instructions, share of no cycles)


def count(value: int) -> str:
    """1234567 -> 1,234,567."""
    return f"{value:,}"


def things(value: int, singular: str, plural: str) -> str:
    """1, 'branch', 'branches' -> 1 branch; 2 branches."""
    return f"{count(value)} {singular if value == 1 else plural}"


def percent(value: float) -> str:
    """12.345 -> 12.3%; what is not zero never reads as zero."""
    return "<0.1%" if 0 < value < 0.05 else f"{value:.1f}%"


def change(value: float) -> str:
    """-12.345 -> -12.35 % (a difference, as in the tables of accuracy)."""
    return f"{value:+.2f} %"


def quantity(value: float) -> str:
    """1234567.0 -> 1,234,567; 99.8123456 -> 99.81: whole numbers whole, others in four digits."""
    return f"{round(value):,}" if value == round(value) or abs(value) >= 10_000 else _four_digits(value)


def difference(value: float) -> str:
    """12345 -> +12,345; -0.5 -> -0.5000; what did not change has no sign: 0."""
    return f"{'+' if value > 0 else ''}{quantity(value)}" if value else "0"


def ratio(value: float) -> str:
    """1.2345 -> 1.23 (cycles per instruction)."""
    return f"{value:.2f}"


def address(value: int) -> str:
    """134218000 -> 08000110."""
    return f"{value:08x}"


def share_percent(part: int, whole: int) -> float | None:
    """`part` of `whole` in percent, None where there is no whole."""
    return 100 * part / whole if whole else None


def per(part: int, whole: int) -> float | None:
    """`part` divided by `whole`, None where there is no whole."""
    return part / whole if whole else None


def duration(seconds: float) -> str:
    """Four significant digits with the unit that suits: 0.6173 -> 617.3 ms."""
    if seconds == 0:
        return "0 s"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if abs(seconds) >= size:
            return f"{_four_digits(seconds / size)} {unit}"
    return f"{_four_digits(seconds / 1e-9)} ns"


def _four_digits(value: float) -> str:
    decimals = max(0, 4 - len(str(int(abs(value)))))
    return f"{value:,.{decimals}f}"


def joules(value: float) -> str:
    """0.0123456 -> 12.35 mJ."""
    for unit, size in (("J", 1.0), ("mJ", 1e-3), ("µJ", 1e-6)):
        if value >= size:
            return f"{quantity(value / size)} {unit}"
    return f"{value * 1e9:.3g} nJ"


def frequency(hertz: int) -> str:
    """20000000 -> 20 MHz."""
    for unit, size in (("MHz", 1_000_000), ("kHz", 1_000)):
        if hertz >= size:
            return f"{hertz / size:.6g} {unit}"
    return f"{hertz} Hz"


def memory(used_bytes: int, available_bytes: int) -> str:
    """What is used of a memory: '46,120 bytes, 2.2% of 2,048 KiB'."""
    share = share_percent(used_bytes, available_bytes)
    if share is None:
        return f"{count(used_bytes)} bytes"
    whole = f"{available_bytes // 1024:,} KiB" if available_bytes % 1024 == 0 else f"{available_bytes:,} bytes"
    return f"{count(used_bytes)} bytes, {percent(share)} of {whole}"


def middle(text: str, width: int) -> str:
    """Shorten `text` to `width` characters by leaving out its middle: names differ at both ends."""
    if len(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    head = width // 2
    return f"{text[:head]}…{text[len(text) - (width - head - 1) :]}"


def end(text: str, width: int) -> str:
    """Shorten `text` to `width` characters by leaving out its end."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def printable(text: str) -> str:
    """Replace control characters: names come out of the firmware and must not drive the reader's terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)
