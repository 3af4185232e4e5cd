# SPDX-License-Identifier: Apache-2.0
"""SysTick and CYCCNT against twins that are stepped cycle by cycle (Armv7-M ARM, DDI 0403E, B3.3 and C1.8)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcusim.devices.base import NEVER, Host
from mcusim.machine.dwt import DataWatchpoint, Spent
from mcusim.machine.exceptions import SYSTICK
from mcusim.machine.system import EXTERNAL_CLOCK_DIVIDER, Counter, SystemControl

CSR, RVR, CVR = SystemControl.CSR, SystemControl.RVR, SystemControl.CVR
ENABLE, TICKINT, CLKSOURCE = SystemControl.ENABLE, SystemControl.TICKINT, SystemControl.CLKSOURCE
COUNTFLAG = SystemControl.COUNTFLAG


@dataclass
class FakeClock:
    """A clock that tests turn."""

    cycles: int = 0
    core_hz: int = 1_000_000

    def set_core_hz(self, core_hz: int) -> None:
        self.core_hz = core_hz


@dataclass
class FakeExceptions:
    """What SystemControl asks of the exceptions."""

    vector_table: int = 0
    pending: set[int] = field(default_factory=set)
    enabled: set[int] = field(default_factory=set)
    active: list[int] = field(default_factory=list)
    priority: dict[int, int] = field(default_factory=dict)
    group_shift: int = 0
    mainline: bool = True

    def next_pending(self) -> int | None:
        return min(self.pending, default=None)


def make_system() -> tuple[SystemControl, FakeClock, FakeExceptions]:
    clock, exceptions = FakeClock(), FakeExceptions()
    host = Host(clock, lambda data: None, lambda number, level: None)
    return SystemControl(host, exceptions, "cortex-m4"), clock, exceptions  # type: ignore[arg-type]


class Stepped:
    """SysTick as a counter that is clocked one tick at a time: 0 loads RVR, reaching 0 from 1 sets the flag."""

    def __init__(self) -> None:
        self.value = self.reload = self.zeros = 0
        self.running = False

    def tick(self) -> None:
        """Let one tick pass."""
        if not self.running:
            return
        if self.value == 0:
            self.value = self.reload
            return
        self.value -= 1
        self.zeros += self.value == 0


@given(
    start=st.integers(0, 40), reload=st.integers(1, 12), divider=st.sampled_from([1, 8]), base=st.integers(0, 1000),
    cycles=st.integers(0, 400),
)  # fmt: skip
def test_the_counter_agrees_with_its_stepped_twin(
    start: int, reload: int, divider: int, base: int, cycles: int
) -> None:
    counter, twin = Counter(), Stepped()
    counter.running = twin.running = True
    counter.reload = twin.reload = reload
    counter.divider = divider
    counter.set(base, start)
    twin.value = start
    for _ in range(cycles // divider):
        twin.tick()
    assert counter.value(base + cycles) == twin.value
    assert counter.zero_count(base + cycles) == twin.zeros


@given(start=st.integers(0, 40), reload=st.integers(1, 12), divider=st.sampled_from([1, 8]), index=st.integers(0, 20))
def test_the_cycle_of_each_zero_is_the_first_that_counts_it(start: int, reload: int, divider: int, index: int) -> None:
    counter = Counter()
    counter.running, counter.reload, counter.divider = True, reload, divider
    counter.set(100, start)
    at = counter.zero_cycles(index)
    assert (counter.zero_count(at - 1), counter.zero_count(at)) == (index, index + 1)
    assert counter.value(at) == 0


def test_a_counter_that_stands_never_reaches_zero() -> None:
    counter = Counter()
    counter.set(5, 7)
    counter.reload = 3
    assert (counter.value(1000), counter.zero_count(1000), counter.zero_cycles(0)) == (7, 0, NEVER)


def test_a_counter_without_reload_stops_at_zero() -> None:
    counter = Counter()
    counter.running = True
    counter.set(0, 5)
    assert [counter.value(now) for now in (0, 4, 5, 100)] == [5, 1, 0, 0]


# Programs of accesses: (cycles that pass, register, value or None to read).
ACCESSES = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.sampled_from([(CSR, None), (CVR, None), (CVR, 0), (RVR, 3), (RVR, 9), (CSR, 0), (CSR, 5), (CSR, 7)]),
    ),
    max_size=25,
)


@given(accesses=ACCESSES)
def test_systick_registers_agree_with_the_stepped_twin(accesses: list[tuple[int, tuple[int, int | None]]]) -> None:
    """With the core's clock; RVR of at least 3, so that no reload of 0 is ever in force while it counts."""
    system, clock, exceptions = make_system()
    twin = Stepped()
    system.write(RVR, 4, 5)
    system.write(CVR, 4, 0)
    twin.reload = 5
    control = interrupts = 0
    for passed, (offset, value) in accesses:
        for _ in range(passed):
            clock.cycles += 1
            before = twin.zeros
            twin.tick()
            if twin.zeros > before:
                interrupts += bool(control & TICKINT)
            if system.next_event_cycles() <= clock.cycles:
                system.wake()
        assert (SYSTICK in exceptions.pending) == (interrupts > 0)
        if value is None:
            wanted = twin.value if offset == CVR else control
            assert system.read(offset, 4) & ~COUNTFLAG == wanted
            continue
        system.write(offset, 4, value)
        if offset == RVR:
            twin.reload = value
        elif offset == CVR:
            twin.value = 0
        else:
            control, twin.running = value, bool(value & ENABLE)


