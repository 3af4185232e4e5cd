# SPDX-License-Identifier: Apache-2.0
"""The STM32 timer against a twin that counts clock by clock, as the manual's figures do, and its registers by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from devices import Bench
from hypothesis import given, settings
from hypothesis import strategies as st

from mcusim.devices.base import NEVER, RegisterFile
from mcusim.devices.stm32_timer import (
    ARPE,
    ARR,
    CCMR1,
    CCMR2,
    CCR1,
    CEN,
    CNT,
    CR1,
    DIER,
    DIR,
    EGR,
    OPM,
    PSC,
    RCR,
    SMCR,
    SR,
    UDIS,
    UG,
    UIF,
    UIFREMAP,
    URS,
)

CENTER_DOWN, CENTER_UP, CENTER_BOTH = 1 << 5, 2 << 5, 3 << 5


@dataclass
class Twin:
    """A timer in the plainest words: what one clock does. Preloads: ARR by ARPE, channel 1 by OC1PE."""

    cr1: int = 0
    psc: int = 0
    arr: int = 0xFFFF
    rcr: int = 0
    ccr: list[int] = field(default_factory=lambda: [0, 0])
    preloads: bool = False  # OC1PE
    count: int = 0
    sr: int = 0
    down: bool = False
    shadow_psc: int = 0
    shadow_arr: int = 0xFFFF
    shadow_ccr: list[int] = field(default_factory=lambda: [0, 0])
    repeats: int = 0
    prescale: int = 0

    def write(self, name: str, value: int) -> None:
        if name == "sr":
            self.sr &= value
        elif name == "ug":
            self.prescale = 0
            if not self.cr1 & UDIS:
                self.update()
                self.sr |= 0 if self.cr1 & URS else UIF
            self.count = self.shadow_arr if self.cr1 & DIR and not self.cr1 & CENTER_BOTH else 0
            self.down = False
        elif name == "cr1":
            if value & CENTER_BOTH and not self.cr1 & CENTER_BOTH:
                self.down = bool(self.cr1 & DIR)
            if value & CEN and not self.cr1 & CEN:
                self.prescale -= 1
            self.cr1 = value
        elif name.startswith("ccr"):
            self.ccr[int(name[3]) - 1] = value
        else:
            setattr(self, name, value)
        if not self.cr1 & ARPE:
            self.shadow_arr = self.arr
        if not self.preloads:
            self.shadow_ccr[0] = self.ccr[0]
        self.shadow_ccr[1] = self.ccr[1]

    def update(self) -> None:
        self.shadow_psc, self.shadow_arr, self.shadow_ccr, self.repeats = self.psc, self.arr, list(self.ccr), self.rcr
        if self.cr1 & OPM:
            self.cr1 &= ~CEN

    def event(self) -> None:
        if self.cr1 & UDIS:
            return
        if self.repeats:
            self.repeats -= 1
            return
        self.update()
        self.sr |= UIF

    def match(self) -> None:
        center = self.cr1 & CENTER_BOTH
        if center == (CENTER_UP if self.down else CENTER_DOWN):
            return
        for channel in (0, 1):
            if self.shadow_ccr[channel] == self.count:
                self.sr |= 2 << channel

    def tick(self) -> None:
        if not self.cr1 & CEN or not self.shadow_arr:
            return
        self.prescale += 1
        if self.prescale <= self.shadow_psc:
            return
        self.prescale = 0
        if self.cr1 & CENTER_BOTH:
            self.tick_center()
        else:
            self.tick_edge()

    def beyond(self) -> None:
        for channel in (0, 1):
            if self.shadow_ccr[channel] > self.shadow_arr:
                self.sr |= 2 << channel

    def tick_edge(self) -> None:
        if self.cr1 & DIR:
            self.count -= 1
            if self.count < 0:
                self.beyond()
                self.event()
                self.count = self.shadow_arr
        elif self.count == self.shadow_arr:
            self.beyond()
            self.event()
            self.count = 0
        else:
            self.count = self.count + 1 & 0xFFFF
        self.match()

    def tick_center(self) -> None:
        if self.down:
            self.count -= 1
            if self.count <= 0:
                self.count = 0
                self.match()
                self.down = False
                self.event()
                return
        elif self.count > self.shadow_arr:
            self.count = self.count + 1 & 0xFFFF
        else:
            self.count = min(self.count + 1, self.shadow_arr)
            if self.count == self.shadow_arr:
                self.match()
                self.down = True
                self.event()
                return
        self.match()


OFFSETS = {"cr1": CR1, "psc": PSC, "arr": ARR, "rcr": RCR, "ccr1": CCR1, "ccr2": CCR1 + 4, "sr": SR, "ug": EGR}
SMALL = st.integers(0, 9)
WRITES = st.one_of(
    st.tuples(st.just("cr1"), st.sampled_from(
        [base | extra for base in (0, CEN, CEN | DIR, CEN | CENTER_DOWN, CEN | CENTER_UP, CEN | CENTER_BOTH)
         for extra in (0, ARPE, UDIS, OPM, URS | ARPE)])),
    st.tuples(st.sampled_from(["psc", "arr", "ccr1", "ccr2"]), SMALL),
    st.tuples(st.just("rcr"), st.integers(0, 3)),
    st.tuples(st.just("sr"), st.integers(0, 7)),
    st.tuples(st.just("ug"), st.just(UG)),
)  # fmt: skip
STEPS = st.lists(st.tuples(WRITES, st.integers(0, 5) | st.integers(0, 400)), max_size=12)


def timer(bench: Bench, **options: int | str | bool) -> RegisterFile:
    return bench.add("stm32-timer", interrupts=(28,), **options)


@settings(max_examples=400, deadline=None)
@given(STEPS, st.booleans(), st.booleans())
def test_it_counts_as_the_twin_does(steps: list[tuple[tuple[str, int], int]], preloads: bool, interrupts: bool) -> None:
    bench, twin = Bench(), Twin(preloads=preloads)
    device = timer(bench, channels=2)
    device.write(CCMR1, 4, 1 << 3 if preloads else 0)
    device.write(DIER, 4, 7 if interrupts else 0)
    assert device.read(ARR, 4) == 0xFFFF
    for (name, value), ticks in [(("arr", 7), 0), (("cr1", CEN), 3), *steps]:
        device.write(OFFSETS[name], 4, value)
        twin.write(name, value)
        end = bench.clock.cycles + ticks
        for _ in range(ticks):
            twin.tick()
            if interrupts and bench.clock.cycles < end:
                if bench.clock.cycles % 3:
                    bench.run_until(bench.clock.cycles + 1)
                else:  # firmware reads the flags before the device is woken
                    bench.clock.cycles += 1
                    device.read(SR, 4)
                assert bool(bench.lines.get(28)) == bool(twin.sr & 7)
        bench.clock.cycles = end
        assert (device.read(CNT, 4), device.read(SR, 4)) == (twin.count, twin.sr)
        assert device.read(CR1, 4) & CEN == twin.cr1 & CEN


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3), st.integers(1, 9), st.integers(0, 3), st.integers(0, 50_000),
       st.sampled_from([CEN, CEN | DIR, CEN | CENTER_BOTH]))  # fmt: skip
def test_whole_rounds_are_left_out_rightly(psc: int, arr: int, rcr: int, ticks: int, control: int) -> None:
    bench, twin = Bench(), Twin()
    device = timer(bench, channels=2)
    for name, value in (("psc", psc), ("arr", arr), ("rcr", rcr), ("ug", UG), ("sr", 0), ("cr1", control)):
        device.write(OFFSETS[name], 4, value)
        twin.write(name, value)
    bench.clock.cycles = ticks
    for _ in range(ticks):
        twin.tick()
    assert (device.read(CNT, 4), device.read(SR, 4)) == (twin.count, twin.sr)
    for _ in range(200):
        twin.tick()
    bench.clock.cycles += 200
    assert (device.read(CNT, 4), device.read(SR, 4)) == (twin.count, twin.sr)


@given(st.lists(st.tuples(st.integers(1, 5000), st.sampled_from([2, 4, 16, 48, 50, 168])), min_size=1, max_size=6),
       st.sampled_from([1, 2, 12, 42, 84]))  # fmt: skip
def test_the_count_follows_changes_of_the_clock(changes: list[tuple[int, int]], timer_mhz: int) -> None:
    """A timer whose own clock stays the same measures time, whatever the core's clock does."""
    bench = Bench(core_hz=16_000_000)
    bench.host.bus_hz["timclk1"] = timer_mhz * 1_000_000
    device = timer(bench, bits=32)
    device.write(CR1, 4, CEN)
    seconds, mhz = 0.0, 16
    for cycles, new_mhz in changes:
        bench.clock.cycles += cycles
        seconds += cycles / (mhz * 1_000_000)
        mhz = new_mhz
        device.read(SR, 4)  # as any look at the device does
        bench.clock.core_hz = mhz * 1_000_000
        device.next_event_cycles()
    assert abs(device.read(CNT, 4) - (seconds * timer_mhz * 1_000_000 - 1)) <= 1 + len(changes)


