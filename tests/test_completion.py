# SPDX-License-Identifier: Apache-2.0
"""Completion in a real bash, what each option completes to, and the manual page in a real troff."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mcusim.board import board_names
from mcusim.cli import main
from mcusim.cli.completing import completer_of, parser_for
from mcusim.cli.main import COMMANDS, command_parser
from mcusim.cli.manual import commands
from mcusim.core import core_names
from mcusim.reports import FORMATS
from mcusim.reports.options import SECTIONS

ROOT = Path(__file__).resolve().parents[1]
HELLO = "examples/hello/hello-nucleo-l4r5zi.elf"
ENV = {**os.environ, "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))}

# What bash does when Tab is pressed at the end of a line; it prints what it would offer, one line for each line.
BASH = """
eval "$(mcusim completion bash)"
while IFS= read -r COMP_LINE; do
    COMP_POINT=${#COMP_LINE}
    read -ra COMP_WORDS <<<"$COMP_LINE"
    [[ $COMP_LINE == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_TYPE=9 COMPREPLY=()
    _python_argcomplete mcusim
    printf '%s|' "${COMPREPLY[@]}"
    echo
done
"""


def test_bash_completes_commands_names_functions_and_files() -> None:
    expected = {
        "mcusim prof": "profile |",
        "mcusim profile --clo": "--clock |",
        "mcusim profile --board mps2-an38": "mps2-an385|mps2-an386|",
        "mcusim report --show layers,pe": "layers,peak |",
        f"mcusim profile {HELLO} --annotate count": "count_down |",
        f"mcusim profile {HELLO.removesuffix('-nucleo-l4r5zi.elf')}": f"{HELLO} |",
    }
    lines = "".join(line + "\n" for line in expected)
    done = subprocess.run(["bash", "-c", BASH], input=lines, cwd=ROOT, env=ENV, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert dict(zip(expected, done.stdout.splitlines(), strict=True)) == expected


def offered(line: str, option: str, prefix: str = "", **parsed: Any) -> list[str]:
    """Return what an option or argument of the command on a line completes to."""
    commands = next(action for action in parser_for(line)._actions if isinstance(action, argparse._SubParsersAction))
    parser = commands.choices[line.split()[1]]
    action = next(each for each in parser._actions if option in (*each.option_strings, each.dest))
    return sorted(action.completer(prefix=prefix, parsed_args=argparse.Namespace(**parsed)))  # type: ignore[attr-defined]


def test_names_complete_to_those_that_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("")
    (tmp_path / "other.txt").write_text("")
    assert offered("mcusim profile ", "--board") == sorted([*board_names(), "mine.toml"])
    assert offered("mcusim profile ", "--core") == sorted(core_names())
    assert offered("mcusim show ", "name") == sorted([*core_names(), *board_names(), "mine.toml"])
    assert offered("mcusim report ", "--format") == sorted(FORMATS)
    assert "layers,peak" in offered("mcusim report ", "--show", "layers,")
    assert "layers,layers" not in offered("mcusim report ", "--show", "layers,")
    assert set(SECTIONS) <= set(offered("mcusim report ", "--show"))
    assert "tinyengine" in offered("mcusim profile ", "--layers")
    assert "flash.cache=off" in offered("mcusim profile ", "--set")
    assert offered("mcusim profile ", "--max-cycles") == []
    assert offered("mcusim plot ", "--kind", "")[0] == "cycles"
    (tmp_path / "run.json").write_text("")
    assert offered("mcusim report ", "profile") == ["run.json"]


def test_functions_are_those_of_the_firmware_on_the_line() -> None:
    names = offered("mcusim profile ", "--until", "", firmware=str(ROOT / HELLO))
    assert {"main", "count_down"} <= set(names)
    assert offered("mcusim profile ", "--until", "", firmware="none.elf") == []
    assert offered("mcusim profile ", "--until", "") == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_with_a_value_says_what_it_completes_to(command: str) -> None:
    """A word that is not a file completes to files only where nobody has thought of it."""
    for action in command_parser(command)._actions:
        assert action.nargs == 0 or action.choices or completer_of(action) is not None, action


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "mcusim" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_the_manual_page_is_set_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["man"]) == 0
    page = capsys.readouterr().out
    done = subprocess.run(["groff", "-man", "-Tascii", "-ww", "-P-c"], input=page, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    text = " ".join(done.stdout.replace("\b", "").split())
    for command in commands():
        assert f"mcusim {command.name}" in page
        for _, options in command.groups:
            assert all(option.text for option in options), command.name
    assert "exit code 130" not in text


def test_the_manual_has_every_option_and_example() -> None:
    found = {command.name: command for command in commands()}
    assert list(found) == list(COMMANDS)
    profile = found["profile"]
    assert found["run"].usage == "mcusim run FIRMWARE [OPTION]..."
    assert found["plot"].usage == "mcusim plot RUN.json -o FILE [OPTION]..."
    assert profile.paragraphs[0] == "Run a firmware image and report where its cycles go."
    written = {option.written: option.text for _, options in profile.groups for option in options}
    assert written["--max-cycles N"] == "stop after N cycles; 1e9 and 10M are numbers, too"
    assert "-o FILE, --output FILE" in written
    assert ("mcusim profile firmware.elf", "guess the board, run to the end, report") in profile.examples
    assert all(command.examples for command in found.values())


def test_the_manual_page_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["man", "-o", str(tmp_path / "mcusim.1")]) == 0
    assert (tmp_path / "mcusim.1").read_text().startswith('.\\" SPDX-License-Identifier: Apache-2.0\n.TH MCUSIM 1 ')
