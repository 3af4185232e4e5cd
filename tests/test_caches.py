# SPDX-License-Identifier: Apache-2.0
"""Firmware on parts with caches: what it turns on, what it waits for, and what is said of that."""

from __future__ import annotations

from pathlib import Path

import pytest
from machines import firmware_elf, run_loop, run_profile, write_image
from thumb_code import Code

from mcusim import profile_io
from mcusim.board import Board, load_board, parse_board
from mcusim.board_timing import Bus
from mcusim.errors import McusimError
from mcusim.image import Image
from mcusim.machine.caches import geometry
from mcusim.profile import Profile
from mcusim.reports import RenderOptions, render

H743, F746 = "nucleo-h743zi", "stm32f746-discovery"
AXI_SRAM, DTCM, D2_SRAM = 0x2400_0000, 0x2000_0000, 0x3000_0000
CCR, D1CFGR = 0xE000_ED14, 0x5802_4418
MPU_CTRL, MPU_RBAR, MPU_RASR = 0xE000_ED94, 0xE000_ED9C, 0xE000_EDA0
ON = ("cache=on",)
CACHE_CAUSES = {"icache", "dcache", "bus"}


def firmware(folder: Path, *parts: str | tuple[int, int] | int) -> Image:
    """Return an image that runs parts one after another and then stays.

    A part is code in hexadecimal, an address that r1 is set to, or (address, value): a word to be written.
    """
    code = Code()
    for part in parts:
        if isinstance(part, tuple):
            code.load(1, part[0])
            code.load(0, part[1])
            code.hex("6008 f3bf8f4f f3bf8f6f")  # str r0, [r1]; dsb; isb
        elif isinstance(part, int):
            code.load(1, part)
        else:
            code.hex(part)
    code.label("end")
    code.branch("end")
    code.pool()
    return write_image(folder, firmware_elf(code.build(0x0800_0000 + 4 * 32)))


def profile_of(folder: Path, *parts: str | tuple[int, int] | int, board: str = H743, **given: object) -> Profile:
    """Run parts on a board and return the profile."""
    given.setdefault("max_cycles", 100_000)
    return run_profile(firmware(folder, *parts), board, **given)


def bus_of(board: str, region: str) -> Bus:
    """Return a region's bus."""
    found = next(each for each in load_board(board).region if each.name == region).bus
    assert found is not None
    return found


def read_cycles(bus: Bus, ratio: int = 1, wait_states: int = 0) -> int:
    """Return what a read makes the core wait until its first word is there."""
    waits = wait_states if bus.wait_states.value else 0
    return (bus.first_cycles.value + waits) * ratio + bus.core_cycles.value


def data_waits(profile: Profile, image_text: str) -> dict[str, int]:
    """Return what instructions with this disassembly have waited for data or past a cache, by cause."""
    found: dict[str, int] = {}
    for row in profile.instructions:
        if row.text.startswith(image_text):
            for cause in {"dcache", "bus"} & set(row.causes):
                found[cause] = found.get(cause, 0) + row.causes[cause]
    return found


EIGHT_LOADS = " ".join(f"{0x6808 | word << 6:04x}" for word in range(8))  # ldr r0, [r1, #4 * word]
EIGHT_STORES = " ".join(f"{0x6008 | word << 6:04x}" for word in range(8))


def test_a_line_is_read_once_and_the_rest_of_it_streams(tmp_path: Path) -> None:
    profile = profile_of(tmp_path, AXI_SRAM, EIGHT_LOADS, EIGHT_LOADS, memory=ON)
    # Its words come a beat of one cycle after another, two in each: sooner than loads ask for them.
    assert data_waits(profile, "ldr r0, [r1") == {"dcache": read_cycles(bus_of(H743, "axi-sram"))}
    assert profile.caches is not None
    counted = [row.counts for row in profile.caches.instructions if row.counts.reads]
    assert sum(each.reads for each in counted) == 16 + 1  # and the literal
    assert sum(each.read_misses for each in counted) == 1 + 1


