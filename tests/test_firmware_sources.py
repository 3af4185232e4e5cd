# SPDX-License-Identifier: Apache-2.0
"""The committed ELFs are what their sources give, bit for bit, wherever the sources are."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import LONG
from machines import EXAMPLES, FIRMWARE

import mcusim

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}


def firmware_names(folder: Path) -> list[str]:
    """Return the folders that hold a firmware: those with a Makefile."""
    return sorted(path.parent.name for path in folder.glob("*/Makefile"))


@pytest.mark.parametrize("folder", [FIRMWARE, EXAMPLES], ids=["tests", "examples"])
def test_the_makefile_knows_every_firmware(folder: Path) -> None:
    listed = next(line for line in (folder / "Makefile").read_text().splitlines() if ":=" in line)
    assert sorted(listed.partition(":=")[2].split()) == firmware_names(folder)


@pytest.mark.parametrize("name", firmware_names(FIRMWARE))
def test_every_firmware_has_a_committed_elf(name: str) -> None:
    assert list((FIRMWARE / name).glob(f"{name}*.elf"))


# What is built: of each folder a firmware, or with MCUSIM_LONG all of them.
BUILT = {"tests/firmware": ["FIRMWARE=verify"], "examples": ["EXAMPLES=hello"]}


@pytest.mark.cross
@pytest.mark.parametrize("folder", BUILT)
def test_committed_elfs_are_what_their_sources_give(folder: str, tmp_path: Path) -> None:
    ignore = shutil.ignore_patterns("build")
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=ignore)
    shutil.copytree(FIRMWARE, tmp_path / "tests" / "firmware", ignore=ignore)
    shutil.copytree(mcusim.include_dir(), tmp_path / "mcusim" / "include")
    shutil.copytree(EXAMPLES.parent / "kernels" / "target", tmp_path / "kernels" / "target")
    done = subprocess.run(
        ["make", "-s", "-j2", "check", *([] if LONG else BUILT[folder])],
        cwd=tmp_path / folder, env=ENVIRONMENT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    chosen = "*" if LONG else BUILT[folder][0].partition("=")[2]
    names = {path.name for path in (tmp_path / folder).glob(f"{chosen}/*.elf")}
    assert names
    assert {
        line.partition(":")[0] for line in done.stdout.splitlines() if line.endswith("same as its sources")
    } == names
