# SPDX-License-Identifier: Apache-2.0
"""How Sphinx makes the site of these pages: `make docs`. Everything that Sphinx warns of is an error."""

import sys
from pathlib import Path

import mcusim

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "extensions"))

project = "mcusim"
author = "the authors of mcusim"
version = release = mcusim.__version__
language = "en"
smartquotes = False  # --option is an option

extensions = ["myst_parser", "references", "links"]
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_block"]
exclude_patterns = ["build", "extensions"]

html_theme = "furo"
html_title = f"mcusim {mcusim.__version__}"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
html_static_path = ["static"]
html_css_files = ["reports.css"]
