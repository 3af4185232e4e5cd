# SPDX-License-Identifier: Apache-2.0
"""Random exception scenarios run in QEMU and here: the logs that the handlers write must be the same.

See `random_exceptions` for what a scenario is. Seeds are fixed; with MCUSIM_LONG there are many more.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import LONG
from qemu_runner import Target, run_in_mcusim, run_in_qemu
from random_exceptions import build, entries

pytestmark = pytest.mark.qemu

TARGET = Target("cortex-m4", "mps2-an386", "mps2-an386", 0x40_0000)
SCENARIOS = 200 if LONG else 60
SEEDS = range(1, 7) if LONG else range(1, 2)
CONTEXT = 6  # entries shown before a difference


def shown(entry: dict[str, int]) -> str:
    return " ".join(f"{name}={value:#x}" for name, value in entry.items())


def first_difference(there: bytes, here: bytes) -> str:
    """Return the first entry of the logs that differs, with those before it."""
    qemus, ours = entries(there), entries(here)
    for index, (theirs, mine) in enumerate(zip(qemus, ours, strict=False)):
        if theirs != mine:
            lines = [f"entry {index}", *map(shown, qemus[max(0, index - CONTEXT) : index])]
            return "\n".join([*lines, f"QEMU:   {shown(theirs)}", f"mcusim: {shown(mine)}"])
    return f"QEMU logs {len(qemus)} entries, mcusim {len(ours)}"


@pytest.mark.parametrize("faults", [False, True], ids=["interrupts", "faults"])
@pytest.mark.parametrize("seed", SEEDS)
def test_handlers_see_what_they_see_in_qemu(seed: int, faults: bool, tmp_path: Path) -> None:
    path = tmp_path / "exceptions.elf"
    path.write_bytes(build(seed, SCENARIOS, faults=faults))
    there = run_in_qemu(path, TARGET)
    here, _ = run_in_mcusim(path, TARGET)
    assert there == here, first_difference(there, here)
    found = entries(there)
    assert sum("exception" in entry for entry in found) >= 4 * SCENARIOS
    assert {entry["exception"] for entry in found if "exception" in entry} >= {2, 3, 11, 14, 15, *range(16, 22)}
