# SPDX-License-Identifier: Apache-2.0
"""The HTML report as text: what it says, that it is one file, escaped, bounded and always the same.

`test_html_report_browser.py` looks at it in a browser.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fakes import make_profile
from fakes_memory import make_network_profile
from hypothesis import given
from hypothesis import strategies as st

import mcusim.html_report
from mcusim.cli.main import main
from mcusim.errors import McusimError
from mcusim.html_report import code, flame, layers, memory, shell
from mcusim.html_report.flame import FlameNode, diverging, flame_chart, mixed
from mcusim.html_report.markup import Look, table_html
from mcusim.html_report.overview import budgets
from mcusim.profile import FaultInfo, FunctionCost, Profile, TreeNode
from mcusim.profile_memory import Activation, Buffer
from mcusim.reports import RenderOptions, render
from mcusim.reports.report import build
from mcusim.reports.table import Column, Name, Row, Table

VOID = ("meta", "input", "br")
EVIL = "</script><script>alert(1)</script><img src=x onerror='alert(2)'>\x1b[31m&amp;"


class Page(HTMLParser):
    """A page taken apart: its text, ids, elements, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, str] = {}  # id of a script -> its text
        self._id = ""
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._id = dict(attrs).get("id") or ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            self.raw[self._id] = data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def data(self) -> dict[str, dict[str, object]]:
        return json.loads(self.raw["data"])

    def sections(self) -> list[str]:
        return [str(attrs["id"]) for tag, attrs in self.tags if tag == "section"]


def network() -> Profile:
    return make_network_profile(12, inferences=2, patches=3, findings=True)


@pytest.fixture(scope="module")
def html() -> str:
    return render(network(), "html")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_it_has_the_sections_that_the_profile_has_something_for(page: Page) -> None:
    assert page.sections() == [
        "summary", "advice", "layers", "memory", "causes", "calls", "functions", "lines", "registers", "more", "output",
        "sure",
    ]  # fmt: skip
    plain = Page(render(make_profile(), "html"))
    assert not {"layers", "memory"} & set(plain.sections())
    assert not page.open
    assert not plain.open
    links = [str(attrs["href"]) for tag, attrs in page.tags if tag == "a"]
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    assert links == ["#content", *(f"#{name}" for name in page.sections())]


