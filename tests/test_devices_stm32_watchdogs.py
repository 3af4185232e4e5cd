# SPDX-License-Identifier: Apache-2.0
"""The STM32 watchdogs, by their registers."""

from __future__ import annotations

import pytest
from devices import Bench

from mcusim.devices.base import NEVER, RegisterFile

KR, PR, RLR, SR, WINR = range(0, 0x14, 4)
UNLOCK, FEED, START = 0x5555, 0xAAAA, 0xCCCC


def independent(bench: Bench, prescaler: int, reload: int, **options: int) -> RegisterFile:
    device = bench.add("stm32-iwdg", name="iwdg", **options)
    device.write(KR, 4, START)
    device.write(KR, 4, UNLOCK)
    device.write(PR, 4, prescaler)
    device.write(RLR, 4, reload)
    assert device.read(SR, 4) == 0
    device.write(KR, 4, FEED)
    return device


@pytest.mark.parametrize(
    ("prescaler", "reload", "options", "seconds"),
    [(0, 0xFFF, {}, 0.512), (6, 0xFFF, {}, 32.768), (7, 0xFFF, {}, 32.768), (3, 999, {}, 1.0),
     (3, 999, {"lsi_hz": 40_000}, 0.8), (8, 0xFFF, {"prescaler_bits": 4}, 131.072)],
)  # fmt: skip
def test_the_time_until_the_reset(prescaler: int, reload: int, options: dict[str, int], seconds: float) -> None:
    """RM0090 table 106, for 32 kHz: 512 ms at /4, 32768 ms at /256."""
    bench = Bench(core_hz=1_000_000)
    device = independent(bench, prescaler, reload, **options)
    assert device.next_event_cycles() == pytest.approx(seconds * 1_000_000, abs=2)
    bench.run_until(round(seconds * 1_000_000) - 3)
    assert not bench.resets
    bench.run_until(round(seconds * 1_000_000) + 3)
    assert len(bench.resets) == 1
    assert "iwdg" in bench.resets[0]
    assert "not fed" in bench.resets[0]


def test_it_is_fed_and_lives() -> None:
    bench = Bench(core_hz=1_000_000)
    device = independent(bench, 3, 999)
    for second in range(1, 20):
        bench.run_until(second * 900_000)
        device.write(KR, 4, FEED)
    assert not bench.resets


def test_it_stands_still_until_it_is_started_and_is_locked() -> None:
    bench = Bench()
    device = bench.add("stm32-iwdg")
    device.write(RLR, 4, 5)
    assert (device.read(RLR, 4), device.next_event_cycles()) == (0xFFF, NEVER)
    device.write(KR, 4, UNLOCK)
    device.write(RLR, 4, 5)
    device.write(KR, 4, FEED)
    device.write(RLR, 4, 6)
    assert device.read(RLR, 4) == 5


def test_the_frequency_that_the_clock_controller_gives_counts() -> None:
    bench = Bench(core_hz=1_000_000)
    bench.host.bus_hz["lsi"] = 16_000
    assert independent(bench, 3, 999).next_event_cycles() == pytest.approx(2_000_000, abs=2)


def test_the_window_of_the_independent_watchdog() -> None:
    bench = Bench(core_hz=1_000_000)
    device = independent(bench, 3, 999)
    device.write(KR, 4, UNLOCK)
    device.write(WINR, 4, 500)
    bench.clock.cycles = 300_000
    device.write(KR, 4, FEED)
    assert len(bench.resets) == 1
    assert "before its window" in bench.resets[0]
    bench.clock.cycles = 300_000 + 600_000
    device.write(KR, 4, FEED)
    assert len(bench.resets) == 1


CR, CFR, STATUS = 0, 4, 8


def test_the_window_watchdog_warns_and_resets() -> None:
    """RM0090 22.4: t = tPCLK x 4096 x 2^WDGTB x (T[5:0] + 1)."""
    bench = Bench()
    device = bench.add("stm32-wwdg", interrupts=(0,), name="wwdg")
    device.write(CFR, 4, 1 << 7 | 0x7F | 1 << 9)
    device.write(CR, 4, 0x80 | 0x45)
    end = 4096 * 2 * 6
    bench.run_until(end - 8192)
    assert bench.rises == [(end - 8192, 0)]
    assert device.read(CR, 4) == 0x80 | 0x40
    device.write(STATUS, 4, 0)
    assert not bench.lines[0]
    bench.run_until(end - 1)
    assert not bench.resets
    assert not bench.lines[0]
    bench.run_until(end)
    assert len(bench.resets) == 1


def test_the_window_watchdog_is_fed_in_its_window() -> None:
    bench = Bench()
    device = bench.add("stm32-wwdg", name="wwdg")
    device.write(CFR, 4, 0x50)
    device.write(CR, 4, 0x80 | 0x60)
    bench.run_until(4096 * 16)
    device.write(CR, 4, 0x60)
    assert not bench.resets
    bench.run_until(2 * 4096 * 16 - 1)
    device.write(CR, 4, 0x60)
    assert len(bench.resets) == 1
    assert "before its window" in bench.resets[0]
    device.write(CR, 4, 0x20)
    assert len(bench.resets) == 2
