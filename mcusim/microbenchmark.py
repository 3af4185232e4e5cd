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

On a core that issues two instructions at a time, what stands before and after a few instructions decides with what they
pair. Then the code is repeated, and a case says what one copy takes among others of its kind, which may be a fraction:

    [template]
    copies = [4, 14]                    # 14 copies in a row; the first 4 warm up, the other 10 are measured
    anchor = "uxtb.w r11, r11; nop.w"   # before each copy: the code starts a new pair. Not counted:
    anchor_cycles = 1

A case may say otherwise by `copies` and `anchored`. With `turns = [20, 120]` the code is a loop that counts r9 down to
zero: it is run with 20 in r9 and with 120, and the case says what a turn takes. With `cause`, only cycles of that cause
count. What the model does not give is listed, with the reason, and a test holds the list against what the model gives:

    [[missed]]
    cases = ["load-load"]
    explanation = "why"
"""

from __future__ import annotations

import tomllib
from importlib.resources import files

import msgspec

from mcusim.errors import McusimError
from mcusim.pipelines.causes import CAUSES

FOLDER = "mcusim.microbenchmarks"
FOLLOWER = "mov r8, r8"
ONCE = (0, 1)  # copies of a case that is run as it stands
# A case whose source also holds for these boards' memory says so by `board`; the others run on memory without waits.
FLASH_ALIGNMENT_BYTES = 64


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One microbenchmark. `cycles` is what a source says that `code`, or a copy or turn of it, takes."""

    name: str
    code: str  # GNU syntax, instructions by `;` or lines
    cycles: int | float
    source: str
    setup: str = ""  # runs before, not counted
    after: str = FOLLOWER  # runs after, in `after_cycles`
    after_cycles: int = 1
    offset: int = 0  # bytes from a boundary of 64 at which the code starts
    board: str = ""  # default: the core's generic board
    wait_states: int | None = None  # of flash, instead of what the board starts with
    in_sram: bool = False  # the code lies in SRAM, where its data is
    memory: tuple[str, ...] = ()  # settings of the memory system, such as "flash.cache=off"
    contradicted: str = ""  # by which measurement: who says otherwise, and why that one is modelled
    copies: tuple[int, int] | None = None  # warm-up and all; default: the template's
    anchored: bool = True  # the template's anchor stands before each copy
    turns: tuple[int, int] | None = None  # what r9 holds in the two runs of a loop
    cause: str = ""  # a name of CAUSES: only these cycles count


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the cases of a file are run unless they say otherwise."""

    copies: tuple[int, int] = ONCE
    anchor: str = ""
    anchor_cycles: int = 0


class Missed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Cases that the model does not meet, and why."""

    cases: tuple[str, ...]
    explanation: str


class CaseFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The TOML file as it stands."""

    core: str
    sources: dict[str, str]
    case: tuple[Case, ...]
    template: Template = Template()
    missed: tuple[Missed, ...] = ()

    def copies(self, case: Case) -> tuple[int, int]:
        """Return how many copies of a case warm up, and how many there are; `ONCE` for one that is a loop."""
        if case.turns:
            return ONCE
        return case.copies or self.template.copies

    def anchor(self, case: Case) -> tuple[str, int]:
        """Return what stands before each copy of a case, and its cycles."""
        if self.copies(case) == ONCE or not case.anchored:
            return "", 0
        return self.template.anchor, self.template.anchor_cycles

    def why_missed(self) -> dict[str, str]:
        """Return the explanation of each case that the model does not meet."""
        return {name: group.explanation for group in self.missed for name in group.cases}


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
    _check(file, name)
    return file


def _check(file: CaseFile, name: str) -> None:
    """Raise McusimError for what is wrong with the cases of a file."""
    seen: set[str] = set()
    for case in file.case:
        where = f"{name}: case '{case.name}'"
        if case.name in seen:
            raise McusimError(f"{name}: two cases are named '{case.name}'")
        seen.add(case.name)
        if case.source.partition(" ")[0].rstrip(":,;") not in file.sources:
            raise McusimError(f"{where}: its source must start with a key of [sources]")
        for key, pair in (("copies", file.copies(case)), ("turns", case.turns)):
            if pair is not None and not 0 <= pair[0] < pair[1]:
                raise McusimError(f"{where}: {key} are {list(pair)}: give two numbers, the smaller one first")
        if case.turns and case.copies:
            raise McusimError(f"{where}: it has both copies and turns: leave one out")
        if case.cause and case.cause not in CAUSES:
            raise McusimError(f"{where}: no cause is named '{case.cause}': there are {', '.join(CAUSES)}")
    listed: set[str] = set()
    for group in file.missed:
        if not group.explanation.strip():
            raise McusimError(f"{name}: 'missed' lists {', '.join(group.cases)} without an explanation: say why")
        for missing in group.cases:
            if missing not in seen:
                raise McusimError(f"{name}: 'missed' lists '{missing}', which is no case: take it out")
            if missing in listed:
                raise McusimError(f"{name}: 'missed' lists '{missing}' twice: take one out")
            listed.add(missing)


def load_encodings(core: str) -> dict[str, Encoded]:
    """Return the assembled cases by name."""
    text = files(FOLDER).joinpath(f"{file_stem(core)}.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, Encoded])


def assembly(case: Case, file: CaseFile) -> str:
    """Return the program of a file's case, as the assembler takes it."""
    jump = "b.n body" if file.core.startswith("cortex-m0") else "b.w body"  # Armv6-M has no wide branch

    def lines(code: str) -> list[str]:
        return [line.strip() for part in code.splitlines() for line in part.split(";") if line.strip()]

    _, copies = file.copies(case)
    code = [*lines(file.anchor(case)[0]), *lines(case.code)]
    if copies > 1:
        code = [f".rept {copies}", *code, ".endr"]
    program = [
        ".syntax unified", ".thumb", f".balign {FLASH_ALIGNMENT_BYTES}", *lines(case.setup), jump,
        f".balign {FLASH_ALIGNMENT_BYTES}", f".space {case.offset}", "body:", *code,
        "end:", *lines(case.after), "stop:", "b stop", ".balign 4", ".ltorg",
    ]  # fmt: skip
    return "\n".join(program) + "\n"