def test_caches_are_off_until_the_firmware_turns_them_on(tmp_path: Path) -> None:
    # ldr r0, [r2]; ldr r0, [r2] before DC is set in CCR, and two after it
    profile = profile_of(tmp_path, AXI_SRAM, "460a 6810 6810", (CCR, 1 << 16 | 1 << 9), "6810 6810")
    waits = read_cycles(bus_of(H743, "axi-sram"))
    assert data_waits(profile, "ldr r0, [r2]") == {"bus": 2 * waits, "dcache": waits}
    # Instructions are fetched past the cache all the time, from flash with the seven wait states that it has at reset.
    assert "icache" not in profile.totals.causes
    assert profile.totals.causes["bus"] > read_cycles(bus_of(H743, "flash"), wait_states=7)


def test_instructions_are_cached_once_the_firmware_says_so(tmp_path: Path) -> None:
    # movs r0, #100; 1: subs r0, #1; bne 1b
    loop = "2064 3801 d1fd"
    off, on = (profile_of(tmp_path, (CCR, value), loop) for value in (1 << 9, 1 << 17 | 1 << 9))
    assert off.caches is not None
    assert on.caches is not None
    assert off.caches.totals.fetch_misses >= 100 > 10 > on.caches.totals.fetch_misses
    assert off.caches.totals.fetches == 0 < on.caches.totals.fetches  # a cache that is off has no hit rate
    assert "I-cache" not in render(off)
    assert "fetches of 64 bits hit" in render(on)
    # Each turn begins with a branch, and fetches its line again.
    waits = read_cycles(bus_of(H743, "flash"), wait_states=7)
    assert data_waits(off, "subs r0")["bus"] > 98 * (waits - 10)
    assert on.totals.causes.get("icache", 0) < 4 * waits  # none where fetch was far enough ahead


def test_the_interval_holds_where_hardly_anything_waits_for_memory(tmp_path: Path) -> None:
    loop = "f64f 70ff 3801 d1fd"  # movw r0, #65535; 1: subs r0, #1; bne 1b
    off, on = (profile_of(tmp_path, (CCR, value), loop) for value in (1 << 9, 1 << 17 | 1 << 9))
    assert (on.accuracy.level, on.accuracy.interval_percent) == ("measured", 4)
    assert (off.accuracy.level, off.accuracy.interval_percent) == ("estimate", None)
    assert off.accuracy.text.endswith(on.accuracy.text)


def test_tightly_coupled_memory_never_waits(tmp_path: Path) -> None:
    profile = profile_of(tmp_path, DTCM, EIGHT_LOADS, EIGHT_STORES, memory=ON)
    assert not data_waits(profile, "ldr r0, [r1")
    assert not data_waits(profile, "str r0, [r1")


def test_the_bus_runs_at_its_own_clock(tmp_path: Path) -> None:
    profile = profile_of(tmp_path, (D1CFGR, 8), AXI_SRAM, "6808", memory=ON)  # HPRE 8: HCLK is half the core's clock
    assert data_waits(profile, "ldr r0, [r1") == {"dcache": read_cycles(bus_of(H743, "axi-sram"), ratio=2)}


def test_memory_on_a_farther_bus_answers_later(tmp_path: Path) -> None:
    near, far = (data_waits(profile_of(tmp_path, start, "6808"), "ldr r0, [r1")["bus"] for start in (AXI_SRAM, D2_SRAM))
    assert far - near == bus_of(H743, "sram1").first_cycles.value - bus_of(H743, "axi-sram").first_cycles.value > 0


def test_the_mpu_says_what_is_not_cached(tmp_path: Path) -> None:
    # AXI SRAM as Normal memory that is not cacheable (TEX 1, C 0, B 0), 512 KB, region 0
    parts = ((MPU_RBAR, AXI_SRAM | 0x10), (MPU_RASR, 3 << 24 | 1 << 19 | 18 << 1 | 1), (MPU_CTRL, 5), AXI_SRAM)
    profile = profile_of(tmp_path, *parts, "6808 6808", memory=ON)
    assert data_waits(profile, "ldr r0, [r1") == {"bus": 2 * read_cycles(bus_of(H743, "axi-sram"))}


