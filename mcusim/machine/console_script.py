# SPDX-License-Identifier: Apache-2.0
"""A script that answers the firmware on its console (`--uart-script`): wait for a text, send one, wait a while.

One step a line, taken in order; empty lines and lines that begin with # do not count:

    expect "ready> "     until the firmware has printed this, after what the last expect found
    delay_ms 5           simulated time, at the core clock of that moment
    send "run 3\\n"       what the console receives, at the line's rate

Text is in double quotes, in UTF-8, with the escapes \\n, \\r, \\t, \\0, \\", \\\\ and \\xHH (a byte). Time is
simulated, so that a run with a script repeats exactly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mcusim.board import Device as DeviceEntry
from mcusim.devices.base import NEVER, Host, RegisterFile
from mcusim.errors import McusimError

EXPECT, SEND, DELAY_MS = "expect", "send", "delay_ms"
MAX_DELAY_MS = 3_600_000
MAX_BYTES = 1 << 20
_STEP = re.compile(r'(expect|send)\s+"((?:[^"\\]|\\.)*)"\s*(?:#.*)?|(delay_ms)\s+([0-9]+)\s*(?:#.*)?')
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)")
_ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0", '"': b'"', "\\": b"\\"}


@dataclass(frozen=True)
class Step:
    """One line: what to do, with which bytes or how many milliseconds."""

    line: int
    verb: str
    data: bytes = b""
    delay_ms: int = 0
    words: str = ""  # the line, for notes


@dataclass(frozen=True)
class Script:
    """A script as it was given, and its steps."""

    text: str
    steps: tuple[Step, ...]


def parse_script(text: str, where: str) -> Script:
    """Return the script in `text`. Raises McusimError with `where` and the line."""
    if len(text) > MAX_BYTES:
        raise McusimError(f"{where}: more than {MAX_BYTES} characters: not a script")
    steps = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        found = _STEP.fullmatch(words)
        if not found:
            raise McusimError(
                f'{where}: line {number}: \'{words[:40]}\' is no step: give expect "TEXT", send "TEXT" or delay_ms N'
            )
        verb, quoted, delay, milliseconds = found.groups()
        if delay:
            if int(milliseconds) > MAX_DELAY_MS:
                raise McusimError(f"{where}: line {number}: {milliseconds} ms is more than an hour ({MAX_DELAY_MS})")
            steps.append(Step(number, DELAY_MS, delay_ms=int(milliseconds), words=words))
            continue
        data = _bytes_of(quoted, f"{where}: line {number}")
        if not data:
            raise McusimError(f"{where}: line {number}: {verb} needs a text")
        steps.append(Step(number, verb, data, words=words))
    return Script(text, tuple(steps))


def _bytes_of(quoted: str, where: str) -> bytes:
    data, end = b"", 0
    for escape in _ESCAPE.finditer(quoted):
        data += quoted[end : escape.start()].encode()
        letter = escape[1]
        if letter[0] == "x" and len(letter) == 3:
            data += bytes([int(letter[1:], 16)])
        elif letter in _ESCAPES:
            data += _ESCAPES[letter]
        else:
            raise McusimError(f'{where}: \\{letter} is not an escape: there are \\n \\r \\t \\0 \\" \\\\ \\xHH')
        end = escape.end()
    return data + quoted[end:].encode()


class ConsoleScript(RegisterFile):
    """A script that runs beside the devices: it hears what the console prints and feeds its input.

    It has no registers. Steps are taken when the run loop wakes it, never inside a device's access.
    """

    def __init__(self, script: Script, host: Host) -> None:
        entry = DeviceEntry(name="uart-script", type="uart-script", start=0, size_bytes=4, source="--uart-script")
        super().__init__(entry, host)
        self._steps = script.steps
        self._next = 0
        self._ready_cycles = 0  # when the next step may be taken, if it need not wait for a text
        self._heard = bytearray()  # printed since the last match

    def hear(self, data: bytes) -> None:
        """Take what the firmware printed."""
        self._heard += data
        if self._waits_for_text():
            step = self._steps[self._next]
            del self._heard[: max(len(self._heard) - len(step.data) + 1, 0)]
        elif self._next < len(self._steps) and self._steps[self._next].verb == EXPECT:
            self._ready_cycles = max(self._ready_cycles, self.host.clock.cycles)

    def _waits_for_text(self) -> bool:
        step = self._steps[self._next] if self._next < len(self._steps) else None
        return step is not None and step.verb == EXPECT and step.data not in self._heard

    def next_event_cycles(self) -> int:
        """Now, if a step can be taken; when a delay is over; else not until the firmware has printed more."""
        if self._next >= len(self._steps) or self._waits_for_text():
            return NEVER
        return self._ready_cycles

    def wake(self) -> None:
        """Take the steps that can be taken."""
        now = self.host.clock.cycles
        while self.next_event_cycles() <= now:
            step = self._steps[self._next]
            if step.verb == EXPECT:
                del self._heard[: self._heard.find(step.data) + len(step.data)]
            elif step.verb == DELAY_MS:
                self._ready_cycles = now + step.delay_ms * self.host.clock.core_hz // 1000
            else:
                self.host.received += step.data
                for listener in self.host.listeners:
                    listener()
            self._next += 1

    def unfinished(self) -> list[str]:
        """Return notes on what of the script did not happen."""
        rest = self._steps[self._next :]
        if not rest:
            return []
        count = f"{len(rest) - 1} steps" if len(rest) > 2 else "step"
        after = f", nor did the {count} after it" if len(rest) > 1 else ""
        happened = "never came" if rest[0].verb == EXPECT else "was not reached"
        return [f"--uart-script: line {rest[0].line}, {rest[0].words}, {happened}{after}"]
