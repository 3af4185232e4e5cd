# SPDX-License-Identifier: Apache-2.0
"""What a profile says of the code that there is, run or not: lines, functions, and which way branches went.

With the counts of `Profile.instructions` it is the coverage of the firmware. Plain data, like `mcusim.profile`.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class CodeFile:
    """A source file, named as in `InstructionCost.file`; `lines` are those that have code in the image, ascending."""

    name: str
    lines: list[int]


@dataclass
class CodeFunction:
    """A function of the image, the file and the line where it begins (None: not known).

    `function` is an index into `Profile.functions`, -1 for one that never ran.
    """

    name: str
    file: str | None
    line: int | None
    function: int


@dataclass
class Branch:
    """A branch with a condition that ran, by the address of its instruction: how often each way was gone."""

    address: int
    taken: int
    not_taken: int


@dataclass
class Code:
    """The code of the image by its debug information, and the branches that ran."""

    files: list[CodeFile] = field(default_factory=list)
    functions: list[CodeFunction] = field(default_factory=list)
    branches: list[Branch] = field(default_factory=list)
