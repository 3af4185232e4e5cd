# SPDX-License-Identifier: Apache-2.0
"""Sweeps: what fits and why not, results that are kept and never made twice, processes that die."""

from __future__ import annotations

import json
import pickle
import re
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from dying import die_of_three
from fakes import make_profile
from fakes_memory import make_network_profile
from hypothesis import given
from hypothesis import strategies as st
from machines import assemble, firmware_elf

import mcusim
from mcusim.board import board_text, load_board, parse_board
from mcusim.cli import main
from mcusim.comparison import WhatIf
from mcusim.errors import McusimError
from mcusim.machine import Settings
from mcusim.machine.console_script import parse_script
from mcusim.overlay import Overlay
from mcusim.plots.pareto import Candidate, draw_pareto, front
from mcusim.processes import spread
from mcusim.profile import BacktraceLine, FaultInfo, StackInfo
from mcusim.svd import Svd
from mcusim.sweeping import SweepRow, open_store
from mcusim.sweeping.outcome import Outcome, decode, encode, judge, misfit
from mcusim.sweeping.plan import plan, short_names
from mcusim.sweeping.run import run_plan
from mcusim.sweeping.task import Task, settings_text, sources_fingerprint
from mcusim.sweeping.work import run_task

ROOT = Path(__file__).resolve().parents[1]
HELLO = ROOT / "examples" / "hello" / "hello-nucleo-l4r5zi.elf"
PATCHES = ROOT / "examples" / "patches" / "patches-nucleo-l4r5zi.elf"
BOARD = load_board("nucleo-l4r5zi")
# A firmware of a few instructions: it adds and ends at a breakpoint.
SHORT = firmware_elf(assemble("2001 3001 be00")).build()


def task(**changed: Any) -> Task:
    """Return the run of the short firmware."""
    text, where = board_text("nucleo-l4r5zi")
    settings = Settings(max_cycles=1000)
    base = Task("short.elf", SHORT, None, text, where, "given by --board", settings, sources_fingerprint())
    return replace(base, **changed)


class TestKey:
    def test_every_part_but_names_is_in_it(self) -> None:
        changed = [
            task(data=SHORT + b"x"), task(base=0x08000000), task(board_text=task().board_text + "# moved"),
            task(settings=Settings(max_cycles=1001)), task(sources="another mcusim"), task(name="short.bin"),
        ]  # fmt: skip
        assert len({each.key() for each in (task(), *changed)}) == len(changed) + 1
        assert task(name="other.elf", board_where="my.toml", board_reason="guessed").key() == task().key()

    @pytest.mark.parametrize("name", [each.name for each in fields(Settings)])
    def test_every_setting_is_in_it(self, name: str) -> None:
        other: dict[str, Any] = {
            "overlays": (Overlay("a.toml", "12", ()),), "svd": Svd("a.svd", "34"), "files": Path("x"),
            "uart_script": parse_script('send "x"', "script"), "memory_tracking": True, "layers": "auto",
        }  # fmt: skip
        value = other.get(name)
        if value is None:
            before = getattr(Settings(), name)
            value = {bool: not before, bytes: b"x", tuple: ("x",)}.get(type(before), 7)
        assert settings_text(replace(Settings(), **{name: value})) != settings_text(Settings())

    def test_files_are_known_by_their_content(self) -> None:
        one, two = (settings_text(Settings(overlays=(Overlay("a.toml", print_, ()),))) for print_ in ("1", "2"))
        assert one != two


