# SPDX-License-Identifier: Apache-2.0
"""Everything is in pyproject.toml but one thing: the manual page is made when a wheel is built, from the parsers."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PAGE = ROOT / "build" / "man" / "mcusim.1"  # pyproject.toml: data-files puts it into share/man/man1


class BuildWithManual(build_py):
    """Builds the modules, and the manual page. The command line's modules need nothing that is not in Python itself."""

    def run(self) -> None:
        """Build, and write the page."""
        super().run()
        sys.path.insert(0, str(ROOT))
        from mcusim.cli.man import page

        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(page(), encoding="utf-8")


setup(cmdclass={"build_py": BuildWithManual})