def test_it_asks_for_nothing(page: Page) -> None:
    policy = next(attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert str(policy).startswith("default-src 'none';")
    assert not [tag for tag, _ in page.tags if tag in ("link", "img", "iframe", "object", "base")]
    assert not [attrs for _, attrs in page.tags if "src" in attrs]
    ours = "".join(path.read_text("utf-8") for path in (Path(mcusim.html_report.__file__).parent / "page").iterdir())
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttpRequest", ours)


def test_it_says_what_the_text_report_says(page: Page) -> None:
    report = build(network(), RenderOptions())
    for fact in [*report.run, *report.totals, *report.notes]:
        assert " ".join(fact.text.split()) in page.text
    assert report.accuracy in page.text
    for table in report.tables:
        # Here functions can be sorted, the timeline is a chart, and the navigation has no room for what advice is.
        if not table.title.startswith(("Functions by", "SRAM over time", "Advice")):
            assert " ".join(table.title.split()) in page.text
        if table.title.startswith("SRAM over time"):
            continue
        numbers = [cell for row in table.rows for cell in row.cells if isinstance(cell, int) and cell > 99_999]
        assert all(f"{cell:,}" in page.text or f"{cell:08x}" in page.text for cell in numbers)


def test_the_same_profile_gives_the_same_page(html: str) -> None:
    assert render(network(), "html") == html


def test_every_layer_can_be_selected_in_table_charts_and_parts(page: Page) -> None:
    keys = {f"layer:{at}" for at in range(13)}
    rows = {attrs["data-key"] for tag, attrs in page.tags if tag == "tr" and "data-key" in attrs}
    charts = page.data["charts"]
    assert keys <= rows
    assert keys <= set(page.data["parts"])
    assert keys <= set(page.data["labels"])
    in_chart = {key for trace in charts["memory-chart"]["traces"] for key in trace.get("customdata", ())}  # type: ignore[index]
    assert keys <= in_chart
    assert set(charts["memory-chart"]["spans"]) == keys  # type: ignore[index]


def test_cycles_of_the_chart_are_those_of_the_layers(page: Page) -> None:
    traces = page.data["charts"]["layer-chart"]["traces"]  # type: ignore[index]
    own = sum(sum(layer.causes.values()) for layer in network().layers.layers)  # type: ignore[union-attr]
    assert 2 * sum(value for trace in traces for value in trace["y"]) == pytest.approx(own)


def test_a_layer_that_ran_twice_says_what_is_a_sum(page: Page) -> None:
    part = Page(str(page.data["parts"]["layer:5"])).text
    own = sum(network().layers.layers[5].causes.values())  # type: ignore[union-attr]
    assert f"{own:,} in all runs, {round(own / 2):,} on average" in part
    assert "of all 2 runs together" in part
    assert "together" not in str(shell_parts(make_network_profile(3))["layer:1"])


def shell_parts(profile: Profile) -> dict[str, object]:
    """Return the parts of a profile's page."""
    return Page(render(profile, "html")).data["parts"]


def test_the_curve_adds_up_to_the_live_bytes(page: Page) -> None:
    traces = page.data["charts"]["memory-chart"]["traces"]  # type: ignore[index]
    top = [trace for trace in traces if "fill" in trace][-1]
    assert top["y"][:-1] == network().memory.timeline.live_bytes  # type: ignore[union-attr]


def test_what_comes_from_the_firmware_is_text_and_nothing_else() -> None:
    profile = network()
    profile.image.name = profile.board.title = profile.output = EVIL
    profile.notes[0].text = profile.accuracy.text = profile.end.text = EVIL
    for function in profile.functions:
        function.name += EVIL
        function.file = EVIL
    for layer in profile.layers.layers if profile.layers else ():
        layer.name = layer.kind = layer.shape = EVIL
    for buffer in profile.memory.buffers if profile.memory else ():
        buffer.owner = EVIL
    for instruction in profile.instructions:
        instruction.text = EVIL
        instruction.file = EVIL
    profile.sources = {EVIL: {34: EVIL, 35: EVIL}}
    text = render(profile, "html")
    page = Page(text)
    assert not page.open
    assert "img" not in {tag for tag, _ in page.tags}
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 2 + len(shell.SCRIPTS)
    assert "\x1b" not in text
    inner = [Page(part) for part in page.data["parts"].values()]  # type: ignore[arg-type]
    assert not {tag for part in inner for tag, _ in part.tags} & {"script", "img"}
    for chart in page.data["charts"].values():
        for trace in chart["traces"]:  # type: ignore[index]
            assert not any("<script" in str(value) for value in (*trace.get("hovertext", ()), *trace.get("text", ())))


RUNS, FUNCTIONS = 20_000, 2_000


@pytest.fixture(scope="module")
def huge() -> Profile:
    """A profile of very many runs of layers, stretches and buffers, of many functions, and with a deep tree."""
    profile = make_network_profile(10)
    assert profile.layers is not None
    assert profile.memory is not None
    count = RUNS
    step = profile.totals.cycles // count
    profile.layers.inferences = count // 10
    profile.layers.activations = [
        Activation(at % 10, at // 10, -1, at * step, (at + 1) * step, step, step, 100 + at % 7, 24)
        for at in range(count)
    ]
    timeline = profile.memory.timeline
    timeline.start_cycles = [at * step for at in range(count)]
    timeline.activation = list(range(count))
    for name in ("live_bytes", "end_live_bytes", "stack_bytes", "heap_bytes"):
        setattr(timeline, name, [at % 977 for at in range(count)])
    timeline.live_by_zone = {"arena": [at % 977 for at in range(count)]}
    profile.memory.peak = 976
    start = profile.memory.arenas[0].start
    profile.memory.buffers = [
        Buffer(start + at % 64, start + 64 + at % 64, "arena", "arena", at, at, at * step, (at + 1) * step)
        for at in range(count)
    ]
    first = len(profile.functions)
    profile.functions += [
        FunctionCost(f"function_{at}", "many.c", 0x0801_0000 + 16 * at, 16, 1, 10, 12, 12, {"issue": 12})
        for at in range(FUNCTIONS)
    ]
    profile.instructions = [
        replace(each, function=first + at) for at in range(FUNCTIONS // 2) for each in profile.instructions
    ]
    for at in range(FUNCTIONS):  # each calls the next
        parent = 0 if at == 0 else len(profile.tree) - 1
        profile.tree.append(TreeNode(parent, first + at, "call", 1, 12, 12 * (FUNCTIONS - at)))
    return profile


def test_a_huge_profile_gives_a_page_of_bounded_size_that_says_what_it_leaves_out(huge: Profile) -> None:
    page = Page(render(huge, "html"))
    own_bytes = len(page.raw["data"]) + sum(len(word) for word in page.words)
    assert own_bytes < 6_000_000
    assert f"{RUNS - memory.MOST_BANDS:,} short runs of layers are not drawn" in page.text
    assert f"{RUNS - memory.MOST_BUFFERS:,} buffers of the least bytes and cycles not drawn" in page.text
    assert re.search(rf"the curve shows [\d,]+ of {RUNS:,} stretches", page.text)
    assert re.search(r"[\d,]+ nodes of the call tree are not drawn", page.text)
    assert f"{len(huge.functions) - code.MOST_FUNCTIONS:,} more functions" in page.text
    assert re.search(r"functions have their instructions left out", page.text)
    assert len([attrs for tag, attrs in page.tags if tag == "tr"]) < 4_000


def test_a_network_with_very_many_layers_is_cut() -> None:
    page = Page(render(make_network_profile(layers.MOST_LAYERS + 50), "html"))
    keys = {attrs["data-key"] for tag, attrs in page.tags if tag == "tr" and "layer:" in str(attrs.get("data-key"))}
    assert len(keys) == layers.MOST_LAYERS
    assert "50 more layers" in page.text


def test_an_empty_profile_and_one_that_ended_in_a_fault() -> None:
    profile = make_profile()
    profile.functions, profile.tree, profile.instructions, profile.notes, profile.output = [], [], [], [], ""
    profile.totals.cycles = profile.totals.instructions = 0
    profile.totals.causes, profile.totals.clock = {}, []
    profile.fault = FaultInfo("HardFault", "read <nothing>", 0xB000_0000, 12, "ldr r0, [r0]", {"r0": 0xB000_0000}, {},
                              [], "a wild pointer", "its handler spins")  # fmt: skip
    page = Page(render(profile, "html"))
    assert "The run ended in a fault. HardFault: read <nothing>. Likely: a wild pointer" in page.text
    assert "calls" not in page.sections()
    assert "library" not in page.raw  # nothing to draw, so no 2 MB of library


def test_without_plotly_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shell.library.cache_clear()
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(McusimError, match=re.escape("pip install 'mcusim[html]'")):
        render(make_profile(), "html")


def test_options_that_select_a_part_are_refused() -> None:
    with pytest.raises(McusimError, match="html is always the whole profile"):
        render(make_profile(), "html", options=RenderOptions(top=3))


def test_the_command_writes_a_file_and_never_fills_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "run.json"
    saved.write_text(render(make_profile(), "json"), "utf-8")
    target = tmp_path / "report.html"
    assert main(["report", str(saved), "-f", "html", "-o", str(target)]) == 0
    assert target.read_text("utf-8") == render(make_profile(), "html")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["report", str(saved), "-f", "html"]) == 2
    assert "add -o report.html" in capsys.readouterr().err


# Budgets


@pytest.mark.parametrize(
    ("flash_bytes", "style", "words"),
    [(1 << 20, "budget", "1,048,576 left"), (2_000_000, "budget tight", "left"), (3 << 20, "budget full", "too many")],
)
def test_a_bar_says_when_a_memory_is_full(flash_bytes: int, style: str, words: str) -> None:
    profile = make_profile()
    profile.image.flash_bytes = flash_bytes
    first = budgets(profile).split('<div class="budget')[2]
    assert f'<div class="budget{first}'.startswith(f'<div class="{style}"')
    assert words in first


# Flame graphs


def test_each_node_of_the_flame_graph_holds_its_children() -> None:
    chart, left_out = flame.of_profile(make_profile())
    (trace,) = chart.traces
    below: dict[str, int] = {}
    for parent, value in zip(trace["parents"], trace["values"], strict=True):
        below[parent] = below.get(parent, 0) + value
    values = dict(zip(trace["ids"], trace["values"], strict=True))
    assert all(below.get(name, 0) <= value for name, value in values.items())
    assert below[""] == make_profile().totals.cycles
    assert left_out == ""
    assert trace["leaf"] == {"opacity": 1.0}  # else leaves, which are the kernels, look calmer than the legend says


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 1000)), max_size=30))
def test_any_tree_is_drawn_and_what_is_left_out_is_counted(shape: list[tuple[int, int]]) -> None:
    profile = make_profile()
    profile.tree = [TreeNode(-1, 0, "thread", 1, 5, 0)]
    for parent, own in shape:
        profile.tree.append(TreeNode(min(parent, len(profile.tree) - 1), 3, "call", 1, own, 0))
    for node in reversed(profile.tree):
        node.total_cycles += node.self_cycles
        if node.parent >= 0:
            profile.tree[node.parent].total_cycles += node.total_cycles
    chart, left_out = flame.of_profile(profile)
    assert len(chart.traces[0]["values"]) == len(profile.tree) + 1
    assert left_out == ""