class TestStore:
    def test_what_is_put_is_found(self, tmp_path: Path) -> None:
        store = open_store(tmp_path / "a" / "b")
        outcome = Outcome(False, "flash: 2 of 1 bytes", error="flash: 2 of 1 bytes")
        key = task().key()
        assert store.get(key) is None
        store.put(key, outcome)
        assert store.get(key) == outcome
        assert open_store(tmp_path / "a" / "b") == store
        assert not list(tmp_path.rglob("*.tmp"))

    @given(place=st.integers(0, 10_000), bits=st.integers(1, 255), cut=st.booleans())
    def test_what_is_damaged_is_run_again(
        self, tmp_path_factory: pytest.TempPathFactory, place: int, bits: int, cut: bool
    ) -> None:
        store = open_store(tmp_path_factory.mktemp("damaged"))
        key = task().key()
        store.put(key, Outcome(True, "", error="words"))
        (path,) = store.folder.rglob("*.run")
        data = bytearray(path.read_bytes())
        place %= len(data)
        if cut:
            del data[place:]
        else:
            data[place] ^= bits
        path.write_bytes(bytes(data))
        assert store.get(key) is None
        assert not path.exists()

    def test_what_is_no_outcome_is_refused(self) -> None:
        with pytest.raises(ValueError, match="Expected"):
            decode(b"nonsense")
        with pytest.raises(ValueError, match="decompressing"):
            decode(encode(Outcome(True, "", packed=b"not compressed")))

    def test_a_folder_of_the_same_name_elsewhere_is_not_shared(self, tmp_path: Path) -> None:
        store = open_store(tmp_path)
        assert store.here
        assert not replace(store, identity="of another machine").here
        assert not replace(store, folder=tmp_path / "nowhere").here

    def test_a_place_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(McusimError, match=r"results cannot be kept there: .*--no-cache"):
            open_store(tmp_path / "file" / "below")


class TestVerdict:
    def test_sizes(self) -> None:
        small = parse_board(board_text("nucleo-f072rb")[0], "f072")
        assert misfit(mcusim.load(HELLO), small) == ""
        image = replace_sizes(2_000_000, 10)
        assert misfit(image, small) == "flash: 2,000,000 of 131,072 bytes"
        assert misfit(replace_sizes(10, 20_000), small) == "SRAM: 20,000 of 16,384 bytes"

    def test_a_run_that_needs_too_much(self) -> None:
        profile = make_profile()
        assert judge(profile, BOARD) == (True, "")
        profile.stacks = [StackInfo("main", 0x2000, 0x3000, 0x1100, "met the heap in f")]
        assert judge(profile, BOARD) == (False, "SRAM: stack 'main' overflowed: met the heap in f")

    def test_a_heap_and_a_budget(self) -> None:
        profile = make_network_profile(heap=True)
        assert profile.memory is not None
        assert profile.memory.heap is not None
        profile.memory.heap.failed = 2
        assert judge(profile, BOARD) == (False, "SRAM: 2 allocations of the heap failed")
        profile.memory.budget.statics_bytes = profile.memory.budget.sram_bytes + 1
        fits, reason = judge(profile, BOARD)
        assert fits is False
        assert reason.startswith("SRAM: ")

    @pytest.mark.parametrize(
        ("address", "fits", "reason"),
        [
            (0x20700000, False, "access at 0x20700000 outside the board in conv2d"),
            (0x20000000, None, "ended in a fault: a fault"),
            (0x40000000, None, "ended in a fault: a fault"),
            (None, None, "ended in a fault: a fault"),
        ],
    )
    def test_faults(self, address: int | None, fits: bool | None, reason: str) -> None:
        profile = make_profile()
        line = BacktraceLine(0x08000000, "at", "conv2d", 0, None, None)
        profile.end = replace(profile.end, kind="fault", text="a fault")
        profile.fault = FaultInfo("BusFault", "", address, 1, "", {}, {}, [line], "", "")
        assert judge(profile, BOARD) == (fits, reason)


def replace_sizes(flash_bytes: int, sram_bytes: int) -> Any:
    """Return what `misfit` looks at of an image."""

    class Sizes:
        pass

    sizes = Sizes()
    sizes.flash_bytes, sizes.sram_bytes = flash_bytes, sram_bytes  # type: ignore[attr-defined]
    return sizes


