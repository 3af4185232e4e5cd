# SPDX-License-Identifier: Apache-2.0
"""What ships: the lists in pyproject.toml equal the folders, the data is found, the public names exist."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import entry_points, version
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import mcusim

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SETUPTOOLS: dict[str, Any] = PROJECT["tool"]["setuptools"]


def test_every_folder_with_code_is_a_package_that_ships() -> None:
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "mcusim").rglob("__init__.py")}
    names = {".".join(folder.parts) for folder in folders}
    assert set(SETUPTOOLS["packages"]) == names | set(SETUPTOOLS["package-dir"]) - {"mcusim"} | {"mcusim"}
    loose = [path for path in (ROOT / "mcusim").rglob("*.py") if not (path.parent / "__init__.py").is_file()]
    assert not loose


def test_mapped_folders_exist() -> None:
    for package, folder in SETUPTOOLS["package-dir"].items():
        assert (ROOT / folder / "__init__.py").is_file(), package


@pytest.mark.parametrize(("package", "ending"), [("mcusim.cores", ".toml"), ("mcusim.cores.boards", ".toml")])
def test_data_is_found_where_it_is_read_from(package: str, ending: str) -> None:
    assert [entry.name for entry in files(package).iterdir() if entry.name.endswith(ending)]
    assert SETUPTOOLS["package-data"][package] == [f"*{ending}"]


def test_the_package_says_that_it_is_typed() -> None:
    assert files("mcusim").joinpath("py.typed").is_file()
    assert "py.typed" in SETUPTOOLS["package-data"]["mcusim"]


def test_the_header_for_firmware_ships() -> None:
    assert "include/mcusim.h" in SETUPTOOLS["package-data"]["mcusim"]
    assert Path(mcusim.include_dir(), "mcusim.h").is_file()
    assert Path(mcusim.target_kernels_dir(), "mcusim_kernels.h").is_file()


def test_one_version() -> None:
    assert mcusim.__version__ == PROJECT["project"]["version"] == version("mcusim")


def test_the_changelog_has_this_version() -> None:
    assert f"## {mcusim.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_public_names_exist_and_are_all_listed() -> None:
    assert set(mcusim.__all__) == set(mcusim._HOMES)
    for name in mcusim.__all__:
        assert getattr(mcusim, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mcusim.nothing


def test_the_command_is_installed_and_the_module_runs_too() -> None:
    (command,) = entry_points(group="console_scripts", name="mcusim")
    module, _, function = command.value.partition(":")
    assert callable(getattr(import_module(module), function))
    run = [sys.executable, "-m", "mcusim", "--version"]
    assert subprocess.check_output(run, text=True) == f"mcusim {mcusim.__version__}\n"


def test_supported_pythons_agree() -> None:
    """Classifiers, requires-python, the Makefile and CI name the same versions."""
    prefix = "Programming Language :: Python :: "
    versions = [text.removeprefix(prefix) for text in PROJECT["project"]["classifiers"] if text.startswith(prefix)]
    assert PROJECT["project"]["requires-python"] == f">={versions[0]}"
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py{versions[0].replace('.', '')}"
    assert f"for version in {' '.join(versions)}; do" in (ROOT / ".ci" / "run").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert all(f"python{each}" in makefile for each in versions)
