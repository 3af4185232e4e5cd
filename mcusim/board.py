# SPDX-License-Identifier: Apache-2.0
"""A board as data: memory regions, clock, devices. One TOML file each in `cores/boards/`; the folder is the list.

Unknown keys are errors. Addresses and sizes are integers in bytes, ranges half-open.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from itertools import combinations
from pathlib import Path

import msgspec

from mcusim.board_power import Power, power_problems
from mcusim.board_timing import NONE, Bus, Caches, Sourced, Timing, bus_problems, cache_problems, timing_problems
from mcusim.errors import McusimError, unknown_name

REGION_KINDS = ("flash", "sram", "tcm", "external", "rom")
READ_ONLY_KINDS = ("flash", "rom")
PAGE_BYTES = 1024  # the engine maps memory in pages of this size
ADDRESS_SPACE = 1 << 32
# Peripherals, then the private peripheral bus and vendor space (Armv7-M ARM B3.1, system address map): what no region
# and no device covers there is answered by guessed registers. Elsewhere it faults.
PERIPHERAL_SPACE = range(0x40000000, 0x60000000)
PPB_SPACE = range(0xE0000000, ADDRESS_SPACE)
# Armv7-M ARM B3.1.1: (start of the alias, its size, what its words are the bits of). The alias is 32 times as large.
BIT_BANDS = ((0x22000000, 0x2000000, 0x20000000), (0x42000000, 0x2000000, 0x40000000))
SECURITY = ("none", "secure")
MAX_MEMORY_BYTES = 512 << 20  # every region is an array in the simulator's memory
MULTIPLIER_CYCLES = (1, 32)  # Arm DDI 0484C table 3-1, note a: by the multiplier's implementation
MAX_INTERRUPT = 495  # Armv7-M ARM B3.4: at most 496 external interrupts
CLOCK_LIMITS_HZ = (1_000, 5_000_000_000)
MAX_FILE_BYTES = 1 << 20
GENERIC_PREFIX = "generic-"  # boards that stand for any part with a core: memory, and no devices


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A range of memory on the bus. `aliases` are other start addresses at which the same bytes appear.

    `words` are 32-bit words that a rom holds when the part leaves the factory (identification, flash size), by their
    offset from the start, given as text such as "0x10". Elsewhere a rom reads as erased flash does.
    """

    name: str
    kind: str  # flash, sram, tcm, external, rom (never counted as the program's)
    start: int
    size_bytes: int
    source: str
    aliases: tuple[int, ...] = ()
    content: str = ""  # what a rom holds from its start: bytes in hexadecimal, white space left out
    words: dict[str, int] = {}
    timing: Timing | None = None  # of flash whose wait states are modelled
    # What an access takes more unless it follows one of the same memory closely; so does the way back to another.
    late_cycles: Sourced = NONE
    # On a core with caches: what an access takes that no cache answers; left out, it is tightly coupled memory.
    bus: Bus | None = None
    alias_bus: Bus | None = None  # at its aliases, where they are on another bus

    @property
    def end(self) -> int:
        """First address after the region."""
        return self.start + self.size_bytes

    @property
    def writable(self) -> bool:
        """True where a store changes the memory."""
        return self.kind not in READ_ONLY_KINDS

    @property
    def made_with_part(self) -> bool:
        """True for a rom with code of its own: no image is loaded there."""
        return bool(self.content)

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """Every (start, end) at which the region's bytes appear, its own first."""
        return tuple((start, start + self.size_bytes) for start in (self.start, *self.aliases))


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A peripheral: `type` names its model in `mcusim/devices/`, `interrupt` its external interrupt, from 0.

    A device with several interrupts lists them in `interrupts`, in the order that its model says. `options` are what
    else its model asks for, such as the name of its clock; `aliases` are other addresses at which it appears.
    """

    name: str
    type: str
    start: int
    size_bytes: int
    source: str
    interrupt: int | None = None
    interrupts: tuple[int, ...] = ()
    console: bool = False  # what it transmits is the firmware's output
    options: dict[str, int | str | bool] = {}
    aliases: tuple[int, ...] = ()

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """Every (start, end) at which the registers appear, its own first."""
        return tuple((start, start + self.size_bytes) for start in (self.start, *self.aliases))


class Clock(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Core clock after reset and the highest the part allows, and the board's crystals (0: none), in hertz."""

    reset_hz: int
    max_hz: int
    source: str
    hse_hz: int = 0  # the fast crystal, or the clock that the board feeds instead
    lse_hz: int = 0  # the slow one, mostly 32768 Hz
    wait_states_up_to_hz: tuple[int, ...] = ()  # the highest clock with 0, 1, 2 ... wait states of the flash
    wait_states_source: str = ""

    def wait_states_at(self, core_hz: int) -> int | None:
        """Return the wait states that flash needs at a clock (above the table's end, the most); None: not known."""
        if not self.wait_states_up_to_hz:
            return None
        below = sum(highest < core_hz for highest in self.wait_states_up_to_hz)
        return min(below, len(self.wait_states_up_to_hz) - 1)


