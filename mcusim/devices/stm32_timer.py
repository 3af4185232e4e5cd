# SPDX-License-Identifier: Apache-2.0
"""STM32 timers: basic (TIM6, TIM7), general-purpose and the time base of advanced ones (TIM1, TIM8).

Sources: ST RM0090 chapters 17 to 20 (F4), RM0008 chapters 14 to 17 (F1), RM0432 chapters 37 to 39 (L4+), RM0433
chapters 38 to 42 (H7). CNT follows the timer's clock exactly, from one clock after CEN is set; PSC, ARR and CCRx have
their preload registers, RCR repeats, and matches of channels in output mode set their flags.

Not there: anything on pins, so that captures, external clocks, encoder, gated and triggered modes see nothing (said so
in the report); timers do not trigger each other or a DMA controller; BDTR and the like are remembered. In
center-aligned modes the counter and its events are right, the timing of channel flags is that of the first match.
A change of the timer's clock while it counts is seen at the next look of the run loop, at most a block later.
"""

from __future__ import annotations

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import NEVER, Host, Option, RegisterFile

CR1, CR2, SMCR, DIER, SR, EGR, CCMR1, CCMR2, CCER, CNT, PSC, ARR, RCR, CCR1 = range(0, 0x38, 4)
CCR4, BDTR = 0x40, 0x44
CEN, UDIS, URS, OPM, DIR, CMS, ARPE, UIFREMAP = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 3 << 5, 1 << 7, 1 << 11
UIF, COMIF, TIF, BIF = 1 << 0, 1 << 5, 1 << 6, 1 << 7
CHANNEL_FLAGS = 0xF << 1
UG = 1 << 0
ECE = 1 << 14
# SMS of SMCR where the counter counts something else than its clock, or only while a trigger says so: encoder modes,
# gated mode, external clock (RM0090 18.4.3).
DEAF_MODES = (1, 2, 3, 5, 7)


