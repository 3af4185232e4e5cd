# SPDX-License-Identifier: Apache-2.0
"""Where arguments are by the procedure call standard: a naive twin, and what views of them say."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from mcusim.image import (
    Array,
    Base,
    Location,
    Member,
    Parameter,
    Place,
    Pointer,
    Signature,
    Struct,
    Type,
    place_arguments,
)
from mcusim.image.debugtypes import alignment_bytes
from mcusim.layers.arguments import SP, View, read_arguments, view_at
from mcusim.layers.shapes import facts
from mcusim.layers.values import Values, values_of

CHAR, SHORT, INT, LONG = Base("char", 1), Base("short", 2, True), Base("int", 4, True), Base("long long", 8, True)
FLOAT, DOUBLE = Base("float", 4, True, True), Base("double", 8, True, True)
POINTER = Pointer()


def structure(*kinds: Type) -> Struct:
    """Return a structure laid out as C does."""
    members: list[Member] = []
    end, alignment = 0, 1
    for index, kind in enumerate(kinds):
        own = alignment_bytes(kind)
        end = (end + own - 1) // own * own
        members.append(Member("abcdefgh"[index], end, kind))
        end += kind.size_bytes
        alignment = max(alignment, own)
    return Struct("s", (end + alignment - 1) // alignment * alignment, False, lambda: tuple(members))


def naive(kinds: Sequence[Type], result: Type | None, hard: bool) -> list[tuple[object, ...]]:
    """Place arguments a word at a time, as one does with pencil and paper."""
    core, stack, floats = ["r0", "r1", "r2", "r3"], 0, set(range(16))
    places: list[tuple[object, ...]] = []
    if isinstance(result, Struct) and result.size_bytes > 4 and not (hard and flat(result)):
        core.pop(0)
    spilled = False  # something is on the stack
    for kind in kinds:
        words = -(-kind.size_bytes // 4)
        double = alignment_bytes(kind) == 8
        singles = flat(kind) if hard else None
        if singles:
            width, count = (2 if singles[0] == 8 else 1), len(singles)
            slots = [
                s for s in range(0, 16, width) if set(range(s, s + width * count)) <= floats and s + width * count <= 16
            ]
            if slots:
                floats -= set(range(slots[0], slots[0] + width * count))
                places.append(("float",))
                continue
            floats = set()
            stack += (-stack) % (8 if double else 4)
            places.append(tuple(("stack", stack + 4 * i) for i in range(words)))
            stack, spilled = stack + 4 * words, True
            continue
        if double and core and core[0] in ("r1", "r3"):
            core.pop(0)
        if len(core) >= words:
            places.append(tuple(core.pop(0) for _ in range(words)))
        elif core and not spilled:
            mine: list[object] = list(core)
            for _ in range(words - len(core)):
                mine.append(("stack", stack))
                stack += 4
            core, spilled = [], True
            places.append(tuple(mine))
        else:
            core = []
            stack += (-stack) % (8 if double else 4)
            places.append(tuple(("stack", stack + 4 * i) for i in range(words)))
            stack, spilled = stack + 4 * words, True
    return places


def flat(kind: Type) -> list[int]:
    """Return the sizes of the floats a type consists of, [] where it holds anything else, or floats of two sizes."""
    if isinstance(kind, Base):
        return [kind.size_bytes] if kind.floating else []
    if not isinstance(kind, Struct):
        return []
    sizes: list[int] = []
    for member in kind.members:
        inner = flat(member.type)
        if not inner:
            return []
        sizes += inner
    return sizes if len(sizes) <= 4 and len(set(sizes)) == 1 else []


def spelled(location: Location) -> tuple[object, ...]:
    if location.in_float_registers:
        return ("float",)
    words: list[object] = [f"r{number}" for number in location.registers]
    words += [("stack", location.stack_offset + 4 * i) for i in range(location.stack_bytes // 4)]
    return tuple(words)


simple: st.SearchStrategy[Type] = st.sampled_from([CHAR, SHORT, INT, LONG, FLOAT, DOUBLE, POINTER])
structures: st.SearchStrategy[Type] = st.lists(simple, min_size=1, max_size=6).map(lambda kinds: structure(*kinds))
nested = st.lists(st.one_of(simple, structures), min_size=1, max_size=3).map(lambda kinds: structure(*kinds))
types = st.one_of(simple, structures, nested)


@given(st.lists(types, max_size=10), st.one_of(st.none(), types), st.booleans())
def test_places_are_those_of_the_standard(kinds: list[Type], result: Type | None, hard: bool) -> None:
    assert [spelled(each) for each in place_arguments(kinds, result, hard)] == naive(kinds, result, hard)


def test_places_by_hand() -> None:
    def places(*kinds: Type, result: Type | None = None, hard: bool = False) -> list[tuple[object, ...]]:
        return [spelled(each) for each in place_arguments(kinds, result, hard)]

    assert places(INT, LONG, INT) == [("r0",), ("r2", "r3"), (("stack", 0),)]
    assert places(INT, INT, INT, LONG) == [("r0",), ("r1",), ("r2",), (("stack", 0), ("stack", 4))]
    assert places(INT, structure(INT, INT, INT, INT), INT) == [
        ("r0",),
        ("r1", "r2", "r3", ("stack", 0)),
        (("stack", 4),),
    ]
    assert places(FLOAT, INT, DOUBLE, hard=True) == [("float",), ("r0",), ("float",)]
    assert places(FLOAT, INT, DOUBLE) == [("r0",), ("r1",), ("r2", "r3")]
    assert places(INT, result=structure(INT, INT)) == [("r1",)]
    assert places(INT, result=structure(FLOAT, FLOAT), hard=True) == [("r0",)]
    assert places(Struct("copied", 12, True)) == [("r0",)]


class Guest:
    """Registers and memory of a call: arguments go where the standard says."""

    def __init__(self) -> None:
        self.registers = dict.fromkeys(range(16), 0) | {SP: 0x20001000}
        self.bytes: dict[int, int] = {}

    def store(self, address: int, data: bytes) -> None:
        self.bytes.update({address + index: byte for index, byte in enumerate(data)})

    def memory(self, address: int, size: int) -> bytes | None:
        if any(address + index not in self.bytes for index in range(size)):
            return None
        return bytes(self.bytes[address + index] for index in range(size))

    def put(self, location: Location, data: bytes) -> None:
        data += bytes(-len(data) % 4)
        for index, number in enumerate(location.registers):
            self.registers[number] = int.from_bytes(data[4 * index : 4 * index + 4], "little")
        self.store(self.registers[SP] + location.stack_offset, data[4 * len(location.registers) :])

    def read(self, signature: Signature, hard: bool = False, trusted: bool = True) -> list[tuple[str, View]]:
        return read_arguments(signature, hard, trusted, self.registers.__getitem__, self.memory)


def filled(kind: Type, start: int) -> bytes:
    return bytes((start + index) & 0xFF for index in range(kind.size_bytes))


@given(st.lists(types, max_size=8), st.booleans())
def test_what_was_passed_is_read(kinds: list[Type], hard: bool) -> None:
    guest = Guest()
    places = place_arguments(kinds, None, hard)
    for index, (kind, place) in enumerate(zip(kinds, places, strict=True)):
        if not place.in_float_registers:
            guest.put(place, filled(kind, 17 * index))
    signature = Signature(tuple(Parameter(f"p{index}", kind) for index, kind in enumerate(kinds)))
    read = dict(guest.read(signature, hard))
    for index, (kind, place) in enumerate(zip(kinds, places, strict=True)):
        if place.in_float_registers:
            assert f"p{index}" not in read
        else:
            assert read[f"p{index}"].read(0, kind.size_bytes) == filled(kind, 17 * index)
            assert read[f"p{index}"].read(kind.size_bytes - 1, 1) == filled(kind, 17 * index)[-1:]


def test_debug_information_overrules_the_standard() -> None:
    guest = Guest()
    guest.registers.update({0: 7, 2: 9})
    guest.store(guest.registers[SP] + 8, struct.pack("<i", -3))
    signature = Signature(
        (
            Parameter("a", INT, Place("register", 2)),
            Parameter("b", INT, Place("stack", 8)),
            Parameter("c", INT, Place("constant", 5)),
            Parameter("gone", INT),
        )
    )
    assert [(name, view.number) for name, view in guest.read(signature, trusted=False)] == [
        ("a", 9),
        ("b", -3),
        ("c", 5),
    ]


def test_a_parameter_of_unknown_type_ends_what_is_known() -> None:
    signature = Signature((Parameter("a", INT), Parameter("b", None), Parameter("c", INT)))
    assert [name for name, _ in Guest().read(signature)] == ["a"]


def test_views_follow_pointers_and_do_not_trip() -> None:
    guest = Guest()
    inner = structure(INT, Pointer(lambda: INT))
    guest.store(0x100, struct.pack("<iI", -2, 0x200))
    view = view_at(0x300, Pointer(lambda: inner), guest.memory)
    assert view.number is None
    assert view.target is None
    assert view.get("a") is None
    guest.store(0x300, struct.pack("<I", 0x100))
    first, second = view.get("a"), view.get("b")
    assert first is not None
    assert first.number == -2
    assert second is not None
    assert second.number == 0x200
    assert second.target is not None
    assert second.target.number is None
    assert view.get("z") is None
    assert first.get("a") is None
    assert first.target is None
    third = view_at(0x100, Array(INT, 2), guest.memory).element(1)
    assert third is not None
    assert third.number == 0x200


DIMS = Struct("dims", 16, False, lambda: tuple(Member("nhwc"[i], 4 * i, INT) for i in range(4)))
TILE = Struct("tile", 8, False, lambda: (Member("w", 0, INT), Member("h", 4, INT)))
CONV_PARAMS = Struct("conv_params", 16, False, lambda: (Member("stride", 0, TILE), Member("padding", 8, TILE)))


def cmsis_nn(kind: str, stride: tuple[int, int], *tensors: tuple[int, int, int, int]) -> tuple[str, int | None]:
    """Return the facts of a call as CMSIS-NN's are: pointers to dimensions, the fourth argument on is on the stack."""
    guest = Guest()
    names = ("conv_params", "input_dims", "input_data", "filter_dims", "output_dims")
    kinds = (CONV_PARAMS, DIMS, None, DIMS, DIMS)
    signature = Signature(
        tuple(
            Parameter(name, Pointer(lambda target=target: target))  # type: ignore[misc]
            for name, target in zip(names, kinds, strict=True)
        )
    )
    guest.store(0x1000, struct.pack("<4i", *stride, 0, 0))
    for index, tensor in enumerate(tensors):
        guest.store(0x2000 + 0x100 * index, struct.pack("<4i", *tensor))
    places = place_arguments([POINTER] * 5, None, False)
    for place, address in zip(places, (0x1000, 0x2000, 0xDEAD, 0x2100, 0x2200), strict=True):
        guest.put(place, struct.pack("<I", address))
    return facts(kind, "arm_kernel_s8", Values(values_of(guest.read(signature))))


