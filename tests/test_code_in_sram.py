# SPDX-License-Identifier: Apache-2.0
"""Code in SRAM of a Cortex-M4: its cause, how sure the report is of it, and the bytes that it takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from elf_writer import ALLOC, EXEC, WRITE, Section
from machines import firmware_elf, run_profile, write_image
from microbenchmark_runs import case_file, encodings, profile_of

from mcusim.profile import Profile

SRAM1, SRAM3 = 0x2000_0000, 0x2004_0000
WIDE_WORDS = 64


def profile_from(start: int, folder: Path, board: str) -> Profile:
    """Run sixty-four 32-bit instructions in a section of the image at an address in SRAM, which end in a loop."""
    wide = bytes.fromhex("04eb0500") * WIDE_WORDS  # add.w r0, r4, r5
    elf = firmware_elf(bytes.fromhex("00480047") + (start | 1).to_bytes(4, "little"))  # ldr r0, [pc]; bx r0
    elf.sections.append(Section(".ramfunc", start, wide + bytes.fromhex("fee7"), ALLOC | EXEC | WRITE))
    return run_profile(write_image(folder, elf), board, max_cycles=10_000, memory_tracking=True)


@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4"])
def test_its_wait_has_a_cause_and_no_interval_holds(core: str, tmp_path: Path) -> None:
    case = next(each for each in case_file(core).case if each.name == "sram-wide-run")
    profile = profile_of(case, encodings(core)[case.name], core, tmp_path)
    assert profile.totals.causes["sram-fetch"] >= 7
    assert "fetch" not in profile.totals.causes
    assert (profile.accuracy.level, profile.accuracy.interval_percent) == ("estimate", None)
    assert "code runs from SRAM" in profile.accuracy.text


def test_late_memory_is_late_for_every_word(tmp_path: Path) -> None:
    """DDI 0337E 14.5.6: no fetch follows right behind another."""
    waits = [profile_from(start, tmp_path, "nucleo-l4r5zi").totals.causes["sram-fetch"] for start in (SRAM1, SRAM3)]
    assert waits[0] == pytest.approx(WIDE_WORDS, abs=2)
    assert waits[1] == pytest.approx(2 * WIDE_WORDS, abs=4)


def test_sections_with_code_count_as_statics(tmp_path: Path) -> None:
    profile = profile_from(SRAM1, tmp_path, "stm32f407-discovery")
    assert profile.memory is not None
    assert profile.memory.budget.statics_bytes == 4 * WIDE_WORDS + 2