class Stm32Timer(RegisterFile):
    """One timer.

    Options: `clock` names its kernel clock in `host.bus_hz`; `bits` is 32 for TIM2 and TIM5; `channels` is how many
    capture/compare channels there are (0 for basic timers). Interrupts are one, or two (all but capture/compare, then
    that), or four: break, update, trigger and commutation, capture/compare.
    """

    options: dict[str, Option] = {"clock": "timclk1", "bits": 16, "channels": 4}  # noqa: RUF012 - a class constant
    exact_offsets = frozenset({CR1, EGR, CNT})

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._clock_name = str(self.option["clock"])
        self._largest = (1 << int(self.option["bits"])) - 1
        self._channels = range(min(int(self.option["channels"]), 4))
        self.registers[ARR] = self._largest
        # what counts now: the shadows of PSC, ARR, CCRx and RCR
        self._psc, self._arr, self._repeats = 0, self._largest, 0
        self._compare = [0, 0, 0, 0]
        self._count, self._prescale = 0, 0
        self._down = False  # the direction in center-aligned modes
        # when the state above was true: a cycle, the clocks then, and what of a tick had passed (in 1/core_hz)
        self._since_cycles, self._core_hz, self._timer_hz, self._part = 0, 1, 1, 0
        self._counts = False
        self._lines_are_old = False  # flags were set where lines may not change
        self._lines = self._interrupt_masks()

    def _interrupt_masks(self) -> tuple[int, ...]:
        """Return the flags of each interrupt."""
        count = 1 if self.entry.interrupt is not None else len(self.entry.interrupts)
        rest = UIF | COMIF | TIF | BIF
        return {2: (rest, CHANNEL_FLAGS), 4: (BIF, UIF, COMIF | TIF, CHANNEL_FLAGS)}.get(count, (rest | CHANNEL_FLAGS,))

    # time

    def _rates(self) -> tuple[int, int]:
        core_hz = self.host.clock.core_hz
        return core_hz, self.host.bus_hz.get(self._clock_name, core_hz)

    def _sync(self) -> None:
        """Bring the counter to this cycle, and the interrupt lines with it."""
        self._count_on()
        if self.registers.get(DIER):
            self._update_interrupts()

    def _count_on(self) -> None:
        now = self.host.clock.cycles
        if self._counts and now > self._since_cycles:
            ticks, self._part = divmod((now - self._since_cycles) * self._timer_hz + self._part, self._core_hz)
            self._since_cycles = now
            if ticks:
                self._advance(ticks)
        self._since_cycles = now
        self._follow_clock()

    def _follow_clock(self) -> None:
        core_hz, timer_hz = self._rates()
        if (core_hz, timer_hz) != (self._core_hz, self._timer_hz):
            self._part = self._part * core_hz // self._core_hz
            self._core_hz, self._timer_hz = core_hz, timer_hz

    def _cycle_after(self, ticks: int) -> int:
        """Return the first cycle at which so many ticks have passed since the counter was brought up to date."""
        if self._timer_hz <= 0:
            return NEVER
        return self._since_cycles + -((self._part - ticks * self._core_hz) // self._timer_hz)

    # counting

    def _setup(self) -> tuple[int, bool, bool]:
        """Return CR1, whether the counter goes down now, and whether it is center-aligned."""
        control = self.registers.get(CR1, 0)
        center = bool(control & CMS)
        return control, self._down if center else bool(control & DIR), center

    def _to_boundary(self) -> int:
        """Return how many counts it is until the counter overflows, underflows or turns."""
        _, down, center = self._setup()
        count, top = self._count, self._arr
        if down:
            return max(count, 1) if center else count + 1
        if count > top:
            return self._largest + 1 - count  # it was set beyond: no event, it wraps
        return max(top - count, 1) if center else top - count + 1

    def _ticks_to(self, counts: int) -> int:
        return counts * (self._psc + 1) - self._prescale

    def _advance(self, ticks: int) -> None:
        """Let ticks of the timer's clock pass."""
        while ticks > 0 and self._counts and self._arr:
            ticks = self._without_whole_rounds(ticks)
            counts = self._to_boundary()
            needed = self._ticks_to(counts)
            if ticks < needed:
                steps, self._prescale = divmod(self._prescale + ticks, self._psc + 1)
                self._move(steps)
                return
            ticks -= needed
            self._prescale = 0
            self._move(counts - 1)
            self._cross()

    def _without_whole_rounds(self, ticks: int) -> int:
        """Leave out rounds after which everything is as before, but two, which set the flags."""
        control, _, center = self._setup()
        repeats = self.registers.get(RCR, 0)
        if not control & UDIS and (control & OPM or self._repeats > repeats or self._stale()):
            return ticks
        counts = 2 * self._arr if center else self._arr + 1
        whole = counts * (self._psc + 1) * (repeats + 1)
        return ticks if self._count > self._arr or ticks < 3 * whole else ticks % whole + 2 * whole

    def _stale(self) -> bool:
        """Return whether the next update event changes what counts."""
        get = self.registers.get
        wanted = [get(CCR1 + 4 * channel, 0) for channel in range(4)]
        return (self._psc, self._arr) != (get(PSC, 0), get(ARR, 0)) or self._compare != wanted

    def _move(self, counts: int) -> None:
        """Count on, short of the next boundary."""
        if counts <= 0:
            return
        before = self._count
        self._count += -counts if self._setup()[1] else counts
        low, high = (self._count, before - 1) if self._count < before else (before + 1, self._count)
        self._match(low, high)

    def _match(self, low: int, high: int) -> None:
        """Set the flags of channels whose compare value the counter has reached."""
        control, down, center = self._setup()
        if center and not control & (1 << 5 if down else 1 << 6):
            return  # CMS: flags only while counting down (1) or up (2), or both (3)
        for channel in self._channels:
            if low <= self._compare[channel] <= high and self._is_output(channel):
                self._set(2 << channel)

    def _is_output(self, channel: int) -> bool:
        mode = self.registers.get(CCMR1 if channel < 2 else CCMR2, 0)
        return not mode >> 8 * (channel & 1) & 3

    def _set(self, flags: int) -> None:
        self.registers[SR] = self.registers.get(SR, 0) | flags

    def _cross(self) -> None:
        """Overflow, underflow or turn."""
        _, down, center = self._setup()
        event = down or self._count <= self._arr
        if center and event:
            self._count = 0 if down else self._arr
            self._match(self._count, self._count)
            self._down = not down
        elif event:
            for channel in self._channels:
                if self._compare[channel] > self._arr and self._is_output(channel):
                    self._set(2 << channel)
        if event:
            self._overflow()
        if not center or not event:
            self._count = self._arr if down else 0
            self._match(self._count, self._count)

    def _overflow(self) -> None:
        control = self.registers.get(CR1, 0)
        if control & UDIS:
            return
        if self._repeats:
            self._repeats -= 1
            return
        self._update(UIF)

    def _update(self, flags: int) -> None:
        """The update event: shadows take what is preloaded."""
        get = self.registers.get
        self._psc, self._arr, self._repeats = get(PSC, 0), get(ARR, 0), get(RCR, 0)
        self._compare = [get(CCR1 + 4 * channel, 0) for channel in range(4)]
        self._set(flags)
        if get(CR1, 0) & OPM:
            self.registers[CR1] &= ~CEN
            self._counts = False

    # registers

    def read_register(self, offset: int) -> int:
        """Return a register; CNT, SR and the direction follow the clock."""
        if offset in (CNT, SR, CR1):
            self._sync()
            if offset == CNT:
                remap = self.registers.get(CR1, 0) & UIFREMAP and self.registers.get(SR, 0) & UIF
                return self._count | (1 << 31 if remap else 0)
            if offset == CR1 and self.registers.get(CR1, 0) & CMS:
                return self.registers[CR1] & ~DIR | (DIR if self._down else 0)
        elif offset == EGR:
            return 0
        return self.registers.get(offset, 0)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register, after the counter has come up to date."""
        self._sync()
        registers = self.registers
        if offset == SR:
            registers[SR] = registers.get(SR, 0) & value
        elif offset == EGR:
            self._generate(value)
        elif offset == CNT:
            self._count = value & self._largest
        elif offset == CR1:
            self._control(value)
        else:
            if offset in (PSC, RCR):
                value &= 0xFFFF
            elif offset == ARR or CCR1 <= offset <= CCR4:
                value &= self._largest
            registers[offset] = value
            self._load_direct()
            if offset in (SMCR, CCMR1, CCMR2):
                self._note_modes()
        self._update_interrupts()

    def _control(self, value: int) -> None:
        before = self.registers.get(CR1, 0)
        if value & CMS and not before & CMS:
            self._down = bool(before & DIR)
        self.registers[CR1] = value
        if value & CEN and not before & CEN:
            self._prescale -= 1  # RM0090 18.3.2: it counts from one clock after CEN
            self._part = 0
        self._load_direct()
        self._note_modes()

    def _load_direct(self) -> None:
        """Registers whose preload is off take effect at once."""
        get = self.registers.get
        if not get(CR1, 0) & ARPE:
            self._arr = get(ARR, 0)
        for channel in range(4):
            mode = get(CCMR1 if channel < 2 else CCMR2, 0) >> 8 * (channel & 1)
            if not mode & 1 << 3:
                self._compare[channel] = get(CCR1 + 4 * channel, 0)

    def _note_modes(self) -> None:
        slave = self.registers.get(SMCR, 0)
        deaf = slave & 7 in DEAF_MODES or bool(slave & ECE)
        self._counts = bool(self.registers.get(CR1, 0) & CEN) and not deaf
        if slave & 7 or deaf:
            self.host.remarks.add(f"{self.entry.name}: no trigger, encoder or external clock ever comes (SMCR)")
        if any(not self._is_output(channel) for channel in self._channels):
            self.host.remarks.add(f"{self.entry.name}: nothing is connected to its capture inputs")

    def _generate(self, events: int) -> None:
        """EGR: update, captures and compares, trigger, break by software."""
        control, down, center = self._setup()
        for channel in self._channels:
            if events & 2 << channel and not self._is_output(channel):
                self.registers[CCR1 + 4 * channel] = self._compare[channel] = self._count
        self._set(events & (CHANNEL_FLAGS & (2 << len(self._channels)) - 1 | COMIF | TIF | BIF))
        if events & UG:
            self._prescale = 0
            if not control & UDIS:
                self._update(0 if control & URS else UIF)
            self._count = self._arr if down and not center else 0
            self._down = False

    # interrupts

    def _update_interrupts(self) -> None:
        raised = self.registers.get(SR, 0) & self.registers.get(DIER, 0)
        self._lines_are_old = False
        for index, mask in enumerate(self._lines):
            self.set_interrupt(bool(raised & mask), index)

    def _ticks_to_flags(self, wanted: int) -> int | None:
        """Return a number of ticks within which none of the wanted flags will be set; None if they never are."""
        if not self._counts or not self._arr or not wanted:
            return None
        boundary = counts = self._to_boundary()
        if wanted & CHANNEL_FLAGS:
            down = self._setup()[1]
            for channel in self._channels:
                away = (self._count - self._compare[channel]) * (1 if down else -1)
                if wanted & 2 << channel and 0 < away < counts:
                    counts = away
        elif self._repeats:
            # Only the update is wanted: the other boundaries before it do nothing.
            center = self._setup()[2]
            boundary += self._repeats * (self._arr if center else self._arr + 1)
            counts = boundary
        return self._ticks_to(counts)

    def next_event_cycles(self) -> int:
        """When a flag that interrupts will be set."""
        if not self._counts:
            return NEVER
        wanted = self.registers.get(DIER, 0) & ~self.registers.get(SR, 0) & (UIF | CHANNEL_FLAGS)
        if (self._core_hz, self._timer_hz) != self._rates():
            self._count_on()
            self._lines_are_old = True
        if self._lines_are_old:
            return self.host.clock.cycles
        ticks = self._ticks_to_flags(wanted)
        return NEVER if ticks is None else self._cycle_after(ticks)

    def unchanged_until_cycles(self, offset: int) -> int:
        """SR changes with the next flag, CNT with the next count."""
        if not self._counts:
            return 0
        if offset == CNT:
            return self._cycle_after(self._ticks_to(1))
        if offset == SR:
            every = UIF | sum(2 << channel for channel in self._channels)
            ticks = self._ticks_to_flags(every & ~self.registers.get(SR, 0))
            return 0 if ticks is None else self._cycle_after(ticks)
        return 0

    def wake(self) -> None:
        """Set the interrupt lines as the flags now say."""
        self._count_on()
        self._update_interrupts()
