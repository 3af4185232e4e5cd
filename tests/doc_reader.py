# SPDX-License-Identifier: Apache-2.0
"""Somebody who follows a page of the documentation: runs its commands in order, and looks at what they print.

`mcusim` commands run in this process, through `mcusim.cli.main`, in a folder of their own that looks like the top of
the repository; a command that was run before, with the same files around it, is not run again. Commands with pipes and
the like, and those of Python, run in a shell. `make GOAL` is only asked what it would do: `make -n`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from doc_blocks import Block, differs, has_prompts, read_blocks, renewed, steps

from mcusim.cli import main

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_S = 120
# Files of the desk that pages do not write themselves: name -> from where in the repository.
SUPPLIES = {
    "firmware.elf": "examples/hello/hello-nucleo-l4r5zi.elf",
    "kernels.elf": "examples/kernel_tests/kernels.elf",
    "suite.toml": "examples/kernel_tests/suite.toml",
}
FOLDERS = ("examples", "traces/measured")


@dataclass(frozen=True)
class Done:
    """What a command gave: exit code, what a terminal shows (stdout and stderr), and stdout alone."""

    code: int
    text: str
    out: str


_done: dict[tuple[Any, ...], Done] = {}
_results = tempfile.TemporaryDirectory()


def make_desk(folder: Path) -> Path:
    """Fill a folder with what a reader has at the top of the repository, and with a firmware.elf. Returns it."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("build"))
    for name, source in SUPPLIES.items():
        shutil.copy(ROOT / source, folder / name)
    return folder


def run(command: str, desk: Path, page: Path) -> Done:
    """Run one command as a reader of the page would. Raises `AssertionError` for a program that nobody knows."""
    words = shlex.split(command)
    if re.search(r"[|<>;&`]|\$\(", re.sub(r"'[^']*'", "", command)):
        return _in_shell(command, desk)
    if words[0] == "mcusim":
        return _mcusim(command, _expanded(command, desk)[1:], desk)
    if words[0] == "make":
        return _in_shell(f"make -n {shlex.join(words[1:])}", _home(page))
    if words[0] in ("python", "pytest"):
        return _in_shell(command, _home(page) if (_home(page) / words[1]).exists() else desk)
    raise AssertionError(f"{command}: say why it is not run: <!-- not run: REASON -->")


def _expanded(command: str, desk: Path) -> list[str]:
    """Return the words of a command as a shell gives them: patterns outside of quotes are names of files."""

    def names(pattern: re.Match[str]) -> str:
        found = sorted(str(path.relative_to(desk)) for path in desk.glob(pattern[0]))
        return " ".join(found) or pattern[0]

    return shlex.split(re.sub(r"(?<=\s)[^\s'\"]*\*[^\s'\"]*(?=\s|$)", names, command))


def _home(page: Path) -> Path:
    """Return the folder in which a page's `make` and `python` commands are meant: its example's, or the top."""
    return page.parent if "examples" in page.relative_to(ROOT).parts else ROOT


