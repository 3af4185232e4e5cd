# SPDX-License-Identifier: Apache-2.0
"""STM32 SPI with FIFOs of four bytes (F0, F3, F7, L4, G0), as master, with nothing attached.

Source: ST RM0385, SPI chapter (data packing, FRXTH, FTLVL and FRLVL); bits: ST cmsis_device_f7 v1.2.9, stm32f746xx.h.

What is sent takes its time on the line, and each frame brings one back in which every bit reads as the line does while
nobody drives it: option `idle`, 0 (pulled down) or 1 (pulled up). Frames of more than eight bits count as two bytes.
Slave mode, CRC, I2S and DMA requests are not there.
"""

from __future__ import annotations

from collections import deque

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import NEVER, Host, RegisterFile

CR1, CR2, SR, DR = 0x00, 0x04, 0x08, 0x0C
MSTR, SPE = 1 << 2, 1 << 6  # CR1
RXNEIE, TXEIE, FRXTH = 1 << 6, 1 << 7, 1 << 12  # CR2
RXNE, TXE, OVR, BSY = 1 << 0, 1 << 1, 1 << 6, 1 << 7  # SR
FIFO_BYTES = 4
LEVELS = (0, 1, 2, 2, 3)  # FRLVL, FTLVL by the bytes in a FIFO


class Stm32SpiV2(RegisterFile):
    """One SPI. Option `clock` names its bus clock."""

    options = {"clock": "pclk1", "idle": 0}  # noqa: RUF012 - a class constant
    reset = {CR2: 0x0700}  # noqa: RUF012 - a class constant

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._starts: deque[int] = deque()  # when the bytes that wait go to the line
        self._arrivals: deque[int] = deque()  # when the bytes on the line have come back
        self._received = 0  # bytes in the receive FIFO
        self._overrun = False
        self._free_cycles = 0  # when the line is free

    def _wide(self) -> bool:
        return self.registers.get(CR2, 0) >> 8 & 15 > 7  # DS: more than eight bits

    def _byte_cycles(self) -> int:
        bits = max(self.registers.get(CR2, 0) >> 8 & 15, 3) + 1
        clocks = bits << (self.registers.get(CR1, 0) >> 3 & 7) + 1
        clocks = clocks // 2 if self._wide() else clocks
        return max(clocks * self.host.clock.core_hz // self.host.hz(str(self.option["clock"])), 1)

    def _sync(self) -> int:
        now = self.host.clock.cycles
        while self._starts and self._starts[0] <= now:
            self._starts.popleft()
        while self._arrivals and self._arrivals[0] <= now:
            self._arrivals.popleft()
            if self._received < FIFO_BYTES:
                self._received += 1
            else:
                self._overrun = True
        return now

    def _status(self) -> int:
        now = self._sync()
        threshold = 1 if self.registers.get(CR2, 0) & FRXTH else 2
        waiting = min(len(self._starts), FIFO_BYTES)
        status = TXE if waiting <= FIFO_BYTES // 2 else 0
        status |= (RXNE if self._received >= threshold else 0) | (OVR if self._overrun else 0)
        status |= BSY if self._free_cycles > now else 0
        return status | LEVELS[self._received] << 9 | LEVELS[waiting] << 11

    def read(self, offset: int, size_bytes: int) -> int:
        """Return a register; DR takes as many bytes from the FIFO as are read."""
        if offset != DR:
            return super().read(offset, size_bytes)
        self._sync()
        self._received -= min(self._received, max(size_bytes, 1 + self._wide()), 2)
        self._update_interrupt()
        return (1 << 8 * size_bytes) - 1 if self.option["idle"] else 0

    def read_register(self, offset: int) -> int:
        """Return a register; SR follows time."""
        if offset != SR:
            return super().read_register(offset)
        status = self._status()
        self._overrun = False  # cleared by reading DR and then SR: here by SR alone
        return status

    def write(self, offset: int, size_bytes: int, value: int) -> None:
        """Set a register; DR sends what is written: sixteen bits are two frames if frames have eight."""
        if offset != DR:
            super().write(offset, size_bytes, value)
            self._update_interrupt()
        elif self.registers.get(CR1, 0) & (MSTR | SPE) == MSTR | SPE:
            now = self._sync()
            for _ in range(2 if size_bytes > 1 else 1):
                start = max(now, self._free_cycles)
                self._free_cycles = start + self._byte_cycles()
                if start > now:
                    self._starts.append(start)
                self._arrivals.append(self._free_cycles)
            self._update_interrupt()

    def _update_interrupt(self) -> None:
        control, status = self.registers.get(CR2, 0), self._status()
        self.set_interrupt(bool((control & TXEIE and status & TXE) or (control & RXNEIE and status & RXNE)))

    def unchanged_until_cycles(self, offset: int) -> int:
        """SR stays as it is until the next byte starts or has come back."""
        now = self.host.clock.cycles
        times = [line[0] for line in (self._starts, self._arrivals) if line and line[0] > now]
        return min(times, default=0) if offset == SR and not self._overrun else 0

    def next_event_cycles(self) -> int:
        """Wake when a byte moves, if an interrupt may wait for it."""
        if not self.registers.get(CR2, 0) & (TXEIE | RXNEIE):
            return NEVER
        return min((line[0] for line in (self._starts, self._arrivals) if line), default=NEVER)

    def wake(self) -> None:
        """Set the interrupt line as the flags now say."""
        self._update_interrupt()
