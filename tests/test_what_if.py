# SPDX-License-Identifier: Apache-2.0
"""Another clock, another core; and comparisons of runs and of saved profiles."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import make_profile
from machines import assemble, firmware_elf, write_image

import mcusim
from mcusim.cli import main, options
from mcusim.comparison import Variant, WhatIf, describe, points, saved_variants
from mcusim.isa.architecture import why_not
from mcusim.isa.decode import decode_block
from mcusim.machine import Settings
from mcusim.machine.parts import wait_states_in_doubt
from mcusim.profile import Profile
from mcusim.profile_io import save
from mcusim.reports.compared import comparison_document
from mcusim.reports.document import render_document

ROOT = Path(__file__).resolve().parents[1]
HELLO = ROOT / "examples" / "hello" / "hello-nucleo-l4r5zi.elf"


def profile(**settings: object) -> Profile:
    """Return the profile of the hello example."""
    image = mcusim.load(HELLO)
    return mcusim.attribute(mcusim.run(image, mcusim.load_board("nucleo-l4r5zi"), Settings(**settings)))  # type: ignore[arg-type]


class TestClock:
    def test_the_core_keeps_it_whatever_is_programmed(self) -> None:
        plain, forced = profile(), profile(clock_hz=80_000_000)
        assert [phase.core_hz for phase in plain.totals.clock] == [4_000_000, 16_000_000]
        assert [phase.core_hz for phase in forced.totals.clock] == [80_000_000]
        assert forced.totals.time_s == pytest.approx(forced.totals.cycles / 80e6)
        assert forced.settings["clock"] == 80_000_000
        assert any("whatever the firmware programs" in note.text for note in forced.notes)

    def test_peripherals_keep_theirs(self) -> None:
        """The UART's characters take the same time, so five times the clock waits five times the cycles for them."""
        slow, fast = (
            sum(f.self_cycles for f in profile(clock_hz=hz).functions if f.name == "board_putc")
            for hz in (16_000_000, 80_000_000)
        )
        assert fast == pytest.approx(5 * slow, rel=0.05)

    def test_more_than_the_part_allows_is_said(self) -> None:
        assert any("more than the part allows" in note.text for note in profile(clock_hz=200_000_000).notes)

    @pytest.mark.parametrize(
        ("clock_hz", "wait_states", "said"),
        [
            (None, None, ""),
            (20_000_000, None, ""),  # which needs none
            (20_000_001, None, "0 wait states at most, as at the firmware's own clock, and needs 1 at"),
            (120_000_000, None, "needs 5 at 120 MHz: no board can be that fast; give --wait-states 5"),
            (120_000_000, 4, "4 wait states (--wait-states), and needs 5 at 120 MHz"),
            (120_000_000, 5, ""),
        ],
    )
    def test_wait_states_do_not_follow(self, clock_hz: int | None, wait_states: int | None, said: str) -> None:
        run = profile(clock_hz=clock_hz, wait_states=wait_states)
        notes = [note.text for note in run.notes if note.kind == "too-few-waits"]
        assert len(notes) == bool(said)
        if said:
            assert said in notes[0]
            assert (run.accuracy.level, run.accuracy.interval_percent) == ("estimate", None)
            assert said in run.accuracy.text
            variants = [Variant("as it is", profile()), Variant("fast", run)]
            document = comparison_document(variants, functions=False, top=0)
            assert f"Too fast in #2: {notes[0]}" in document.notes

    def test_wait_states_of_a_board_without_the_vendors_table(self) -> None:
        board = mcusim.load_board("nucleo-h743zi")
        assert board.clock.wait_states_at(board.clock.max_hz) is None
        text = wait_states_in_doubt(Settings(clock_hz=480_000_000), board, 2)
        assert text.endswith("give --wait-states with what the part needs at 480 MHz")
        assert wait_states_in_doubt(Settings(clock_hz=480_000_000, wait_states=2), board, 2) == ""

    @pytest.mark.parametrize(
        ("text", "hz"), [("80M", 80_000_000), ("64MHz", 64_000_000), ("32.768khz", 32_768), ("1e6", 1_000_000)]
    )
    def test_words(self, text: str, hz: int) -> None:
        assert options.hertz(text) == hz

    @pytest.mark.parametrize("text", ["80", "9999", "0.008M"])
    def test_a_clock_that_lost_its_unit_is_refused(self, text: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["compare", str(HELLO), "--clock", f"{text},120M"]) == 2
        err = capsys.readouterr().err
        assert "did you mean" in err
        assert err.count("\n") == 1


