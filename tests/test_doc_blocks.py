# SPDX-License-Identifier: Apache-2.0
"""Reading and following pages of the documentation, on pages made up here."""

from __future__ import annotations

from pathlib import Path

import pytest
from doc_blocks import Block, differs, read_blocks, renewed, steps
from doc_reader import Reader, run

PAGE = """\
# A page

<!-- file: a.txt -->
```text
one
```

    mcusim list formats   # a comment

```console
$ mcusim list layers
auto ...
none ...
...
callees-of=SYMBOL  the functions ...
...
```

Words with `code`.

<!-- not run: no reason
at all -->

    mcusim nonsense

1. In a list:

   <!-- exit code: 2 -->

       mcusim \\
           nonsense

```python
print(2 * 3)
```

<!-- output -->

    6

Words.

    nothing to run
"""


def page_of(tmp_path: Path, text: str) -> Path:
    """Return a page in a file."""
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_blocks_are_found_with_their_marks(tmp_path: Path) -> None:
    blocks = read_blocks(page_of(tmp_path, PAGE))
    assert [(block.language, block.is_shell, block.marks) for block in blocks] == [
        ("text", False, {"file": "a.txt"}),
        ("", True, {}),
        ("console", True, {}),
        ("", True, {"not run": "no reason at all"}),
        ("", True, {"exit code": "2"}),
        ("python", False, {}),
        ("", False, {"output": ""}),
        ("", False, {}),
    ]
    assert [step.command for block in (blocks[1], blocks[4]) for step in steps(block)] == [
        "mcusim list formats",
        "mcusim nonsense",
    ]
    (step,) = steps(blocks[2])
    assert step.shown == ("auto ...", "none ...", "...", "callees-of=SYMBOL  the functions ...", "...")


@pytest.mark.parametrize("text", ["<!-- file: x -->\n\nWords.\n", "<!-- not run: so -->\n"])
def test_a_mark_with_nothing_behind_it_is_an_error(text: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="has no block behind it"):
        read_blocks(page_of(tmp_path, text))


@pytest.mark.parametrize(
    ("shown", "fits"),
    [
        ("a\nb\nc", True),
        ("a\n...\nc", True),
        ("...\nb\n...", True),
        ("a\n...", True),
        ("a\nb ...\nc", False),
        ("a\nb", False),
        ("b\nc", False),
        ("...\nb\na\n...", False),
        ("a\nb\nc\nd", False),
        ("a\n...\nd", False),
        ("...", True),
        ("", False),
    ],
)
def test_what_is_shown_is_compared(shown: str, fits: bool) -> None:
    assert (not differs(shown.splitlines(), ["a", "b", "c  "])) is fits


def test_output_that_changed_is_shown_anew() -> None:
    printed = ["head 2", "  rows   7", "  rows   8", "sum 15", "tail"]
    assert renewed(["head 1", "...", "  rows   9", "sum 2", "  ..."], printed) == [
        "head 2", "...", "  rows   7", "  rows   8", "  ...",
    ]  # fmt: skip
    assert renewed(["head 1"], printed) == printed
    with pytest.raises(AssertionError, match="no lines like 'columns'"):
        renewed(["...", "columns"], printed)


def test_a_reader_follows_the_page(tmp_path: Path) -> None:
    reader = Reader(page_of(tmp_path, PAGE), tmp_path)
    reader.read()
    assert (tmp_path / "a.txt").read_text() == "one\n"
    assert "6\n" in reader.execute("print(6)", "here")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("SYMBOL  the functions", "SYMBOL  other", "not printed: 'callees-of=SYMBOL  other"),
        ("exit code: 2", "exit code: 3", "nonsense: exit code 2"),
        ("    6\n", "    7\n", "not printed: '7'"),
        ("not run: no reason\nat all", "not run:", "'not run' without a reason"),
        ("    mcusim list formats ", "    git log", "say why it is not run"),
    ],
)
def test_a_page_that_lies_is_found_out(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert PAGE.count(old) == 1
    with pytest.raises(AssertionError, match=message):
        Reader(page_of(tmp_path, PAGE.replace(old, new)), tmp_path).read()


def test_a_page_is_renewed(tmp_path: Path) -> None:
    page = page_of(tmp_path, PAGE.replace("    6\n", "    7\n"))
    Reader(page, tmp_path, renew=True).read()
    assert page.read_text("utf-8") == PAGE
    console = "1. x\n\n   ```console\n   $ mcusim list \\\n       what\n   nothing\n   $ mcusim list formats\n   ```\n"
    console = console.replace("what", "layers").replace("nothing", "auto  whatever\n   ...\n   none  no layers\n   ...")
    page = page_of(tmp_path, console)
    Reader(page, tmp_path, renew=True).read()
    assert "mcusim list \\\n       layers\n   auto  " in page.read_text("utf-8")
    assert page.read_text("utf-8").count("...") == 2
    Reader(page, tmp_path).read()


def test_commands_of_others_are_not_run(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="say why"):
        run("gdb-multiarch firmware.elf", tmp_path, tmp_path / "page.md")


def test_where_a_block_is(tmp_path: Path) -> None:
    blocks: list[Block] = read_blocks(page_of(tmp_path, PAGE))
    assert blocks[0].place == "page.md:4"
