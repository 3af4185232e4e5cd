# SPDX-License-Identifier: Apache-2.0
"""mcusim.h: its functions survive every optimisation, its guards close on every way out, it costs next to nothing."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from machines import EXAMPLES, prebuilt, run_profile
from naive_liveness import observe

import mcusim
from mcusim.board import load_board
from mcusim.image import load

NUCLEO = "nucleo-l4r5zi"
ARCH = ("-mcpu=cortex-m4", "-mthumb")
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", f"-I{mcusim.include_dir()}")
MARKERS = {"mcusim_layer_begin", "mcusim_layer_end"}

GUARDS = """\
#include "mcusim.h"

int work(int value);
int ways_out(int way);
void whole_function(void);

int ways_out(int way)
{
    for (int turn = 0; turn < 2; turn++) {
        MCUSIM_LAYER("outer") {
            MCUSIM_LAYER("inner") {
                if (way == 1)
                    break; /* leaves inner */
                if (way == 2)
                    continue; /* likewise */
                if (way == 3)
                    return work(3);
                if (way == 4)
                    goto out;
                work(0);
            }
            if (turn)
                return work(way);
        }
    }
out:
    return work(way);
}

void whole_function(void)
{
    MCUSIM_LAYER_SCOPE("function");
    work(1);
    MCUSIM_LAYER("in it") work(2);
}
"""
MAIN = """\
#include "mcusim.h"

int work(int value);
int ways_out(int way);
void whole_function(void);
int main(void);

static volatile int sink;

int work(int value)
{
    sink = value;
    return sink;
}

int main(void)
{
    for (int way = 0; way < 5; way++)
        ways_out(way);
    whole_function();
    mcusim_layer_begin("by hand");
    work(4);
    mcusim_layer_end();
    return 0;
}
"""
CPP = """\
#include "mcusim.h"

extern "C" int work(int value);

int objects(bool early)
{
    mcusim::Layer layer("object");
    MCUSIM_LAYER("block") {
        if (early)
            return work(1);
    }
    MCUSIM_LAYER_SCOPE("rest");
    return work(2);
}
"""


def compiled(folder: Path, *words: str) -> Path:
    """Compile with the cross compiler and return what it wrote."""
    output = folder / "output"
    done = subprocess.run([*words, "-o", str(output)], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return output


def symbols(path: Path) -> list[str]:
    """Return the names of the symbols that are in a file, undefined ones left out."""
    text = subprocess.check_output(["arm-none-eabi-nm", "--defined-only", str(path)], text=True)
    return [line.split()[-1] for line in text.splitlines()]


def calls(path: Path) -> int:
    """Return how many instructions of a linked file branch to the markers."""
    text = subprocess.check_output(["arm-none-eabi-objdump", "-d", str(path)], text=True)
    return len(re.findall(r"\tb\S*\t\w+ <mcusim_layer_(?:begin|end)>", text))


def write(folder: Path) -> None:
    """Write the sources."""
    for name, text in (("guards.c", GUARDS), ("main.c", MAIN), ("objects.cpp", CPP)):
        (folder / name).write_text(text)


@pytest.mark.cross
@pytest.mark.parametrize("level", ["-O0", "-O1", "-O2", "-O3", "-Os"])
@pytest.mark.parametrize("more", [(), ("-flto",), ("-ffunction-sections", "-Wl,--gc-sections")], ids=" ".join)
def test_one_copy_of_each_marker_and_all_calls_remain(level: str, more: tuple[str, ...], tmp_path: Path) -> None:
    write(tmp_path)
    options = (*ARCH, *STRICT, "-std=c99", level, *more, "-nostdlib", "-Wl,-e,main")
    path = compiled(tmp_path, "arm-none-eabi-gcc", *options, "guards.c", "main.c", "-lgcc")
    found = symbols(path)
    assert sorted(name for name in found if name.startswith("mcusim_layer_") and "leave" not in name) == sorted(MARKERS)
    # Begins: 5. Ends: of outer and inner each at least one, of the function and what is in it, and by hand.
    # Without optimisation the ends of the guards are calls of the function that ends a layer.
    assert calls(path) >= (7 if level == "-O0" else 10)


@pytest.mark.cross
@pytest.mark.parametrize("standard", ["c++11", "c++17", "c++20"])
@pytest.mark.parametrize("more", [("-fno-exceptions",), ()], ids=" ".join)
def test_it_compiles_as_cpp(standard: str, more: tuple[str, ...], tmp_path: Path) -> None:
    write(tmp_path)
    path = compiled(
        tmp_path, "arm-none-eabi-g++", *ARCH, *STRICT, f"-std={standard}", "-O2", *more, "-c", "objects.cpp"
    )
    assert set(symbols(path)) >= MARKERS  # not decorated


@pytest.mark.cross
@pytest.mark.parametrize(("compiler", "source"), [("gcc", "guards.c"), ("g++", "objects.cpp")])
def test_without_it_nothing_is_left(compiler: str, source: str, tmp_path: Path) -> None:
    write(tmp_path)
    path = compiled(tmp_path, f"arm-none-eabi-{compiler}", *ARCH, *STRICT, "-DMCUSIM_OFF", "-O2", "-c", source)
    text = subprocess.check_output(["arm-none-eabi-nm", str(path)], text=True)
    assert "mcusim_layer" not in text


@pytest.mark.cross
@pytest.mark.parametrize("level", ["-O0", "-O3", "-O3 -flto"])
def test_guards_close_on_every_way_out(level: str, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "Makefile").write_text(
        f"NAME := markers\nBOARDS := {NUCLEO}\nSOURCES := main.c guards.c\nCFLAGS_EXTRA := {level}\n"
        f"LDFLAGS_EXTRA := {level}\ninclude {EXAMPLES / 'common' / 'firmware.mk'}\n"
    )
    done = subprocess.run(["make", "-s"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seen = observe(load(tmp_path / "build" / f"markers-{NUCLEO}.elf"), load_board(NUCLEO), markers=True)
    turns = {0: 2, 1: 2, 2: 2, 3: 1, 4: 1}  # how often the loop of ways_out turns, by the way out
    wanted: list[tuple[str, int]] = []
    for count in turns.values():
        for _ in range(count):
            wanted += [("outer", -1), ("inner", len(wanted))]
    wanted += [("function", -1), ("in it", len(wanted)), ("by hand", -1)]
    assert [(each.name, each.parent) for each in seen.activations] == wanted


def test_a_marker_costs_next_to_nothing() -> None:
    """One instruction of a cycle and the return, in the committed image of examples/patches."""
    profile = run_profile(load(prebuilt("patches", NUCLEO)), NUCLEO)
    for name in MARKERS:
        (function,) = [each for each in profile.functions if each.name == name]
        assert function.calls == 16
        assert function.self_cycles <= 5 * function.calls
