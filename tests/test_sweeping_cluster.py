# SPDX-License-Identifier: Apache-2.0
"""Sweeps on a Dask cluster of this machine: nothing is lost or made twice when a worker is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from conftest import LONG
from counted import POISON_CYCLES, counted_run

import mcusim
from mcusim.board import board_text
from mcusim.comparison import WhatIf
from mcusim.errors import McusimError
from mcusim.machine import Settings
from mcusim.sweeping import open_store
from mcusim.sweeping.cluster import spread_on_cluster
from mcusim.sweeping.plan import plan
from mcusim.sweeping.run import run_plan
from mcusim.sweeping.task import Task, sources_fingerprint

ROOT = Path(__file__).resolve().parents[1]
HELLO = ROOT / "examples" / "hello" / "hello-nucleo-l4r5zi.elf"
RUNS = 200 if LONG else 20
START_S = 60

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def start(words: list[str]) -> subprocess.Popen[bytes]:
    """Start a part of the cluster: `python -m distributed.cli.<words>`."""
    paths = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    env = os.environ | {"PYTHONPATH": paths, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    command = [sys.executable, "-m", f"distributed.cli.{words[0]}", *words[1:]]
    return subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with two workers, which are started again when they die."""
    import json

    folder = tmp_path_factory.mktemp("cluster")
    file = folder / "scheduler.json"
    local = ["--scheduler-file", str(file), "--no-dashboard"]
    parts = [start(["dask_scheduler", "--host", "127.0.0.1", "--port", "0", *local])]
    worker = ["dask_worker", *local, "--nthreads", "1", "--nworkers", "2", "--host", "127.0.0.1"]
    parts.append(start([*worker, "--local-directory", str(folder)]))
    try:
        deadline_s = time.monotonic() + START_S
        while not (file.exists() and file.read_text()):
            assert time.monotonic() < deadline_s, "the scheduler did not start"
            time.sleep(0.05)
        yield str(json.loads(file.read_text())["address"])
    finally:
        for part in reversed(parts):
            os.killpg(part.pid, signal.SIGKILL)  # its workers, too
            part.wait()
        shutil.rmtree(folder, ignore_errors=True)


def tasks(*max_cycles: int) -> list[Task]:
    """Return short runs that differ in their limits."""
    text, where = board_text("nucleo-l4r5zi")
    return [
        Task(HELLO.name, HELLO.read_bytes(), None, text, where, "", Settings(max_cycles=most), sources_fingerprint())
        for most in max_cycles
    ]


def noted(log: Path) -> tuple[Counter[int], Counter[int], int]:
    """Return how often each run was begun and ended, and the process of the last one begun."""
    words = [line.split() for line in log.read_text().splitlines()]
    begun, ended = (Counter(int(word[1]) for word in words if word[0] == what) for what in ("begin", "end"))
    return begun, ended, int([word[2] for word in words if word[0] == "begin"][-1])


def test_a_killed_worker_costs_nothing_that_was_done(address: str, tmp_path: Path) -> None:
    """The one run that was under way is made again; what was done is not, and nothing is missing."""
    log, store = tmp_path / "log", open_store(tmp_path / "runs")
    wanted = tasks(*range(1000, 1000 + RUNS))
    killed, found = 0, {}
    for index, outcome in spread_on_cluster(address, wanted, store, work=partial(counted_run, log)):
        found[index] = outcome
        if len(found) == RUNS // 3:
            killed = noted(log)[2]
            os.kill(killed, signal.SIGKILL)
    assert killed
    assert sorted(found) == list(range(RUNS))
    for index, outcome in found.items():
        assert outcome is not None
        profile = outcome.profile()
        assert profile is not None
        assert profile.totals.cycles >= 1000 + index
    begun, ended, _ = noted(log)
    assert set(begun) == {1000 + n for n in range(RUNS)}
    assert max(ended.values()) == 1
    assert sum(begun.values()) <= RUNS + 1
    again = dict(spread_on_cluster(address, wanted, store, work=partial(counted_run, log)))
    assert again == found
    assert noted(log)[:2] == (begun, ended)


def test_results_come_back_where_workers_do_not_see_the_folder(address: str, tmp_path: Path) -> None:
    elsewhere = replace(open_store(tmp_path), identity="of another machine")
    planned = plan([HELLO], WhatIf(wait_states=(0, 4)), Settings(max_cycles=2000), board="nucleo-l4r5zi")
    outcomes = run_plan(planned, store=elsewhere, scheduler=address, processes=None, finished=None)
    assert [(outcome.fits, known) for outcome, known in outcomes] == [(True, False)] * 2
    assert len(list(tmp_path.rglob("*.run"))) == 2
    again = mcusim.sweep(
        [HELLO], boards=["nucleo-l4r5zi"], wait_states=[0, 4], settings=Settings(max_cycles=2000), cache=tmp_path,
        scheduler="tcp://nobody:1",
    )  # fmt: skip
    assert all(row.cached for row in again)  # and nobody is asked


@pytest.mark.skipif(not LONG, reason="workers are started again several times: MCUSIM_LONG")
def test_a_task_that_kills_its_workers_fails_alone(address: str, tmp_path: Path) -> None:
    log, store = tmp_path / "log", open_store(tmp_path / "runs")
    wanted = tasks(3000, 3001, POISON_CYCLES, 3002, 3003, 3004)
    found = dict(spread_on_cluster(address, wanted, store, work=partial(counted_run, log)))
    assert [index for index, outcome in sorted(found.items()) if outcome is None] == [2]
    assert len(found) == len(wanted)
    assert noted(log)[0][3000] == 1


def test_a_worker_that_cannot_run_anything(address: str) -> None:
    with pytest.raises(McusimError, match=r"a worker failed \(TypeError: .*install the same mcusim on all of them"):
        list(spread_on_cluster(address, tasks(1), None, work=partial(int, "x", "y")))  # type: ignore[arg-type]


def test_a_scheduler_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcusim.sweeping.cluster.CONNECT_S", 0.5)
    with pytest.raises(McusimError, match="no Dask scheduler answers"):
        list(spread_on_cluster("tcp://127.0.0.1:9", tasks(1), None))
    with pytest.raises(McusimError, match="no Dask scheduler answers"):
        list(spread_on_cluster("nonsense://x", tasks(1), None))