def test_a_second_of_interrupts() -> None:
    """The usual setting: PSC and ARR from the clock, an interrupt each millisecond."""
    bench = Bench(core_hz=80_000_000)
    device = timer(bench)
    device.write(PSC, 4, 79)
    device.write(ARR, 4, 999)
    device.write(EGR, 4, UG)
    device.write(SR, 4, 0)
    device.write(DIER, 4, UIF)
    device.write(CR1, 4, CEN)
    for number in range(1, 1001):
        bench.run_until(80_000 * number + 1)
        assert bench.rises[-1] == (80_000 * number + 1, 28)
        assert device.next_event_cycles() == NEVER
        device.write(SR, 4, ~UIF & 0xFFFF)
        assert not bench.lines[28]
    assert len(bench.rises) == 1000


def test_it_starts_a_clock_after_it_is_enabled_and_stops_at_once() -> None:
    bench = Bench()
    device = timer(bench)
    device.write(CR1, 4, CEN)
    bench.clock.cycles = 1
    assert device.read(CNT, 4) == 0
    bench.clock.cycles = 11
    assert device.read(CNT, 4) == 10
    device.write(CR1, 4, 0)
    bench.clock.cycles = 100
    assert device.read(CNT, 4) == 10


@pytest.mark.parametrize(("bits", "largest"), [(16, 0xFFFF), (32, 0xFFFF_FFFF)])
def test_the_width(bits: int, largest: int) -> None:
    bench = Bench()
    device = timer(bench, bits=bits)
    assert device.read(ARR, 4) == largest
    device.write(CNT, 4, largest)
    device.write(CR1, 4, CEN)
    bench.clock.cycles = 3
    assert (device.read(CNT, 4), device.read(SR, 4) & UIF) == (1, UIF)


