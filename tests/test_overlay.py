# SPDX-License-Identifier: Apache-2.0
"""Device overlays: what a file may say, the message for everything else, and what firmware then reads."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import assemble, firmware_elf, run_code, run_profile, write_image

from mcusim.errors import McusimError
from mcusim.machine.loop import RunLoop
from mcusim.overlay import Overlay, load_overlay, parse_overlay
from mcusim.reports import render
from mcusim.svd import parse_svd

BOARD = "generic-cortex-m4"
READS = "f04f4280 6810 6811 6813 6814 e7fe"  # r0, r1, r3, r4 = *0x40000000
# r0 = *0x40000000; *0x40000000 = 5; then 64 times, while bit 0 of it is set
STORES = "f04f4280 6810 2105 6011 2440 6813 07dd d501 3c01 d1fa e7fe"
POLLS = "f04f4280 6813 039b d5fc e7fe"  # waits for bit 17


def overlay(text: str) -> Overlay:
    """Return an overlay with these registers."""
    return Overlay("mine.toml", "0123456789abcdef", parse_overlay(text, "mine.toml"))


def run(folder: Path, code: str, *texts: str, board: str = BOARD) -> RunLoop:
    """Run code with overlays."""
    return run_code(folder, code, board, overlays=tuple(map(overlay, texts)), max_cycles=20_000)


def registers(loop: RunLoop, *names: str) -> list[int]:
    """Return what core registers hold at the end."""
    return [loop.machine.engine.read_register(name) for name in names]


AT_0 = "[[register]]\naddress = 0x40000000\n"


def test_a_constant(tmp_path: Path) -> None:
    loop = run(tmp_path, READS, AT_0 + "value = 0x12345678")
    assert registers(loop, "r0", "r4") == [0x12345678, 0x12345678]


def test_a_constant_with_a_mask_remembers_the_other_bits(tmp_path: Path) -> None:
    loop = run(tmp_path, STORES, AT_0 + "value = 0xff02\nmask = 0xff0a")
    assert registers(loop, "r0", "r3") == [0xFF02, 0xFF07]


def test_a_sequence_repeats_its_last_value_or_all(tmp_path: Path) -> None:
    loop = run(tmp_path, READS, AT_0 + "sequence = [1, 2, 3]")
    assert registers(loop, "r0", "r1", "r3", "r4") == [1, 2, 3, 3]
    loop = run(tmp_path, READS, AT_0 + "sequence = [1, 2, 3]\ncycle = true")
    assert registers(loop, "r0", "r1", "r3", "r4") == [1, 2, 3, 1]


def test_passthrough_remembers_and_is_never_changed(tmp_path: Path) -> None:
    loop = run(tmp_path, STORES, AT_0 + "passthrough = true\nreset = 0x80")
    assert registers(loop, "r0", "r3", "r4") == [0x80, 5, 0]
    waiting = run(tmp_path, POLLS, AT_0 + "passthrough = true")
    assert waiting.end is not None
    assert waiting.end.kind == "max-cycles"


def test_a_constant_is_not_changed_for_a_wait_either(tmp_path: Path) -> None:
    loop = run(tmp_path, POLLS, AT_0 + "value = 0")
    assert loop.end is not None
    assert loop.end.kind == "max-cycles"


def test_an_overlay_comes_before_a_model(tmp_path: Path) -> None:
    """RCC->CR of the board, by the device's name; the other registers of the model stay."""
    code = "f04f4280 f5023204 6810 6891 e7fe"  # r2 = 0x40021000 (RCC): r0 = CR, r1 = CFGR
    plain = run(tmp_path, code, board="nucleo-l4r5zi")
    fixed = run(tmp_path, code, '[[register]]\nperipheral = "rcc"\noffset = 0\nvalue = 0xabc', board="nucleo-l4r5zi")
    assert registers(plain, "r2") == [0x4002_1000]
    assert registers(fixed, "r0") == [0xABC] != registers(plain, "r0")
    assert registers(fixed, "r1") == registers(plain, "r1")


def test_an_overlay_fixes_a_core_register(tmp_path: Path) -> None:
    """CPUID, 0xe000ed00."""
    loop = run(tmp_path, "f64e5200 f2ce0200 6811 e7fe",
               "[[register]]\naddress = 0xe000ed00\nvalue = 7")  # fmt: skip
    assert registers(loop, "r2", "r1") == [0xE000_ED00, 7]


def test_the_profile_says_so(tmp_path: Path) -> None:
    image = write_image(tmp_path, firmware_elf(assemble(READS)))
    profile = run_profile(image, BOARD, overlays=(overlay(AT_0 + 'name = "STATUS"\nvalue = 1'),))
    assert profile.settings["device_overlay"] == "mine.toml (sha256 0123456789abcdef)"
    assert [(guess.name, guess.answer, guess.reads) for guess in profile.guessed] == [("STATUS", "constant", 4)]
    assert "constant, by the overlay" in render(profile)
    assert "--device-overlay mine.toml" in " ".join(render(profile).split())