class TestRuns:
    def test_nothing_is_run_twice(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "a.elf").write_bytes(SHORT)
        (tmp_path / "same.elf").write_bytes(SHORT)
        told: list[tuple[int, int, int]] = []

        def look(cache: Path) -> list[SweepRow]:
            return mcusim.sweep(
                [tmp_path / "a.elf", tmp_path / "same.elf"], boards=["nucleo-l4r5zi"], wait_states=[0, 4],
                settings=Settings(max_cycles=1000), cache=cache, processes=1,
                finished=lambda *counts: told.append(counts),
            )  # fmt: skip

        first = look(tmp_path / "runs")
        assert told[0] == (0, 4, 0)
        assert told[-1] == (4, 4, 0)
        assert [row.cached for row in first] == [False] * 4
        assert len(list((tmp_path / "runs").rglob("*.run"))) == 2  # the same bytes, the same run
        monkeypatch.setattr("mcusim.sweeping.work._run", None)  # what is known needs no run
        again = look(tmp_path / "runs")
        assert told[-1] == (4, 4, 4)
        assert again == [replace(row, cached=True) for row in first]
        assert [row.image for row in again] == ["a.elf", "a.elf", "same.elf", "same.elf"]
        assert pickle.loads(pickle.dumps(again)) == again

    def test_figures(self) -> None:
        (row,) = mcusim.sweep([PATCHES], boards=["nucleo-l4r5zi"], cache=False, processes=1)
        assert row.figures is not None
        assert row.fits is True
        assert row.figures.inferences == 1
        assert row.figures.accuracy == "measured"
        assert row.cycles == row.figures.inference_cycles
        assert row.figures.inference_cycles < row.figures.cycles
        assert row.time_s == pytest.approx(row.cycles / 16e6)
        assert row.sram_bytes is not None
        assert row.figures.sram_live_bytes is not None
        assert 0 < row.figures.sram_live_bytes < row.sram_bytes
        assert row.flash_bytes == mcusim.load(PATCHES).flash_bytes

    def test_what_does_not_fit_is_a_row(self, tmp_path: Path) -> None:
        far = firmware_elf(assemble("f04f4000 6800 be00")).build()  # ldr r0, [0x80000000]
        rows = mcusim.sweep(
            [("far.elf", far), HELLO], boards=["nucleo-l4r5zi", "nucleo-f072rb"], cache=False, processes=1,
            settings=Settings(max_cycles=1000),
        )  # fmt: skip
        assert [row.fits for row in rows] == [False, False, True, False]
        assert rows[0].reason.startswith("access at 0x80000000 outside the board in ")
        assert rows[0].figures is None
        assert rows[3].reason.startswith("the initial stack pointer 0x200a0000 is outside the RAM; linked for another")
        assert re.search(r"by size it would fit \(flash \d+ of \d+ KiB, SRAM \d+ of \d+ KiB\)$", rows[3].reason)

    def test_a_run_that_fails_is_a_row(self) -> None:
        broken, fine = mcusim.sweep(
            [("short.elf", SHORT)], cores=["cortex-m0", "cortex-m4"], cache=False, processes=1,
            boards=["nucleo-l4r5zi"], settings=Settings(max_cycles=10, until="nowhere"),
        )  # fmt: skip
        assert broken.fits is None
        assert "nowhere" in broken.error
        assert fine.error == broken.error

    def test_runs_that_wall_time_cut_are_not_kept(self, tmp_path: Path) -> None:
        store = open_store(tmp_path)
        spin = task(data=firmware_elf(assemble("3001 e7fd")).build(), settings=Settings(timeout_s=0.05))
        assert run_task(spin, store).final is False
        assert not list(tmp_path.rglob("*.run"))

    def test_another_mcusim_is_refused(self) -> None:
        with pytest.raises(McusimError, match="install the same version"):
            run_task(task(sources="older"))

    def test_without_a_board(self) -> None:
        (row,) = plan(
            [("a.bin", b"\x00\x00\x00\x70\x09\x00\x00\x90" + bytes(64))], WhatIf(), Settings(), base=0x90000000
        )
        assert row.task is None
        assert "no known board fits" in row.error
        ((outcome, _),) = run_plan([row], store=None, scheduler=None, processes=1, finished=None)
        assert outcome.error == row.error

    def test_names(self) -> None:
        assert short_names(["x/a.elf", "y/a.elf", "b.elf"]) == ["x/a.elf", "y/a.elf", "b.elf"]

    def test_nothing(self) -> None:
        with pytest.raises(McusimError, match="at least one firmware"):
            mcusim.sweep([])


