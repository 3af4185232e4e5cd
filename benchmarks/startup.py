# SPDX-License-Identifier: Apache-2.0
"""How long a user waits: wall time of whole `mcusim` processes.

    python benchmarks/startup.py [--repetitions N]

    help   mcusim --help
    cold   mcusim profile of hello (one million instructions) with an empty cache of compiled code
    warm   the same with a full one

Warm and help are the best of N after one run that does not count. Python's own byte code is cached in both. `floor` is
`python -c pass`, which no Python program can be faster than.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HELLO = ROOT / "examples" / "hello" / "hello-nucleo-l4r5zi.elf"


def seconds(arguments: list[str], cache: str) -> float:
    """Run Python with these arguments and an own cache of compiled code; return the wall time. Fails if it fails."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    env["NUMBA_CACHE_DIR"] = cache
    begin = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=env, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def best(run: Callable[[], float], repetitions: int) -> float:
    """Return the shortest of some runs, after one that does not count."""
    run()
    return min(run() for _ in range(repetitions))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5, help="how often each is measured (default 5)")
    count = parser.parse_args().repetitions
    profile = ["-m", "mcusim", "profile", str(HELLO)]
    with tempfile.TemporaryDirectory() as full:
        colds = []
        for _ in range(2):
            with tempfile.TemporaryDirectory() as empty:
                seconds(["-m", "mcusim", "list", "boards"], empty)  # byte code
                colds.append(seconds(profile, empty))
        rows = (
            ("floor", "python -c pass", best(lambda: seconds(["-c", "pass"], full), count)),
            ("help", "mcusim --help", best(lambda: seconds(["-m", "mcusim", "--help"], full), count)),
            ("cold", f"mcusim profile {HELLO.name}, nothing compiled yet", min(colds)),
            ("warm", f"mcusim profile {HELLO.name}", best(lambda: seconds(profile, full), count)),
        )
    for name, what, value in rows:
        print(f"{value:8.2f} s  {name:6} {what}")


if __name__ == "__main__":
    main()