def test_shapes_of_cmsis_nn() -> None:
    convolution = cmsis_nn("conv2d", (2, 1), (1, 16, 12, 3), (8, 3, 5, 3), (1, 16, 6, 8))
    assert convolution == ("16x12x3 -> 16x6x8, 3x5 s1x2", 16 * 6 * 8 * 3 * 5 * 3)
    batch_of_grouped = cmsis_nn("conv2d", (1, 1), (2, 4, 4, 8), (8, 3, 3, 4), (2, 4, 4, 8))
    assert batch_of_grouped[1] == 2 * 4 * 4 * 8 * 3 * 3 * 4
    depthwise = cmsis_nn("depthwise_conv2d", (1, 1), (1, 8, 8, 16), (1, 3, 3, 16), (1, 8, 8, 16))
    assert depthwise == ("8x8x16 -> 8x8x16, 3x3 s1", 8 * 8 * 16 * 9)
    assert cmsis_nn("fully_connected", (1, 1), (2, 1, 1, 64), (64, 1, 1, 10), (2, 1, 1, 10)) == ("2x64 -> 10", 1280)
    assert cmsis_nn("max_pool", (2, 2), (1, 8, 8, 16), (1, 2, 2, 1), (1, 4, 4, 16)) == (
        "8x8x16 -> 4x4x16, 2x2 s2",
        None,
    )


