# SPDX-License-Identifier: Apache-2.0
"""The build attributes in `.ARM.attributes`: which core the firmware was compiled for.

Format and tag numbers: Arm, "Addenda to, and Errata in, the ABI for the Arm Architecture", chapter on build attributes.
A firmware without the section, or with one that cannot be read, gives an empty hint: it may run all the same.
"""

from __future__ import annotations

from mcusim.errors import McusimError
from mcusim.image.model import CpuHint

TAG_FILE = 1
TAG_CPU_NAME, TAG_CPU_ARCH, TAG_CPU_PROFILE, TAG_FP_ARCH, TAG_HARD_FP_USE = 5, 6, 7, 10, 27
TAG_ABI_VFP_ARGS = 28  # 1: floating-point arguments in registers (Arm ABI addenda, IHI 0045)
TAG_COMPATIBILITY = 32  # a number and a string; from here on odd tags are strings and even ones numbers

M_PROFILE = {
    11: "armv6-m",
    12: "armv6-m",  # v6S-M: v6-M with the system extensions, which every Cortex-M0 and M0+ has
    13: "armv7e-m",
    16: "armv8-m.base",
    17: "armv8-m.main",
    21: "armv8.1-m.main",
}
ARCH_V7 = 10  # of which profile, the profile tag says
OTHERS = {
    0: "an Arm core before Armv4",
    1: "Armv4",
    2: "Armv4T",
    3: "Armv5T",
    4: "Armv5TE",
    5: "Armv5TEJ",
    6: "Armv6",
    7: "Armv6KZ",
    8: "Armv6T2",
    9: "Armv6K",
    14: "Armv8-A",
    15: "Armv8-R",
    18: "Armv8.1-A",
    19: "Armv8.2-A",
    20: "Armv8.3-A",
    22: "Armv9-A",
}
PROFILES = {"A": "Armv7-A", "R": "Armv7-R", "S": "Armv7-A or Armv7-R"}


class _DamagedError(Exception):
    """The section does not have the format it should have."""


def parse_attributes(where: str, content: bytes) -> CpuHint:
    """Return what the bytes of `.ARM.attributes` say of the core; McusimError when that is no Cortex-M."""
    try:
        tags = _file_tags(content)
    except _DamagedError:
        return CpuHint()
    number, profile = tags.get(TAG_CPU_ARCH), tags.get(TAG_CPU_PROFILE, 0)
    letter = chr(profile) if isinstance(profile, int) and profile < 128 else "?"
    if letter in PROFILES:
        raise _not_m(where, PROFILES[letter] if number == ARCH_V7 else f"the {letter} profile")
    if isinstance(number, int) and number in OTHERS:
        raise _not_m(where, OTHERS[number])
    arch = None
    if isinstance(number, int):
        arch = "armv7-m" if number == ARCH_V7 and letter == "M" else M_PROFILE.get(number)
    name = tags.get(TAG_CPU_NAME)
    fpu = _fpu(tags) if number is not None else None
    hard_float = tags.get(TAG_ABI_VFP_ARGS, 0) == 1
    return CpuHint(name if isinstance(name, str) and name else None, arch, fpu, hard_float)


def _not_m(where: str, built_for: str) -> McusimError:
    return McusimError(f"{where}: built for {built_for}: mcusim runs Cortex-M firmware: compile with -mcpu=cortex-m...")


def _fpu(tags: dict[int, int | str]) -> str:
    """Return the floating-point unit the code needs: none, sp or dp.

    FPv4-SP and FPv5-SP have the architecture numbers of their double-precision kin; Tag_ABI_HardFP_use 1 tells them
    apart.
    """
    if not tags.get(TAG_FP_ARCH, 0):
        return "none"
    return "sp" if tags.get(TAG_HARD_FP_USE, 0) == 1 else "dp"


def _file_tags(content: bytes) -> dict[int, int | str]:
    """Return the tags of file scope of the public ("aeabi") subsection."""
    if content[:1] != b"A":
        raise _DamagedError
    tags: dict[int, int | str] = {}
    for vendor in _chunks(content, 1, len(content), 0):
        name_end = content.find(b"\0", vendor.start + 4, vendor.stop)
        if name_end < 0:
            raise _DamagedError
        if content[vendor.start + 4 : name_end] != b"aeabi":
            continue
        for scope in _chunks(content, name_end + 1, vendor.stop, 1):
            if content[scope.start] == TAG_FILE:
                tags.update(_tags(content, scope.start + 5, scope.stop))
    return tags


def _chunks(content: bytes, start: int, end: int, length_at: int) -> list[range]:
    """Split content[start:end] into chunks that say their length in a word `length_at` bytes after their start."""
    chunks = []
    while start < end:
        length = int.from_bytes(content[start + length_at : start + length_at + 4], "little")
        if start + length_at + 4 > end or length < length_at + 4 or start + length > end:
            raise _DamagedError
        chunks.append(range(start, start + length))
        start += length
    return chunks


def _tags(content: bytes, position: int, end: int) -> dict[int, int | str]:
    tags: dict[int, int | str] = {}
    while position < end:
        tag, position = _uleb(content, position, end)
        if tag == TAG_COMPATIBILITY:
            _, position = _uleb(content, position, end)
            _, position = _text(content, position, end)
        elif tag in (4, TAG_CPU_NAME) or (tag > TAG_COMPATIBILITY and tag % 2):
            tags[tag], position = _text(content, position, end)
        else:
            tags[tag], position = _uleb(content, position, end)
    return tags


def _text(content: bytes, position: int, end: int) -> tuple[str, int]:
    stop = content.find(b"\0", position, end)
    if stop < 0:
        raise _DamagedError
    text = content[position:stop].decode("ascii", errors="replace")
    return "".join(c if c.isprintable() else "?" for c in text)[:64], stop + 1


def _uleb(content: bytes, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 64:
        byte = content[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if not byte & 0x80:
            return value, position
    raise _DamagedError
