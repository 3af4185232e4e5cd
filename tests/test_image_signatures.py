# SPDX-License-Identifier: Apache-2.0
"""What functions take, from debug information: on our own prebuilt ELFs, on damaged ones, and on files without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import prebuilt

from mcusim.board import load_board
from mcusim.image import Base, Image, Parameter, Place, Pointer, Struct, Type, load
from mcusim.image.elf import read_elf
from mcusim.image.signatures import _sleb
from mcusim.layers import LayerFacts, LayerReader, find_rule
from mcusim.layers.operands import UNKNOWN
from mcusim.machine.loop import RunLoop
from mcusim.machine.settings import Settings

KEYWORDS = prebuilt("keyword_spotting", "nucleo-l4r5zi")


def parameters(image: Image, name: str) -> tuple[Parameter, ...]:
    symbol = image.find_symbol(name)
    assert symbol is not None
    signature = image.signature_at(symbol.address)
    assert signature is not None
    return signature.parameters


def pointed_to(kind: Type | None) -> Struct:
    assert isinstance(kind, Pointer)
    assert isinstance(kind.target, Struct)
    return kind.target


def test_parameters_of_our_example() -> None:
    image = load(KEYWORDS)
    op, source, target = parameters(image, "conv2d_s8")
    assert [each.name for each in (op, source, target)] == ["op", "input", "output"]
    assert [each.place for each in (op, source, target)] == [Place("register", number) for number in range(3)]
    layout = {member.name: member.offset for member in pointed_to(op.type).members}
    assert list(layout.items())[:5] == [
        ("input", 0), ("output", 12), ("kernel_height", 24), ("kernel_width", 28), ("stride", 32)
    ]  # fmt: skip
    shape = pointed_to(op.type).members[0].type
    assert isinstance(shape, Struct)
    assert shape.size_bytes == 12
    assert isinstance(source.type, Pointer)
    assert source.type.target == Base("signed char", 1, True)


def test_functions_without_parameters_and_places_without_functions() -> None:
    image = load(KEYWORDS)
    assert parameters(image, "main") == ()
    assert image.signature_at(0x0800_0001) is None
    assert image.signature_at(0xFFFF_FFFE) is None
    reset = image.find_symbol("Reset_Handler")
    assert reset is not None
    assert image.signature_at(reset.address) is not None


def test_ranges_of_units_do_without_their_index() -> None:
    content = KEYWORDS.read_bytes().replace(b".debug_aranges\0", b".other_aranges\0")
    assert parameters(read_elf(Path("f.elf"), content), "conv2d_s8") == parameters(load(KEYWORDS), "conv2d_s8")


def test_a_file_without_debug_information_has_no_signatures(tmp_path: Path) -> None:
    data = bytearray(KEYWORDS.read_bytes())
    position = data.find(b".debug_info\0")
    data[position : position + 11] = b".other_info"
    image = read_elf(Path("stripped.elf"), bytes(data))
    symbol = image.find_symbol("conv2d_s8")
    assert symbol is not None
    assert image.signature_at(symbol.address) is None


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_damaged_debug_information_is_no_error(data: st.DataObject) -> None:
    content = bytearray(KEYWORDS.read_bytes())
    start = len(content) // 4  # behind the code: debug sections, symbols, and section headers at the end
    for _ in range(data.draw(st.integers(1, 40))):
        content[data.draw(st.integers(start, len(content) - 4096))] = data.draw(st.integers(0, 255))
    image = load(KEYWORDS)
    damaged = read_elf(Path("damaged.elf"), bytes(content)) if _loads(bytes(content)) else image
    for symbol in image.functions:
        signature = damaged.signature_at(symbol.address)
        for parameter in signature.parameters if signature else ():
            if isinstance(parameter.type, Pointer) and isinstance(parameter.type.target, Struct):
                assert isinstance(parameter.type.target.members, tuple)


def _loads(content: bytes) -> bool:
    try:
        read_elf(Path("damaged.elf"), content)
    except Exception:
        return False
    return True


@pytest.mark.parametrize(
    ("data", "value"), [([0x7F], -1), ([0x08], 8), ([0x80, 0x01], 128), ([0x08, 0x00], None), ([0x80], None)]
)
def test_signed_numbers_of_variable_length(data: list[int], value: int | None) -> None:
    assert _sleb(data) == value


def read_layers(image: Image, board: str) -> list[LayerFacts]:
    """Run an image and read every call of an outermost layer function."""
    rule = find_rule("auto", image)
    assert rule is not None
    reader = LayerReader(image, rule)
    loop = RunLoop(image, load_board(board), Settings(max_cycles=50_000_000), None, None)
    engine, memory = loop.machine.engine, loop.machine.memory
    found: list[LayerFacts] = []

    def arrive(address: int) -> None:
        def register(number: int) -> int:
            return engine.read_register("sp" if number == 13 else f"r{number}")

        found.append(reader.read(address, register, memory.read))

    for address in rule.outermost:
        loop.places.add(address, lambda address=address: arrive(address))  # type: ignore[misc]
    loop.run()
    return found


def test_layers_of_our_example_as_its_source_says() -> None:
    layers = read_layers(load(prebuilt("keyword_spotting", "mps2-an386")), "mps2-an386")
    depthwise = LayerFacts("depthwise_conv2d_s8", "depthwise_conv2d", "25x5x64 -> 25x5x64, 3x3 s1", 25 * 5 * 64 * 9)
    pointwise = LayerFacts("conv2d_1x1_s8", "conv2d", "25x5x64 -> 25x5x64, 1x1 s1", 25 * 5 * 64 * 64)
    assert [replace(layer, operands=UNKNOWN) for layer in layers] == [
        LayerFacts("conv2d_s8", "conv2d", "49x10x1 -> 25x5x64, 10x4 s2", 25 * 5 * 64 * 40),
        *[depthwise, pointwise] * 4,
        LayerFacts("average_pool_s8", "average_pool", "25x5x64", None),
        LayerFacts("fully_connected_s8", "fully_connected", "64 -> 12", 768),
        LayerFacts("softmax_s8", "softmax", "12", None),
    ]
