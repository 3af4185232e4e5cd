# SPDX-License-Identifier: Apache-2.0
"""Every public name can be the first thing that a program imports: no module needs another to have come before."""

from __future__ import annotations

import subprocess
import sys

import mcusim

# One process, and a child for each module: starting Python anew would take the most of the time.
SCRIPT = """
import importlib, os, sys, traceback
failed = []
for name in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(name)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        failed.append(name)
sys.exit(", ".join(failed) or 0)
"""


def test_every_home_of_a_public_name_can_be_imported_first() -> None:
    homes = sorted(set(mcusim._HOMES.values()))
    done = subprocess.run([sys.executable, "-c", SCRIPT, *homes], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
