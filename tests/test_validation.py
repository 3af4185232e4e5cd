# SPDX-License-Identifier: Apache-2.0
"""Published figures against simulated ones: the files, what is read out of a run, the summary, the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcusim import validation
from mcusim.batch import Done, Job
from mcusim.cli import main
from mcusim.errors import McusimError
from mcusim.figures import FigureFile, convert, load_figures, parse_csv, parse_toml, setups
from mcusim.validation import COMPARED, EXCLUDED, NO_VALUE, NOT_RUN, RANDOM, failures, summarize, validate

ROOT = Path(__file__).resolve().parents[1]
CALLS = ROOT / "tests" / "firmware" / "calls"
HELLO = ROOT / "examples" / "hello"

HEAD = 'name = "t"\nboard = "nucleo-l4r5zi"\nsource = { paper = "P" }\n'


def figures_of(*rows: str, run: str = 'elf = "a.elf"', head: str = HEAD) -> FigureFile:
    """Return a file with one run of these figures."""
    return parse_toml(f"{head}[[run]]\n{run}\nfigures = [\n{','.join(rows)}\n]\n", "t.toml")


def figure(text: str, **rest: str) -> FigureFile:
    """Return a file with one figure, titled and of value 100 unless the text says otherwise."""
    value = "" if "min" in text or "max" in text or "value" in text else ", value = 100"
    return figures_of(f'{{ title = "f", {text}{value} }}', **rest)


class TestFiles:
    def test_a_run_gives_its_figures_titles_sources_and_setup(self) -> None:
        file = figures_of(
            '{ title = "decaps", label = "decaps cycles:", value = 2_000, min = 1, max = 3_000, random = true }',
            '{ title = "stack", label = "s", value = 8, unit = "bytes", source = "own" }',
            run='title = "kem"\nelf = ["a.elf", "b.elf"]\nuntil = "done"\nmax_cycles = 9',
        )
        first, second = file.figures
        assert (first.row.title, first.row.source, first.row.random) == ("kem decaps", "P", True)
        assert (second.row.title, second.row.source, second.row.unit) == ("kem stack", "own", "bytes")
        assert first.setup == second.setup
        assert (first.setup.elf, first.setup.until, first.setup.max_cycles) == (("a.elf", "b.elf"), "done", 9)
        assert setups(file.figures) == [first.setup]

    def test_a_run_may_fix_what_its_firmware_does_not_program(self, runs: list[Job], tmp_path: Path) -> None:
        run = 'elf = "a.elf"\nclock_hz = 120_000_000\nwait_states = 5\nset = "flash.cache=off"'
        validate(figure('function = "f"', run=run).figures, tmp_path)
        settings = runs[0].settings
        assert (settings.clock_hz, settings.wait_states, settings.memory) == (120_000_000, 5, ("flash.cache=off",))

    def test_csv_has_the_same_keys(self) -> None:
        file = parse_csv(
            "title,source,elf,board,label,from,to,unit,value,min,random,stub\n"
            "a,S,x.elf;y.elf,nucleo-l4r5zi,n:,,,ms,1.5,1,true,f;g=1\nb,S,x.elf,,,main,exit,,7,,,\n",
            "somewhere/t.csv",
        )
        first, second = file.figures
        assert (first.setup.elf, first.setup.stub) == (("x.elf", "y.elf"), ("f", "g=1"))
        assert (first.row.value, first.row.least, first.row.random, first.row.unit) == (1.5, 1, True, "ms")
        assert (second.span, second.row.unit, second.setup.board) == ("main..exit", "cycles", None)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('label = "x", colour = 1', "unknown field 'colour'"),
            ('label = "x", function = "f"', "either a label"),
            ('value = 1', "either a label"),
            ('from = "f"', "either a label"),
            ('label = " "', "its label is empty"),
            ('label = "x", value = 0', "above zero"),
            ('label = "x", value = 5, min = 6', "min <= value <= max"),
            ('label = "x", unit = "cycle"', "did you mean cycles"),
            ('label = "x", value = nan', "must be finite"),
            ('label = "x", min = 1, max = inf', "must be finite"),
            ('label = "x", occurrence = 0', "counts from 1"),
            ('label = "x", scale = 0.0', "scale must be above zero"),
            ('function = "f", unit = "bytes"', "cycles cannot be turned into bytes"),
            ('function = "f", scale = 2.0', "are for what the firmware prints"),
            ('label = "x", printed_unit = "bytes"', "bytes cannot be turned into cycles"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_said_in_one_line(self, text: str, message: str) -> None:
        with pytest.raises(McusimError) as caught:
            figure(text)
        assert message.lower() in str(caught.value).lower()
        assert str(caught.value).startswith("t.toml")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"run": 'elf = "/a.elf"'}, "relative to the folder"),
            ({"run": 'elf = "../a.elf"'}, "relative to the folder"),
            ({"run": ""}, "names no elf"),
            ({"run": 'elf = "a"\nwait_states = -1'}, "from 0 to 64"),
            ({"run": 'elf = "a"\nclock_hz = 0'}, "above zero"),
            ({"head": 'name = "t"\n'}, "where was it published"),
            ({"head": HEAD + "speed = 1\n"}, "speed"),
        ],
    )
    def test_runs_are_checked(self, change: dict[str, str], message: str) -> None:
        with pytest.raises(McusimError, match=message):
            figure('label = "x"', **change)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("title,price\na,1\n", "unknown column 'price'"),
            ("title,source,elf,label,value\na,S,x.elf,l,many\n", "line 2"),
            ("title,source,elf,label,value\na,S\n", "not as many cells"),
            ("", "no figures"),
        ],
    )
    def test_csv_is_checked(self, text: str, message: str) -> None:
        with pytest.raises(McusimError, match=message):
            parse_csv(text, "t.csv")

    def test_files_that_cannot_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
        for name, message in (("no.toml", "cannot be read"), ("x.toml", "UTF-8"), ("x.json", "end in .toml or .csv")):
            with pytest.raises(McusimError, match=message):
                load_figures(tmp_path / name)

    def test_units(self) -> None:
        assert convert(80_000, "cycles", "ms", 80_000_000) == pytest.approx(1)
        assert convert(2, "us", "cycles", 80_000_000) == pytest.approx(160)
        assert convert(7, "bytes", "bytes", 0) == 7


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Job]:
    """Let every job print the same, without running anything; the list holds the jobs."""
    seen: list[Job] = []
    output = "encaps_decaps cycles:\n5\ndecaps cycles:\n90\nx\ndecaps   cycles: 110\nms = 1.5\nzero: 0\n"

    def run_jobs(jobs: list[Job], **_rest: object) -> list[Done]:
        seen.extend(jobs)
        spans = {"f": [(100, 2e-6), (300, 6e-6)], "a..b": []}
        return [
            Done(board="nucleo-l4r5zi", board_title="N", core="cortex-m4", core_hz=50_000_000, output=output,
                 end="loop", spans=spans)
            for _ in jobs
        ]  # fmt: skip

    monkeypatch.setattr(validation, "run_jobs", run_jobs)
    (tmp_path / "a.elf").write_bytes(b"")
    return seen


class TestValues:
    @pytest.mark.parametrize(
        ("text", "simulated", "error"),
        [
            ('label = "decaps cycles:"', 100, 0),
            ('label = "decaps cycles:", occurrence = 2', 110, 10),
            ('label = "ms =", unit = "ms", value = 2', 1.5, -25),
            ('label = "ms =", unit = "cycles", printed_unit = "ms", value = 75_000', 75_000, 0),
            ('label = "ms =", unit = "score", scale = 10.0, value = 10', 15, 50),
            ('function = "f"', 200, 100),
            ('function = "f", occurrence = 2', 300, 200),
            ('function = "f", unit = "us", value = 4', 4, 0),
            ('function = "f", min = 150, max = 250', 200, 0),
            ('function = "f", max = 100', 200, 100),
            ('function = "f", min = 400', 200, -50),
        ],
    )
    def test_a_figure_is_found_in_the_run(
        self, runs: list[Job], tmp_path: Path, text: str, simulated: float, error: float
    ) -> None:
        (result,) = validate(figure(text).figures, tmp_path)
        assert result.status == COMPARED
        assert result.simulated == pytest.approx(simulated)
        assert result.error_percent == pytest.approx(error)

    def test_a_label_is_not_the_end_of_a_word(self, runs: list[Job], tmp_path: Path) -> None:
        (result,) = validate(figure('label = "caps cycles:"').figures, tmp_path)
        assert result.status == NO_VALUE

    @pytest.mark.parametrize(
        ("text", "remark"),
        [
            ('label = "encaps"', "did not print 'encaps' and a number (the run ended: loop)"),
            ('label = "ms =", occurrence = 2', "'ms =' and a number 2 times"),
            ('from = "a", to = "b"', "a..b did not run to its end"),
            ('label = "zero:"', "it is zero"),
        ],
    )
    def test_what_a_run_does_not_show(self, runs: list[Job], tmp_path: Path, text: str, remark: str) -> None:
        (result,) = validate(figure(text).figures, tmp_path)
        assert (result.status, result.simulated) == (NO_VALUE, None)
        assert remark in result.remark

    def test_every_setup_runs_once_with_all_its_spans(self, runs: list[Job], tmp_path: Path) -> None:
        file = figures_of(*(f'{{ title = "{n}", function = "{n}", value = 1 }}' for n in "fgf"))
        validate(file.figures, tmp_path)
        (job,) = runs
        assert job.settings.spans == ("f", "g")
        assert not job.profiled

    def test_what_does_not_count_is_listed_with_its_reason(self, runs: list[Job], tmp_path: Path) -> None:
        rows = ('{ title = "r", function = "f", value = 100, min = 50, max = 250, random = true }',
                '{ title = "o", function = "f", value = 100, max = 150, random = true }',
                '{ title = "e", function = "f", value = 100, exclude = "other code" }')  # fmt: skip
        missing = figure('label = "x"', run='elf = ["m.elf", "n.elf"]').figures
        without = figure('label = "x"', run='exclude = "needs a camera"').figures
        results = validate([*figures_of(*rows).figures, *missing, *without], tmp_path)
        assert [(each.status, each.remark) for each in results] == [
            (RANDOM, "random inputs, within the runs measured"),
            (RANDOM, "random inputs, outside of the runs measured"),
            (EXCLUDED, "excluded: other code"),
            (NOT_RUN, "not run: no m.elf or n.elf"),
            (EXCLUDED, "excluded: needs a camera"),
        ]
        assert [each.simulated for each in results] == [200, 200, 200, None, None]
        assert summarize(results)[0].figures == 0
        assert failures(results, 1000) == ["no figure was compared"]

    def test_the_core_must_be_the_one_that_was_measured(self, runs: list[Job], tmp_path: Path) -> None:
        with pytest.raises(McusimError, match="nucleo-l4r5zi has a cortex-m4"):
            validate(figure('label = "x"', head=HEAD + 'core = "cortex-m0plus"\n').figures, tmp_path)
        guessed = figure('label = "x"', head='name = "t"\nsource = { p = "P" }\ncore = "cortex-m3"\n')
        (result,) = validate(guessed.figures, tmp_path)
        assert "has a cortex-m4 and not a cortex-m3" in result.remark


class TestSummary:
    def test_errors_are_summed_up_by_board_and_bytes_apart(self, runs: list[Job], tmp_path: Path) -> None:
        values = (250, 200, 100, 190)  # simulated is 200: -20 %, 0 %, +100 %, +5.26 %
        rows = [f'{{ title = "{v}", function = "f", value = {v} }}' for v in values]
        rows.append('{ title = "b", label = "decaps cycles:", occurrence = 2, unit = "bytes", value = 110 }')
        time, size = summarize(validate(figures_of(*rows).figures, tmp_path))
        assert (time.name, time.figures, time.worst_title) == ("cortex-m4 on nucleo-l4r5zi", 4, "100")
        assert time.median_percent == pytest.approx((20 + 5.263) / 2, abs=0.01)
        assert time.mean_percent == pytest.approx((20 + 0 + 100 + 5.263) / 4, abs=0.01)
        assert time.bias_percent == pytest.approx((-20 + 0 + 100 + 5.263) / 4, abs=0.01)
        assert (size.name, size.figures, size.worst_percent) == ("bytes of cortex-m4 on nucleo-l4r5zi", 1, 0)

    def test_failures(self, runs: list[Job], tmp_path: Path) -> None:
        rows = ('{ title = "off", function = "f", value = 100 }', '{ title = "ok", function = "f", value = 201 }',
                '{ title = "gone", label = "nothing", value = 1 }')  # fmt: skip
        off, gone = failures(validate(figures_of(*rows).figures, tmp_path), 1.0)
        assert off == "off: +100.00 %"
        assert gone.startswith("gone: no value")


class TestCommand:
    """With real firmware: the hello example, whose loop takes 1.5 million cycles."""

    FIGURES = (
        "title,source,board,elf,label,function,unit,value\n"
        "printed,S,nucleo-l4r5zi,hello-nucleo-l4r5zi.elf,cycles:,,cycles,1500006\n"
        "called,S,nucleo-l4r5zi,hello-nucleo-l4r5zi.elf,,count_down,cycles,1510000\n"
        "absent,S,nucleo-l4r5zi,gone.elf,cycles:,,cycles,1\n"
    )

    def test_text_and_exit_code(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "f.csv").write_text(self.FIGURES)
        words = ["validate", str(tmp_path / "f.csv"), "--elfs", str(HELLO), "-j", "1", "--width", "120"]
        assert main([*words, "--fail-above", "1"]) == 0
        out = capsys.readouterr().out
        assert "0.00 %" in out
        assert "not run: no gone.elf" in out
        assert main([*words, "--fail-above", "0.1"]) == 1
        assert "failed: called: -0.6" in capsys.readouterr().err

    def test_other_formats(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "f.csv").write_text(self.FIGURES)
        words = ["validate", str(tmp_path / "f.csv"), "--elfs", str(HELLO), "-j", "1", "--match", "printed|absent"]
        assert main([*words, "--format", "json"]) == 0
        data = json.loads(capsys.readouterr().out)
        assert [each["status"] for each in data["figures"]] == ["compared", "not run"]
        assert data["summary"][0]["figures"] == 1
        assert main([*words, "--format", "csv", "-o", str(tmp_path / "t.csv")]) == 0
        lines = (tmp_path / "t.csv").read_text().splitlines()
        assert lines[1].startswith("printed,1500006")
        assert main([*words, "--format", "markdown"]) == 0
        assert "| printed | 1,500,006 |" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--elfs", "nowhere"], "is not a folder"),
            (["--elfs", ".", "--match", "zzz"], "none of the 3 figures"),
            (["--elfs", ".", "-j", "0"], "at least 1"),
            (["--elfs", ".", "--format", "html"], "unknown format"),
            ([], "--elfs"),
        ],
    )
    def test_bad_input(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
        words: list[str], message: str,
    ) -> None:  # fmt: skip
        monkeypatch.chdir(tmp_path)
        (tmp_path / "f.csv").write_text(self.FIGURES)
        assert main(["validate", "f.csv", *words]) == 2
        err = capsys.readouterr().err
        assert message in err
        assert err.count("\n") == 1

    def test_processes_give_the_same(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        second = self.FIGURES.splitlines()[1].replace("printed", "again").replace(",S,", ",S,", 1)
        (tmp_path / "f.csv").write_text(
            self.FIGURES.replace("label,", "max_cycles,label,").replace(".elf,", ".elf,,") +
            second.replace(".elf,", ".elf,90000000,") + "\n"
        )  # fmt: skip
        outputs = []
        for count in ("1", "2"):
            assert main(["validate", str(tmp_path / "f.csv"), "--elfs", str(HELLO), "-j", count]) == 0
            outputs.append(capsys.readouterr().out)
        assert outputs[0] == outputs[1]
        assert "again" in outputs[0]
