# SPDX-License-Identifier: Apache-2.0
"""The command line as a process: what it imports, and its manners towards pipes, disks and terminals."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fakes import make_profile

import mcusim
from mcusim import profile_io
from mcusim.cli.main import COMMANDS
from mcusim.reports import RenderOptions, render

ROOT = Path(mcusim.__file__).resolve().parents[1]


def mcusim_process(*words: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the real command line in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)} | more.pop("env", {})
    return subprocess.run([sys.executable, "-m", "mcusim", *words], capture_output=True, env=environment, **more)


def test_help_imports_nothing_heavy() -> None:
    heavy = {"numba", "llvmlite", "unicorn", "numpy", "matplotlib", "rich", "capstone", "msgspec"}
    heavy |= {"elftools", "intelhex", "itanium_demangler"}
    code = (
        "import sys; from mcusim.cli import main; code = main([*sys.argv[1:], '--help']); "
        f"print(sorted({heavy} & set(sys.modules)), code, file=sys.stderr)"
    )
    for command in ([], *([name] for name in COMMANDS)):
        done = subprocess.run(
            [sys.executable, "-c", code, *command], capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        assert done.stderr == b"[] 0\n", command


def test_version_and_no_command() -> None:
    assert mcusim_process("--version").stdout.startswith(b"mcusim ")
    done = mcusim_process()
    assert done.returncode == 0
    assert re.search(rb"commands:\n  profile +Run a firmware image", done.stdout)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A saved profile."""
    path = tmp_path / "run.json"
    profile_io.save(make_profile(), path)
    return path


def test_a_reader_that_goes_away_is_no_error(saved: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "mcusim", "report", str(saved)],
            stdout=stdout,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_full_disk_is_one_line(saved: Path, form: str) -> None:
    with open("/dev/full", "wb") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "mcusim", "report", str(saved), "--format", form],
            stdout=stdout,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    assert done.returncode == 2
    assert done.stderr == b"mcusim: error: stdout: cannot be written: No space left on device\n"


def test_a_terminal_without_unicode_gets_plain_characters(saved: Path) -> None:
    done = mcusim_process("report", str(saved), "--tree", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert b"|- main (main.c)" in done.stdout
    assert b"#########" in done.stdout


def test_a_pipe_gets_no_color_and_columns_counts(saved: Path) -> None:
    done = mcusim_process("report", str(saved), env={"COLUMNS": "80", "TERM": "xterm"})
    assert b"\x1b" not in done.stdout
    assert done.stdout.decode() == render(make_profile(), options=RenderOptions(width=80))


@pytest.mark.parametrize(("variable", "colored"), [("", True), ("NO_COLOR", False)])
def test_a_terminal_gets_color_unless_asked_not_to(saved: Path, variable: str, colored: bool) -> None:
    pty = pytest.importorskip("pty")
    control, terminal = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    if variable:
        environment[variable] = "1"
    process = subprocess.Popen([sys.executable, "-m", "mcusim", "report", str(saved)], stdout=terminal, env=environment)
    os.close(terminal)
    text = b""
    while True:
        try:
            piece = os.read(control, 65536)
        except OSError:  # the other end was closed
            break
        if not piece:
            break
        text += piece
    os.close(control)
    assert process.wait() == 0
    assert (b"\x1b[" in text) is colored


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_a_closed_stdout_is_one_line(saved: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m mcusim report '{saved}' >&-"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