def test_strict_is_content_with_an_overlay(tmp_path: Path) -> None:
    loop = run_code(tmp_path, READS, BOARD, overlays=(overlay(AT_0 + "value = 1"),), strict_mmio=True)
    assert loop.end is not None


SVD = parse_svd(
    b"<device><peripherals><peripheral><name>DAC</name><baseAddress>0x40000000</baseAddress></peripheral>"
    b"</peripherals></device>", "x.svd",
)  # fmt: skip


def test_a_peripheral_by_its_name_in_the_svd(tmp_path: Path) -> None:
    fixed = overlay('[[register]]\nperipheral = "DAC"\noffset = 0\nvalue = 9')
    loop = run_code(tmp_path, READS, BOARD, overlays=(fixed,), svd=SVD)
    assert registers(loop, "r0") == [9]
    bad = overlay('[[register]]\nperipheral = "DAQ"\noffset = 0\nvalue = 9')
    with pytest.raises(McusimError, match=r"mine.toml: .*'DAQ'.*DAC"):
        run_code(tmp_path, READS, BOARD, overlays=(bad,), svd=SVD)


def test_two_overlays_do_not_fix_the_same_register(tmp_path: Path) -> None:
    with pytest.raises(McusimError, match=r"register 0x40000000 is fixed already, in mine.toml"):
        run(tmp_path, READS, AT_0 + "value = 1", AT_0 + "value = 2")


def test_memory_is_not_a_register(tmp_path: Path) -> None:
    with pytest.raises(McusimError, match="0x20000000 is not in the address space of devices on generic-cortex-m4"):
        run(tmp_path, READS, "[[register]]\naddress = 0x20000000\nvalue = 1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[register", "not TOML"),
        ("", "missing key 'register'"),
        ("register = 1", "expected 'array', got 'int'"),
        ("x = 1\n" + AT_0 + "value = 1", "unknown key 'x'"),
        (AT_0 + "valeu = 1", "register number 1: object contains unknown field 'valeu'|unknown key 'valeu'"),
        (AT_0 + "value = '1'", "register number 1: value: expected 'int | null', got 'str'"),
        (AT_0, "register 0x40000000: give exactly one of value, sequence and passthrough"),
        (AT_0 + "value = 1\npassthrough = true", "give exactly one"),
        (AT_0 + "sequence = []", "sequence: is empty"),
        (AT_0 + "sequence = [4294967296]", "sequence: a value has more than 32 bits"),
        (AT_0 + "value = -1", "value: -0x1 has more than 32 bits"),
        (AT_0 + "value = 1\ncycle = true", "cycle: belongs to sequence"),
        (AT_0 + "sequence = [1]\nmask = 1", "mask: belongs to value"),
        (AT_0 + "value = 1\nreset = 1", "reset: belongs to passthrough"),
        ("[[register]]\nvalue = 1", "register number 1: give either address, or peripheral and offset"),
        (AT_0 + "offset = 4\nvalue = 1", "peripheral and offset belong together"),
        (AT_0 + 'peripheral = "X"\noffset = 4\nvalue = 1', "give either address"),
        ("[[register]]\naddress = 0x40000002\nvalue = 1", "address: 0x40000002 is not the place of a 32-bit register"),
        (AT_0 + 'name = "a\\nb"\nvalue = 1', "name: must be one line of text"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(McusimError, match=message.replace("[", r"\[")) as caught:
        parse_overlay(text, "mine.toml")
    assert str(caught.value).startswith("mine.toml: ")
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "large.toml").write_bytes(b"#" * (1 << 20) + b"#")
    for name, message in (("none.toml", "No such file"), ("binary.toml", "UTF-8"), ("large.toml", "more than"),
                          (".", "not a file"), ("a\0b", "UTF-8")):  # fmt: skip
        with pytest.raises(McusimError, match=message):
            load_overlay(tmp_path / name)


KEYS = st.sampled_from(["address", "peripheral", "offset", "name", "value", "mask", "sequence", "cycle", "passthrough",
                        "reset", "other"])  # fmt: skip
VALUES = st.one_of(
    st.integers(-(2**70), 2**70).map(str), st.booleans().map(lambda value: str(value).lower()), st.just("[1, 2]"),
    st.just("[]"), st.just('"text"'), st.just("1.5"), st.just("{ a = 1 }"), st.text(max_size=5),
)  # fmt: skip


@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=5), max_size=3))
def test_any_overlay_is_read_or_refused(rows: list[dict[str, str]]) -> None:
    text = "".join("[[register]]\n" + "".join(f"{key} = {value}\n" for key, value in row.items()) for row in rows)
    with suppress(McusimError):
        for register in parse_overlay(text, "any.toml"):
            assert 0 <= register.answer(3, register.after_write(0xFFFF_FFFF)) < 1 << 32


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(McusimError):
        parse_overlay(text, "any.toml")