def test_the_count_flag_is_set_by_a_zero_and_cleared_by_reading() -> None:
    system, clock, _ = make_system()
    system.write(RVR, 4, 9)
    system.write(CVR, 4, 0)
    system.write(CSR, 4, ENABLE | CLKSOURCE)
    clock.cycles = 9
    assert system.read(CSR, 4) == ENABLE | CLKSOURCE
    clock.cycles = 10  # one tick to load, nine to zero
    assert system.read(CSR, 4) == ENABLE | CLKSOURCE | COUNTFLAG
    assert system.read(CSR, 4) == ENABLE | CLKSOURCE
    clock.cycles = 35
    system.write(CVR, 4, 123)  # any write clears counter and flag
    assert (system.read(CVR, 4), system.read(CSR, 4)) == (0, ENABLE | CLKSOURCE)


def test_writing_the_reload_value_keeps_the_count_flag() -> None:
    """Only reading SYST_CSR and writing SYST_CVR clear it (B3.3.3)."""
    system, clock, _ = make_system()
    system.write(RVR, 4, 9)
    system.write(CVR, 4, 0)
    system.write(CSR, 4, ENABLE | CLKSOURCE)
    clock.cycles = 12
    system.write(RVR, 4, 20)
    assert system.read(CSR, 4) & COUNTFLAG


def test_the_external_clock_is_slower() -> None:
    system, clock, _ = make_system()
    system.write(RVR, 4, 99)
    system.write(CVR, 4, 0)
    system.write(CSR, 4, ENABLE)
    clock.cycles = 10 * EXTERNAL_CLOCK_DIVIDER
    assert system.read(CVR, 4) == 99 - 9


def test_the_reload_value_has_24_bits() -> None:
    system, _, _ = make_system()
    system.write(RVR, 4, 0xFFFF_FFFF)
    assert system.read(RVR, 4) == 0xFF_FFFF


def make_dwt() -> tuple[DataWatchpoint, FakeClock]:
    clock = FakeClock()
    return DataWatchpoint(
        Host(clock, lambda data: None, lambda number, level: None), lambda: Spent(0, 0, 0, 0, 0)
    ), clock


def test_cyccnt_counts_while_it_is_enabled() -> None:
    dwt, clock = make_dwt()
    clock.cycles = 100
    assert dwt.read(4, 4) == 0
    dwt.write(0, 4, 1)
    clock.cycles = 150
    assert dwt.read(4, 4) == 50
    dwt.write(0, 4, 0)
    clock.cycles = 500
    assert dwt.read(4, 4) == 50
    dwt.write(0, 4, 1)
    clock.cycles = 510
    assert dwt.read(4, 4) == 60


def test_cyccnt_continues_from_what_is_written_and_wraps() -> None:
    dwt, clock = make_dwt()
    dwt.write(0, 4, 1)
    dwt.write(4, 4, 0xFFFF_FFFE)
    clock.cycles = 3
    assert dwt.read(4, 4) == 1
    assert dwt.read(0, 4) & 1
    assert dwt.read(0, 4) >> 28 == 4  # NUMCOMP


@pytest.mark.parametrize("size", [1, 2])
def test_parts_of_counters_can_be_read(size: int) -> None:
    dwt, clock = make_dwt()
    dwt.write(0, 4, 1)
    clock.cycles = 0x12345678
    mask = (1 << 8 * size) - 1
    assert dwt.read(4, size) == 0x12345678 & mask
    assert dwt.read(4 + size, size) == 0x12345678 >> 8 * size & mask
