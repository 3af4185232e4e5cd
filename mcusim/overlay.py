# SPDX-License-Identifier: Apache-2.0
"""Device overlays: TOML files that fix what single registers answer, before any model and any guess.

Each `[[register]]` names a register by `address`, or by `peripheral` and `offset`, and has exactly one of `value`,
`sequence` and `passthrough`. docs/guessed-registers.md describes the file. Unknown keys are errors.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from mcusim.errors import McusimError

MAX_FILE_BYTES = 1 << 20
_BELONGS_TO = {"mask": "value", "cycle": "sequence", "reset": "passthrough"}
_WORD = 0xFFFF_FFFF


class OverlayRegister(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One register and its answer.

    `value` is a constant; with `mask` only those bits are, and the others remember writes. `sequence` gives one value
    a read, the last of them for ever after, or all again with `cycle`. `passthrough` remembers writes, from `reset` on,
    and is never taken for a flag that firmware waits for.
    """

    address: int | None = None
    peripheral: str | None = None
    offset: int | None = None
    name: str = ""
    value: int | None = None
    mask: int | None = None
    sequence: tuple[int, ...] | None = None
    cycle: bool = False
    passthrough: bool = False
    reset: int = 0

    @property
    def kind(self) -> str:
        """How it answers, in a word."""
        if self.value is not None:
            return "constant"
        return "sequence" if self.sequence is not None else "passthrough"

    @property
    def first_value(self) -> int:
        """What the register holds before any write."""
        return self.reset if self.value is None else self.after_write(0)

    def answer(self, reads_before: int, remembered: int) -> int:
        """Return what a read gives."""
        if self.sequence is None:
            return remembered
        count = len(self.sequence)
        return self.sequence[reads_before % count if self.cycle else min(reads_before, count - 1)]

    def after_write(self, value: int) -> int:
        """Return what the register holds after a write."""
        if self.value is None:
            return value
        mask = _WORD if self.mask is None else self.mask
        return self.value & mask | value & ~mask & _WORD


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    register: tuple[OverlayRegister, ...]


@dataclass(frozen=True)
class Overlay:
    """A file of them. `name` is the file's own, without folders; `fingerprint` identifies its content."""

    name: str
    fingerprint: str
    registers: tuple[OverlayRegister, ...]


def load_overlay(path: Path) -> Overlay:
    """Read an overlay. Raises McusimError, with the file, the key and what is wrong."""
    try:
        if path.exists() and not path.is_file():
            raise McusimError(f"{path}: not a file: give a device overlay (TOML)")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise McusimError(f"{path}: more than {MAX_FILE_BYTES} bytes: not a device overlay")
        data = path.read_bytes()
        text = data.decode("utf-8")
    except OSError as error:
        raise McusimError(f"{path}: cannot read the device overlay: {error.strerror or error}") from None
    except ValueError:  # bytes that are not UTF-8, or a NUL in the name
        raise McusimError(f"{str(path)!r}: not a text file in UTF-8") from None
    return Overlay(path.name, sha256(data).hexdigest()[:16], parse_overlay(text, str(path)))


def parse_overlay(text: str, where: str) -> tuple[OverlayRegister, ...]:
    """Return the registers in TOML `text`; `where` names the file in errors (McusimError)."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is one; so is an integer of too many digits
        reason = "tables nested too deep" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise McusimError(f"{where}: not TOML: {reason}") from None
    try:
        registers = msgspec.convert(table, _File).register
    except msgspec.ValidationError as error:
        raise McusimError(f"{where}: {_plain(str(error))}") from None
    for number, register in enumerate(registers):
        for problem in _problems(register):
            raise McusimError(f"{where}: register {_label(register, number)}: {problem}")
    return registers


def _label(register: OverlayRegister, number: int) -> str:
    if register.name.isprintable() and register.name:
        return f"'{register.name}'"
    return f"number {number + 1}" if register.address is None else f"0x{register.address:08x}"


def _problems(register: OverlayRegister) -> Iterator[str]:
    if (register.address is None) == (register.peripheral is None):
        yield "give either address, or peripheral and offset"
    if (register.peripheral is None) != (register.offset is None):
        yield "peripheral and offset belong together"
    for key, place in (("address", register.address), ("offset", register.offset)):
        if place is not None and (not 0 <= place <= _WORD or place % 4):
            yield f"{key}: {place:#x} is not the place of a 32-bit register (a multiple of 4)"
    if not register.name.isprintable() or (register.peripheral is not None and not register.peripheral.isprintable()):
        yield "name: must be one line of text"
    given = (register.value is not None, register.sequence is not None, register.passthrough)
    if sum(given) != 1:
        yield "give exactly one of value, sequence and passthrough"
    if register.sequence == ():
        yield "sequence: is empty"
    for (key, owner), owned in zip(_BELONGS_TO.items(), given, strict=True):
        if getattr(register, key) not in (None, False, 0) and not owned:
            yield f"{key}: belongs to {owner}"
    for key in ("value", "mask", "reset"):
        number = getattr(register, key)
        if number is not None and not 0 <= number <= _WORD:
            yield f"{key}: {number:#x} has more than 32 bits"
    if any(not 0 <= number <= _WORD for number in register.sequence or ()):
        yield "sequence: a value has more than 32 bits"


def _plain(message: str) -> str:
    """Turn msgspec's message into ours: the key first, registers counted from 1."""
    text, _, path = message.partition(" - at `")
    key = path.rstrip("`").removeprefix("$").removeprefix(".")
    found = re.match(r"register\[(\d+)\]\.?(.*)", key)
    if found:
        key = f"register number {int(found[1]) + 1}" + (f": {found[2]}" if found[2] else "")
    text = text.replace("Object contains unknown field", "unknown key").replace(
        "Object missing required field", "missing key"
    )
    text = text.replace("`", "'")
    text = f"{text[:1].lower()}{text[1:]}"
    return f"{key}: {text}" if key else text
