# SPDX-License-Identifier: Apache-2.0
"""STM32 USART/LPUART with separate ISR/TDR/RDR registers (F0, F3, F7, G0, L0, L4, H7, U5), and what all USARTs share.

Sources: ST RM0432 chapters 49 and 50 (L4+), RM0433 chapters 48 and 49 (H7), RM0444 chapters 33 and 34 (G0),
RM0091 chapter 27 (F0), RM0456 chapters 66 and 67 (U5).

Bytes take the time that the baud rate, the word length and the stop bits say: TXE returns when the byte has moved to
the shift register, TC when the line is quiet. Input comes at the line's rate, one byte after the other, and waits while
nobody has read the byte before, as a sender with flow control would: there is never an overrun, and there are no
errors. The idle frame that silicon sends when TE is set is left out. Only the asynchronous mode is there.
"""

from __future__ import annotations

from collections import deque

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import NEVER, Host, Option, RegisterFile

CR1, CR2, CR3, BRR, RQR, ISR, ICR, RDR, TDR, PRESC = 0x00, 0x04, 0x08, 0x0C, 0x18, 0x1C, 0x20, 0x24, 0x28, 0x2C
RE, TE, OVER8 = 1 << 2, 1 << 3, 1 << 15  # CR1, everywhere the same
UE, M0, M1, FIFOEN = 1 << 0, 1 << 12, 1 << 28, 1 << 29  # CR1 of this kind
IDLE, RXNE, TC, TXE = 1 << 4, 1 << 5, 1 << 6, 1 << 7  # status; their enables in CR1 have the same places
ENABLED_FLAGS = IDLE | RXNE | TC | TXE
BUSY, TEACK, REACK, TXFE, RXFF, RXFT, TXFT = 1 << 16, 1 << 21, 1 << 22, 1 << 23, 1 << 24, 1 << 26, 1 << 27
# Enables of the FIFO's flags: (register, enable, flag).
FIFO_INTERRUPTS = ((CR1, 1 << 30, TXFE), (CR1, 1 << 31, RXFF), (CR3, 1 << 23, TXFT), (CR3, 1 << 28, RXFT))
DMAR, DMAT = 1 << 6, 1 << 7  # CR3
RXFRQ, TXFRQ = 1 << 3, 1 << 4  # RQR
# CR2 and CR3 bits of modes other than asynchronous: CLKEN, LINEN; IREN, SCEN.
OTHER_MODES = (1 << 11 | 1 << 14, 1 << 1 | 1 << 5)
STOP_BITS = (1.0, 0.5, 2.0, 1.5)  # CR2 bits 13:12
PRESCALERS = (1, 2, 4, 6, 8, 10, 12, 16, 32, 64, 128, 256)
# Thresholds of TXFTCFG and RXFTCFG as parts of the depth (RM0432 49.8.4): of free places, of received bytes.
THRESHOLDS = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 7 / 8, 1, 1, 1)


