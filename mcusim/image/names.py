# SPDX-License-Identifier: Apache-2.0
"""C++ names for people."""

from __future__ import annotations

import re
from typing import Any

from itanium_demangler import Node
from itanium_demangler import parse as parse_mangled

# A mangled name can refer back to parts of itself, and doubling each time makes a short name megabytes long. So long
# names, and names with many references, stay as they are.
MAX_MANGLED = 1000
MAX_REFERENCES = 24
_ANONYMOUS = re.compile(r"\b_GLOBAL__N_\w*")
_REFERENCE = re.compile(r"[ST][0-9A-Z]*_")


def demangle(name: str) -> str:
    """Return a C++ name readable, any other name unchanged; a clone stays marked: `f(int) [clone .isra.0]`."""
    if not name.startswith("_Z"):
        return name
    mangled, dot, clone = name.partition(".")
    if len(mangled) > MAX_MANGLED or len(_REFERENCE.findall(mangled)) > MAX_REFERENCES:
        return name
    try:
        tree = parse_mangled(mangled)
        readable = str(_with_constructor_named(tree)) if tree is not None else ""
    except Exception:  # the library raises whatever it stumbles over; the mangled name is good enough then
        return name
    if not readable or not readable.isprintable():
        return name
    readable = _ANONYMOUS.sub("(anonymous namespace)", readable)
    return f"{readable} [clone .{clone}]" if dot else readable


def _with_constructor_named(tree: Any) -> Any:
    """Return the tree with the library's `{ctor}` and `{dtor}` replaced by the class's name, as C++ writes them."""
    name = getattr(tree, "name", tree)
    if getattr(name, "kind", None) != "qual_name":
        return tree
    parts = list(name.value)
    for index, part in enumerate(parts):
        if part.kind in ("ctor", "dtor"):
            owners = [p for p in parts[:index] if p.kind == "name"]
            if owners:
                tilde = "~" if part.kind == "dtor" else ""
                parts[index] = Node("name", tilde + owners[-1].value)
    name = name._replace(value=tuple(parts))
    return tree._replace(name=name) if hasattr(tree, "arg_tys") else name