class Interrupts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The interrupt controller as the part was made: how many priority bits of eight it has (Armv7-M ARM B1.5.4)."""

    priority_bits: int
    source: str


class Multiplier(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The multiplier that the part was made with, where the core leaves a choice: MULS takes 1 or 32 cycles."""

    cycles: int
    source: str


class Board(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A board: `core` names a file in `cores/`."""

    name: str
    title: str
    core: str
    clock: Clock
    sources: dict[str, str]  # short name -> document, so that `source` fields can be brief
    region: tuple[Region, ...]
    device: tuple[Device, ...] = ()
    cache: Caches | None = None  # the core's caches as the part was made, where they are modelled
    multiplier: Multiplier | None = None  # default: what the core's table says (Cortex-M0, M0+: one cycle)
    interrupts: Interrupts | None = None  # default: two bits on Armv6-M (ARM DDI 0419 B1.5.4), else eight
    bit_band: bool = False  # the first MB of SRAM and of peripherals again, a word for each bit (Armv7-M ARM B3.1.1)
    mpu_regions: int | None = None  # default: as most parts with the core have them
    power: Power | None = None  # currents of the datasheet, where one was at hand
    security: str = "none"  # Armv8-M: none, or secure (the part boots in the secure world)

    @property
    def timed_flash(self) -> Region | None:
        """The flash whose wait states are modelled, if any is."""
        return next((region for region in self.region if region.timing is not None), None)

    @property
    def generic(self) -> bool:
        """True for a stand-in: a core and memory, but of no particular part."""
        return self.name.startswith(GENERIC_PREFIX)


def board_names() -> tuple[str, ...]:
    """Return the names of all boards that come with mcusim: the TOML files of the folder."""
    entries = files("mcusim.cores.boards").iterdir()
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml")))


def load_board(name_or_path: str | Path) -> Board:
    """Return a board by its name, or from a file whose name ends in `.toml`.

    Raises McusimError for an unknown name (with near ones), a file that cannot be read, and a board that cannot be
    (with the file, the key and what is wrong).
    """
    given = str(name_or_path)
    text, where = board_text(given)
    board = parse_board(text, where)
    if where != given and board.name != given:
        raise McusimError(f"{where}: name is '{board.name}', it must be the file's name")
    return board


def board_text(name_or_path: str | Path) -> tuple[str, str]:
    """Return the TOML of a board, by its name or from a file that ends in `.toml`, and what errors call it.

    Raises McusimError for an unknown name (with near ones) and a file that cannot be read.
    """
    given = str(name_or_path)
    if given.endswith(".toml"):
        return _read(Path(given)), given
    names = board_names()
    if given not in names:
        raise unknown_name("board", given, names)
    where = f"{given}.toml"
    return files("mcusim.cores.boards").joinpath(where).read_text("utf-8"), where


def outlines() -> Iterator[Board]:
    """Yield every board that comes with mcusim without its devices, which are most of a file and stand at its end.

    So they are read in a fraction of the time: enough to see which boards an image fits.
    """
    for name in board_names():
        text = files("mcusim.cores.boards").joinpath(f"{name}.toml").read_text("utf-8")
        yield parse_board(text.partition("\n[[device]]")[0], f"{name}.toml")


def _read(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise McusimError(f"{path}: not a file: give a board file or one of {', '.join(board_names())}")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise McusimError(f"{path}: more than {MAX_FILE_BYTES} bytes: not a board file")
        return path.read_text("utf-8")
    except OSError as error:
        raise McusimError(f"{path}: cannot read the board file: {error.strerror or error}") from None
    except ValueError:  # bytes that are not UTF-8, or a NUL in the name
        raise McusimError(f"{str(path)!r}: not a text file in UTF-8") from None


def parse_board(text: str, where: str) -> Board:
    """Return the board in TOML `text`; `where` names the file in errors (McusimError)."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "tables nested too deep"
        raise McusimError(f"{where}: not TOML: {' '.join(reason.split())}") from None
    try:
        board = msgspec.convert(table, Board)
    except msgspec.ValidationError as error:
        raise McusimError(f"{where}: {_plain(str(error), table)}") from None
    for problem in _problems(board):
        raise McusimError(f"{where}: {problem}")
    return board


def _plain(message: str, table: dict[str, object]) -> str:
    """Turn msgspec's message into ours: the key first, with the name of the region or device it is in."""
    text, _, path = message.partition(" - at `")
    key = path.rstrip("`").removeprefix("$").removeprefix(".")
    found = re.match(r"(region|device)\[(\d+)\](.*)", key)
    if found:
        rows = table.get(found[1])
        row = rows[int(found[2])] if isinstance(rows, list) and int(found[2]) < len(rows) else None
        name = row.get("name") if isinstance(row, dict) else None
        label = f"'{name}'" if isinstance(name, str) else f"number {int(found[2]) + 1}"
        key = f"{found[1]} {label}{found[3].replace('.', ': ', 1)}"
    text = text.replace("Object contains unknown field", "unknown key").replace(
        "Object missing required field", "missing key"
    )
    text = text.replace("`", "'")
    return f"{key}: {text[:1].lower()}{text[1:]}" if key else f"{text[:1].lower()}{text[1:]}"


def _problems(board: Board) -> Iterator[str]:
    """Yield what is wrong with a board, each as 'key: what is wrong'."""
    for key, value in (("name", board.name), ("title", board.title), ("core", board.core)):
        if not value.strip() or not value.isprintable():
            yield f"{key}: must be one line of text"
    yield from _clock_problems(board.clock)
    if not board.region:
        yield "region: the board needs memory: add a [[region]]"
    for region in board.region:
        yield from _region_problems(region)
    for device in board.device:
        yield from _device_problems(device)
    for kind, rows in (("region", board.region), ("device", board.device)):
        names = [row.name for row in rows]
        for name in names:
            if names.count(name) > 1:
                yield f"{kind} '{name}': there are {names.count(name)} {kind}s of this name"
    memories = [(f"region '{r.name}'", start, end) for r in board.region for start, end in r.ranges]
    devices = [(f"device '{d.name}'", start, end) for d in board.device for start, end in d.ranges]
    bands = [("the bit-band alias", start, start + size) for start, size, _ in BIT_BANDS] if board.bit_band else []
    yield from _overlaps(memories + devices + bands)
    if board.interrupts is not None and not 1 <= board.interrupts.priority_bits <= 8:
        yield f"interrupts.priority_bits: {board.interrupts.priority_bits} is not between 1 and 8"
    if board.multiplier is not None and board.multiplier.cycles not in MULTIPLIER_CYCLES:
        yield f"multiplier.cycles: {board.multiplier.cycles} is not 1 or 32"
    if board.mpu_regions is not None and not 0 <= board.mpu_regions <= 255:
        yield f"mpu_regions: {board.mpu_regions} is not between 0 and 255"
    if board.security not in SECURITY:
        yield f"security: '{board.security}' is not one of {', '.join(SECURITY)}"
    if sum(region.timing is not None for region in board.region) > 1:
        yield "region: only one can have timing"
    if board.cache is not None:
        yield from cache_problems(board.cache)
        if board.timed_flash is not None:
            yield "cache: with it, flash has a bus, and no timing"
    if board.power is not None:
        yield from power_problems(board.power)
    for region in board.region:
        if region.bus is not None and board.cache is None:
            yield f"region '{region.name}': bus: only a board with a [cache] table has it"
    consoles = [f"'{device.name}'" for device in board.device if device.console]
    if len(consoles) > 1:
        yield f"device: {' and '.join(consoles)} are both the console: only one can be"
    total = sum(region.size_bytes for region in board.region)
    if total > MAX_MEMORY_BYTES:
        yield f"region: {total} bytes of memory in all, at most {MAX_MEMORY_BYTES} can be simulated"


def _clock_problems(clock: Clock) -> Iterator[str]:
    low, high = CLOCK_LIMITS_HZ
    for key, hz in (("clock.reset_hz", clock.reset_hz), ("clock.max_hz", clock.max_hz)):
        if not low <= hz <= high:
            yield f"{key}: {hz} Hz is not between {low} and {high}"
    for key, hz in (("clock.hse_hz", clock.hse_hz), ("clock.lse_hz", clock.lse_hz)):
        if hz and not low <= hz <= high:
            yield f"{key}: {hz} Hz is not between {low} and {high} (0: there is none)"
    table = clock.wait_states_up_to_hz
    if table and (list(table) != sorted(set(table)) or table[0] <= 0 or not clock.wait_states_source):
        yield "clock.wait_states_up_to_hz: give rising clocks above 0, and wait_states_source"
    if clock.reset_hz > clock.max_hz:
        yield f"clock.reset_hz: {clock.reset_hz} is more than max_hz, {clock.max_hz}"


def _region_problems(region: Region) -> Iterator[str]:
    where = f"region '{region.name}'"
    if not region.name.strip() or not region.name.isprintable():
        yield f"{where}: name: must be one line of text"
    if region.kind not in REGION_KINDS:
        yield f"{where}: kind: '{region.kind}' is not one of {', '.join(REGION_KINDS)}"
    if region.size_bytes <= 0:
        yield f"{where}: size_bytes: {region.size_bytes} is not more than 0"
    for key, value in (("start", region.start), ("size_bytes", region.size_bytes)):
        if value % PAGE_BYTES:
            yield f"{where}: {key}: {value:#x} is not a multiple of {PAGE_BYTES}, the page of the engine"
    for start, end in region.ranges:
        key = "start" if start == region.start else "aliases"
        if start % PAGE_BYTES:
            yield f"{where}: {key}: {start:#x} is not a multiple of {PAGE_BYTES}, the page of the engine"
        if start < 0 or end > ADDRESS_SPACE:
            yield f"{where}: {key}: {start:#x} to {end:#x} is outside the address space"
        if end > PPB_SPACE.start:
            yield f"{where}: {key}: {start:#x} to {end:#x} reaches into the core's own space at {PPB_SPACE.start:#x}"
    if region.content and region.kind != "rom":
        yield f"{where}: content: only a rom has it"
    elif not re.fullmatch(r"([0-9a-fA-F]{2}|\s)*", region.content):
        yield f"{where}: content: not bytes in hexadecimal"
    elif len(bytes.fromhex(region.content)) > region.size_bytes:
        yield f"{where}: content: more than the region's {region.size_bytes} bytes"
    if region.timing is not None:
        yield from timing_problems(f"{where}: timing", region.writable, region.timing)
    for key, bus in (("bus", region.bus), ("alias_bus", region.alias_bus)):
        if bus is not None:
            yield from bus_problems(f"{where}: {key}", bus)
    if region.alias_bus is not None and (region.bus is None or not region.aliases):
        yield f"{where}: alias_bus: only a region with aliases and a bus has it"
    for offset, word in region.words.items():
        if region.kind != "rom":
            yield f"{where}: words: only a rom has them"
        if not re.fullmatch(r"0x[0-9a-fA-F]+", offset) or int(offset, 16) % 4 or int(offset, 16) >= region.size_bytes:
            yield f"{where}: words: '{offset}' is not the offset of a word in it, such as \"0x10\""
        if not 0 <= word < 1 << 32:
            yield f"{where}: words: {word} is not a word"


def _device_problems(device: Device) -> Iterator[str]:
    where = f"device '{device.name}'"
    for key, value in (("name", device.name), ("type", device.type)):
        if not value.strip() or not value.isprintable():
            yield f"{where}: {key}: must be one line of text"
    if device.size_bytes <= 0:
        yield f"{where}: size_bytes: {device.size_bytes} is not more than 0"
    if device.start % 4 or device.size_bytes % 4:
        yield f"{where}: start and size_bytes must be multiples of 4, a register"
    for start, end in device.ranges:
        if start < 0 or end > ADDRESS_SPACE:
            yield f"{where}: start: {start:#x} to {end:#x} is outside the address space"
    for number in device.interrupts if device.interrupt is None else (device.interrupt, *device.interrupts):
        if not 0 <= number <= MAX_INTERRUPT:
            yield f"{where}: interrupt: {number} is not between 0 and {MAX_INTERRUPT}"


def _overlaps(ranges: list[tuple[str, int, int]]) -> Iterator[str]:
    for (first, first_start, first_end), (second, start, end) in combinations(ranges, 2):
        if first_start < end and start < first_end:
            yield (
                f"{second}: {start:#x} to {end:#x} overlaps {first}, {first_start:#x} to {first_end:#x} "
                "(aliases count too)"
            )