class TestCore:
    def test_another_table_counts(self) -> None:
        m33 = profile(core="cortex-m33")
        assert (m33.board.core, m33.settings["core"]) == ("cortex-m33", "cortex-m33")
        assert any("behaves as its Arm Cortex-M4F" in note.text for note in m33.notes)

    def test_code_that_does_not_run_there_is_refused(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["profile", str(HELLO), "-q", "--core", "cortex-m0plus"]) == 2
        err = capsys.readouterr().err
        assert "does not run on --core cortex-m0plus, which has only the instructions of Armv6-M" in err
        assert err.count("\n") == 1
        assert main(["profile", str(HELLO), "-q", "--core", "cortex-m0plus", "--allow-unknown"]) == 0

    @pytest.mark.parametrize(
        ("code", "lacking"),
        [
            # the code in memory, and which of these cores lack it: Armv6-M, Armv7-M, Armv7E-M with single precision
            ("01 30", ()),  # adds r0, #1
            ("00 f0 00 f8", ()),  # bl
            ("bf f3 4f 8f", ()),  # dsb
            ("08 bf", ("armv6-m",)),  # it eq
            ("00 b1", ("armv6-m",)),  # cbz
            ("10 eb 01 00", ("armv6-m",)),  # adds.w
            ("90 fb f1 f0", ("armv6-m",)),  # sdiv
            ("80 fb 02 01", ("armv6-m",)),  # smull
            ("4f fa 81 f0", ("armv6-m",)),  # sxtb.w
            ("00 f3 0f 00", ("armv6-m",)),  # ssat
            ("2f fa 81 f0", ("armv6-m", "armv7-m")),  # sxtb16
            ("41 fa 82 f0", ("armv6-m", "armv7-m")),  # sxtab
            ("20 f3 0f 00", ("armv6-m", "armv7-m")),  # ssat16
            ("11 fb 02 f0", ("armv6-m", "armv7-m")),  # smulbb
            ("21 fb 02 30", ("armv6-m", "armv7-m")),  # smlad
            ("c1 ea 02 00", ("armv6-m", "armv7-m")),  # pkhbt
            ("91 fa 02 f0", ("armv6-m", "armv7-m")),  # sadd16
            ("30 ee 20 0a", ("armv6-m", "armv7-m")),  # vadd.f32
            ("30 ee 01 0b", ("armv6-m", "armv7-m", "armv7e-m")),  # vadd.f64
            ("00 fe 81 0a", ("armv6-m", "armv7-m", "armv7e-m")),  # vseleq.f32
            ("d1 e8 af 0f", ("armv6-m", "armv7-m", "armv7e-m")),  # lda
        ],
    )
    def test_instruction_sets(self, code: str, lacking: tuple[str, ...]) -> None:
        ops, _ = decode_block(np.frombuffer(bytes.fromhex(code), np.uint8), 0x08000000, ())
        cores = {"armv6-m": "none", "armv7-m": "none", "armv7e-m": "sp"}
        assert tuple(name for name, fpu in cores.items() if why_not(ops[0], name, fpu)) == lacking
        assert not why_not(ops[0], "armv8-m.main", "dp")


class TestPoints:
    def test_every_combination_the_last_varies_fastest(self) -> None:
        wanted = WhatIf(
            cores=("a", "b"), clocks_hz=(80_000_000, 120_000_000), wait_states=(0, 5),
            memory=(("flash.cache=on", "flash.cache=off"),),
        )  # fmt: skip
        found = points(wanted, Settings(until="main"))
        assert len(found) == 16
        named, board, settings = found[1]
        assert describe(named) == "core a, clock 80 MHz, wait-states 0, flash.cache=off"
        assert (board, settings.core, settings.clock_hz, settings.wait_states) == (None, "a", 80_000_000, 0)
        assert (settings.memory, settings.until) == (("flash.cache=off",), "main")

    def test_boards(self) -> None:
        assert [board for _, board, _ in points(WhatIf(boards=("x", "y")), Settings())] == ["x", "y"]


def variants() -> list[Variant]:
    """Return two profiles and one that could not run: in the second, one function takes a million cycles more."""
    first, second = make_profile(), make_profile()
    second.totals.cycles += 1_000_000
    second.totals.causes["load"] += 1_000_000
    second.functions[3].self_cycles += 1_000_000
    return [Variant("a", first), Variant("b", second), Variant("c", error="no such core")]


