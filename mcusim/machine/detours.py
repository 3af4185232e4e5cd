# SPDX-License-Identifier: Apache-2.0
"""Going round what cannot run: --stub, --call, --skip-to. Each is recorded in the profile's settings and notes.

And the stretches of the run that are timed, which are places as well (`mcusim.machine.spans`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcusim.errors import McusimError, unknown_name
from mcusim.image.model import Image
from mcusim.isa.decode import FLOW_CALL, FLOW_INDIRECT, FLOW_JUMP
from mcusim.machine.places import Deferred
from mcusim.machine.settings import code_address
from mcusim.machine.spans import make_spans

if TYPE_CHECKING:
    from mcusim.machine.loop import RunLoop

RETURN_TO_NOWHERE = 0xFFFF_FFFF  # in LR after reset (B1.5.5), and of a function called here: going there ends the run
MAX_ARGUMENTS = 4  # in registers (AAPCS, 6.4)
START = "main"


@dataclass
class Stub:
    """A function that returns at once, with `value` in r0 unless it is None."""

    name: str
    address: int
    value: int | None
    calls: int = 0

    def __str__(self) -> str:
        returns = "returns at once" if self.value is None else f"returns {self.value} at once"
        return f"{self.name} {returns} ({self.calls} calls)"


@dataclass(frozen=True)
class Call:
    """A function to be called in main's place, with values for r0 to r3."""

    text: str
    address: int
    arguments: tuple[int, ...]


def _value(text: str, option: str, image: Image) -> int:
    """Return a number, or the address of a function (Thumb bit set) or variable."""
    try:
        value = int(text, 0)
    except ValueError:
        symbol = image.find_symbol(text.removeprefix("&"))
        if symbol is None:
            names = [symbol.name for symbol in image.symbols]
            raise unknown_name(f"value ({option}: a number or a symbol)", text, names) from None
        return symbol.address | (symbol.kind == "function")
    if not -(1 << 31) <= value < 1 << 32:
        raise McusimError(f"{option}: {text} does not fit a register of 32 bits")
    return value & 0xFFFF_FFFF


def parse_stub(text: str, image: Image) -> Stub:
    """Return the stub in `FUNCTION[=VALUE]`; VALUE is a number or a symbol."""
    name, separator, value = text.rpartition("=")
    if not separator:
        name, value = text, ""
    option = f"--stub {text}"
    return Stub(name, code_address(name, option, image), _value(value, option, image) if separator else None)


def parse_call(text: str, image: Image) -> Call:
    """Return the call in `FUNCTION[(ARGS)]`; arguments are numbers or symbols, at most four."""
    option = f"--call {text}"
    found = re.fullmatch(r"(.*?)\(([^()]*)\)", text) if image.find_symbol(text) is None else None
    name, inside = (found[1], found[2]) if found else (text, "")
    arguments = tuple(_value(part.strip(), option, image) for part in inside.split(",")) if inside.strip() else ()
    if len(arguments) > MAX_ARGUMENTS:
        raise McusimError(f"{option}: {len(arguments)} arguments, at most {MAX_ARGUMENTS} fit in registers")
    return Call(text, code_address(name, option, image), arguments)


class Detours:
    """Puts what the settings ask for in its places."""

    def __init__(self, loop: RunLoop) -> None:
        self._loop = loop
        image, settings = loop.machine.image, loop.settings
        self.stubs = [parse_stub(text, image) for text in settings.stubs]
        self.call = parse_call(settings.call, image) if settings.call is not None else None
        self.taken = False  # main has been reached, and left for somewhere else
        for stub in self.stubs:
            self._add_stub(stub)
        self.spans = make_spans(loop, settings.spans, lambda name: code_address(name, "to be timed", image))
        if settings.call is not None and settings.skip_to is not None:
            raise McusimError("--call and --skip-to exclude each other: both say what runs in main's place")
        if self.call is not None:
            self._at_main("--call", self._call)
        elif settings.skip_to is not None:
            target = code_address(settings.skip_to, "--skip-to", image)
            self._at_main("--skip-to", lambda: self._jump(target, FLOW_JUMP))

    def _add_stub(self, stub: Stub) -> None:
        def act() -> None:
            engine = self._loop.machine.engine
            stub.calls += 1
            if stub.value is not None:
                engine.write_register("r0", stub.value)
            self._jump(engine.read_register("lr") & ~1, FLOW_INDIRECT)

        self._loop.places.add(stub.address, lambda: act)

    def _at_main(self, option: str, act: Deferred) -> None:
        symbol = self._loop.machine.image.find_symbol(START)
        if symbol is None or symbol.kind != "function":
            raise McusimError(f"{option}: the image has no function '{START}' at which the start-up code is over")

        def arrive() -> Deferred | None:
            if self.taken:
                return None
            self.taken = True
            return act

        self._loop.places.add(symbol.address, arrive)

    def _call(self) -> None:
        assert self.call is not None
        machine = self._loop.machine
        for number, value in enumerate(self.call.arguments):
            machine.engine.write_register(f"r{number}", value)
        machine.engine.write_register("lr", RETURN_TO_NOWHERE)
        machine.tables.m["return_address"] = RETURN_TO_NOWHERE & ~1
        self._jump(self.call.address, FLOW_CALL)

    def _jump(self, address: int, flow: int) -> None:
        m = self._loop.machine.tables.m
        m["flow"], m["last_outcome"], m["last_block"] = flow, -1, -1
        self._loop.pc = address

    def notes(self) -> list[str]:
        """Say what was done, for the profile."""
        notes = [str(stub) for stub in self.stubs]
        if self.call is not None or self._loop.settings.skip_to is not None:
            option = f"--call {self.call.text}" if self.call else f"--skip-to {self._loop.settings.skip_to}"
            notes.append(f"{option} in the place of main" + ("" if self.taken else ", which was never reached"))
        return notes