def test_each_interrupt_has_its_flags() -> None:
    """Four interrupts are break, update, trigger, capture/compare; two are the first three, and the last."""
    wanted = {4: {0x80: 0, 0x01: 1, 0x40: 2, 0x20: 2, 0x02: 3, 0x10: 3}, 2: {0x80: 0, 0x01: 0, 0x40: 0, 0x04: 1}}
    for count, flags in wanted.items():
        for flag, index in flags.items():
            bench = Bench()
            device = bench.add("stm32-timer", interrupts=tuple(range(24, 24 + count)))
            device.write(DIER, 4, 0xFF)
            device.write(EGR, 4, flag)
            assert {number for number, level in bench.lines.items() if level} == {24 + index}
            device.write(SR, 4, 0)
            assert not any(bench.lines.values())


def test_the_copy_of_the_flag_in_the_count() -> None:
    bench = Bench()
    device = timer(bench)
    device.write(ARR, 4, 9)
    device.write(CR1, 4, CEN | UIFREMAP)
    bench.clock.cycles = 5
    assert device.read(CNT, 4) == 4
    bench.clock.cycles = 15
    assert device.read(CNT, 4) == 1 << 31 | 4


@pytest.mark.parametrize("mode", [1, 2, 3, 5, 7, 1 << 14])
def test_what_nothing_drives_stands_still_and_says_so(mode: int) -> None:
    bench = Bench()
    device = timer(bench)
    device.write(SMCR, 4, mode)
    device.write(CR1, 4, CEN)
    bench.clock.cycles = 1000
    assert device.read(CNT, 4) == 0
    assert any("SMCR" in remark for remark in bench.host.remarks)


def test_a_capture_by_software() -> None:
    bench = Bench()
    device = timer(bench)
    device.write(CCMR2, 4, 1)  # channel 3 is an input
    device.write(CR1, 4, CEN)
    bench.clock.cycles = 43
    device.write(EGR, 4, 8)
    assert (device.read(CCR1 + 8, 4), device.read(SR, 4) & 8) == (42, 8)
    assert any("capture" in remark for remark in bench.host.remarks)


def test_polling_may_be_passed_over_until_a_flag_is_set() -> None:
    bench = Bench()
    device = timer(bench, channels=0)
    device.write(ARR, 4, 999)
    device.write(CR1, 4, CEN)
    assert device.unchanged_until_cycles(SR) == 1001
    assert device.unchanged_until_cycles(CNT) == 2
    bench.clock.cycles = 1000
    assert not device.read(SR, 4)
    bench.clock.cycles = 1001
    assert device.read(SR, 4) == UIF