class SerialLine(RegisterFile):
    """A transmitter and a receiver that take time. Subclasses say where the registers are and what they mean.

    The option `clock` names the kernel clock in `host.bus_hz`.
    """

    options: dict[str, Option] = {"clock": "pclk1"}  # noqa: RUF012 - a class constant
    control1, control2, control3, enable = CR1, CR2, CR3, UE
    status_offset, sent_offset, received_offset = ISR, TDR, RDR

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._clock_name = str(self.option["clock"])
        self._leaving: deque[int] = deque()  # when each byte in the buffer moves to the shift register, in cycles
        self._line_free_cycles = 0  # when the last byte has left
        self._complete = True  # TC was not cleared since the last byte
        self._taken: deque[int] = deque()  # bytes received and not read
        self._arrival_cycles = NEVER  # when the next byte of the input will be here
        self._line_quiet_cycles = 0  # when the line may carry the next byte of the input
        self._idle_cycles = NEVER  # when the line will have been idle for a frame after the last byte
        self._idle = False
        self._level = False  # of the interrupt line
        if entry.console:
            host.listeners.append(self._on_input)

    # what subclasses say

    def bit_clocks(self) -> float:
        """Return kernel clocks in a bit."""
        raise NotImplementedError

    def data_bits(self) -> int:
        """Return the bits of a frame between start and stop."""
        raise NotImplementedError

    def depth(self) -> int:
        """Return how many bytes the transmit and the receive buffer hold."""
        return 1

    # time

    def frame_cycles(self) -> int:
        """Return the core's cycles in a frame."""
        kernel_hz = self.host.hz(self._clock_name)
        bits = 1 + self.data_bits() + STOP_BITS[self.registers.get(self.control2, 0) >> 12 & 3]
        return round(bits * self.bit_clocks() * self.host.clock.core_hz / kernel_hz) if kernel_hz else 0

    def on(self, direction: int) -> bool:
        """Return whether the USART and its transmitter (TE) or receiver (RE) are on."""
        wanted = self.enable | direction
        return self.registers.get(self.control1, 0) & wanted == wanted

    def _on_input(self) -> None:
        self.sync()
        self.update_interrupt()

    def sync(self) -> int:
        """Move bytes that are due by now, and return the time."""
        now = self.host.clock.cycles
        leaving = self._leaving
        while leaving and leaving[0] <= now:
            leaving.popleft()
        if self.entry.console:
            self._receive(now)
        return now

    def _receive(self, now: int) -> None:
        received, start = self.host.received, now
        while True:
            if self._arrival_cycles == NEVER:
                if not received or len(self._taken) >= self.depth() or not self.on(RE):
                    break
                self._arrival_cycles = max(start, self._line_quiet_cycles) + self.frame_cycles()
                self._idle_cycles = NEVER
            if self._arrival_cycles > now:
                break
            if received and self.on(RE):
                self._taken.append(received.pop(0))
                self._line_quiet_cycles = start = self._arrival_cycles
                self._idle_cycles = self._arrival_cycles + self.frame_cycles()
            self._arrival_cycles = NEVER
        if self._idle_cycles <= now:
            self._idle, self._idle_cycles = self._idle or not received, NEVER  # a sender that waits is not idle

    def send(self, byte: int) -> None:
        """Take a byte into the transmit buffer."""
        if not self.on(TE):
            return
        now = self.sync()
        if len(self._leaving) >= self.depth():
            self.host.remarks.add(
                f"{self.entry.name}: a byte was written before there was room; it is sent, silicon loses one"
            )
        start = max(now, self._line_free_cycles)
        self._line_free_cycles = start + self.frame_cycles()
        self._complete = True
        if start > now:
            self._leaving.append(start)
        self.transmit(bytes([byte]))

    def take(self) -> int:
        """Return the oldest byte received, 0 if there is none."""
        now = self.sync()
        byte = self._taken.popleft() if self._taken else 0
        if self.entry.console:
            self._receive(now)
        return byte

    def status(self) -> int:
        """Return the flags that all USARTs have."""
        now = self.sync()
        status = TXE if len(self._leaving) < self.depth() else 0
        if self._complete and now >= self._line_free_cycles:
            status |= TC
        if self._taken:
            status |= RXNE
        return status | IDLE if self._idle else status

    def clear(self, flags: int) -> None:
        """Clear TC and IDLE where asked."""
        now = self.sync()
        if flags & TC and now >= self._line_free_cycles:
            self._complete = False
        if flags & IDLE:
            self._idle = False

    def stop(self) -> None:
        """Forget what is on the way: the USART is off."""
        self._leaving.clear()
        self._line_free_cycles = min(self._line_free_cycles, self.host.clock.cycles)
        self._complete = True
        self._taken.clear()
        self._arrival_cycles = self._idle_cycles = NEVER
        self._idle = False

    def note_mode(self, offset: int, value: int) -> None:
        """Say so where a mode is asked for that is not there."""
        modes = dict(zip((self.control2, self.control3), OTHER_MODES, strict=True))
        if value & modes.get(offset, 0):
            self.host.remarks.add(f"{self.entry.name}: only its asynchronous mode is modelled (see CR2, CR3)")

    # interrupts, DMA, polling

    def raised(self, status: int) -> bool:
        """Return whether the flags raise the interrupt."""
        return bool(self.registers.get(self.control1, 0) & status & ENABLED_FLAGS)

    def update_interrupt(self) -> None:
        """Set the interrupt line as the flags say."""
        self._level = self.raised(self.status())
        self.set_interrupt(self._level)

    def unchanged_until_cycles(self, offset: int) -> int:
        """The status changes when the buffer or the line is free, and when a byte is here."""
        if offset != self.status_offset:
            return 0
        now, until = self.host.clock.cycles, NEVER
        leaves = self._leaving[0] if self._leaving else NEVER
        for time in (leaves, self._line_free_cycles, self._arrival_cycles, self._idle_cycles):
            if now < time < until:
                until = time
        return until if until < NEVER else 0

    def request_cycles(self, offset: int, writes: bool) -> int:
        """From when DMA may serve the data register: while DMAT (DMAR) is set and there is room (a byte)."""
        control = self.registers.get(self.control3, 0)
        now = max(self.sync(), 1)
        if writes and offset == self.sent_offset:
            if not (control & DMAT and self.on(TE)):
                return NEVER
            return max(self._leaving[-self.depth()], now) if len(self._leaving) >= self.depth() else now
        if not writes and offset == self.received_offset:
            if not control & DMAR:
                return NEVER
            return now if self._taken else self._arrival_cycles
        return 0

    def next_event_cycles(self) -> int:
        """Wake when a flag that an interrupt waits for will be set. While the line is high nothing is waited for."""
        wanted = self.registers.get(self.control1, 0)
        if self._level or not wanted & self.enable:
            return NEVER
        now, event = self.host.clock.cycles, NEVER
        if wanted & TXE:
            event = self._leaving[-self.depth()] if len(self._leaving) >= self.depth() else now
        if wanted & TC and self._complete:
            event = min(event, self._line_free_cycles)
        if wanted & (RXNE | IDLE):
            event = min(event, self._arrival_cycles, self._idle_cycles)
            if (self._taken and wanted & RXNE) or (self._idle and wanted & IDLE):
                event = min(event, now)
        return event

    def wake(self) -> None:
        """Set the interrupt line as the flags now say."""
        self.update_interrupt()