# Maintenance registers: DCCIMVAC, DCISW (line 0 of way 0 has set 0: the first line that comes in)
@pytest.mark.parametrize("write", [(0xE000_EF70, AXI_SRAM), (0xE000_EF60, 0)], ids=["by address", "by set"])
def test_a_line_that_was_invalidated_is_read_again(tmp_path: Path, write: tuple[int, int]) -> None:
    again = profile_of(tmp_path, AXI_SRAM, "460a 6810", write, "6810", memory=("dcache=on", "icache=off"))
    cleaned = profile_of(tmp_path, AXI_SRAM, "460a 6810", (0xE000_EF68, AXI_SRAM), "6810", memory=ON)
    waits = read_cycles(bus_of(H743, "axi-sram"))
    assert data_waits(again, "ldr r0, [r2]") == {"dcache": 2 * waits}
    assert data_waits(cleaned, "ldr r0, [r2]") == {"dcache": waits}


def test_stores_wait_only_for_room_in_the_store_buffer(tmp_path: Path) -> None:
    stores = " ".join(f"f8c1{0x0000 | 32 * index:04x}" for index in range(8))  # str.w r0, [r1, #32 * index]
    few, many = (profile_of(tmp_path, AXI_SRAM, text, memory=ON) for text in (stores[:35], stores))
    assert load_board(H743).cache.store_entries.value == 4  # type: ignore[union-attr]
    assert data_waits(few, "str") == {}
    assert data_waits(many, "str")["dcache"] > 0
    assert many.caches is not None
    assert many.caches.totals.write_misses == 8
    uncached = profile_of(tmp_path, AXI_SRAM, EIGHT_STORES)
    assert data_waits(uncached, "str r0, [r1").get("bus", 0) >= 0
    assert uncached.caches is not None
    assert uncached.caches.totals.uncached_writes == 8


def test_a_store_then_finds_its_line(tmp_path: Path) -> None:
    profile = profile_of(tmp_path, AXI_SRAM, "6008" + " bf00" * 40 + " 6848", memory=ON)  # str; nops; ldr [r1, #4]
    assert not data_waits(profile, "ldr r0, [r1")
    assert profile.caches is not None
    assert profile.caches.totals.write_misses == 1


def test_an_access_across_two_lines_reads_both(tmp_path: Path) -> None:
    profile = profile_of(tmp_path, AXI_SRAM + 30, "6808", memory=ON)
    row = next(row for row in profile.instructions if row.text.startswith("ldr r0, [r1"))
    assert profile.caches is not None
    counts = next(each.counts for each in profile.caches.instructions if each.address == row.address)
    assert counts.read_misses == 2


def test_flash_at_the_itcm_bus_has_a_cache_of_its_own(tmp_path: Path) -> None:
    # Write ACR (0x40023C00): seven wait states, with and without ART; then go on at the alias of flash at 0x00200000.
    loops = {}
    for name, value in (("on", 0x207), ("off", 0x007)):
        code = Code()
        code.load(1, 0x4002_3C00)
        code.load(0, value)
        code.hex("6008")  # str r0, [r1]
        code.load(2, (0x0020_0000 + 4 * 32 + 16) | 1)
        code.hex("4710")  # bx r2
        while len(code) < 16:
            code.half(0xBF00)
        code.hex("2064 3801 d1fd e7fe")  # movs r0, #100; subs r0, #1; bne; b .
        code.pool()
        image = write_image(tmp_path, firmware_elf(code.build(0x0800_0000 + 4 * 32)))
        loops[name] = run_profile(image, F746, max_cycles=100_000, memory=ON)
    waited = {name: profile.totals.causes.get("flash-fetch", 0) for name, profile in loops.items()}
    assert waited["on"] <= 2 * 7
    assert "bus" not in loops["off"].totals.causes
    assert waited["off"] > 98 * 5


def test_caches_that_always_hit_cost_nothing_and_the_report_says_so(tmp_path: Path) -> None:
    image = firmware(tmp_path, AXI_SRAM, EIGHT_LOADS)
    ideal = run_profile(image, H743, max_cycles=100_000, memory=("cache=ideal",))
    assert not CACHE_CAUSES & set(ideal.totals.causes)
    assert ideal.caches is None
    assert ideal.accuracy.level == "ideal caches"
    assert "(ideal caches)" in render(ideal)


def test_what_is_fixed_stays_whatever_the_firmware_writes(tmp_path: Path) -> None:
    parts = ((CCR, 1 << 17 | 1 << 16 | 1 << 9), AXI_SRAM, "6808 6808")
    off = profile_of(tmp_path, *parts, memory=("cache=off",))
    assert data_waits(off, "ldr r0, [r1") == {"bus": 2 * read_cycles(bus_of(H743, "axi-sram"))}
    only_data = profile_of(tmp_path, *parts, memory=("icache=off", "dcache=on"))
    assert "icache" not in only_data.totals.causes
    assert "dcache" in only_data.totals.causes


