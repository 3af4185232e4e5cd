# SPDX-License-Identifier: Apache-2.0
"""A core as data: its timing table, one TOML file each in `cores/`; the folder is the list.

Every number carries its source on the same line. A timing class that a table leaves out does not exist on that core;
an instruction of such a class ends the run unless the user allows it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

import msgspec
import numpy as np
import numpy.typing as npt

from mcusim.errors import McusimError, unknown_name
from mcusim.isa.decode import CLASS_NUMBER, CLASSES
from mcusim.pipelines import PIPELINES

DIVISION_MODELS = {"none": 0, "early-termination": 1}
MULTIPLY_MODELS = {"fixed": 0, "early-termination": 1}
# Of the `[predictor]` table, which only cores have that predict branches (`mcusim.engine.branches`): entries of the
# cache of branch targets; the counter in each, from 0 to the highest, and where that of a conditional branch starts.
PREDICTOR_NUMBERS = ("btac_entries", "counter_highest", "counter_first")
MOST_COUNTER = 7  # what a counter may go up to
EXCEPTION_NUMBERS = ("entry_cycles", "return_cycles", "tail_chain_cycles", "fp_stacking_cycles")


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number of a rule, with its source."""

    value: int
    source: str


class ClassTiming(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cycles of a timing class; `per_register` is added for each register of a multiple transfer."""

    cycles: int
    source: str
    per_register: int = 0


class AccuracyStatement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How sure the table is: `level` measured or estimate, and what it leaves out."""

    level: str
    text: str
    not_modelled: tuple[str, ...]
    interval_percent: float | None = None
    code_in_sram: str = ""  # what was measured of code in SRAM, for which the rest does not hold


class CoreFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The TOML file as it stands."""

    name: str
    title: str
    architecture: str
    fpu: str
    engine_cpu: str
    pipeline: str
    division: str
    sources: dict[str, str]
    accuracy: AccuracyStatement
    long_multiply: str = "fixed"  # early-termination: SMULL and kin take what their operands need
    rule: dict[str, Number]
    class_: dict[str, ClassTiming] = msgspec.field(name="class")
    exception: dict[str, Number]
    predictor: dict[str, Number] = {}


@dataclass(frozen=True)
class Core:
    """A core, checked. The arrays are what the pipeline function takes, indexed as it expects."""

    file: CoreFile

    @property
    def name(self) -> str:
        """File name without ending, such as cortex-m4."""
        return self.file.name

    @property
    def title(self) -> str:
        """Name for people."""
        return self.file.title

    @property
    def architecture(self) -> str:
        """Instruction set: armv6-m, armv7-m, armv7e-m, armv8-m.main."""
        return self.file.architecture

    @property
    def fpu(self) -> str:
        """Floating-point unit: none, sp (single precision) or dp (double precision)."""
        return self.file.fpu

    @cached_property
    def rules(self) -> npt.NDArray[np.int64]:
        """Numbers of the `[rule]` table, in the pipeline's order."""
        return np.array([self.file.rule[name].value for name in PIPELINES[self.file.pipeline].RULES], np.int64)

    @cached_property
    def class_cycles(self) -> npt.NDArray[np.int64]:
        """Cycles of each timing class; -1 where the core has no such class."""
        timings = [self.file.class_.get(name) for name in CLASSES]
        return np.array([-1 if timing is None else timing.cycles for timing in timings], np.int64)

    @cached_property
    def class_register_cycles(self) -> npt.NDArray[np.int64]:
        """Further cycles for each register moved, by timing class."""
        timings = [self.file.class_.get(name) for name in CLASSES]
        return np.array([0 if timing is None else timing.per_register for timing in timings], np.int64)

    @property
    def unaligned_transfer_cycles(self) -> int:
        """Cycles of each transfer that an unaligned load takes beyond its first; 0 where all accesses are aligned."""
        rule = self.file.rule.get("unaligned_transfer_cycles")
        return rule.value if rule is not None else 0

    @property
    def unaligned_byte_transfers(self) -> int:
        """Transfers beyond its first that a word at an odd address takes: a halfword and a byte, unless a rule says."""
        rule = self.file.rule.get("unaligned_byte_transfers")
        return rule.value if rule is not None else 2

    @property
    def divide_model(self) -> int:
        """Number of the division model, as the native hooks know it."""
        return DIVISION_MODELS[self.file.division]

    @property
    def multiply_model(self) -> int:
        """Number of the model of long multiplies; 0 where their cycles do not depend on the operands."""
        return MULTIPLY_MODELS[self.file.long_multiply]

    def with_multiplier(self, cycles: int, source: str) -> Core:
        """Return this core as made with another multiplier: MULS takes so many cycles (Cortex-M0, M0+: 1 or 32)."""
        classes = {**self.file.class_, "multiply": ClassTiming(cycles, source)}
        return Core(msgspec.structs.replace(self.file, class_=classes))

    def exception_cycles(self, name: str) -> int:
        """Return one of `EXCEPTION_NUMBERS`, in cycles."""
        return self.file.exception[name].value

    def describe(self) -> list[tuple[str, list[tuple[str, str, str]]]]:
        """Return sections of (key, value, source) rows for `mcusim show`."""
        core = self.file
        head = [("title", core.title, ""), ("architecture", core.architecture, ""), ("fpu", core.fpu, ""),
                ("pipeline", core.pipeline, ""), ("division", core.division, ""),
                ("long multiply", core.long_multiply, "")]  # fmt: skip
        classes = []
        for name, timing in core.class_.items():
            value = (
                f"{timing.cycles} + {timing.per_register} per register" if timing.per_register else str(timing.cycles)
            )
            classes.append((name, value, timing.source))
        rows = [(name, str(number.value), number.source) for name, number in core.predictor.items()]
        predictor = [("branch prediction", rows)] if rows else []
        accuracy = [("level", core.accuracy.level, ""), ("text", core.accuracy.text, "")]
        accuracy += [("not modelled", text, "") for text in core.accuracy.not_modelled]
        return [
            ("core", head),
            ("sources", [(key, text, "") for key, text in core.sources.items()]),
            ("rules", [(name, str(number.value), number.source) for name, number in core.rule.items()]),
            ("classes (cycles)", classes),
            (
                "exceptions (cycles)",
                [(name, str(number.value), number.source) for name, number in core.exception.items()],
            ),
            *predictor,
            ("accuracy", accuracy),
        ]


def core_names() -> list[str]:
    """Return the names of all cores: the TOML files of the folder."""
    return sorted(
        entry.name.removesuffix(".toml") for entry in files("mcusim.cores").iterdir() if entry.name.endswith(".toml")
    )


@cache
def load_core(name: str) -> Core:
    """Read and check `cores/<name>.toml`. Raises McusimError with the file, the key and what is wrong."""
    names = core_names()
    if name not in names:
        raise unknown_name("core", name, names)
    return parse_core(files("mcusim.cores").joinpath(f"{name}.toml").read_text("utf-8"), f"{name}.toml")


def parse_core(text: str, where: str) -> Core:
    """Read and check a core table given as TOML text; `where` names it in errors."""
    try:
        core = msgspec.convert(tomllib.loads(text), CoreFile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise McusimError(f"{where}: {error}") from error
    _check(core, where)
    return Core(core)


def _check(core: CoreFile, where: str) -> None:
    if where != f"{core.name}.toml":
        raise McusimError(f"{where}: name is '{core.name}', it must be the file's name")
    if core.pipeline not in PIPELINES:
        raise unknown_name(f"pipeline in {where}", core.pipeline, PIPELINES)
    if core.division not in DIVISION_MODELS:
        raise unknown_name(f"division in {where}", core.division, DIVISION_MODELS)
    if core.long_multiply not in MULTIPLY_MODELS:
        raise unknown_name(f"long_multiply in {where}", core.long_multiply, MULTIPLY_MODELS)
    _check_keys(where, "rule", core.rule, PIPELINES[core.pipeline].RULES)
    _check_keys(where, "exception", core.exception, EXCEPTION_NUMBERS)
    if core.predictor:
        _check_predictor(core, where)
    for key in core.class_:
        if key not in CLASS_NUMBER or key == "undefined":
            raise unknown_name(f"timing class in {where}", key, CLASSES[1:])
    for key, timing in core.class_.items():
        if timing.cycles < 0 or timing.per_register < 0:
            raise McusimError(f"{where}: class.{key}: cycles must not be negative")
    for table, numbers in (("rule", core.rule), ("exception", core.exception), ("predictor", core.predictor)):
        for key, number in numbers.items():
            if number.value < 0 or not number.source:
                raise McusimError(f"{where}: {table}.{key}: needs a value of 0 or more and its source")


def _check_predictor(core: CoreFile, where: str) -> None:
    _check_keys(where, "predictor", core.predictor, PREDICTOR_NUMBERS)
    if not hasattr(PIPELINES[core.pipeline], "MISPREDICTION"):
        raise McusimError(f"{where}: [predictor]: pipeline {core.pipeline} does not price mispredictions")
    numbers = {name: number.value for name, number in core.predictor.items()}
    if not 1 <= numbers["counter_highest"] <= MOST_COUNTER or numbers["counter_first"] > numbers["counter_highest"]:
        raise McusimError(
            f"{where}: [predictor]: counter_highest is from 1 to {MOST_COUNTER}, and counter_first not above it"
        )
    if not numbers["btac_entries"]:
        raise McusimError(f"{where}: predictor.btac_entries must be at least 1; without a predictor, omit the table")


def _check_keys(where: str, table: str, given: dict[str, Number], wanted: tuple[str, ...]) -> None:
    for key in given:
        if key not in wanted:
            raise unknown_name(f"key in [{table}] of {where}", key, wanted)
    for key in wanted:
        if key not in given:
            raise McusimError(f"{where}: [{table}] lacks {key}")
