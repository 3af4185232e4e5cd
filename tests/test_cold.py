# SPDX-License-Identifier: Apache-2.0
"""The line that a terminal shows while native code is compiled for the first time."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcusim.cli import cold


def test_a_folder_without_compiled_code_is_cold(tmp_path: Path) -> None:
    assert cold.is_cold(tmp_path / "none")
    assert cold.is_cold(tmp_path)
    (tmp_path / "branches.resolve-1.py311.nbi").touch()
    assert not cold.is_cold(tmp_path)


@pytest.mark.parametrize(
    ("kept", "quiet", "terminal", "said"),
    [
        (False, False, True, True),
        (True, False, True, False),
        (False, True, True, False),
        (False, False, False, False),
    ],
)
def test_it_is_said_once_and_to_people_only(
    kept: bool, quiet: bool, terminal: bool, said: bool, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    looked: list[Path] = []

    def is_cold(folder: Path) -> bool:
        looked.append(folder)
        return not kept

    monkeypatch.setattr(cold, "is_cold", is_cold)
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    cold.tell(quiet=quiet)
    assert capsys.readouterr().err == (f"mcusim: {cold.WORDS}\n" if said else "")
    assert [folder.name.split("_")[0] for folder in looked] == (["engine"] if terminal and not quiet else [])