def test_wait_states_are_cycles_of_the_bus(tmp_path: Path) -> None:
    waits = [
        profile_of(tmp_path, 0x0800_0400, "6808", memory=ON, wait_states=number).totals.causes["dcache"]
        for number in (0, 4)
    ]
    assert waits[1] - waits[0] == 2 * 4  # two lines of data: a literal, and the word


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("cache=half", "cache=ideal"),
        ("dcache", "must be dcache=on or dcache=off"),
        ("flash.dcache=on", "no cache of its own"),
        ("flash.cache=off", "its flash has no cache of its own .*: nothing to set"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, item: str, message: str) -> None:
    with pytest.raises(McusimError, match=message):
        profile_of(tmp_path, "bf00", memory=(item,))


def test_a_board_without_a_table_has_no_caches_to_set(tmp_path: Path) -> None:
    with pytest.raises(McusimError, match="caches of its core are not modelled"):
        profile_of(tmp_path, "bf00", board="nucleo-l4r5zi", memory=("cache=ideal",))


def test_sizes_are_read_back(tmp_path: Path) -> None:
    # Armv7-M ARM B4.8.4: sets less one from bit 13, ways less one from bit 3, lines of eight words: 1
    expected = {
        H743: (127 << 13 | 3 << 3 | 1, 255 << 13 | 1 << 3 | 1),
        F746: (31 << 13 | 3 << 3 | 1, 63 << 13 | 1 << 3 | 1),
    }
    for board, pair in expected.items():
        caches = load_board(board).cache
        assert caches is not None
        assert tuple(value & 0x0FFF_FFFF for value in geometry(caches)) == pair
        scb = run_loop(firmware(tmp_path, "bf00"), board, max_cycles=1000).machine.system.scb
        assert scb.read(0xD80) & 0x0FFF_FFFF == pair[0]  # CCSIDR of the data cache, which CSSELR selects at reset


def test_counts_survive_the_file_and_show_in_every_table(tmp_path: Path) -> None:
    profile = profile_of(tmp_path, AXI_SRAM, EIGHT_LOADS, EIGHT_STORES, memory=ON)
    again = profile_io.loads(profile_io.dumps(profile))
    assert again.caches == profile.caches is not None
    text = render(profile, options=RenderOptions(width=250, annotate="Reset_Handler"))
    assert "I-cache" in text
    assert "D-cache" in text
    assert "D-misses" in text
    rows = render(profile, "csv").splitlines()
    assert {"fetch_misses", "read_misses", "uncached_writes"} <= set(rows[0].split(","))
    totals, functions = profile.caches.totals, profile.caches.functions
    for field in vars(totals):
        assert sum(getattr(each, field) for each in functions) == getattr(totals, field)
        assert field == "fetches" or sum(
            getattr(each.counts, field) for each in profile.caches.instructions
        ) == getattr(totals, field)


def h743_with(change: tuple[str, str]) -> Board:
    """Return the board with a change in its file's text."""
    text = (Path(__file__).resolve().parents[1] / "cores/boards/nucleo-h743zi.toml").read_text("utf-8")
    assert change[0] in text
    return parse_board(text.replace(*change), "nucleo-h743zi.toml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("icache_bytes = { value = 16384", "icache_bytes = { value = 10000"), "cache.icache_bytes: 10000"),
        (("store_entries = { value = 4", "store_entries = { value = 99"), "cache.store_entries: 99"),
        (("read_bytes = { value = 32", "read_bytes = { value = 7"), "read_bytes: 7"),
        (("beat_cycles = ", "bit_cycles = "), "region 'flash': bus: unknown key 'bit_cycles'"),
        (('clock = "hclk"', 'clocks = "hclk"'), "cache: unknown key 'clocks'"),
        (("[region.bus]", "[region.alias_bus]"), "alias_bus"),
    ],
)
def test_a_board_that_cannot_be_is_one_line(change: tuple[str, str], message: str) -> None:
    with pytest.raises(McusimError) as caught:
        h743_with(change)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