@pytest.mark.parametrize("parents", [[], [0], [-1, -1], [-1, 2, 0]])
def test_what_is_no_tree_is_refused(parents: list[int]) -> None:
    with pytest.raises(ValueError, match="root"):
        flame_chart("x", "x", [FlameNode(parent, "n", 1, "#ffffff") for parent in parents])


def test_colours_of_a_change() -> None:
    assert mixed("#000000", "#ff8000", 0.5) == "#804000"
    assert diverging(0) == "#f2f2f2"
    assert diverging(-5) == diverging(-1) != diverging(1)


# Tables


def test_a_table_sorts_by_exact_numbers_and_keeps_its_sums_at_the_end() -> None:
    columns = (Column("n", "n", "count"), Column("percent", "share", "percent"), Column("label", "name", "name"))
    rows = [Row((3, 0.04, Name("a", None, "├─ ", 2))), Row((None, 50.0, Name("sum")))]
    html = table_html(
        Table("t", columns, rows), Look("t", key=lambda row: "layer:1", foot=lambda row: not row.cells[0])
    )
    page = Page(html)
    assert page.text == "t n share name 3 <0.1% a - 50.0% sum"
    assert 'data-value="0.04"' in html
    assert html.index("<tfoot>") < html.index("sum")
    assert "--depth:2" in html


