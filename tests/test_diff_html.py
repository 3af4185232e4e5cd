# SPDX-License-Identifier: Apache-2.0
"""The page of a difference: its flame graph and its tables."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fakes import LONG_NAME, make_profile
from fakes_memory import make_network_profile

from mcusim.cli.main import main
from mcusim.diff import difference
from mcusim.html_report.difference import render_difference
from mcusim.profile import Profile
from mcusim.profile_io import save
from mcusim.reports.diffed import diff_document


def slower(profile: Profile) -> Profile:
    """Return the profile with a function that takes more, and one that is called no more."""
    slow = next(node for node in profile.tree if profile.functions[node.function].name == "conv2d_1x1")
    slow.self_cycles += 600_000
    profile.functions[slow.function].self_cycles += 600_000
    profile.functions[slow.function].causes["load"] += 600_000
    at = profile.tree.index(slow)
    while at >= 0:
        profile.tree[at].total_cycles += 600_000
        at = profile.tree[at].parent
    profile.totals.cycles += 600_000
    profile.totals.causes["load"] += 600_000
    profile.tree = [node for node in profile.tree if node.kind != "handler"]
    profile.functions[3].file = "<b>evil</b>.c"
    return profile


def page(before: Profile, after: Profile) -> str:
    changed = difference(before, after)
    return render_difference(changed, diff_document(changed, "before.json", "<after>.json", top=20))


def flame(text: str) -> dict[str, Any]:
    """Return the data of the flame graph."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    (trace,) = json.loads(found[1])["charts"]["flame"]["traces"]
    return dict(trace)


def test_the_flame_graph_shows_what_got_slower_and_what_is_gone() -> None:
    trace = flame(page(make_profile(), slower(make_profile())))
    named = {label.replace("&lt;", "<"): at for at, label in enumerate(trace["labels"])}
    conv, gone, same = named["conv2d_1x1"], named["[handler] SysTick_Handler"], named["network_run"]
    assert "+600,000 cycles" in trace["hovertext"][conv]
    colors = trace["marker"]["colors"]
    red, _, blue = (int(colors[conv][at : at + 2], 16) for at in (1, 3, 5))
    assert red > blue
    assert int(colors[gone][1:3], 16) < int(colors[gone][5:7], 16)
    assert "0 after" in trace["hovertext"][gone]
    assert trace["values"][gone] == 360
    children: dict[str, int] = {}
    for parent, value in zip(trace["parents"], trace["values"], strict=True):
        children[parent] = children.get(parent, 0) + value
    assert all(children.get(each, 0) <= trace["values"][int(each)] for each in trace["ids"])
    assert trace["values"][same] > trace["values"][conv]


def test_the_page_has_the_tables_and_nothing_unescaped() -> None:
    before, after = make_network_profile(5), slower(make_network_profile(5))
    after.functions[4].name = LONG_NAME.replace("int", "<img src=x>")
    text = page(before, after)
    assert text == page(before, after)
    for title in ("Totals", "Cycles by cause", "Functions by change, self cycles", "Flame graph"):
        assert f">{title}<" in text
    assert "load +600,000" in text
    assert "<img" not in text
    assert "&lt;after&gt;.json" in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_the_same_profile_twice_has_a_pale_graph() -> None:
    text = page(make_profile(), make_profile())
    assert "No difference: every figure is the same." in text
    assert len(set(flame(text)["marker"]["colors"])) == 1


def test_diff_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save(make_profile(), tmp_path / "before.json")
    save(slower(make_profile()), tmp_path / "after.json")
    assert main(["diff", "before.json", "after.json", "--format", "html", "-o", "diff.html"]) == 0
    assert (tmp_path / "diff.html").read_text("utf-8").startswith("<!doctype html>")
