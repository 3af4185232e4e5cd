# SPDX-License-Identifier: Apache-2.0
"""How far are simulated cycles from silicon? Runs pqm4 firmware and compares what it prints with what boards printed.

    python benchmarks/accuracy.py FOLDER

FOLDER holds pqm4's speed firmware for the nucleo-l4r5zi as <scheme>_<implementation>_speed*.elf, built as
`traces/measured/pqm4-nucleo-l4r5zi.toml` says, where the figures of silicon are. Prints a Markdown table. Key
generation and signing are left out: they depend on random numbers.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tomllib
from pathlib import Path

import mcusim

MEASURED = Path(__file__).resolve().parent.parent / "traces" / "measured" / "pqm4-nucleo-l4r5zi.toml"
OPERATIONS = ("encaps", "decaps", "verify")


def main() -> None:
    """Run all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    folder = parser.parse_args().folder
    measured = tomllib.loads(MEASURED.read_text("utf-8"))
    board = mcusim.load_board(measured["board"])
    errors = []
    print("| scheme | implementation | operation | measured cycles | simulated cycles | error |")
    print("|---|---|---|---:|---:|---:|")
    for scheme, implementations in measured["cycles"].items():
        for implementation, operations in implementations.items():
            found = sorted(folder.glob(f"{scheme}_{implementation}_speed*.elf"), key=lambda path: path.stat().st_size)
            if not found:
                continue
            path = next((each for each in found if each.stem.endswith("_it1")), found[0])
            output = mcusim.run(mcusim.load(path), board, mcusim.Settings(max_cycles=1_000_000_000)).output.decode()
            for operation in OPERATIONS:
                printed = [int(number) for number in re.findall(rf"{operation} cycles:\s*(\d+)", output)]
                if not printed or operation not in operations:
                    continue
                silicon, simulated = operations[operation]["mean"], round(statistics.mean(printed))
                errors.append(100 * (simulated / silicon - 1))
                print(
                    f"| {scheme} | {implementation} | {operation} | {silicon:,} | {simulated:,} | {errors[-1]:+.2f} % |"
                )
    sizes = [abs(error) for error in errors]
    if not sizes:
        raise SystemExit(f"{folder}: no firmware of the names that are measured")
    print(
        f"\n{len(sizes)} figures: median error {statistics.median(sizes):.2f} %, mean {statistics.mean(sizes):.2f} %, "
        f"worst {max(sizes):.2f} %"
    )


if __name__ == "__main__":
    main()