def test_nonsense_is_not_a_shape() -> None:
    assert cmsis_nn("conv2d", (1, 1), (1, 0, 12, 3), (8, 3, 5, 3), (1, 16, 6, 8)) == ("", None)
    assert cmsis_nn("conv2d", (1, 1), (1, 1 << 30, 12, 3), (8, 3, 5, 3), (1, 16, 6, 8)) == ("", None)
    assert cmsis_nn("conv2d", (1, 1)) == ("", None)  # the pointers lead nowhere
    assert cmsis_nn("", (1, 1)) == ("", None)


def shaped(kind: str, function: str, **values: int) -> tuple[str, int | None]:
    return facts(kind, function, Values({tuple(name.split("__")): number for name, number in values.items()}))


def test_shapes_by_names_of_integers() -> None:
    sizes = {"input_x": 40, "input_y": 30, "input_ch": 8, "output_x": 20, "output_y": 15, "output_ch": 16}
    kernel = "convolve_s8_kernel2x3_inputch3_stride2_pad1"
    assert shaped("conv2d", kernel, **sizes) == ("30x40x8 -> 15x20x16, 2x3 s2", 15 * 20 * 16 * 6 * 8)
    assert shaped("conv2d", "convolve_1x1_s8_ch8", **sizes)[0] == "30x40x8 -> 15x20x16, 1x1"
    assert shaped("conv2d", "conv2d_s8", **sizes) == ("30x40x8 -> 15x20x16", None)  # no kernel known
    assert shaped("depthwise_conv2d", "depthwise_kernel7x7_stride1_inplace_CHW", **sizes)[1] == 15 * 20 * 16 * 49
    assert shaped("add", "add_fpreq", size=6400) == ("6400", None)
    assert shaped("add", "add", size=6400, params__input_h=20, params__input_w=10, params__input_c=32)[0] == "20x10x32"
    assert shaped("softmax", "softmax_s8", op__size=12) == ("12", None)
    assert shaped("softmax", "arm_softmax_s8", num_rows=3, row_size=10) == ("3x10", None)
    assert shaped("fully_connected", "fc", op__inputs=64, op__outputs=12) == ("64 -> 12", 768)
    assert shaped("batch_matmul", "mat_mul_fp", mat_a_row=2, mat_a_col=3, mat_b_col=4) == ("2x3 * 3x4", 24)
    assert shaped("conv2d", kernel, output_x=20, output_y=15, output_ch=16) == ("", None)


def test_values_that_contradict_each_other_tell_nothing() -> None:
    assert Values({("a", "size"): 3, ("b", "size"): 4}).first("size") is None
    assert Values({("a", "size"): 3, ("b", "size"): 3}).first("size") == 3


def test_a_structure_that_holds_itself_is_no_endless_work() -> None:
    members: list[Member] = []
    knot = Struct("knot", 8, False, lambda: tuple(members))
    members += [Member(f"m{index}", 0, knot) for index in range(100)]
    assert alignment_bytes(knot) == 4
    assert len(place_arguments([knot, INT], None, True)) == 2
    guest = Guest()
    signature = Signature((Parameter("a", Pointer(lambda: knot)),))
    guest.registers[0] = 0x100
    assert values_of(guest.read(signature)) == {}
