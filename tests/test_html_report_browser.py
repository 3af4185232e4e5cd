# SPDX-License-Identifier: Apache-2.0
"""The HTML report in Chromium: it loads without an error and without a request, and does what is clicked.

One browser serves all tests. How long a network of 200 layers took to load is printed (`pytest -s`), not asserted:
the machine may be busy.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fakes import make_profile
from fakes_memory import make_network_profile

from mcusim.profile import Profile
from mcusim.reports import render

pytestmark = pytest.mark.browser
WAIT_MS = 60_000


@dataclass
class Visit:
    """An open page, and what went wrong with it: `complaints` of its console, `requests` beside that of the file."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __call__(self, script: str) -> Any:
        """Return what an expression is in the page."""
        return self.page.evaluate(script)

    def until(self, script: str) -> None:
        """Wait until an expression is true; Playwright's own way to wait needs `eval`, which the page forbids."""
        for _ in range(200):
            if self(script):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never true: {script}")

    def draw_all(self) -> None:
        """Draw charts that nobody has scrolled to."""
        self("mcusim.charts.drawAll()")


class Browser:
    """Chromium, and the pages of profiles as files."""

    def __init__(self, chromium: Any, folder: Path) -> None:
        self._chromium, self._folder = chromium, folder
        self._files: dict[str, Path] = {}

    def open(self, name: str, *, width: int = 1280, scheme: str = "light") -> Visit:
        """Open the page of a profile of `PROFILES` and wait until what can be seen is drawn."""
        if name not in self._files:
            self._files[name] = self._folder / f"{name}.html"
            self._files[name].write_text(render(PROFILES[name](), "html"), "utf-8")
        context = self._chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        visit = Visit(context.new_page())
        address = self._files[name].as_uri()
        visit.page.on("console", lambda message: visit.complaints.append(message.text))
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.goto(address)
        visit.page.wait_for_selector("html[data-ready]", timeout=WAIT_MS)
        visit.requests.remove(address)
        return visit


def nested() -> Profile:
    return make_network_profile(12, inferences=2, patches=3, findings=True)


PROFILES = {"nested": nested, "plain": make_profile, "long": lambda: make_network_profile(200)}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield Browser(chromium, tmp_path_factory.mktemp("pages"))
        chromium.close()


@pytest.fixture(scope="module")
def wide(browser: Browser) -> Visit:
    """The page of a network with nested layers, all charts drawn, on a desk."""
    visit = browser.open("nested")
    visit.draw_all()
    return visit


@pytest.mark.parametrize(("name", "width", "scheme"), [("nested", 390, "dark"), ("plain", 1280, "light")])
def test_it_loads_without_an_error_a_request_or_an_overflow_and_forbids_requests(
    browser: Browser, name: str, width: int, scheme: str
) -> None:
    visit = browser.open(name, width=width, scheme=scheme)
    visit.draw_all()
    assert visit.complaints == []
    assert visit.requests == []
    assert visit("document.documentElement.scrollWidth") <= width
    assert visit("document.querySelectorAll('.chart .waiting').length") == 0
    assert visit("mcusim.isDark()") is (scheme == "dark")
    assert visit("fetch('https://example.org/').then(() => 'sent', () => 'refused')") == "refused"
    assert any("Content Security Policy" in complaint for complaint in visit.complaints)


def test_a_network_of_200_layers_loads(browser: Browser) -> None:
    visit = browser.open("long")
    assert visit.complaints == []
    assert visit("document.querySelectorAll('#layer-table tbody tr').length") == 200
    readable = visit("performance.getEntriesByType('navigation')[0].domInteractive")
    drawn = visit("Number(document.documentElement.dataset.ready)")
    print(f"\n200 layers: readable after {readable:.0f} ms, charts after {drawn:.0f} ms")
    assert 0 < readable <= drawn


def test_a_heading_sorts_its_table_and_the_sums_stay_below(wide: Visit) -> None:
    column = "#layer-table tbody tr > td:nth-child({})"
    heads = wide("[...document.querySelectorAll('#layer-table th')].map((each) => each.textContent)")
    at = heads.index("mean cycles") + 1
    number = "Number(each.textContent.replaceAll(',', ''))"
    read = f"[...document.querySelectorAll('{column.format(at)}')].map((each) => {number})"
    network_order = wide(read)
    heading = wide.page.locator(f"#layer-table th:nth-child({at}) button")
    heading.click()
    assert wide(read) == sorted(network_order, reverse=True)
    assert wide.page.locator(f"#layer-table th:nth-child({at})").get_attribute("aria-sort") == "descending"
    heading.press("Enter")
    assert wide(read) == sorted(network_order)
    heading.click()
    assert wide(read) == network_order
    assert "whole run" in wide.page.locator("#layer-table tfoot").inner_text()


