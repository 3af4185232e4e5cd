# SPDX-License-Identifier: Apache-2.0
"""Assemble the microbenchmarks: writes `NAME.json` beside each `NAME.toml`. Needs arm-none-eabi-as.

python tests/microbenchmarks/assemble.py [CORE...]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

from mcusim.core import load_core
from mcusim.microbenchmark import Case, CaseFile, Encoded, assembly, cores_with_cases, file_stem, load_cases

HERE = Path(__file__).resolve().parent
ARCHITECTURES = {
    "armv6-m": "armv6s-m",
    "armv7-m": "armv7-m",
    "armv7e-m": "armv7e-m",
    "armv8-m.main": "armv8-m.main+dsp",
}
FPUS = {"none": "", "sp": "fpv4-sp-d16", "dp": "fpv5-d16"}
V8_FPUS = {"none": "", "sp": "fpv5-sp-d16", "dp": "fpv5-d16"}


def assembler(core_name: str) -> list[str]:
    """Return the assembler's command for a core."""
    core = load_core(core_name)
    command = ["arm-none-eabi-as", f"-march={ARCHITECTURES[core.architecture]}"]
    fpu = (V8_FPUS if core.architecture.startswith("armv8") else FPUS)[core.fpu]
    return [*command, f"-mfpu={fpu}"] if fpu else command


def assemble(file: CaseFile, case: Case, folder: Path) -> Encoded:
    """Assemble one case of a file."""
    core_name = file.core
    source, objects = folder / "case.s", folder / "case.o"
    text = assembly(case, file)
    source.write_text(text)
    done = subprocess.run([*assembler(core_name), "-o", objects, source], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{core_name}: case '{case.name}': {done.stderr}\n{text}")
    # Read here: three more processes for each case would take longer than all cases.
    with objects.open("rb") as stream:
        elf = ELFFile(stream)
        table, section = elf.get_section_by_name(".symtab"), elf.get_section_by_name(".text")
        if any(isinstance(part, RelocationSection) for part in elf.iter_sections()):
            sys.exit(f"{core_name}: case '{case.name}': holds an address that only a linker knows")
        if not isinstance(table, SymbolTableSection) or section is None:
            sys.exit(f"{core_name}: case '{case.name}': the assembler left no symbols or no code in {objects}")
        symbols = {symbol.name: int(symbol["st_value"]) for symbol in table.iter_symbols()}
        code = bytes(section.data())
    return Encoded(text=text, hex=code.hex(), body=symbols["body"], end=symbols["end"], stop=symbols["stop"])


def assemble_all(core_name: str) -> bytes:
    """Return the JSON file of a core."""
    file = load_cases(core_name)
    with tempfile.TemporaryDirectory() as folder:
        encoded = {case.name: assemble(file, case, Path(folder)) for case in file.case}
    return msgspec.json.format(msgspec.json.encode(encoded), indent=1) + b"\n"


if __name__ == "__main__":
    for name in sys.argv[1:] or cores_with_cases():
        (HERE / f"{file_stem(name)}.json").write_bytes(assemble_all(name))
