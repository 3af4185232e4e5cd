# SPDX-License-Identifier: Apache-2.0
"""The blocks of code in a page of the documentation: what they are, what their marks say, what they print.

A block is fenced or indented code, as CommonMark has it. An HTML comment before a block is a *mark*:

    <!-- not run: REASON -->    the commands or the Python code of the block are not run
    <!-- exit code: N -->       commands of the block exit with N
    <!-- file: NAME -->         the block is the text of a file, for the commands below it
    <!-- output -->             the block is what the last command (or the Python code) of the block before it
                                writes to stdout
    <!-- with: NAME = FILE -->  before the block, FILE of the repository is copied to NAME

Output that is shown may be abridged: a line `...` stands for any number of lines, ` ...` at a line's end for its rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

SHELL = ("sh", "bash", "shell", "console")
# What a block without a language begins with if it is commands, and not a picture or a piece of output.
COMMANDS = ("mcusim", "make", "python", "python3", "pip", "pytest", "bash", "git", "man", "source", "eval", "cd",
            "gdb-multiarch", "arm-none-eabi-gcc", "qemu-system-arm", "apt")  # fmt: skip
MARKS = ("not run", "exit code", "file", "output", "with")
_MARK = re.compile(r"<!--\s*(" + "|".join(MARKS) + r")(?::\s*(.*?))?\s*-->", re.DOTALL)
PROMPT = "$ "
_GAP = "..."


@dataclass(frozen=True)
class Block:
    """One block: the page, its first and last line (1-based; fences among them), language, text, marks."""

    page: Path
    first_line: int
    last_line: int
    language: str
    text: str
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Return where it is, for messages."""
        return f"{self.page.name}:{self.first_line}"

    @property
    def is_shell(self) -> bool:
        """Return whether the block is commands, of whatever program."""
        if {"file", "output"} & set(self.marks):
            return False
        words = self.text.split(maxsplit=1)
        return self.language in SHELL or (not self.language and bool(words) and _program(words[0]) in COMMANDS)


@dataclass(frozen=True)
class Step:
    """One command of a block: on one line, as it is written, and the lines of output that are shown below it."""

    command: str
    written: tuple[str, ...]
    shown: tuple[str, ...] = ()


def read_blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, in order. Raises `AssertionError` for a mark with no block behind it."""
    tokens = MarkdownIt().enable("table").parse(page.read_text("utf-8"))
    blocks: list[Block] = []
    marks: dict[str, str] = {}
    for token in tokens:
        if token.type == "html_block":
            marks |= {name: " ".join(value.split()) for name, value in _MARK.findall(token.content)}
        elif token.type in ("fence", "code_block"):
            blocks.append(_block(page, token, marks))
            marks = {}
        elif token.type.endswith("_open"):
            assert not marks, f"{page.name}: the mark {marks} has no block behind it"
    assert not marks, f"{page.name}: the mark {marks} has no block behind it"
    return blocks


def _block(page: Path, token: Token, marks: dict[str, str]) -> Block:
    assert token.map is not None
    language = (token.info.split() or [""])[0]
    return Block(page, token.map[0] + 1, token.map[1], language, token.content, marks)


def _program(word: str) -> str:
    """Return the program that a command line begins with, without its folder."""
    return word.removeprefix(".venv/bin/")


def steps(block: Block) -> list[Step]:
    """Return the commands of a block. In one that has prompts (`$ `), lines without are output."""
    lines = block.text.rstrip().splitlines()
    prompts = has_prompts(block)
    found: list[Step] = []
    while lines:
        written = [lines.pop(0)]
        if prompts and not written[0].startswith(PROMPT):
            assert found, f"{block.place}: output before the first command"
            found[-1] = replace(found[-1], shown=(*found[-1].shown, written[0]))
            continue
        while written[-1].endswith("\\") and lines:
            written.append(lines.pop(0))
        command = " ".join(line.removesuffix("\\") for line in written).removeprefix(PROMPT)
        if command := without_comment(command):
            found.append(Step(command, tuple(written)))
    return found


def has_prompts(block: Block) -> bool:
    """Return whether commands of a block are told from output by `$ `."""
    return any(line.startswith(PROMPT) for line in block.text.splitlines())


def without_comment(line: str) -> str:
    """Return a command line without its comment, on one line."""
    return " ".join(re.sub(r"(^|\s)#.*", "", line).split())


def differs(shown: Sequence[str], printed: Sequence[str]) -> str:
    """Return where lines that are shown are not what was printed, or '' if they are."""
    at = 0
    pieces = _pieces(shown)
    for number, piece in enumerate(pieces):
        last = number == len(pieces) - 1
        starts = [at] if number == 0 else [len(printed) - len(piece)] if last else range(at, len(printed) + 1)
        at = next((start + len(piece) for start in starts if start >= at and _fits(piece, printed[start:])), -1)
        if at < 0 or (last and at != len(printed)):
            return _told(piece, printed, number == 0)
    return ""


def _pieces(shown: Sequence[str]) -> list[list[str]]:
    """Return what stands between the lines of dots."""
    pieces: list[list[str]] = [[]]
    for line in shown:
        if line.strip() == _GAP:
            pieces.append([])
        else:
            pieces[-1].append(line.rstrip())
    return pieces


def _fits(piece: Sequence[str], printed: Sequence[str]) -> bool:
    return len(piece) <= len(printed) and all(map(_same, piece, printed))


def _same(shown: str, printed: str) -> bool:
    return shown == printed.rstrip() or (shown.endswith(" " + _GAP) and printed.startswith(shown[: -len(_GAP)]))


def _told(piece: Sequence[str], printed: Sequence[str], at_start: bool) -> str:
    """Return the first line that was not printed, or all there is."""
    known = [line.rstrip() for line in printed]
    for line in piece:
        if not any(_same(line, each) for each in known):
            return f"not printed: {line!r}"
    where = "at the start" if at_start else "together, in this order"
    return f"not printed {where}: {list(piece)!r}"


def renewed(shown: Sequence[str], printed: Sequence[str]) -> list[str]:
    """Return the lines to show for new output: the same lines as before, told by their words where figures changed.

    Raises `AssertionError` where a line between dots is not found again: then it has to be shown anew by hand.
    """
    pieces, result, at = _pieces(shown), [], 0
    for number, piece in enumerate(pieces):
        if number:
            result.append(_gap(shown, number))
        if len(pieces) == 1:
            return [line.rstrip() for line in printed]
        keys = [_key(line) for line in printed]
        if piece:
            start = 0 if number == 0 else keys.index(_key(piece[0]), at) if _key(piece[0]) in keys[at:] else -1
            assert start >= 0, f"no lines like {piece[0]!r} any more"
            at = start + len(piece)
            result += [
                old if _same(old, new) else new.rstrip() for old, new in zip(piece, printed[start:], strict=False)
            ]
    return result


def _gap(shown: Sequence[str], number: int) -> str:
    """Return the number-th line of dots as it was written."""
    return [line for line in shown if line.strip() == _GAP][number - 1]


def _key(line: str) -> str:
    """Return what of a line stays as figures change."""
    return " ".join(re.sub(r"[\d,.]+|[█▏▎▍▌▋▊▉]+", "0", line).split())