class Stm32Usart(SerialLine):
    """One USART. LPUARTs divide 256 times their clock by BRR, USARTs their clock (RM0432 49.5.4, 50.4.4).

    `lpuart` says that it is one; a device whose name begins with LPUART is one, too. `fifo` is the depth of the FIFOs
    that FIFOEN switches on (RM0432 49.4: 8 bytes on L4+ and G0; 16 on H7, RM0433 48.4).
    """

    options: dict[str, Option] = {**SerialLine.options, "lpuart": False, "fifo": 8}  # noqa: RUF012 - a class constant

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._low_power = bool(self.option["lpuart"]) or "LPUART" in entry.name.upper()
        self._fifo = max(int(self.option["fifo"]), 1)

    def bit_clocks(self) -> float:
        """Divide the kernel clock by PRESC and BRR."""
        divider = self.registers.get(BRR, 0)
        prescaler = PRESCALERS[min(self.registers.get(PRESC, 0) & 15, len(PRESCALERS) - 1)]
        if self._low_power:
            return prescaler * divider / 256
        if self.registers.get(CR1, 0) & OVER8:
            return prescaler * (divider & 0xFFF0 | (divider & 7) << 1) / 2
        return prescaler * divider

    def data_bits(self) -> int:
        """Return 8, 9 (M0) or 7 (M1) bits."""
        control = self.registers.get(CR1, 0)
        return 7 if control & M1 else 9 if control & M0 else 8

    def depth(self) -> int:
        """Return the FIFO's depth where it is on."""
        return self._fifo if self.registers.get(CR1, 0) & FIFOEN else 1

    def read_register(self, offset: int) -> int:
        """Return a register; ISR follows time, RDR takes the oldest byte received."""
        if offset == ISR:
            return self.status()
        if offset == RDR:
            byte = self.take()
            self.update_interrupt()
            return byte
        return self.registers.get(offset, 0)

    def status(self) -> int:
        """Return ISR."""
        status, control = super().status(), self.registers.get(CR1, 0)
        if control & UE:
            status |= (TEACK if control & TE else 0) | (REACK if control & RE else 0)
        if self._arrival_cycles < NEVER:
            status |= BUSY
        return status | self._fifo_status() if control & FIFOEN else status

    def _fifo_status(self) -> int:
        depth, control = self.depth(), self.registers.get(CR3, 0)
        free, here = depth - len(self._leaving), len(self._taken)
        status = (TXFE if free == depth else 0) | (RXFF if here >= depth else 0)
        status |= TXFT if free >= depth * THRESHOLDS[control >> 29] else 0
        return status | (RXFT if here >= depth * THRESHOLDS[control >> 25 & 7] else 0)

    def raised(self, status: int) -> bool:
        """Add the FIFO's interrupts, whose enables are elsewhere."""
        control = self.registers.get(CR1, 0)
        if super().raised(status):
            return True
        if not control & FIFOEN:
            return False
        return any(self.registers.get(at, 0) & enable and status & flag for at, enable, flag in FIFO_INTERRUPTS)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; TDR sends a byte."""
        if offset == TDR:
            self.send(value & 0xFF)
        elif offset == ICR:
            self.clear(value)
        elif offset == RQR:
            if value & RXFRQ:
                self._taken.clear()
        elif offset not in (ISR, RDR):
            self.registers[offset] = value
            if offset == CR1 and not value & UE:
                self.stop()
            self.note_mode(offset, value)
        self.update_interrupt()

    def next_event_cycles(self) -> int:
        """The FIFO's flags change with every byte."""
        event = super().next_event_cycles()
        if self._level or not self.registers.get(CR1, 0) & FIFOEN:
            return event
        return min([event, self._arrival_cycles, *list(self._leaving)[:1]])