class TestTables:
    def test_text(self) -> None:
        text = render_document(comparison_document(variants(), functions=True, top=2), "text", width=120)
        first, second = make_profile().totals.cycles, make_profile().totals.cycles + 1_000_000
        assert f"{first:,}" in text
        assert f"+{100 * (second / first - 1):.2f} %" in text
        assert "not run" in text
        assert "Not run: c: no such core" in text
        functions = text[text.index("Functions by change") :]
        assert functions.splitlines()[3].split()[0] == "conv2d_1x1"
        assert "1,000,000" in functions

    def test_other_formats(self) -> None:
        document = comparison_document(variants(), functions=False, top=0)
        data = json.loads(render_document(document, "json", width=0))
        assert [each["name"] for each in data["variants"]] == ["a", "b", "c"]
        assert data["variants"][1]["functions"]["conv2d_1x1"] > data["variants"][0]["functions"]["conv2d_1x1"]
        head, *rows = render_document(document, "csv", width=0).splitlines()
        assert "cycles_load" in head
        assert len(rows) == 3
        assert "| 1 | a |" in render_document(document, "markdown", width=0)

    def test_what_differs_is_said(self) -> None:
        first, second, _ = variants()
        assert second.profile is not None
        second.profile = replace(second.profile, output="other", end=replace(second.profile.end, kind="fault"))
        notes = " ".join(comparison_document([first, second], functions=False, top=0).notes)
        assert "printed something else" in notes
        assert "ended differently" in notes
        second.profile.image.sha256 = "00"
        assert "different images" in " ".join(comparison_document([first, second], functions=False, top=0).notes)

    def test_a_run_that_was_cut_is_marked_in_its_row(self) -> None:
        first, second, third = variants()
        whole = comparison_document([first, second], functions=False, top=0)
        assert "cut" not in [column.key for column in whole.tables[0].columns]
        assert second.profile is not None
        cut = replace(second.profile.end, kind="max-cycles", text="reached --max-cycles 7")
        second.profile = replace(second.profile, end=cut)
        document = comparison_document([first, second, third], functions=False, top=0)
        place = [column.key for column in document.tables[0].columns].index("cut")
        assert [row.cells[place] for row in document.tables[0].rows] == ["whole", "cut", "none"]
        assert any(note.startswith("Cut: #2 (reached --max-cycles 7): ") for note in document.notes)

    def test_names_of_saved_profiles(self) -> None:
        one = make_profile()
        names = [v.name for v in saved_variants([(Path("x/a.json"), one), (Path("y/a.json"), one), (Path("b"), one)])]
        assert names == ["x/a.json", "y/a.json", "b"]


class TestCommand:
    def test_runs(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["compare", str(HELLO), "--clock", "8M,16M", "-j", "1", "--format", "csv"]) == 0
        head, slow, fast = (line.split(",") for line in capsys.readouterr().out.splitlines())
        cycles = head.index("cycles")
        assert int(slow[cycles]) < int(fast[cycles])

    def test_one_that_cannot_run_does_not_hide_the_others(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["compare", str(HELLO), "--core", "cortex-m0,cortex-m4", "-j", "2"]) == 0
        out = capsys.readouterr().out
        assert "not run" in out
        assert "against the first row, core cortex-m4" in out

    def test_runs_that_end_in_a_fault_say_so(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write_image(tmp_path, firmware_elf(assemble("2301 4798")), "null.elf")  # a call through a null pointer
        words = ["compare", str(tmp_path / "null.elf"), "--board", "nucleo-l4r5zi", "--clock", "8M,16M", "-j", "1"]
        assert main(words) == 1
        assert "Ended in a fault: clock 8 MHz: " in capsys.readouterr().out

    def test_saved_profiles(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        for variant in variants()[:2]:
            assert variant.profile is not None
            save(variant.profile, tmp_path / f"{variant.name}.json")
        assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 0
        out = capsys.readouterr().out
        assert "a.json" in out
        assert "Functions by change" in out

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ([str(HELLO)], "nothing varies"),
            ([str(HELLO), "--clock", "1M,2M", "--cache", "x", "--no-cache"], "exclude each other"),
            ([str(HELLO), "--clock", "1M,2M", "--plot", "x.gif"], "not the name of a picture"),
            ([str(HELLO), "--clock", "1M,2M", "--cache", str(HELLO)], "results cannot be kept there"),
            ([str(HELLO), "a.json"], "not both"),
            (["a.json"], "at least two"),
            (["a.json", "b.json", "--clock", "1M"], "compared as they are"),
            (["a.json", "b.json"], "cannot be read"),
            ([str(HELLO), "--clock", "1M,fast"], "'fast' is not a clock"),
            ([str(HELLO), "--clock", "1M,,2M"], "different values with commas"),
            ([str(HELLO), "--core", "cortex-m4,m5"], "unknown core 'm5'"),
            ([str(HELLO), "--wait-states", "99"], "from 0 to 64"),
            ([str(HELLO), "--set", "flash.cache"], "KEY=VALUE"),
            ([str(HELLO), "--set", "sram.cache=on,off", "-j", "1"], "unknown memory setting"),
            ([str(HELLO), "--set", "flash.cache=on", "--set", "flash.cache=off"], "is given twice"),
            ([str(HELLO), "--board", "nucleo-l4r5zi,nope"], "unknown board 'nope'"),
            ([str(HELLO), "--core", "cortex-m0", "-j", "1"], "does not run on --core cortex-m0"),
            (["nothing.elf", "--clock", "1M"], "cannot read the firmware"),
        ],
    )
    def test_bad_input(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
        words: list[str], message: str,
    ) -> None:  # fmt: skip
        monkeypatch.chdir(tmp_path)
        assert main(["compare", *words]) == 2
        err = capsys.readouterr().err
        assert message in err
        assert err.count("\n") == 1
