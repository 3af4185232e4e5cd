# SPDX-License-Identifier: Apache-2.0
"""The command line in front of a machine that is faked: options, outputs, exit codes, manners."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from fakes import make_profile

import mcusim
from mcusim import profile_io
from mcusim.cli import main, options
from mcusim.cli.main import COMMANDS, command_parser
from mcusim.errors import McusimError
from mcusim.image.model import CpuHint, Image, Symbol, VectorTable
from mcusim.machine import console_script  # noqa: F401 - loaded before `mcusim.machine` is faked
from mcusim.microbenchmark import load_cases
from mcusim.profile import Profile
from mcusim.reports import RenderOptions, render

ROOT = Path(mcusim.__file__).resolve().parents[1]


@dataclass
class FakeMachine:
    """Stands for everything between the file and the profile; remembers what it was asked."""

    prints: list[bytes] = field(default_factory=lambda: [b"class 3: 0.91\n"])
    end: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(kind="exit", status=0, text="exit(0)"))
    error: BaseException | None = None
    profile: Profile = field(default_factory=make_profile)
    runs: list[dict[str, Any]] = field(default_factory=list)

    def run(self, image: Image, board: Any, settings: Any, **rest: Any) -> SimpleNamespace:
        """Print, call progress once, and end as told."""
        self.runs.append({"image": image, "board": board, **vars(settings), **rest})
        for data in self.prints if rest["console"] else []:
            rest["console"](data)
        if self.error is not None:
            raise self.error
        return SimpleNamespace(end=self.end)


IMAGE = Image(
    name="firmware.elf",
    sha256="0" * 64,
    format="elf",
    cpu=CpuHint(),
    segments=(),
    sections=(),
    symbols=(
        Symbol("main", "main", 0x08000460, 212, "function", "main.c", aliases=("entry",)),
        Symbol("conv2d_1x1", "conv2d_1x1", 0x080007C0, 388, "function", "conv2d_1x1.c"),
    ),
    entry=0x08000400,
    vectors=VectorTable(0x08000000, 0x20001000, 0x08000400, "by hand"),
)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeMachine:
    """Put a fake machine behind the command line, and the working directory at an empty folder with a firmware."""
    fake = FakeMachine()
    board = SimpleNamespace(name="nucleo-l4r5zi", title="NUCLEO-L4R5ZI", core="cortex-m4")
    core = SimpleNamespace(title="Arm Cortex-M4", describe=lambda: [("rules", [("refill", "2", "TRM 3.3.1")])])

    def load(path: Path, base: int | None = None) -> Image:
        if not path.exists():
            raise McusimError(f"{path}: cannot be read: No such file or directory")
        return IMAGE

    modules: dict[str, dict[str, Any]] = {
        "mcusim.image": {"load": load},
        "mcusim.board": {"load_board": lambda name: board, "board_names": lambda: ["nucleo-l4r5zi"]},
        "mcusim.core": {"load_core": lambda name: core, "core_names": lambda: ["cortex-m4"]},
        "mcusim.guess": {"guess_board": lambda image: (board, "guessed: by hand")},
        "mcusim.machine": {"Settings": SimpleNamespace, "run": fake.run},
        "mcusim.attribution": {"attribute": lambda trace: fake.profile},
    }
    for name, members in modules.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.chdir(tmp_path)
    for variable in ("COLUMNS", "NO_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "firmware.elf").write_bytes(b"\x7fELF")
    return fake


def test_profile_prints_the_output_then_the_report(machine: FakeMachine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "firmware.elf"]) == 0
    out, err = capsys.readouterr()
    assert out == "class 3: 0.91\n\n" + render(machine.profile)
    assert err == ""
    (run,) = machine.runs
    assert run["board_reason"] == "guessed: by hand"
    assert (run["until"], run["max_cycles"], run["timeout_s"], run["files"]) == (None, None, None, None)
    assert (run["allow_unknown"], run["uart_input"], run["progress"]) == (False, b"", None)


@pytest.mark.parametrize("words", [["cortex-m4"], ["nucleo-l4r5zi"], ["cortex-m4", "--microbenchmarks"]])
def test_show_keeps_to_a_width(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    lengths = []
    for width in ("70", "160"):
        assert main(["show", *words, "--width", width]) == 0
        lengths.append(max(map(len, capsys.readouterr().out.splitlines())))
    assert lengths[0] < lengths[1] <= 160


def test_show_prints_the_microbenchmarks_of_a_core(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "cortex-m4"]) == 0
    assert "--microbenchmarks prints them" in capsys.readouterr().out
    assert main(["show", "cortex-m4", "--microbenchmarks"]) == 0
    out = capsys.readouterr().out
    for case in load_cases("cortex-m4").case:
        assert f"  {case.name} " in out
    assert "trm: Arm DDI 0439D" in out
    assert max(map(len, out.splitlines())) <= 120
    assert main(["show", "nucleo-l4r5zi", "--microbenchmarks"]) == 2
    assert main(["show", "cortex-m0", "--microbenchmarks"]) == 2
    assert "cortex-m0 has no microbenchmarks" in capsys.readouterr().err


def test_show_has_the_caches_and_buses_of_a_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "nucleo-h743zi"]) == 0
    text = capsys.readouterr().out
    for words in ("caches", "dcache_ways", "bus of axi-sram", "first_cycles", "estimate: "):
        assert words in text


def test_show_says_how_microbenchmarks_are_repeated_and_which_are_missed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")  # no cell is broken
    assert main(["show", "cortex-m7", "--microbenchmarks"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    file = load_cases("cortex-m7")
    missed = file.why_missed()
    assert f"{len(file.case)} cases; the model gives these cycles exactly, but for {len(missed)} that it miss" in words
    assert "each of copies 5 to 14 in a row, behind uxtb.w r11, r11; nop.w, which is not counted" in words
    assert words.count("missed: ") == len(missed)
    assert "a turn of a loop" in words
    assert "only cycles of misprediction" in words


def test_what_if_reaches_the_machine(machine: FakeMachine) -> None:
    words = "--clock 80M --core cortex-m4 --wait-states 5 --set flash.cache=off --set flash.prefetch=on"
    assert main(["profile", "firmware.elf", *words.split()]) == 0
    (run,) = machine.runs
    assert (run["clock_hz"], run["core"], run["wait_states"]) == (80_000_000, "cortex-m4", 5)
    assert run["memory"] == ("flash.cache=off", "flash.prefetch=on")


def test_what_is_said_of_registers_reaches_the_machine(machine: FakeMachine, tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text("[[register]]\naddress = 0x40000000\nvalue = 1\n")
    (tmp_path / "part.svd").write_text("<device/>")
    words = "--device-overlay a.toml --device-overlay b.toml --svd part.svd --strict-mmio"
    assert main(["profile", "firmware.elf", *words.split()]) == 0
    (run,) = machine.runs
    assert [overlay.name for overlay in run["overlays"]] == ["a.toml", "b.toml"]
    assert (run["svd"].name, run["strict_mmio"]) == ("part.svd", True)


@pytest.mark.parametrize("option", ["--device-overlay", "--svd"])
def test_a_file_that_cannot_be_read_is_one_line(
    option: str, machine: FakeMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", "firmware.elf", option, "none"]) == 2
    assert "none: cannot read the" in capsys.readouterr().err


def test_options_reach_the_machine(machine: FakeMachine, tmp_path: Path) -> None:
    (tmp_path / "in.bin").write_bytes(b"hello")
    words = "--board b --until main:3 --max-cycles 10M --timeout 0.5 --uart-in in.bin --files . --allow-unknown"
    assert main(["profile", "firmware.elf", *words.split()]) == 0
    (run,) = machine.runs
    assert run["board_reason"] == "given by --board"
    assert (run["until"], run["max_cycles"], run["timeout_s"], run["files"]) == ("main:3", 10**7, 0.5, Path("."))
    assert (run["allow_unknown"], run["uart_input"]) == (True, b"hello")


def test_saving_and_reporting_again_give_the_same(machine: FakeMachine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "firmware.elf", "-o", "run.json", "-q"]) == 0
    first = capsys.readouterr()
    assert first.err == "mcusim: wrote run.json\n"
    assert profile_io.load_profile(Path("run.json")) == machine.profile
    assert main(["report", "run.json"]) == 0
    assert capsys.readouterr().out == first.out
    assert main(["report", "run.json", "--format", "json"]) == 0
    assert capsys.readouterr().out.encode() == Path("run.json").read_bytes()


def test_data_formats_have_stdout_for_themselves(machine: FakeMachine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "firmware.elf", "--format", "csv", "--sort", "calls"]) == 0
    out, err = capsys.readouterr()
    assert out == render(machine.profile, "csv", options=RenderOptions(sort="calls"))
    assert err == "class 3: 0.91\n"


def test_an_open_line_of_the_firmware_is_ended(machine: FakeMachine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.prints = [b"a", b"", b"b"]
    assert main(["profile", "firmware.elf"]) == 0
    assert capsys.readouterr().out.startswith("ab\n\nkeyword_spotting.elf")


def test_an_interrupted_run_is_reported(machine: FakeMachine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.profile.end.kind = "interrupted"
    assert main(["profile", "firmware.elf", "-o", "run.json"]) == 130
    assert "keyword_spotting.elf" in capsys.readouterr().out
    assert Path("run.json").exists()


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("exit", 0, 0),
        ("exit", 7, 7),
        ("exit", -1, 255),
        ("exit", 256, 1),
        ("exit", None, 0),
        ("loop", None, 0),
        ("until", None, 0),
        ("max-cycles", None, 124),
        ("timeout", None, 124),
        ("interrupted", None, 130),
    ],
)
def test_run_exits_with_the_firmwares_status(
    machine: FakeMachine, capsys: pytest.CaptureFixture[str], kind: str, status: int | None, code: int
) -> None:
    machine.end = SimpleNamespace(kind=kind, status=status, text="why it ended")
    assert main(["run", "firmware.elf"]) == code
    out, err = capsys.readouterr()
    assert out == "class 3: 0.91\n"
    assert err == ("" if kind == "exit" else "mcusim: ended: why it ended\n")


def nothing_written() -> bool:
    """True if the folder holds the firmware alone."""
    return os.listdir(".") == ["firmware.elf"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("profile", "give FIRMWARE, or name it in mcusim.toml"),
        ("profile none.elf", "none.elf: cannot be read: No such file or directory"),
        ("profile firmware.elf -o none/run.json", "none/run.json: cannot be written: folder 'none' does not exist"),
        ("profile firmware.elf -o .", ".: is a folder: give the name of a file"),
        ("profile firmware.elf -o firmware.elf", "exists already: give another name, or --force to replace it"),
        ("profile firmware.elf -o firmware.elf --force", "is an input of this command: choose another output file"),
        ("profile firmware.elf -o -", "give the name of a file"),
        ("profile firmware.elf --files none", "--files none: is not a folder"),
        ("profile firmware.elf --uart-in none", "--uart-in none: cannot be read: No such file"),
        ("profile firmware.elf --uart-script none", "--uart-script none: cannot be read: No such file"),
        ("profile firmware.elf --uart-script firmware.elf", "--uart-script firmware.elf: line 1: "),
        ("profile firmware.elf --format txt", "unknown format 'txt': did you mean text?"),
        ("profile firmware.elf --sort slef", "unknown sort key 'slef': did you mean self?"),
        ("profile firmware.elf --format json --tree", "json is always the whole profile"),
        ("profile firmware.elf --format lcov", "firmware.elf has no line information: build the firmware with -g"),
        ("profile firmware.elf --format pprof --top 3", "pprof is always the whole profile: drop --show"),
        ("profile firmware.elf -f collapsed --show causes", "collapsed holds one kind of paths: --show one of"),
        ("profile firmware.elf --annotate conv2d_1x2", "no function 'conv2d_1x2': did you mean conv2d_1x1?"),
        ("profile firmware.elf --match ((", "--match '((': not a regular expression or glob"),
        ("report run.json --show causes --match conv", "--match chooses functions, which --show leaves out"),
        ("profile firmware.elf --max-cycles many", "'many' is not a whole number"),
        ("profile firmware.elf --base 0xzz", "'0xzz' is not an address"),
        ("profile firmware.elf --timeout -1", "'-1' is not a time"),
        ("profile firmware.elf --nonsense", "unknown option '--nonsense' (see 'mcusim profile --help')"),
        ("profile --clok 80M firmware.elf", "unknown option '--clok': did you mean --clock? (see 'mcusim profile"),
        ("profile firmware.elf -xjson", "unknown option '-xjson' (see 'mcusim profile --help')"),
        ("profile firmware.elf --outptu=x", "unknown option '--outptu': did you mean --output?"),
        ("--versoin", "unknown option '--versoin': did you mean --version? (see 'mcusim --help')"),
        ("completion csh", "unknown shell 'csh': did you mean zsh"),
        (
            "profile x.elf --memory",
            "--memory: expected one argument, WHEN: track every access of memory: on, off, auto",
        ),
        ("profil firmware.elf", "unknown command 'profil': did you mean profile?"),
        ("list bords", "unknown list 'bords': did you mean boards or cores or formats?"),
        ("show cortex-m5", "unknown core or board 'cortex-m5': did you mean cortex-m4?"),
        ("report firmware.elf", "not a saved profile (starts with"),
        ("report none.json -o x", "none.json: cannot be read"),
    ],
)
def test_bad_input_is_one_line(
    machine: FakeMachine, capsys: pytest.CaptureFixture[str], words: str, message: str
) -> None:
    assert main(words.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("mcusim: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert machine.runs == []
    assert nothing_written()


@pytest.mark.parametrize("verbose", [False, True])
def test_errors_of_the_run_are_one_line_and_leave_nothing(
    machine: FakeMachine, capsys: pytest.CaptureFixture[str], verbose: bool
) -> None:
    machine.error = McusimError("firmware.elf: jumped\nto 0x00000000")
    assert main(["profile", "firmware.elf", "-o", "run.json", *(["-v"] if verbose else [])]) == 2
    err = capsys.readouterr().err
    assert err.endswith("mcusim: error: firmware.elf: jumped to 0x00000000\n")
    assert ("Traceback" in err) is verbose
    assert nothing_written()


def test_a_bug_is_called_a_bug(machine: FakeMachine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.error = ZeroDivisionError("oops")
    assert main(["run", "firmware.elf"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("mcusim: internal error: ZeroDivisionError: oops (a bug in mcusim")
    assert "Traceback" not in err
    machine.error = KeyboardInterrupt()
    assert main(["run", "firmware.elf"]) == 130


def test_force_replaces_and_keeps_the_old_file_until_then(machine: FakeMachine) -> None:
    Path("run.json").write_text("old")
    machine.error = McusimError("no")
    assert main(["profile", "firmware.elf", "-o", "run.json", "--force"]) == 2
    assert Path("run.json").read_text() == "old"
    machine.error = None
    assert main(["profile", "firmware.elf", "-o", "run.json", "--force"]) == 0
    assert profile_io.load_profile(Path("run.json")) == machine.profile
    assert sorted(os.listdir(".")) == ["firmware.elf", "run.json"]


def test_the_profile_is_saved_even_if_the_report_cannot_be_made(machine: FakeMachine) -> None:
    machine.profile.instructions = []
    assert main(["profile", "firmware.elf", "-o", "run.json", "--annotate", "conv2d_1x1"]) == 2
    assert Path("run.json").exists()


def test_annotate_knows_aliases(machine: FakeMachine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.profile.instructions[0].function = 1  # so that main has one
    assert main(["profile", "firmware.elf", "--annotate", "entry"]) == 0
    assert "\nmain, 481 cycles in 1 call\n" in capsys.readouterr().out


def test_a_report_goes_to_a_file_whole(machine: FakeMachine, capsys: pytest.CaptureFixture[str]) -> None:
    profile_io.save(machine.profile, Path("run.json"))
    assert main(["report", "run.json", "--format", "markdown", "-o", "report.md"]) == 0
    assert Path("report.md").read_text() == render(machine.profile, "markdown")
    assert main(["report", "run.json", "-o", "report.md"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert Path("report.md").stat().st_mode & 0o777 == Path("run.json").stat().st_mode & 0o777


def test_list_and_show(machine: FakeMachine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert "boards\n  nucleo-l4r5zi  NUCLEO-L4R5ZI, cortex-m4\n" in out
    assert "cores\n  cortex-m4  Arm Cortex-M4\n" in out
    assert "formats\n  text      " in out
    assert main(["list", "cores"]) == 0
    assert capsys.readouterr().out == "cortex-m4  Arm Cortex-M4\n"
    assert main(["show", "cortex-m4"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "cortex-m4\n\nrules\n\n  key     value  source\n  refill  2      TRM 3.3.1\n\nmicrobenchmarks\n"
    )


def test_show_tells_all_of_a_board() -> None:
    from mcusim.board import Board, Clock, Device, Region
    from mcusim.cli.show import describe_board

    board = Board(
        name="b",
        title="B",
        core="cortex-m4",
        clock=Clock(reset_hz=4_000_000, max_hz=120_000_000, source="RM 6"),
        sources={"RM": "Reference manual"},
        region=(
            Region(
                name="sram1", kind="sram", start=0x20000000, size_bytes=196_608, source="RM 2", aliases=(0x10000000,)
            ),
        ),
        device=(
            Device(name="uart", type="stm32-usart", start=0x40004800, size_bytes=1024, source="RM 50", interrupt=1),
        ),
    )
    sections = dict(describe_board(board))
    assert sections["memory"] == [
        ("sram1", "0x20000000..0x20030000 192 KiB sram, also at 0x10000000", "RM 2"),
    ]
    assert sections["devices"] == [("uart", "0x40004800..0x40004c00 1 KiB stm32-usart, interrupt 1", "RM 50")]
    assert sections["clock"][1] == ("highest", "120 MHz", "RM 6")


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("250", 250), ("1_000", 1000), ("1e9", 10**9), ("10M", 10**7), ("1.5k", 1500)]
)
def test_counts(text: str, value: int) -> None:
    assert options.count_or_zero(text) == value


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1e-3", "1e99", "nan", "inf", "10MM", "0x10", "9" * 400, "1e", "١"])
def test_what_is_not_a_count(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        options.count_or_zero(text)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"\n  mcusim {command} " in out or f"\n  mcusim {command}\n" in out
    assert "\nexamples:\n" in out
    assert max(map(len, out.splitlines())) <= 120


@pytest.mark.parametrize("command", COMMANDS)
def test_every_example_of_a_help_is_a_command_line(command: str) -> None:
    """As far as the parser can tell: the files need not exist."""
    parser = command_parser(command)
    lines = [
        line.strip() for line in (parser.epilog or "").splitlines() if line.strip().startswith(f"mcusim {command}")
    ]
    assert lines
    for line in lines:
        words = re.split(r"\s{2,}| [|>] ", line)[0]
        parser.parse_args(shlex.split(words)[2:])


def test_the_commands_and_the_folder_agree() -> None:
    shared = {"__init__", "main", "budgeting", "cold", "completing", "console", "inputs", "manual", "options",
              "project", "running"}  # fmt: skip
    modules = {path.stem for path in (ROOT / "mcusim" / "cli").glob("*.py")} - shared
    assert modules == set(COMMANDS.values())


def test_output_through_links_and_into_devices(tmp_path: Path) -> None:
    from mcusim import output

    target = tmp_path / "real"
    target.mkdir()
    link = tmp_path / "link.json"
    link.symlink_to(target / "run.json")
    output.write(link, b"data", force=False)
    assert link.is_symlink()
    assert (target / "run.json").read_bytes() == b"data"
    output.write(Path(os.devnull), b"data", force=False)
    assert not Path(os.devnull).is_file()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_found_before_the_run(machine: FakeMachine, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert main(["profile", "firmware.elf", "-o", "locked/run.json"]) == 2
    assert machine.runs == []


@pytest.mark.parametrize("name", ["/proc/run.json", "x" * 300, "a\0b"])
def test_an_unwritable_place_is_found_before_the_run(
    machine: FakeMachine, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["profile", "firmware.elf", "-o", name]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert machine.runs == []
    assert nothing_written()


@pytest.mark.parametrize(("name", "verb"), [("hello.elf", "profile"), ("run.json", "report")])
def test_a_file_in_the_place_of_a_command(
    name: str, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(b"")
    assert main([name]) == 2
    assert f"did you mean 'mcusim {verb} {name}'?" in capsys.readouterr().err
