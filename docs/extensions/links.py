# SPDX-License-Identifier: Apache-2.0
"""Links as the site has them, which on GitHub and in an editor are names of files.

`[layers.md](layers.md)` becomes a link with the title of that page. A link that leads out of docs/, to the repository's
other files, becomes the file's name: on GitHub it works, and the site has no
address of the repository to point to. That the files exist is what tests/test_docs.py looks after.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

from sphinx.application import Sphinx

_TO_PAGE = re.compile(r"\[`?(?:docs/)?([\w-]+\.md)`?\]\(\1((?:#[^)\s]*)?)\)")
_OUTSIDE = re.compile(r"(?<!!)\[([^\]]+)\]\((\.\./[^)\s#]*)(?:#[^)\s]*)?\)")


def rewrite(app: Sphinx, page: str, source: list[str]) -> None:
    """Put titles in the place of names of pages, and names in the place of links that lead out of the site."""
    source[0] = _OUTSIDE.sub(_named, _TO_PAGE.sub(r"[](\1\2)", source[0]))


def _named(link: re.Match[str]) -> str:
    """Return the words of a link and the file that it leads to; only the file where the words are its name."""
    name = posixpath.normpath(posixpath.join("docs", link[2]))
    words = link[1].strip("`")
    return f"`{name}`" if words in (name, posixpath.basename(name)) else f"{link[1]} (`{name}`)"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", rewrite)
    return {"version": "1", "parallel_read_safe": True}
