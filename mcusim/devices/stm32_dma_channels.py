# SPDX-License-Identifier: Apache-2.0
"""STM32 DMA controllers with channels (F0, F1, F3, L4, G0), and the engine that those with streams use, too.

Sources: ST RM0008 chapter 13 (F1), RM0091 chapter 10 (F0), RM0432 chapter 11 (L4+), RM0444 chapter 10 (G0).

Which peripheral asks for a transfer is not looked up in tables of requests: the device at the peripheral address says
when it may be served (`Device.request_cycles`: a USART when DMAT or DMAR is set and there is room or a byte). Where
nobody models that peripheral, or its requests, a transfer is taken to be asked for each microsecond, and the report
says so. Time is an estimate, five bus clocks a transfer: arbitration, address, read, write and an idle cycle (how ST
AN2548 takes a transfer apart). Channels do not slow each other down, nor the core, and their priorities do not count.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import NEVER, Host, Option, RegisterFile

BEAT_BUS_CLOCKS = 5  # an estimate, see above
UNKNOWN_BEATS_HZ = 1_000_000  # transfers with peripherals whose requests nobody models
MAX_BEATS = 1024  # transfers of one channel in one go: the run loop shall get to look at its limits
ERROR, HALF, COMPLETE = "error", "half", "complete"


@dataclass
class Port:
    """One side of a transfer: the next address, its step, how many bytes an access moves."""

    address: int = 0
    step_bytes: int = 0
    size_bytes: int = 1

    def take(self) -> int:
        """Return the address of the next access and step on."""
        address = self.address
        self.address = address + self.step_bytes & 0xFFFF_FFFF
        return address


@dataclass
class Transfer:
    """What a channel is doing, with the peripheral (or first memory) side and the memory side."""

    peripheral: Port = field(default_factory=Port)
    memory: Port = field(default_factory=Port)
    to_peripheral: bool = False
    between_memories: bool = False
    packs: bool = False  # through a FIFO: bytes are regrouped where the sizes differ
    circular: bool = False
    total: int = 0  # transfers of the peripheral's size, and how many are left
    left: int = 0
    last_cycles: int = 0  # when the last one was done
    active: bool = False
    bytes_held: bytearray = field(default_factory=bytearray)


class DmaEngine(RegisterFile):
    """Moves data for channels of either kind. Subclasses set up `transfers` and hear of `happened`."""

    options: dict[str, Option] = {"clock": "hclk"}  # noqa: RUF012 - a class constant
    count = 0

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self.transfers = [Transfer() for _ in range(self.count)]
        self._clock_name = str(self.option["clock"])

    def happened(self, number: int, what: str) -> None:
        """A channel is half through, has completed, or met an error."""
        raise NotImplementedError

    def rewind(self, number: int) -> None:
        """Set a channel's addresses and `left` for another round."""
        raise NotImplementedError

    def begin(self, number: int) -> None:
        """Start a channel that has been set up."""
        transfer = self.transfers[number]
        transfer.last_cycles = self.host.clock.cycles
        transfer.active = transfer.left > 0
        transfer.bytes_held.clear()

    # time

    def _beat_cycles(self) -> int:
        bus_hz = self.host.hz(self._clock_name)
        return max(BEAT_BUS_CLOCKS * self.host.clock.core_hz // bus_hz, 1) if bus_hz else BEAT_BUS_CLOCKS

    def _due_cycles(self, transfer: Transfer) -> int:
        """Return when the next transfer of a channel is done."""
        soonest = transfer.last_cycles + self._beat_cycles()
        if transfer.between_memories:
            return soonest
        request = self.host.request_cycles(transfer.peripheral.address, transfer.to_peripheral)
        if request == 0:
            return max(soonest, transfer.last_cycles + self.host.clock.core_hz // UNKNOWN_BEATS_HZ)
        return request if request >= NEVER else max(soonest, request)

    def _event_cycles(self, transfer: Transfer) -> int:
        """Return when a channel must be looked at: between memories not for each transfer."""
        if not transfer.between_memories:
            return self._due_cycles(transfer)
        half = transfer.total // 2
        done = transfer.total - transfer.left
        until = half if done < half else transfer.total
        return transfer.last_cycles + min(until - done, MAX_BEATS) * self._beat_cycles()

    def next_event_cycles(self) -> int:
        """When the first channel has something to do."""
        return min([self._event_cycles(transfer) for transfer in self.transfers if transfer.active], default=NEVER)

    def wake(self) -> None:
        """Do the transfers that are due."""
        for number, transfer in enumerate(self.transfers):
            if transfer.active:
                self._run(number, transfer)

    def bring_up(self, number: int) -> Transfer:
        """Return a channel with what is due done."""
        transfer = self.transfers[number]
        if transfer.active:
            self._run(number, transfer)
        return transfer

    def _run(self, number: int, transfer: Transfer) -> None:
        now = self.host.clock.cycles
        if transfer.between_memories:
            beat = self._beat_cycles()
            for _ in range(min((now - transfer.last_cycles) // beat, transfer.left, MAX_BEATS)):
                transfer.last_cycles += beat
                self._beat(number, transfer)
                if not transfer.active:
                    return
            return
        self._note_unknown(transfer)
        for _ in range(MAX_BEATS):
            due = self._due_cycles(transfer) if transfer.active else NEVER
            if due > now:
                return
            transfer.last_cycles = due
            self._beat(number, transfer)

    def _note_unknown(self, transfer: Transfer) -> None:
        address = transfer.peripheral.address
        if self.host.request_cycles(address, transfer.to_peripheral) == 0:
            self.host.remarks.add(
                f"{self.entry.name}: requests of the peripheral at 0x{address & ~0xFF:08x} are not modelled; "
                "a transfer each microsecond is assumed"
            )

    # data

    def _beat(self, number: int, transfer: Transfer) -> None:
        if not self._move(transfer):
            transfer.active = False
            self.happened(number, ERROR)
            return
        transfer.left -= 1
        if transfer.left == transfer.total - transfer.total // 2 and transfer.total > 1:
            self.happened(number, HALF)
        if transfer.left == 0:
            transfer.active = transfer.circular
            if transfer.circular:
                self.rewind(number)
            self.happened(number, COMPLETE)

    def _move(self, transfer: Transfer) -> bool:
        """Move one item of the peripheral's size; return False where an address answers nobody."""
        source, target = transfer.peripheral, transfer.memory
        if transfer.to_peripheral:
            source, target = target, source
        if not transfer.packs:
            # Without a FIFO a narrower source is extended by zeros, a wider one cut (RM0008 table 77).
            value = self._read(source)
            return value is not None and self._write(target, value & (1 << 8 * target.size_bytes) - 1)
        held = transfer.bytes_held
        wanted = target.size_bytes if transfer.to_peripheral else source.size_bytes
        while len(held) < wanted or not transfer.to_peripheral:
            value = self._read(source)
            if value is None:
                return False
            held += value.to_bytes(source.size_bytes, "little")
            if not transfer.to_peripheral:
                break
        while len(held) >= target.size_bytes:
            value = int.from_bytes(held[: target.size_bytes], "little")
            del held[: target.size_bytes]
            if not self._write(target, value):
                return False
            if transfer.to_peripheral:
                break
        return True

    def _read(self, port: Port) -> int | None:
        address = port.take()
        if not self.host.reaches(address, False):
            return None
        return self.host.read_bus(address, port.size_bytes) & (1 << 8 * port.size_bytes) - 1

    def _write(self, port: Port, value: int) -> bool:
        address = port.take()
        if not self.host.reaches(address, True):
            return False
        self.host.write_bus(address, port.size_bytes, value)
        return True


ISR, IFCR, FIRST, STEP = 0x00, 0x04, 0x08, 0x14
CCR, CNDTR, CPAR, CMAR = range(0, 0x10, 4)
EN, DIR, CIRC, PINC, MINC, MEM2MEM = 1 << 0, 1 << 4, 1 << 5, 1 << 6, 1 << 7, 1 << 14
GIF, TCIF, HTIF, TEIF = 1 << 0, 1 << 1, 1 << 2, 1 << 3  # of the first channel; four bits a channel
FLAGS = {COMPLETE: TCIF, HALF: HTIF, ERROR: TEIF}
INTERRUPT_ENABLES = TCIF | HTIF | TEIF  # the enables in CCR have the flags' places
MAX_CHANNELS = 8


class Stm32DmaChannels(DmaEngine):
    """A controller with channels; the option `channels` says how many (7, or 5 or 8).

    Interrupts are one for each channel, in their order; channels that share one name it several times
    (G0: 9, 10, 10, 11, 11, 11, 11).
    """

    options: dict[str, Option] = {**DmaEngine.options, "channels": 7}  # noqa: RUF012 - a class constant
    count = MAX_CHANNELS

    def __init__(self, entry: DeviceEntry, host: Host) -> None:
        super().__init__(entry, host)
        self._channels = min(int(self.option["channels"]), MAX_CHANNELS)

    def _channel(self, offset: int) -> tuple[int, int]:
        """Return which channel a register belongs to, and its place there; -1 for others."""
        number, register = divmod(offset - FIRST, STEP)
        return (number, register) if 0 <= number < self._channels and register <= CMAR else (-1, offset)

    def read_register(self, offset: int) -> int:
        """Return a register; CNDTR is what is left."""
        number, register = self._channel(offset)
        if number >= 0 and register == CNDTR:
            return self.bring_up(number).left
        if offset == IFCR:
            return 0
        return self.registers.get(offset, 0)

    def write_register(self, offset: int, value: int) -> None:
        """Set a register; those of a channel that is on stay, but for CCR."""
        number, register = self._channel(offset)
        if number < 0:
            if offset == IFCR:
                self._clear(value)
            elif offset != ISR:
                self.registers[offset] = value
            return
        transfer = self.bring_up(number)
        before = self.registers.get(offset - register + CCR, 0)
        if register == CCR:
            self.registers[offset] = value & 0x7FFF
            if value & EN and not before & EN:
                self._start(number, transfer)
            elif not value & EN:
                transfer.active = False
        elif not before & EN:
            self.registers[offset] = value
            if register == CNDTR:
                transfer.left = transfer.total = value & 0xFFFF
        self._update_interrupt(number)

    def _start(self, number: int, transfer: Transfer) -> None:
        """Start where CPAR, CMAR and CNDTR say."""
        control = self.registers[FIRST + STEP * number]
        transfer.to_peripheral = bool(control & DIR)
        transfer.between_memories = bool(control & MEM2MEM)
        transfer.circular = bool(control & CIRC) and not transfer.between_memories
        left = transfer.left
        self.rewind(number)
        transfer.left = left
        self.begin(number)

    def rewind(self, number: int) -> None:
        """Begin again at CPAR and CMAR."""
        start, transfer = FIRST + STEP * number, self.transfers[number]
        control = self.registers[start]
        sizes = (1 << min(control >> 8 & 3, 2), 1 << min(control >> 10 & 3, 2))
        for port, offset, size, steps in zip(
            (transfer.peripheral, transfer.memory), (CPAR, CMAR), sizes, (PINC, MINC), strict=True
        ):
            port.address = self.registers.get(start + offset, 0) & -size
            port.size_bytes, port.step_bytes = size, size if control & steps else 0
        transfer.left = transfer.total

    def happened(self, number: int, what: str) -> None:
        """Set the flag; an error turns the channel off (RM0008 13.3.5)."""
        self.registers[ISR] = self.registers.get(ISR, 0) | (FLAGS[what] | GIF) << 4 * number
        if what == ERROR:
            self.registers[FIRST + STEP * number] &= ~EN
        self._update_interrupt(number)

    def _clear(self, value: int) -> None:
        """Clear flags; CGIF clears all of a channel's, which have a GIF while one of them is set."""
        flags = self.registers.get(ISR, 0) & ~value
        for number in range(self._channels):
            mine = flags >> 4 * number & 0xF
            if value >> 4 * number & GIF or not mine & INTERRUPT_ENABLES:
                flags &= ~(0xF << 4 * number)
            else:
                flags |= GIF << 4 * number
        self.registers[ISR] = flags
        for number in range(self._channels):
            self._update_interrupt(number)

    def _update_interrupt(self, number: int) -> None:
        flags = self.registers.get(ISR, 0) >> 4 * number
        enabled = self.registers.get(FIRST + STEP * number, 0) & INTERRUPT_ENABLES
        self.set_interrupt(bool(flags & enabled), number)