class TestProcesses:
    def test_one_that_dies_does_not_take_the_others_along(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        done = dict(spread(partial(die_of_three, log), range(8), processes=2))
        assert done == {n: None if n == 3 else 10 * n for n in range(8)}
        begun = [int(line) for line in log.read_text().split()]
        assert begun.count(3) == 3  # with others, and twice alone
        assert sum(begun.count(n) - 1 for n in range(8) if n != 3) <= 1  # the one that was beside it

    def test_here(self) -> None:
        assert list(spread(abs, [-1, -2], processes=1)) == [(0, 1), (1, 2)]

    def test_what_is_raised_arrives(self) -> None:
        with pytest.raises(TypeError):
            list(spread(len, [1, 2, 3], processes=2))  # type: ignore[arg-type]


class TestPlot:
    @given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
    def test_the_front_is_what_nothing_beats(self, points: list[tuple[int, int]]) -> None:
        everything = [Candidate(str(n), "", float(x), float(y)) for n, (x, y) in enumerate(points)]

        def beaten(one: Candidate) -> bool:
            return any(
                other.time_ms <= one.time_ms and other.sram_kib <= one.sram_kib
                and (other.time_ms, other.sram_kib) != (one.time_ms, one.sram_kib)
                for other in everything
            )  # fmt: skip

        assert {each.label for each in front(everything)} == {each.label for each in everything if not beaten(each)}

    def test_a_picture(self) -> None:
        shown = [
            Candidate("fast", "a", 1.0, 90.0),
            Candidate("small", "b", 40.0, 8.0),
            Candidate("neither", "b", 41, 90),
        ]
        svg = draw_pareto(shown, "svg", title="T", left_out=2).decode()
        assert draw_pareto(shown, "svg", title="T", left_out=2, note="N") != svg.encode()
        assert 'id="front"' in svg
        assert 'id="group-1"' in svg
        assert draw_pareto(shown, "svg", title="T", left_out=2).decode() == svg

    def test_nothing_to_draw(self) -> None:
        with pytest.raises(McusimError, match="nothing to draw"):
            draw_pareto([], "png", title="")


class TestCommand:
    def test_files_and_boards(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "short.elf").write_bytes(SHORT)
        words = ["compare", str(tmp_path / "short.elf"), str(HELLO), "--board", "nucleo-l4r5zi,nucleo-f072rb", "-j1"]
        words += ["--max-cycles", "1000", "--cache", str(tmp_path / "runs")]
        assert main([*words, "--plot", str(tmp_path / "front.png"), "--width", "140"]) == 0
        out = capsys.readouterr().out
        assert "linked for another" in out
        assert "1  short.elf" in out
        assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")
        assert main([*words, "--format", "csv"]) == 0
        head, *rows = (line.split(",") for line in capsys.readouterr().out.splitlines())
        assert [row[head.index("fits")] for row in rows] == ["yes", "no", "yes", "no"]
        assert main([*words, "--format", "json"]) == 0
        data = json.loads(capsys.readouterr().out)
        assert [each["fits"] for each in data["variants"]] == [True, False, True, False]

    def test_without_dask(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setitem(__import__("sys").modules, "distributed", None)
        words = ["compare", str(HELLO), "--clock", "1M,2M", "--no-cache", "--scheduler", "tcp://127.0.0.1:1"]
        assert main(words) == 2
        assert capsys.readouterr().err == (
            "mcusim: error: --scheduler needs the package 'distributed': pip install 'mcusim[dask]'\n"
        )
