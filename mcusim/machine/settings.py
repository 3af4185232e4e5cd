# SPDX-License-Identifier: Apache-2.0
"""What a user may ask of a run, and what a run tells while it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from mcusim.errors import McusimError, unknown_name
from mcusim.image.model import Image
from mcusim.machine.console_script import Script
from mcusim.overlay import Overlay
from mcusim.svd import Svd

MAX_WAIT_STATES = 64


@dataclass(frozen=True)
class Settings:
    """How to run. `until` is SYMBOL or SYMBOL:N (stop at the N-th arrival)."""

    until: str | None = None
    max_cycles: int | None = None
    timeout_s: float | None = None
    files: Path | None = None  # the folder that semihosting may open files in
    allow_unknown: bool = False  # go on at one cycle where the core has no timing for an instruction
    uart_input: bytes = b""
    stubs: tuple[str, ...] = ()  # FUNCTION[=VALUE]: functions that return at once
    call: str | None = None  # FUNCTION[(ARGS)]: what runs in the place of main
    skip_to: str | None = None  # where execution goes on when main is reached
    uart_script: Script | None = None  # what answers the firmware on its console
    overlays: tuple[Overlay, ...] = ()  # fixed answers of single registers
    svd: Svd | None = None  # names and reset values of registers that nobody models
    strict_mmio: bool = False  # a register that nobody models is an error
    clock_hz: int | None = None  # of the core, whatever the firmware programs
    core: str | None = None  # the core whose timing table counts, if not the board's
    wait_states: int | None = None  # of the flash, whatever the firmware programs
    memory: tuple[str, ...] = ()  # parts of the memory system that are fixed: flash.cache=off; see machine/flash.py
    layers: str = "none"  # the rule that says which calls are layers (`mcusim.layers.find_rule`)
    spans: tuple[str, ...] = ()  # FUNCTION or FIRST..SECOND: what is timed (`Trace.spans`); changes nothing else
    # which bytes are live, and who accesses what (None: where layers are found); changes nothing else
    memory_tracking: bool | None = False
    arenas: tuple[str, ...] = ()  # variables that tensors are planned into
    sanitize: bool = False  # look for accesses that are wrong, too
    trace_slices: int = 0  # keep so many calls, with their times (`Trace.slices`); changes nothing else

    def __post_init__(self) -> None:
        """Refuse a text where several are taken: it would be read letter by letter."""
        for name in ("stubs", "memory", "spans", "arenas"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise McusimError(f"Settings: {name} is the text {value!r}, it must be a tuple of texts: ({value!r},)")

    def recorded(self) -> dict[str, str | int | bool | None]:
        """Return what a profile keeps, by option: what identifies the run, input by its hash, no paths."""
        script = {"uart_script": _fingerprint(self.uart_script.text.encode())} if self.uart_script else {}
        return {
            "until": self.until,
            "max_cycles": self.max_cycles,
            "timeout": None if self.timeout_s is None else f"{self.timeout_s:g}",
            "files": self.files is not None,
            "allow_unknown": self.allow_unknown,
            "uart_in": _fingerprint(self.uart_input),
            "stub": ", ".join(self.stubs) or None,
            "call": self.call,
            "skip_to": self.skip_to,
            **script,
            "device_overlay": ", ".join(_identified(overlay) for overlay in self.overlays) or None,
            "svd": _identified(self.svd) if self.svd is not None else None,
            "strict_mmio": self.strict_mmio,
            **({"clock": self.clock_hz} if self.clock_hz is not None else {}),
            **({"core": self.core} if self.core is not None else {}),
            **({"wait_states": self.wait_states} if self.wait_states is not None else {}),
            **({"set": ", ".join(self.memory)} if self.memory else {}),
            **({"layers": self.layers} if self.layers not in ("auto", "none") else {}),
            **({"memory": "on"} if self.memory_tracking and not self.sanitize else {}),
            **({"arena": ", ".join(self.arenas)} if self.arenas else {}),
            **({"sanitize": True} if self.sanitize else {}),
        }


def _fingerprint(data: bytes) -> str | None:
    return f"{len(data)} bytes, sha256 {sha256(data).hexdigest()[:16]}" if data else None


def _identified(file: Overlay | Svd) -> str:
    return f"{file.name} (sha256 {file.fingerprint})"


@dataclass(frozen=True)
class Progress:
    """A look at a running simulation: simulated and wall time in seconds, cycles and instructions so far."""

    time_s: float
    cycles: int
    instructions: int
    wall_s: float
    function: str


def code_address(name: str, option: str, image: Image) -> int:
    """Return the address of a function, or a number as it is. Raises McusimError with near names."""
    symbol = image.find_symbol(name)
    if symbol is not None and symbol.kind == "function":
        return symbol.address
    try:
        return int(name, 16 if name.lower().startswith("0x") else 10) & ~1
    except ValueError:
        raise unknown_name(f"function ({option})", name, [symbol.name for symbol in image.functions]) from None


def parse_until(text: str, image: Image) -> tuple[int, int]:
    """Return address and count of `SYMBOL[:N]`; SYMBOL may be an address. Raises McusimError with near names."""
    name, separator, count_text = text.rpartition(":")
    # A C++ name holds colons: only digits after the last one are a count.
    if not separator or not count_text.isdigit():
        name, count_text = text, "1"
    count = int(count_text)
    if count < 1:
        raise McusimError(f"--until {text}: the count starts at 1")
    return code_address(name, "--until", image), count