def test_the_whole_heading_sorts_and_what_is_missing_comes_last(wide: Visit) -> None:
    heads = wide("[...document.querySelectorAll('#layer-table th')].map((each) => each.textContent)")
    at = heads.index("MACs") + 1
    read = f"[...document.querySelectorAll('#layer-table tbody tr > td:nth-child({at})')].map((e) => e.textContent)"
    heading = wide.page.locator(f"#layer-table th:nth-child({at})")
    network_order = wide(read)
    assert "-" in network_order
    known = sorted(int(each.replace(",", "")) for each in network_order if each != "-")
    missing = ["-"] * network_order.count("-")
    for expected in (known[::-1], known):
        heading.click(position={"x": 2, "y": 2})  # beside the word
        assert wide(read) == [*(f"{each:,}" for each in expected), *missing]
    heading.click(position={"x": 2, "y": 2})
    assert wide(read) == network_order
    assert wide.page.locator("#layer-table th.picture button").count() == 0


def test_the_call_tree_sorts_what_stands_below_the_same_row(wide: Visit) -> None:
    read = "[...document.querySelectorAll('#tree tbody tr')].map((each) => [each.dataset.depth, each.innerText])"
    before = wide(read)
    heading = wide.page.locator("#tree th.stuck")
    heading.click()
    after = wide(read)
    assert after != before
    assert sorted(after) == sorted(before)
    assert after[0][0] == "0"
    assert all(int(after[at + 1][0]) <= int(after[at][0]) + 1 for at in range(len(after) - 1))
    heading.click()
    heading.click()
    assert wide(read) == before


def test_a_button_leads_to_the_hottest_instruction_and_lines_of_source_go_when_sorted(wide: Visit) -> None:
    wide("mcusim.select(Object.keys(mcusim.data.parts).find((key) => key.startsWith('function:')))")
    part = wide.page.locator("#part-function")
    part.locator(".jump").click()
    hottest = part.locator("tr.hottest")
    assert "chosen" in str(hottest.get_attribute("class"))
    assert part.locator("tr.source:visible").count() > 0
    heading = part.locator("[id^=code-] th", has_text="cycles")
    heading.click()
    assert part.locator("tr.source:visible").count() == 0
    assert part.locator("[id^=code-] tbody tr").first.inner_text() == hottest.inner_text()
    heading.click()
    heading.click()
    assert part.locator("tr.source:visible").count() > 0
    wide("mcusim.select('', 'function')")


def test_a_filter_without_a_match_says_so(wide: Visit) -> None:
    field = wide.page.locator("#function-table .filter")
    field.fill("no such function")
    assert wide.page.locator("#function-table .none").is_visible()
    field.fill("")
    assert not wide.page.locator("#function-table .none").is_visible()


def test_on_a_small_screen_names_stay_in_sight_and_edges_show_that_there_is_more(browser: Browser) -> None:
    visit = browser.open("nested", width=390)
    frame = visit.page.locator("#function-table .frame")
    assert "more-right" in str(frame.get_attribute("class"))
    assert "more-right" in str(visit.page.locator("nav").get_attribute("class"))
    visit("document.querySelector('#function-table .scroll').scrollLeft = 10000")
    visit.page.locator("#function-table .frame.more-left:not(.more-right)").wait_for(timeout=WAIT_MS)
    name = visit.page.locator("#function-table tbody td.stuck").first.bounding_box()
    assert 0 <= name["x"] < 30


def test_a_filter_shows_what_matches(wide: Visit) -> None:
    wide.page.locator("#function-table .filter").fill("REQUANTIZE")
    assert wide.page.locator("#function-table tbody tr:visible").count() == 1
    wide.page.locator("#function-table .filter").fill("")
    assert wide.page.locator("#function-table tbody tr:visible").count() > 10


def test_a_layer_selected_in_the_table_is_shown_everywhere(wide: Visit) -> None:
    row = wide.page.locator("#layer-table tr[data-key='layer:5']")
    row.focus()
    row.press("Enter")
    assert "chosen" in str(row.get_attribute("class"))
    assert wide("document.querySelector('#part-layer h3').textContent") == "Layer 2 arm_depthwise_conv_s8"
    assert "layer 2 arm" in wide.page.locator("#selected").inner_text()
    marks = "document.getElementById('memory-chart').layout.shapes.filter((each) => each.yref === 'paper').length"
    assert wide(marks) == 2  # it ran twice
    faded = "document.getElementById('layer-chart').data[0].selectedpoints.length"
    assert wide(faded) == 1
    wide.page.keyboard.press("Escape")
    assert wide(marks) == 0
    assert not wide.page.locator("#selected").is_visible()


@pytest.mark.parametrize(
    "bars", ["#layer-chart .subplot.xy", "#memory-chart .subplot.xy2", "#memory-chart .subplot.xy3"]
)
def test_the_pointer_shows_what_a_bar_is_and_a_click_selects_its_layer(wide: Visit, bars: str) -> None:
    chart = bars.partition(" ")[0]
    bar = wide.page.locator(f"{bars} .bars .point path").nth(1)
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    wide.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    label = wide.page.locator(f"{chart} .hoverlayer .hovertext")
    label.first.wait_for(timeout=WAIT_MS)
    assert "arm_" in label.first.inner_html() or "conv2d" in label.first.inner_html()
    wide.page.mouse.down()
    wide.page.mouse.up()
    wide.page.locator("#selected a").wait_for(timeout=WAIT_MS)
    assert "layer" in wide.page.locator("#selected").inner_text()
    wide.page.locator("#selected button").click()
    assert not wide.page.locator("#selected").is_visible()