def _in_shell(command: str, folder: Path) -> Done:
    env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "MAKEFLAGS", "MAKELEVEL")}
    env["MCUSIM_CACHE"] = _results.name
    env["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), env.get("PATH", "")))
    done = subprocess.run(
        command, shell=True, cwd=folder, env=env, text=True, timeout=TIMEOUT_S, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stdout)


def _mcusim(command: str, words: list[str], desk: Path) -> Done:
    """Run a command in this process; what only prints is remembered by the command and the files that it could read."""
    before = _files(desk)
    key = (command, before)
    if key not in _done:
        with at(desk), captured() as output:
            code = main(words)
        done = Done(code, output.both.getvalue().decode(), output.getvalue().decode())
        if _files(desk) != before:
            return done
        _done[key] = done
    return _done[key]


@contextlib.contextmanager
def at(folder: Path) -> Iterator[None]:
    """Work in a folder, with no width of a terminal to go by. Results of sweeps are kept from page to page."""
    before = dict(os.environ)
    os.environ.pop("COLUMNS", None)
    os.environ["MCUSIM_CACHE"] = _results.name
    with contextlib.chdir(folder):
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


class Written(io.BytesIO):
    """What is written to one of two streams; `both` has what is written to either, in its order."""

    def __init__(self, both: io.BytesIO) -> None:
        super().__init__()
        self.both = both

    def write(self, data: Any, /) -> int:
        """Write to both."""
        self.both.write(data)
        return super().write(data)


@contextlib.contextmanager
def captured() -> Iterator[Written]:
    """Take what is written to stdout (what is yielded) and stderr (with it, in its `both`)."""
    both = io.BytesIO()
    written = Written(both)
    out, err = (io.TextIOWrapper(data, encoding="utf-8", write_through=True) for data in (written, Written(both)))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield written
    for stream in (out, err):
        stream.flush()
        stream.detach()


def _files(desk: Path) -> tuple[tuple[str, str], ...]:
    """Return name and hash of every file of the desk but those that nobody changes."""
    return tuple(
        (str(path.relative_to(desk)), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(desk.rglob("*"))
        if path.is_file() and path.relative_to(desk).parts[0] not in ("examples", "traces")
    )


@dataclass
class Reader:
    """Goes through one page; `renew` writes the output that is shown anew, where it is not what was printed."""

    page: Path
    desk: Path
    renew: bool = False
    _names: dict[str, Any] = field(default_factory=dict)
    _printed: str = ""
    _changes: dict[int, tuple[Block, list[str]]] = field(default_factory=dict)

    def read(self) -> None:
        """Do everything that the page says. Raises `AssertionError` where something is not as the page has it."""
        for block in read_blocks(self.page):
            self._do(block)
        if self._changes:
            self._write()

    def _do(self, block: Block) -> None:
        if "with" in block.marks:
            name, source = block.marks["with"].split(" = ")
            shutil.copy(ROOT / source, self.desk / name)
        if "not run" in block.marks:
            assert block.marks["not run"], f"{block.place}: 'not run' without a reason"
        elif "file" in block.marks:
            target = self.desk / block.marks["file"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text)
        elif "output" in block.marks:
            self._compare(block, block.text.splitlines(), self._printed)
        elif block.is_shell:
            self._printed = self._follow(block)
        elif block.language == "python":
            self._printed = self.execute(block.text, block.place)

    def execute(self, text: str, place: str) -> str:
        """Execute Python code with the names of the page's blocks above it. Returns what it prints."""
        with at(self.desk), captured() as output:
            exec(compile(text, place, "exec"), self._names)
        return output.getvalue().decode()

    def _follow(self, block: Block) -> str:
        """Run the commands of a block and compare what is shown. Returns what the last one wrote to stdout."""
        printed = ""
        lines: list[str] = []
        for step in steps(block):
            before = _files(self.desk)
            done = run(step.command, self.desk, self.page)
            expected = int(block.marks.get("exit code", "0"))
            assert done.code == expected, f"{block.place}: {step.command}: exit code {done.code}\n{done.text}"
            assert done.text or _files(self.desk) != before, f"{block.place}: {step.command} did nothing"
            printed = done.out
            lines += step.written
            if step.shown:
                end = [""] if not step.shown[-1].strip() else []
                shown = list(step.shown[: -len(end)] if end else step.shown)
                lines += [*self._checked(block, shown, done.text.splitlines()), *end]
        if has_prompts(block) and lines != block.text.rstrip().splitlines():
            self._changes[block.first_line] = (block, lines)
        return printed

    def _compare(self, block: Block, shown: list[str], printed: str) -> None:
        lines = self._checked(block, shown, printed.splitlines())
        if lines != shown:
            self._changes[block.first_line] = (block, lines)

    def _checked(self, block: Block, shown: list[str], printed: list[str]) -> list[str]:
        """Return the lines to show: those that are shown, or with `renew` those that should be."""
        difference = differs(shown, printed)
        if difference and self.renew:
            return renewed(shown, printed)
        hint = "if the page is to follow: make golden"
        assert not difference, "\n".join([f"{block.place}: {difference}; {hint}", *printed])
        return list(shown)

    def _write(self) -> None:
        """Put the changed blocks into the page."""
        if not self.renew:
            return
        lines = self.page.read_text("utf-8").splitlines()
        for first, (block, text) in sorted(self._changes.items(), reverse=True):
            fenced = lines[first - 1].lstrip().startswith("```")
            start = first if fenced else first - 1
            end = start + len(block.text.splitlines())
            indent = re.match(r" *", lines[first - 1])
            assert indent is not None
            lines[start:end] = [(indent[0] + line).rstrip() for line in text]
        self.page.write_text("\n".join(lines) + "\n", encoding="utf-8")