def test_what_a_row_is_stands_first_and_the_hottest_row_is_marked() -> None:
    columns = (Column("cycles", "cycles", "count"), Column("at", "address", "address"), Column("text", "text", "text"))
    rows = [Row((3, 16, "a")), Row((None, None, "line"), "source"), Row((9, 18, "b")), Row((9, 20, "c"))]
    html = table_html(Table("t", columns, rows), Look("t", front=("at", "text"), hottest="cycles"))
    assert Page(html).text.startswith("t to the row with most cycles address text cycles 00000010 a 3 line")
    assert html.count('class="hottest"') == 1
    assert '<tr class="hottest"><td class="number">00000012' in html
    assert html.count('<td class="stuck">') == 3
    nothing = table_html(Table("t", columns, [Row((0, 16, "a"))]), Look("t", hottest="cycles"))
    assert "button" not in nothing


def test_own_cycles_that_are_the_cycles_are_left_out() -> None:
    once, nested, twice = (
        make_network_profile(4),
        make_network_profile(6, patches=3),
        make_network_profile(4, inferences=2),
    )
    heads = [layers.section(profile).body.partition("</thead>")[0] for profile in (once, nested, twice)]  # type: ignore[union-attr]
    assert [(">own" in head, "cycles</th>" in head) for head in heads] == [(False, True), (True, True), (True, True)]
