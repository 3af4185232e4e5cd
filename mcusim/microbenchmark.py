# SPDX-License-Identifier: Apache-2.0
"""Microbenchmarks of a core: a few instructions that show one rule, the cycles they take and who says so.

They are data, one TOML file for each core:

    core = "cortex-m4"
    [sources]
    trm = "Arm DDI 0439D, Cortex-M4 Technical Reference Manual r0p1"
    [[case]]
    name = "load-load"
    code = "ldr r0, [r1]; ldr r2, [r3]"
    cycles = 3
    source = 'trm 3.3.2: "LDR R0,[R1]; LDR R1,[R2] - normally three cycles total"'

The code is entered by a taken branch, whose cycles do not count. What follows it, `mov r8, r8` unless `after` says
otherwise, is one cycle that does not count either, so what the last instruction leaves open is charged to the code.
r0 to r3 and r8 to r11 hold word-aligned addresses in SRAM, 256 bytes apart, with an address in SRAM in the words there;
r4 = 0, r5 = 4, r6 = 0x12345678, r7 = 7, r12 = 0; LR is the address after the code, and so are the words at SP: `bx lr`
and `pop {pc}` end it. The flags are clear, FPU registers zero.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files

import msgspec

from mcusim.errors import McusimError

FOLDER = "mcusim.microbenchmarks"
FOLLOWER = "mov r8, r8"
# A case whose source also holds for these boards' memory says so by `board`; the others run on memory without waits.
FLASH_ALIGNMENT_BYTES = 64


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One microbenchmark. `cycles` is what a source says that `code` takes."""

    name: str
    code: str  # GNU syntax, instructions by `;` or lines
    cycles: int
    source: str
    setup: str = ""  # runs before, not counted
    after: str = FOLLOWER  # runs after, in `after_cycles`
    after_cycles: int = 1
    offset: int = 0  # bytes from a boundary of 64 at which the code starts
    board: str = ""  # default: the core's generic board
    wait_states: int | None = None  # of flash, instead of what the board starts with
    memory: tuple[str, ...] = ()  # settings of the memory system, such as "flash.cache=off"
    contradicted: str = ""  # by which measurement: who says otherwise, and why that one is modelled


class CaseFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The TOML file as it stands."""

    core: str
    sources: dict[str, str]
    case: tuple[Case, ...]


class Encoded(msgspec.Struct, frozen=True, kw_only=True):
    """A case as assembled: `text` is what the assembler was given, offsets count from the start of `hex`."""

    text: str
    hex: str
    body: int
    end: int
    stop: int


def file_stem(core: str) -> str:
    """Return the file's name without ending: that of the core with underscores."""
    return core.replace("-", "_")


def cores_with_cases() -> list[str]:
    """Return the cores that have microbenchmarks."""
    names = [entry.name for entry in files(FOLDER).iterdir()]
    return sorted(name.removesuffix(".toml").replace("_", "-") for name in names if name.endswith(".toml"))


def load_cases(core: str) -> CaseFile:
    """Read and check the microbenchmarks of a core. Raises McusimError with the file and what is wrong."""
    name = f"{file_stem(core)}.toml"
    if core not in cores_with_cases():
        raise McusimError(f"{core} has no microbenchmarks: there are some of {', '.join(cores_with_cases())}")
    try:
        file = msgspec.convert(tomllib.loads(files(FOLDER).joinpath(name).read_text("utf-8")), CaseFile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise McusimError(f"{name}: {error}") from error
    if file.core != core:
        raise McusimError(f"{name}: core is '{file.core}', it must be the file's name")
    seen: set[str] = set()
    for case in file.case:
        if case.name in seen:
            raise McusimError(f"{name}: two cases are named '{case.name}'")
        seen.add(case.name)
        if case.source.partition(" ")[0].rstrip(":,;") not in file.sources:
            raise McusimError(f"{name}: case '{case.name}': its source must start with a key of [sources]")
    return file


def load_encodings(core: str) -> dict[str, Encoded]:
    """Return the assembled cases by name."""
    text = files(FOLDER).joinpath(f"{file_stem(core)}.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, Encoded])


def assembly(case: Case, core: str) -> str:
    """Return the program of a core's case, as the assembler takes it."""
    jump = "b.n body" if core.startswith("cortex-m0") else "b.w body"  # Armv6-M has no wide branch

    def lines(code: str) -> list[str]:
        return [line.strip() for part in code.splitlines() for line in part.split(";") if line.strip()]

    program = [
        ".syntax unified", ".thumb", f".balign {FLASH_ALIGNMENT_BYTES}", *lines(case.setup), jump,
        f".balign {FLASH_ALIGNMENT_BYTES}", f".space {case.offset}", "body:", *lines(case.code),
        "end:", *lines(case.after), "stop:", "b stop", ".balign 4", ".ltorg",
    ]  # fmt: skip
    return "\n".join(program) + "\n"
