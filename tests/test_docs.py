# SPDX-License-Identifier: Apache-2.0
"""What the documentation shows is run: commands, the Python example, the pasted report; and links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import LONG
from doc_blocks import read_blocks
from doc_reader import Reader, make_desk, run

from mcusim.figures import load_figures
from mcusim.validation import check

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = (
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").rglob("README.md")),
)
SLOW = {"examples/training/README.md", "examples/kernel_speed/README.md", "docs/what-if.md", "docs/sweeps.md"}
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
DEMO = "examples/keyword_spotting/keyword_spotting-nucleo-l4r5zi.elf"
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a page in a language, without their indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder like the repository's root, with a firmware.elf and the like."""
    return make_desk(tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_what_a_page_shows_is_what_happens(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Every block of commands and of Python is run in the order of the page, or says why not; see `doc_reader`."""
    blocks = read_blocks(page)
    if page.relative_to(ROOT).as_posix() in SLOW and not LONG:
        pytest.skip("ten seconds: set MCUSIM_LONG")
    if any(block.is_shell or block.language == "python" for block in blocks):
        Reader(page, make_desk(tmp_path), renew=request.config.getoption("--regenerate")).read()


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text("utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles]
            assert anchor in anchors, link


def test_every_page_is_in_the_navigation() -> None:
    """Once, in docs/index.md."""
    entries = re.findall(r"```\{toctree\}\n(?::.*\n)*\n([^`]*)```", (ROOT / "docs" / "index.md").read_text("utf-8"))
    named = [line for entry in entries for line in entry.splitlines()]
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}
    assert sorted(named) == sorted(pages)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_files_that_are_named_exist(page: Path) -> None:
    """Names in code quotes that look like paths of ours are paths of ours."""
    for name in re.findall(r"`([\w./-]+)`", page.read_text("utf-8")):
        if re.match(r"(mcusim|cores|kernels|tests|traces|docs|examples|benchmarks)/", name) and not re.search(
            r"NAME|KIND", name
        ):
            assert (ROOT / name).exists(), name


def test_the_python_example_runs(desk: Path) -> None:
    (example,) = blocks(README, "python")
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
    printed = Reader(README, desk).execute(example, "README.md")
    assert re.match(r"\d+ cycles, \d+ of them in conv2d_", printed)
    assert "## keyword\\_spotting" in printed


@pytest.mark.skipif(not LONG, reason="twenty runs: MCUSIM_LONG")
def test_the_search_of_sweeps_runs(desk: Path) -> None:
    page = ROOT / "docs" / "sweeps.md"
    (example,) = blocks(page, "python")
    (desk / "search.py").write_text(example)
    done = run("python search.py", desk, page)
    assert done.code == 0, done.text
    best = done.text.splitlines()
    assert len(best) == 3
    assert re.fullmatch(r"\d\.\d{4}  \w+-nucleo-l4r5zi\.elf  \d+ MHz, \d+ bytes of SRAM", best[0])


def trimmed(output: str) -> str:
    """Return the lines of the demo that the README shows; a line of dots stands for what is left out."""
    lines, shown, keep = output.splitlines(), [], True
    rows = 0
    for line in lines:
        if line.startswith("layer 1 "):
            keep = False
        elif line.startswith("scores:"):
            keep = True
        elif line.startswith("Functions by"):
            rows = 7
        elif line.startswith("  left out at"):
            keep = True
        if rows:
            rows -= 1
            keep = rows > 0 or not line.strip()
        if keep:
            shown.append(line)
        elif shown[-1].strip() != "...":
            shown.append("  ..." if line.startswith(" ") else "...")
    return "\n".join(shown) + "\n"


def test_the_demo_prints_what_the_readme_shows(desk: Path, request: pytest.FixtureRequest) -> None:
    done = run(f"mcusim profile {DEMO}", desk, README)
    assert done.code == 0, done.text
    text = README.read_text("utf-8")
    pattern = re.compile(r"(<!-- demo.*?-->\n```text\n)(.*?)(```\n<!-- end -->)", re.DOTALL)
    if request.config.getoption("--regenerate"):
        text = pattern.sub(lambda found: found[1] + trimmed(done.text) + found[3], text)
        README.write_text(text, encoding="utf-8")
    found = pattern.search(text)
    assert found is not None
    assert found[2] == trimmed(done.text), "README.md differs: if meant, run 'make golden'"


def test_the_accuracy_table_is_that_of_the_measured_figures() -> None:
    measured = {
        figure.row.title: figure
        for figure in load_figures(ROOT / "traces" / "measured" / "pqm4-nucleo-l4r5zi.toml").figures
    }
    page = (ROOT / "docs" / "accuracy.md").read_text("utf-8")
    page = page[page.index("## All figures of pqm4") :]
    row = r"^\| ([a-z][^|]*) \| ([\d,]+) \| ([\d,]+) \| cycles \| ([+-][\d.]+) % \|  \|$"
    rows = re.findall(row, page, re.MULTILINE)
    counted = {title for title, each in measured.items() if each.row.unit == "cycles" and not each.row.random}
    assert {row[0] for row in rows} == counted
    errors = []
    for title, silicon, simulated, error in rows:
        assert int(silicon.replace(",", "")) == measured[title].row.value
        assert float(error) == pytest.approx(measured[title].error_percent(int(simulated.replace(",", ""))), abs=0.006)
        errors.append(abs(float(error)))
    errors.sort()
    median, worst = errors[len(errors) // 2], errors[-1]
    assert f"median error is {median:.2f} % and the worst {worst:.2f} %" in README.read_text("utf-8")


@pytest.mark.parametrize("path", sorted((ROOT / "traces" / "measured").glob("*.toml")), ids=lambda path: path.name)
def test_measured_figures_are_well_formed(path: Path) -> None:
    check(load_figures(path).figures)


def test_the_figures_that_the_page_shows_can_be_validated(desk: Path) -> None:
    (text,) = blocks(ROOT / "docs" / "validating.md", "toml")
    (desk / "figures.toml").write_text(text)
    done = run("mcusim validate figures.toml --elfs examples/hello", desk, README)
    assert done.code == 0, done.text
    assert "firmware one loop" in done.text
    assert "no value" not in done.text
