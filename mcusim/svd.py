# SPDX-License-Identifier: Apache-2.0
"""CMSIS-SVD files, as far as guessed registers need them: addresses, names and reset values of registers.

Read: peripherals and registers with `derivedFrom`, clusters, `dim` of all three, inherited `size` and `resetValue`
(CMSIS-SVD 1.3, the device, peripherals, registers and cluster levels). Fields and enumerations are left out. Files that
bring a document type are refused, since entities in it can make a small file huge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

from mcusim.errors import McusimError

MAX_FILE_BYTES = 64 << 20
MAX_REGISTERS = 200_000
MAX_DEPTH = 16  # clusters within clusters, chains of derivedFrom
_WORD = 0xFFFF_FFFF
_NUMBER = re.compile(r"\+?(?:0[xX]([0-9a-fA-F]{1,16})|(?:#|0[bB])([01xX]{1,64})|([0-9]{1,20}))")
Element = ElementTree.Element


@dataclass
class Svd:
    """What a file says of registers. `name` is the file's own, without folders."""

    name: str
    fingerprint: str
    names: dict[int, str] = field(default_factory=dict)  # address -> PERIPHERAL.REGISTER
    resets: dict[int, int] = field(default_factory=dict)  # address of a word -> its value after reset
    bases: dict[str, int] = field(default_factory=dict)  # peripheral -> address
    _copies: int = 0  # of anything, so that arrays within arrays end

    def name_at(self, address: int) -> str:
        """Return the name of the register in a word, '' where the file has none; of several, that of the lowest."""
        return next((self.names[at] for at in range(address & ~3, (address & ~3) + 4) if at in self.names), "")

    def reset_value(self, address: int) -> int:
        """Return what a word holds after reset."""
        return self.resets.get(address & ~3, 0)

    def _count(self, copies: int) -> None:
        """Count what is about to be added, copies by copies."""
        self._copies += copies
        if self._copies > MAX_REGISTERS:
            raise _WrongError(f"more than {MAX_REGISTERS} registers, or copies of something")

    def _add(self, address: int, name: str, size_bits: int, reset: int) -> None:
        """Add a register; of several at an address the first counts."""
        if address in self.names or not 0 <= address <= _WORD:
            return
        self.names[address] = name
        for at in range(address & ~3, address + (size_bits + 7) // 8, 4):
            shift = 8 * (address - at)
            part = (reset & (1 << size_bits) - 1) << shift if shift >= 0 else (reset & (1 << size_bits) - 1) >> -shift
            if part & _WORD:
                self.resets[at] = self.resets.get(at, 0) | part & _WORD


class _WrongError(Exception):
    """What is wrong with a file, without its name."""


@dataclass(frozen=True)
class _Inherited:
    """What elements inside take over."""

    size_bits: int = 32
    reset: int = 0

    def inside(self, element: Element) -> _Inherited:
        """Return what counts inside an element."""
        size = _number(element, "size", self.size_bits)
        if not 1 <= size <= 64:
            raise _WrongError(f"size: {size} bits is not a register's")
        return replace(self, size_bits=size, reset=_number(element, "resetValue", self.reset))


def load_svd(path: Path) -> Svd:
    """Read a file. Raises McusimError, with the file and what is wrong."""
    try:
        if path.exists() and not path.is_file():
            raise McusimError(f"{path}: not a file: give a CMSIS-SVD file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise McusimError(f"{path}: more than {MAX_FILE_BYTES} bytes: not a CMSIS-SVD file")
        data = path.read_bytes()
    except OSError as error:
        raise McusimError(f"{path}: cannot read the SVD file: {error.strerror or error}") from None
    except ValueError:  # a NUL in the name
        raise McusimError(f"{str(path)!r}: not a file name") from None
    return parse_svd(data, path.name)


def parse_svd(data: bytes, name: str) -> Svd:
    """Return what an SVD file's bytes say of registers; `name` names it in errors (McusimError)."""
    svd = Svd(name, sha256(data).hexdigest()[:16])
    try:
        text = data.decode("utf-8-sig", "replace")  # descriptions may be in another encoding, names are ASCII
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise _WrongError("it brings a document type, which register descriptions do not need")
        root = ElementTree.fromstring(text)
        if root.tag != "device":
            raise _WrongError(f"not a CMSIS-SVD file: it starts with <{root.tag[:40]}>, not <device>")
        _read_device(svd, root)
    except ElementTree.ParseError as error:
        raise McusimError(f"{name}: not XML: {error}") from None
    except (_WrongError, ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise McusimError(f"{name}: {_one_line(reason)}") from None
    return svd


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:200]


def _read_device(svd: Svd, root: Element) -> None:
    peripherals = root.findall("./peripherals/peripheral")
    by_name = {_text(element, "name"): element for element in peripherals}
    inherited = _Inherited().inside(root)
    for element in peripherals:
        chain = list(_derivation(element, by_name))
        here = inherited
        for each in reversed(chain):
            here = here.inside(each)
        registers = next((each.find("registers") for each in chain if each.find("registers") is not None), None)
        for index, step in _copies(svd, element):
            name = _indexed(_text(element, "name"), index)
            base = _number(element, "baseAddress", None) + step
            svd.bases.setdefault(name, base)
            if registers is not None:
                _read_registers(svd, registers, base, f"{name}.", here, MAX_DEPTH)


def _read_registers(svd: Svd, parent: Element, base: int, prefix: str, inherited: _Inherited, depth: int) -> None:
    """Add the registers and clusters below an element, whose addresses count from `base`."""
    if depth == 0:
        raise _WrongError("clusters nested too deep")
    siblings = {_text(each, "name"): each for each in parent if each.tag in ("register", "cluster")}
    for element in parent:
        if element.tag not in ("register", "cluster"):
            continue
        chain = list(_derivation(element, siblings))
        here = inherited
        for each in reversed(chain):
            here = here.inside(each)
        for index, step in _copies(svd, *chain):
            address = base + _number(element, "addressOffset", None) + step
            name = prefix + _indexed(_text(element, "name"), index)
            if element.tag == "register":
                svd._add(address, name, here.size_bits, here.reset)
            else:
                inside = next((each for each in chain if each.find("register") is not None), element)
                _read_registers(svd, inside, address, f"{name}.", here, depth - 1)


def _derivation(element: Element, by_name: dict[str, Element]) -> Iterator[Element]:
    """Yield an element and those that it derives from, nearest first. Names that are not found end the chain."""
    for _ in range(MAX_DEPTH):
        yield element
        source = by_name.get(element.get("derivedFrom", "").rpartition(".")[2])
        if source is None:
            return
        element = source
    raise _WrongError(f"derivedFrom: more than {MAX_DEPTH} steps, or a circle")


def _copies(svd: Svd, *chain: Element) -> Iterator[tuple[str, int]]:
    """Yield index and distance of each copy that `dim` asks for; of one without `dim`, an empty index."""
    element = next((each for each in chain if each.find("dim") is not None), None)
    if element is None:
        svd._count(1)
        yield "", 0
        return
    count, increment = _number(element, "dim", None), _number(element, "dimIncrement", 0)
    if count < 1:
        raise _WrongError(f"dim: {count} copies")
    svd._count(count)
    names = _indices(element.findtext("dimIndex") or "", count)
    for number in range(count):
        yield names[number], number * increment


def _indices(text: str, count: int) -> list[str]:
    """Return the names of copies: '3-6', 'A-D', 'A,B,C'; numbers from 0 where the text is something else."""
    text = text.strip()
    span = re.fullmatch(r"([0-9]{1,6})-([0-9]{1,6})|([A-Z])-([A-Z])", text)
    if span and span[1]:
        names = [str(number) for number in range(int(span[1]), min(int(span[2]), int(span[1]) + count) + 1)]
    elif span:
        names = [chr(code) for code in range(ord(span[3]), ord(span[4]) + 1)]
    else:
        names = [part.strip() for part in text.split(",")]
    return names if len(names) >= count else [str(number) for number in range(count)]


def _indexed(name: str, index: str) -> str:
    return name.replace("[%s]", index).replace("%s", index)


def _text(element: Element, key: str) -> str:
    text = (element.findtext(key) or "").strip()
    if not text or not text.isprintable() or len(text) > 200:
        raise _WrongError(f"<{element.tag}> without a {key}")
    return text


def _number(element: Element, key: str, default: int | None) -> int:
    text = element.findtext(key)
    if text is None:
        if default is None:
            raise _WrongError(f"<{element.tag}> without a {key}")
        return default
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise _WrongError(f"{key}: '{text.strip()[:40]}' is not a number")
    if match[1]:
        return int(match[1], 16)
    return int(match[2].lower().replace("x", "0"), 2) if match[2] else int(match[3])
