# SPDX-License-Identifier: Apache-2.0
"""What the sanitizer found: the events of a run that are wrong, each once for each place, with the other party.

docs/memory.md says what each kind means, what is looked at, and what can be a false alarm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePath

from mcusim.access_trace import AccessTrace
from mcusim.attribution.buffers import Owners
from mcusim.attribution.heap import caller_of, path_of
from mcusim.attribution.overlaps import Overlap, find_overlaps
from mcusim.attribution.references import References
from mcusim.engine import access_tables as a
from mcusim.isa import decode as isa
from mcusim.layer_trace import HeapBlock
from mcusim.profile_memory import Finding, Layers
from mcusim.trace import Trace

UNWRITTEN, FREED_READ, FREED_WRITTEN = "unwritten", "freed-read", "freed-written"
FREED_TWICE, NEVER_ALLOCATED = "freed-twice", "never-allocated"
OUTSIDE, UNRESERVED, READ_ONLY = "outside-arena", "unreserved", "read-only"
STACK, OVERLAP, UNALIGNED = "stack", "overlap", "unaligned"

OVERRUN_BYTES = 4096  # an instruction that leaves an array by less than this has run over its end, or below its start
COPY_OVERRUN_BYTES = 16  # of a copy, which may well be called for two arrays in one layer
NEAR_BYTES = 64
MOST_CALLERS = 4  # of a path that is shown
STRING_FUNCTIONS = ("strlen", "strnlen", "strcmp", "strncmp", "strcpy", "strncpy", "stpcpy", "strchr", "memchr",
                    "memcmp", "strcat", "strrchr")  # fmt: skip
COPY_FUNCTIONS = ("memcpy", "memmove", "mempcpy", "memset", "memclr", "memcpy4", "memcpy8", "memset4", "memset8",
                  "memclr4", "memclr8", "memmove4", "memmove8")  # fmt: skip
# Instructions that fault on an address that is no multiple of four, whatever CCR says (Armv7-M ARM A3.2.1).
WORD_CLASSES = tuple(
    isa.CLASS_NUMBER[name]
    for name in ("load_pair", "store_pair", "load_multiple", "store_multiple", "fp_load", "fp_store",
                 "fp_load_multiple", "fp_store_multiple", "load_exclusive", "store_exclusive")
)  # fmt: skip


@dataclass(frozen=True)
class _Place:
    """Where something happened: instruction, node of the call tree, activation, first cycle."""

    pc: int
    node: int
    activation: int
    cycles: int


def find(trace: Trace, layers: Layers | None, owners: Owners) -> list[Finding]:
    """Return what a run with --sanitize has found, in the order of the first time; nothing for another run."""
    if not trace.sanitized or trace.access is None:
        return []
    finder = _Finder(trace, trace.access, layers, owners)
    found = [
        *finder.events(), *finder.bad_frees(), *finder.refused(), *finder.stacks(), *finder.overlaps(),
    ]  # fmt: skip
    return merged(found)


def merged(found: Iterable[tuple[str, Finding]]) -> list[Finding]:
    """Return findings by time, those of one place and layer as one. Each comes with what tells places apart."""
    rows: dict[tuple[str, str, int, int], Finding] = {}
    for place, finding in sorted(found, key=lambda each: (each[1].cycles, each[1].pc, each[1].address)):
        key = (place, finding.kind, finding.pc, finding.layer)
        if key in rows:
            rows[key] = replace(rows[key], count=rows[key].count + finding.count)
        else:
            rows[key] = finding
    return list(rows.values())


class _Finder:
    """Judges what the run has left, and puts it into words."""

    def __init__(self, trace: Trace, access: AccessTrace, layers: Layers | None, owners: Owners) -> None:
        self._trace, self._access, self._layers, self._owners = trace, access, layers, owners
        self._references = References(trace.image)
        blocks = trace.heap.blocks if trace.heap is not None else []
        self._freed = [block for block in blocks if block.end_cycles >= 0]

    # events of the native hooks

    def events(self) -> Iterator[tuple[str, Finding]]:
        """Yield what accesses did wrong."""
        unaligned = {int(row["pc"]) for row in self._access.events if row["kind"] == a.MISALIGNED}
        faulting = self._that_need_words(unaligned)
        for row in self._access.events:
            kind, address, size = int(row["kind"]), int(row["address"]), int(row["size_bytes"])
            place = _Place(int(row["pc"]), int(row["node"]), int(row["activation"]), int(row["cycles"]))
            judged = None
            if kind == a.UNWRITTEN:
                judged = UNWRITTEN, f"read of {_bytes(size)} that nobody has written", self._unwritten(place, address)
            elif kind in (a.FREED_READ, a.FREED_WRITTEN):
                does = "read" if kind == a.FREED_READ else "write"
                name = FREED_READ if kind == a.FREED_READ else FREED_WRITTEN
                judged = name, f"{does} of {_bytes(size)} of memory that was freed", self._freed_by(place, address)
            elif kind == a.MISALIGNED:
                judged = self._unaligned(place, size, faulting)
            elif kind == a.OVERRUN:
                judged = self._overrun(place, address, size, int(row["before"]))
            elif kind == a.OUTSIDE:
                judged = self._near_miss(place, address, size)
            elif kind in (a.UNRESERVED, a.BELOW_STACK):
                judged = self._unreserved(place, address, size)
            if judged is not None:
                yield self._finding(*judged, place, address, size, int(row["count"]))

    def _unwritten(self, place: _Place, address: int) -> str:
        where = f"in {self._owner(address, place.cycles)}"
        name = _plain(self._function(place.pc))
        if name in COPY_FUNCTIONS:
            return f"{where}; a copy, for {self._caller(place)}: these bytes may be padding"
        if name in STRING_FUNCTIONS:
            return f"{where}; a string, for {self._caller(place)}: read by words, these bytes may lie behind its end"
        return where

    def _freed_by(self, place: _Place, address: int) -> str:
        """Return the story of the block that an address was in last."""
        blocks = [
            block
            for block in self._freed
            if block.address <= address < block.address + block.size_bytes and block.end_cycles <= place.cycles
        ]
        if not blocks:
            return ""
        return self._block_story(max(blocks, key=lambda block: block.end_cycles))

    def _block_story(self, block: HeapBlock) -> str:
        freed = f"freed by {self._path(block.end_node)} in cycle {block.end_cycles:,}" if block.end_cycles >= 0 else ""
        allocated = f"{_bytes(block.size_bytes)} at 0x{block.address:08x}, allocated by {self._path(block.node)}"
        return f"{allocated}; {freed}" if freed else allocated

    def _unaligned(self, place: _Place, size: int, faulting: dict[int, bool]) -> tuple[str, str, str] | None:
        since = self._trace.unaligned_traps_since
        if faulting.get(place.pc, False):
            return UNALIGNED, "unaligned access by an instruction that cannot", ""
        if since is not None and place.cycles >= since:
            return UNALIGNED, f"unaligned access of {_bytes(size)}, which faults here", ""
        return None

    def _that_need_words(self, addresses: set[int]) -> dict[int, bool]:
        """Return of each instruction whether it faults on any unaligned address."""
        found: dict[int, bool] = {}
        for decoded in self._trace.pricer.decoded if addresses else ():
            for op in decoded.ops:
                if int(op["address"]) in addresses:
                    found[int(op["address"])] = int(op["klass"]) in WORD_CLASSES
        return found

    # writes to where none should be

    def _overrun(self, place: _Place, address: int, size: int, before: int) -> tuple[str, str, str] | None:
        copies = _plain(self._function(place.pc)) in COPY_FUNCTIONS
        if abs(address - before) > (COPY_OVERRUN_BYTES if copies else OVERRUN_BYTES):
            return None
        hit, left = self._owner(address, place.cycles), self._owner(before, place.cycles)
        other = f"into {hit}; its last write was {_bytes(abs(address - before))} away, to {left}"
        return OUTSIDE, f"write of {_bytes(size)} outside what it was writing to", other

    def _near_miss(self, place: _Place, address: int, size: int) -> tuple[str, str, str] | None:
        """Judge a write to a variable: one beside an arena that none of the functions around knows is suspicious."""
        near = [arena for arena in self._trace.arenas if arena.address - NEAR_BYTES <= address < arena.end + NEAR_BYTES]
        symbol = self._trace.image.object_at(address)
        if not near or (symbol is not None and self._references.knows(self._functions(place.node), symbol)):
            return None
        other = f"into {self._owner(address, place.cycles)}, beside '{near[0].name}'"
        return OUTSIDE, f"write of {_bytes(size)} that is possibly outside the arena", other

    def _functions(self, node: int) -> Iterator[int]:
        """Yield the addresses of the functions from a node up, but for the root: start-up code knows all variables."""
        while self._trace.nodes[node]["parent"] >= 0:
            row = self._trace.nodes[node]
            yield self._trace.functions[int(row["function"])].address
            node = int(row["parent"])

    def _unreserved(self, place: _Place, address: int, size: int) -> tuple[str, str, str] | None:
        """Judge a write to memory of no section, heap or stack: of code in SRAM and of stacks without a limit it is."""
        if any(s.run_address <= address < s.run_address + s.size_bytes for s in self._trace.image.sections):
            return None
        if any(use.low <= address < use.top for use in self._trace.stacks) or not self._is_reserved_from(address):
            return None
        low = max((use.low for use in self._trace.stacks if use.limit <= address < use.top), default=0)
        other = f"{_bytes(low - address)} below where the stack has ever been" if low else self._nearest(address)
        return UNRESERVED, f"write of {_bytes(size)} to memory that nobody reserves", other

    def _is_reserved_from(self, address: int) -> bool:
        """Return whether the image reserves anything of the memory that an address is in.

        Where it does not, as in external memory for pictures, the memory is used by address on purpose.
        """
        reserved = [section.run_address for section in self._trace.image.sections if section.sram_bytes]
        reserved += [use.top - 1 for use in self._trace.stacks]
        for region in self._trace.board.region:
            if any(low <= address < high for low, high in region.ranges):
                return any(low <= start < high for start in reserved for low, high in region.ranges)
        return True

    def _nearest(self, address: int) -> str:
        below = [symbol for symbol in self._trace.image.symbols if symbol.kind == "object" and symbol.end <= address]
        if not below:
            return ""
        last = max(below, key=lambda symbol: symbol.end)
        return f"{_bytes(address - last.end)} behind the end of '{last.name}'"

    # other sources

    def bad_frees(self) -> Iterator[tuple[str, Finding]]:
        """Yield what was freed and should not have been."""
        heap = self._trace.heap
        for bad in heap.bad_frees if heap is not None else ():
            place = _Place(bad.site, bad.node, self._activation_at(bad.cycles), bad.cycles)
            before = [b for b in self._freed if b.address == bad.address and b.end_cycles <= bad.cycles]
            kind, size, other = NEVER_ALLOCATED, 0, f"it is in {self._owner(bad.address, bad.cycles)}"
            if before and bad.what == "freed twice":
                last = max(before, key=lambda b: b.end_cycles)
                kind, size, other = FREED_TWICE, last.size_bytes, self._block_story(last)
            yield self._finding(kind, f"memory is {bad.what}", other, place, bad.address, size, 1,
                                function=caller_of(self._trace, bad.node))  # fmt: skip

    def _activation_at(self, cycles: int) -> int:
        stretches = self._access.stretches
        index = int(stretches["start_cycles"].searchsorted(cycles, side="right")) - 1
        return int(stretches["activation"][index]) if index >= 0 else -1

    def refused(self) -> Iterator[tuple[str, Finding]]:
        """Yield what memory or the core has refused."""
        for row in self._trace.refused_accesses:
            place = _Place(row.pc, row.node, row.activation, row.cycles)
            address = row.address or 0
            if row.kind == "unaligned":
                yield self._finding(UNALIGNED, "unaligned access by an instruction that cannot", "", place, address, 0,
                                    row.count)  # fmt: skip
                continue
            other = f"to {self._owner(address, row.cycles)}"
            yield self._finding(READ_ONLY, "write to read-only memory", other, place, address, 0, row.count)

    def stacks(self) -> Iterator[tuple[str, Finding]]:
        """Yield where stacks ran into what lies below them."""
        for use in self._trace.stacks:
            first = use.first_overflow
            if first is None:
                continue
            place = _Place(first.pc, first.node, self._activation_at(first.cycles), first.cycles)
            hit = [self._described(*piece) for piece in self._owners.pieces(first.low, first.floor, first.cycles)]
            other = f"into {', '.join(reversed(hit))}; by way of {_shown(path_of(self._trace, first.node))}"
            text = f"stack '{use.name}' runs {_bytes(first.floor - first.low)} below its limit"
            function = self._trace.functions[int(self._trace.nodes[first.node]["function"])].name
            yield self._finding(STACK, text, other, place, first.low, first.floor - first.low, 1,
                                function=None if first.pc else function)  # fmt: skip

    def overlaps(self) -> Iterator[tuple[str, Finding]]:
        """Yield where one layer overwrites what another one wrote for a third."""
        if self._layers is None:
            return
        for each in find_overlaps(self._access, self._parents(), self._function):
            yield self._overlap(each)

    def _parents(self) -> list[int]:
        return [row.parent for row in self._layers.activations] if self._layers is not None else []

    def _overlap(self, each: Overlap) -> tuple[str, Finding]:
        place = _Place(each.pc, each.node, each.activation, each.cycles)
        size = each.end - each.start
        writer = self._layer_name(each.writer)
        text = f"possibly two buffers overlap: {_bytes(size)} that {writer} wrote are overwritten"
        other = (
            f"written by {self._function(each.writer_pc)}, read by nobody; {self._layer_name(each.reader)} reads "
            f"{writer}'s bytes beside them later"
        )
        return self._finding(OVERLAP, text, other, place, each.start, size, 1)

    # words

    def _finding(
        self, kind: str, text: str, other: str, place: _Place, address: int, size_bytes: int, count: int,
        *, function: str | None = None,
    ) -> tuple[str, Finding]:  # fmt: skip
        name = function or self._function(place.pc)
        line = self._trace.image.line_at(place.pc)
        caller = self._caller(place) if _plain(name) in (*COPY_FUNCTIONS, *STRING_FUNCTIONS) else ""
        return caller, Finding(
            kind=kind, text=text, layer=self._layer(place.activation), function=name,
            file=PurePath(line.file).name if line else None, line=line.line if line else None, pc=place.pc,
            address=address, size_bytes=size_bytes, count=count, cycles=place.cycles, other=other,
        )  # fmt: skip

    def _layer(self, activation: int) -> int:
        if self._layers is None or not 0 <= activation < len(self._layers.activations):
            return -1
        return self._layers.activations[activation].layer

    def _layer_name(self, activation: int) -> str:
        layer = self._layer(activation)
        return self._layers.layers[layer].name if self._layers is not None and layer >= 0 else "code outside layers"

    def _function(self, pc: int) -> str:
        symbol = self._trace.image.function_at(pc)
        if symbol is not None:
            return symbol.name
        before = [function for function in self._trace.functions if function.address <= pc]
        return max(before, key=lambda function: function.address).name if before else f"0x{pc:08x}"

    def _caller(self, place: _Place) -> str:
        """Return who called the function that a place is in."""
        name = self._function(place.pc)
        others = [each for each in path_of(self._trace, place.node) if each != name]
        return others[-1] if others else name

    def _path(self, node: int) -> str:
        return _shown(path_of(self._trace, node)[:-1]) if node >= 0 else "nobody"

    def _owner(self, address: int, cycles: int) -> str:
        """Return in words what an address is reserved by."""
        start, end, zone, name = next(iter(self._owners.pieces(address, address + 1, cycles)))
        return self._described(start, end, zone, name)

    def _described(self, start: int, _end: int, zone: str, name: str) -> str:
        if zone == "stack":
            return f"the stack '{name}'"
        if zone == "heap":
            return f"the heap's block of {name}" if name else "the heap, between its blocks"
        if name:
            symbol = self._trace.image.object_at(start)
            offset = start - symbol.address if symbol is not None else 0
            return f"'{name}' + {offset}" if offset else f"'{name}'"
        section = next(
            (s for s in self._trace.image.sections if s.run_address <= start < s.run_address + s.size_bytes), None
        )
        return f"section {section.name}" if section is not None else "memory that nobody reserves"


def _bytes(count: int) -> str:
    return "1 byte" if count == 1 else f"{count:,} bytes"


def _shown(path: list[str]) -> str:
    """Return a path of calls in short: its last few functions, those that call themselves with how often."""
    runs: list[tuple[str, int]] = []
    for name in path:
        if runs and runs[-1][0] == name:
            runs[-1] = (name, runs[-1][1] + 1)
        else:
            runs.append((name, 1))
    words = [name if count == 1 else f"{name} x {count}" for name, count in runs]
    return " > ".join(words if len(words) <= MOST_CALLERS else ["...", *words[-MOST_CALLERS:]])


def _plain(name: str) -> str:
    """Return a function's name without what compilers and libraries put around it."""
    for prefix in ("__aeabi_", "__builtin_", "__"):
        name = name.removeprefix(prefix)
    return name.partition(".")[0].partition(" ")[0]
