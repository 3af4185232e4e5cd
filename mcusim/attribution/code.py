# SPDX-License-Identifier: Apache-2.0
"""The code that there is, beside what ran of it: lines and functions of the image, and outcomes of branches."""

from __future__ import annotations

import numpy as np

from mcusim.attribution.costs import Costs
from mcusim.engine import records as rec
from mcusim.image.model import Image
from mcusim.profile import FunctionCost
from mcusim.profile_code import Branch, Code, CodeFile, CodeFunction
from mcusim.sources import SourceFiles
from mcusim.trace import Trace


def attribute_code(trace: Trace, costs: Costs, functions: list[FunctionCost]) -> Code | None:
    """Return lines, functions and branches; None for an image without line information."""
    lines: dict[str, set[int]] = {}
    for line in trace.image.code_lines:
        lines.setdefault(costs.sources.shown(line.file), set()).add(line.line)
    if not lines:
        return None
    files = [CodeFile(name, sorted(lines[name])) for name in sorted(lines)]
    return Code(files, _functions(trace.image, costs.sources, functions), _branches(trace))


def _functions(image: Image, sources: SourceFiles, ran: list[FunctionCost]) -> list[CodeFunction]:
    """Return the functions by address, under the names that the profile has for those that ran."""
    numbers = {function.address: index for index, function in enumerate(ran)}
    found = []
    for symbol in image.functions:
        number = numbers.get(symbol.address, -1)
        line = image.line_at(symbol.address)
        name = ran[number].name if number >= 0 else symbol.name
        file = sources.shown(line.file) if line else None
        found.append(CodeFunction(name, file, line.line if line else None, number))
    return found


def _branches(trace: Trace) -> list[Branch]:
    """Return how often each branch with a condition was taken and not: the two outcomes of blocks that end in it."""
    ways: dict[int, list[int]] = {}
    for outcome in np.flatnonzero(trace.outcomes["count"]):
        block = int(trace.entries[outcome // 2]["block"])
        flags = int(trace.blocks[block]["flags"])
        if flags & rec.ENDS_IN_BRANCH and not flags & rec.ALWAYS_BRANCHES:
            address = int(trace.pricer.decoded[block].ops[-1]["address"])
            ways.setdefault(address, [0, 0])[int(outcome) & 1] += int(trace.outcomes[outcome]["count"])
    return [Branch(address, taken, not_taken) for address, (not_taken, taken) in sorted(ways.items())]
