# SPDX-License-Identifier: Apache-2.0
"""References that are made from the code, so that they cannot say anything else.

```{mcusim-commands}            every command: what it takes, its options, its examples (mcusim.cli.manual)
```{mcusim-api} MODULE          the public names of a module: signature, docstring, members
```{mcusim-operators}           the reference kernels: one function of its name in each module
```{mcusim-records} MODULE ...  the dataclasses of modules: fields, types, what the source says of them
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from mcusim.cli.manual import Command, commands


class FromText(SphinxDirective):
    """A directive that is Markdown made by `text`."""

    optional_arguments = 8
    has_content = False

    def text(self) -> str:
        """Return the Markdown."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Parse it, headings included."""
        return self.parse_text_to_nodes(self.text(), allow_section_headings=True)


class Commands(FromText):
    """Every command."""

    def text(self) -> str:
        return "\n\n".join(command_text(command) for command in commands())


def command_text(command: Command) -> str:
    """Return one command as Markdown."""
    first, *rest = (escaped(paragraph) for paragraph in command.paragraphs)
    parts = [f"## {command.name}", first, f"```text\n{command.usage}\n```", *rest]
    for title, group in command.groups:
        rows = [(f"`{option.written}`", escaped(option.text)) for option in group]
        parts.append(table((title, ""), rows))
    width = max((len(example) for example, _ in command.examples), default=0)
    examples = "\n".join(f"{example:<{width}}  # {text}" if text else example for example, text in command.examples)
    return "\n\n".join([*parts, f"```sh\n{examples}\n```"])


class Api(FromText):
    """The public names of a module."""

    def text(self) -> str:
        module = import_module(self.arguments[0])
        names = getattr(module, "__all__", None) or [
            name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__
        ]
        public = sorted((name for name in names if not name.startswith("_")), key=str.lower)
        return "\n\n".join(documented(name, getattr(module, name), module.__name__) for name in public)


class Operators(FromText):
    """The reference kernels."""

    def text(self) -> str:
        parts = []
        for path in sorted(Path(import_module("mcusim.kernels").__path__[0]).glob("*.py")):
            if path.stem.startswith("_"):
                continue
            module = import_module(f"mcusim.kernels.{path.stem}")
            own = [
                (name, value)
                for name, value in vars(module).items()
                if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
            ]
            if own and path.stem in dict(own):
                parts += [documented(name, value, module.__name__) for name, value in own if name == path.stem]
        return "\n\n".join(parts)


def documented(name: str, value: Any, module: str) -> str:
    """Return a function or class as Markdown: where it is, signature, docstring; of a class the members as well."""
    parts = [f"### {name}", f"```python\n{signature(f'{module}.{name}', value)}\n```", docstring(value)]
    if dataclasses.is_dataclass(value):
        parts.append(fields(value))
    if inspect.isclass(value):
        for member, function in sorted(vars(value).items()):
            if not member.startswith("_") and (inspect.isfunction(function) or isinstance(function, property)):
                line = f"`{member}`" if isinstance(function, property) else signature_line(member, function)
                parts.append(f"**{line}**\n\n{docstring(function)}")
    return "\n\n".join(parts)


def signature(name: str, value: Any) -> str:
    """Return how a function or class is called, one argument a line where it is long."""
    try:
        found = inspect.signature(value)
    except ValueError:
        return name
    line = unquoted(f"{name}{found}")
    if len(line) <= 100:
        return line
    arguments = [unquoted(str(each)) for each in found.parameters.values()]
    for kind, mark in ((inspect.Parameter.KEYWORD_ONLY, "*"),):
        kinds = [each.kind for each in found.parameters.values()]
        if kind in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
            arguments.insert(kinds.index(kind), mark)
    returned = str(found).rpartition(")")[2]
    return f"{name}(\n" + "".join(f"    {each},\n" for each in arguments) + unquoted(f"){returned}")


def unquoted(text: str) -> str:
    """Return a signature in which types are no strings."""
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)


def signature_line(name: str, function: Any) -> str:
    """Return how a method is called, in one line."""
    names = [str(each).split(":")[0].split("=")[0] for each in inspect.signature(function).parameters.values()][1:]
    return f"`{name}({', '.join(names)})`"


def docstring(value: Any) -> str:
    """Return a docstring as Markdown: indented parts are code, all else is as it stands."""
    text = inspect.getdoc(value) or ""
    parts = [
        f"```text\n{textwrap.dedent(part)}\n```" if part.startswith("    ") else escaped(part)
        for part in re.split(r"\n\s*\n", text)
    ]
    return "\n\n".join(parts)


def fields(kind: Any) -> str:
    """Return the fields of a dataclass as a table: name, type, default, and the remark beside it in the source."""
    said = remarks(kind)
    rows = []
    for field in dataclasses.fields(kind):
        default = "" if field.default is dataclasses.MISSING else f"`{field.default!r}`"
        rows.append((f"`{field.name}`", f"`{field.type}`", default, escaped(said.get(field.name, ""))))
    titles = ("field", "type", "default", "")
    keep = [at for at in range(4) if at < 2 or any(row[at] for row in rows)]
    return table(tuple(titles[at] for at in keep), [tuple(row[at] for at in keep) for row in rows]) if rows else ""


def remarks(kind: Any) -> dict[str, str]:
    """Return field -> the comment behind it, or the comment lines above it."""
    found, above = {}, []
    for line in inspect.getsource(kind).splitlines():
        match = re.match(r"\s+(\w+): .*?(?:\s{2}#\s*(.*))?$", line)
        if line.strip().startswith("#"):
            above.append(line.strip().lstrip("# "))
            continue
        if match and (match[2] or above):
            found[match[1]] = match[2] or " ".join(above)
        above = []
    return found


class Records(FromText):
    """The dataclasses of modules."""

    def text(self) -> str:
        return "\n\n".join(part for name in self.arguments for part in records(import_module(name)))


def records(module: Any) -> Iterator[str]:
    """Yield each dataclass of a module as Markdown: the last one of the source, which holds the others, first."""
    kinds = [
        kind for kind in vars(module).values() if dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__
    ]
    for kind in reversed(kinds):
        yield f"### {kind.__name__}\n\n{docstring(kind)}\n\n{fields(kind)}"


def table(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def escaped(text: str) -> str:
    """Return words so that Markdown shows them as they are; options, and what stands in code quotes, as code."""
    pieces = re.split(r"(`[^`]*`)", re.sub(r"(?<![`\w-])(--[a-z][\w-]*)(?![`\w])", r"`\1`", text))
    return "".join(part if at % 2 else re.sub(r"([*_<>\[\]$])", r"\\\1", part) for at, part in enumerate(pieces))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("mcusim-commands", Commands)
    app.add_directive("mcusim-api", Api)
    app.add_directive("mcusim-operators", Operators)
    app.add_directive("mcusim-records", Records)
    return {"version": "1", "parallel_read_safe": True}