def test_zoom_is_kept_when_something_is_selected(wide: Visit) -> None:
    wide("Plotly.relayout('memory-chart', {'xaxis.range': [1000000, 2000000]})")
    wide("mcusim.select('layer:4')")
    assert wide("document.getElementById('memory-chart').layout.xaxis.range") == [1_000_000, 2_000_000]
    wide("mcusim.select('', 'layer')")


def test_names_stand_in_what_is_zoomed_to_and_milliseconds_with_cycles(wide: Visit) -> None:
    names = "document.getElementById('memory-chart').data.filter((trace) => trace.mode === 'text')"
    shown = f"{names}.flatMap((trace) => trace.x)"
    ticks = "document.getElementById('memory-chart').layout.xaxis2"
    wide("Plotly.relayout('memory-chart', {'xaxis.range': [1000000, 1200000]})")
    wide.until(f"{shown}.every((at) => 1000000 <= at && at <= 1200000)")
    assert wide(shown)
    for at, text in zip(wide(f"{ticks}.tickvals"), wide(f"{ticks}.ticktext"), strict=True):
        assert 1_000_000 <= at <= 1_200_000
        assert text == f"{at / 20_000:g} ms"  # at 20 MHz, as the fake has it
    wide.page.locator("#memory-chart .nsewdrag").first.dblclick(position={"x": 200, "y": 200})
    opening = "mcusim.data.charts['memory-chart'].layout.xaxis.range"
    wide.until(f"document.getElementById('memory-chart').layout.xaxis.range.every((at, i) => at === {opening}[i])")
    wide.until(f"{shown}.some((at) => at > 1200000)")
    wide.page.wait_for_timeout(400)
    assert not wide.page.locator("#selected").is_visible()  # no click that selects what lies below


def test_names_are_cut_where_a_frame_is_narrow(wide: Visit) -> None:
    trace = {"ids": ["0", "1", "2"], "labels": ["whole", "a_long_name &lt;of&gt; it", "b"], "values": [1000, 100, 1]}
    texts = wide.page.evaluate("(trace) => mcusim.labels.flameTexts(trace, undefined, 800)", trace)
    assert texts[0] == "whole"
    assert texts[1].startswith("a_l")
    assert texts[1].endswith("…")
    assert texts[2] == ""
    zoomed = wide.page.evaluate("(trace) => mcusim.labels.flameTexts(trace, '1', 800)", trace)
    assert zoomed[1] == trace["labels"][1]


def test_a_click_in_the_flame_graph_zooms_in_and_shows_the_code(wide: Visit) -> None:
    level = "document.getElementById('flame')._fullData[0].level || '0'"
    assert wide(level) == "0"
    wide.page.locator("#flame .slice", has_text="conv2d_1x1").first.click()
    wide.page.locator("#flame .pathbar", has_text="network_run").wait_for(timeout=WAIT_MS)
    assert wide(level) != "0"
    assert wide("document.querySelector('#part-function h3').textContent").startswith("conv2d_1x1, ")
    assert wide.page.locator("#part-function tr.source").count() > 0
    wide.page.locator("#flame .pathbar", has_text="whole run").click()
    wide.page.locator("#flame .pathbar").first.wait_for(state="detached", timeout=WAIT_MS)
    assert wide(level) == "0"


def test_no_button_sends_anything(wide: Visit) -> None:
    titles = "[...new Set([...document.querySelectorAll('.modebar-btn')].map((each) => each.dataset.title))].sort()"
    assert wide(titles) == ["Download plot as a PNG", "Pan", "Reset axes", "Zoom", "Zoom in", "Zoom out"]


def test_branches_of_the_call_tree_fold(wide: Visit) -> None:
    before = wide.page.locator("#tree tbody tr:visible").count()
    toggle = wide.page.locator("#tree .toggle").first
    toggle.click()
    assert toggle.get_attribute("aria-expanded") == "false"
    assert wide.page.locator("#tree tbody tr:visible").count() < before
    toggle.press("Enter")
    assert wide.page.locator("#tree tbody tr:visible").count() == before


def test_the_theme_changes_page_and_charts(wide: Visit) -> None:
    color = "getComputedStyle(document.body).backgroundColor"
    ink = "document.getElementById('memory-chart').layout.font.color"
    light = wide(color), wide(ink)
    wide.page.locator("#theme").click()
    assert wide("document.documentElement.dataset.theme") == "dark"
    assert wide(color) != light[0]
    assert wide(ink) != light[1]
    wide.page.locator("#theme").click()
    assert (wide(color), wide(ink)) == light


def test_nothing_of_all_this_was_complained_about(wide: Visit) -> None:
    assert wide.complaints == []
    assert wide.requests == []
