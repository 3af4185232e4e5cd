# SPDX-License-Identifier: Apache-2.0
"""Disassembly text, by Capstone, with branch targets named."""

from __future__ import annotations

import re

import capstone

from mcusim.image.model import Image
from mcusim.isa.decode import ALWAYS

_TARGET = re.compile(r"#(0x[0-9a-f]+)$")


class Disassembler:
    """Turns encodings into text."""

    def __init__(self, image: Image) -> None:
        mode = capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS
        self._capstone = capstone.Cs(capstone.CS_ARCH_ARM, mode)
        self._image = image

    def text(self, address: int, opcode: int, size_bytes: int, condition: int = ALWAYS) -> str:
        """Return the text of one instruction; `opcode` as `mcusim.isa.decode` has it (first halfword uppermost).

        `condition` is what an IT instruction before it imposes: it shows in the mnemonic.
        """
        halves = [opcode] if size_bytes == 2 else [opcode >> 16, opcode & 0xFFFF]
        code = b"".join(half.to_bytes(2, "little") for half in halves)
        it = b"" if condition == ALWAYS else (0xBF08 | condition << 4).to_bytes(2, "little")  # IT for one instruction
        for instruction in list(self._capstone.disasm(it + code, address - len(it), 2 if it else 1))[-1:]:
            if instruction.address != address:
                break
            return self._name_target(f"{instruction.mnemonic} {instruction.op_str}".strip())
        return f".inst 0x{opcode:0{2 * size_bytes}x}"

    def _name_target(self, text: str) -> str:
        found = _TARGET.search(text)
        if not found or not text.startswith(("b", "cb")):
            return text
        target = int(found.group(1), 16)
        symbol = self._image.function_at(target)
        if symbol is None:
            return text
        offset = target - symbol.address
        return text[: found.start()] + (f"{symbol.name}+0x{offset:x}" if offset else symbol.name)
