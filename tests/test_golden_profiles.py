# SPDX-License-Identifier: Apache-2.0
"""Whole profiles of real firmware as goldens: what a change of the model does to them is seen in the diff."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import GOLDEN
from machines import EXAMPLES, prebuilt

from mcusim.attribution import attribute
from mcusim.guess import guess_board
from mcusim.image import load
from mcusim.machine import run
from mcusim.profile import Profile
from mcusim.profile_io import dumps
from mcusim.reports import RenderOptions, render

FIRMWARES = (("hello", "nucleo-l4r5zi"), ("m0plus", "generic-cortex-m0plus"))
FORMS = {
    "txt": ("text", RenderOptions(width=120, tree=True, depth=6)),
    "json": ("json", RenderOptions(width=120)),
}


def profile_of(name: str, board: str) -> Profile:
    """Return the profile as `mcusim profile` makes it, but for the version of the tool."""
    image = load(prebuilt(name, board))
    guessed, reason = guess_board(image)
    return replace(attribute(run(image, guessed, board_reason=reason)), tool="mcusim")


@pytest.mark.parametrize(("name", "board"), FIRMWARES)
def test_the_whole_profile(
    name: str, board: str, golden: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # no sources to be found there
    profile = profile_of(name, board)
    assert profile.board.name == board
    for ending, (form, options) in FORMS.items():
        text = render(profile, form, options=options)
        assert not re.search(r"/(home|work|tmp|root|usr)/", text), "a path of this machine"
        golden(f"profiles/{name}.{ending}", text)


def test_a_profile_does_not_depend_on_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for folder in (tmp_path, EXAMPLES):
        monkeypatch.chdir(folder)
        found.append(dumps(profile_of("hello", "nucleo-l4r5zi")))
    assert found[0] == found[1]


def test_no_golden_is_left_over() -> None:
    wanted = {f"{name}.{ending}" for name, _ in FIRMWARES for ending in FORMS}
    assert {path.name for path in (GOLDEN / "profiles").iterdir()} == wanted
