# SPDX-License-Identifier: Apache-2.0
"""Many runs as one question: which firmware fits which board, how fast it is there, and what it needs.

     images x boards x settings ──plan──► Task, Task … ──► known already? ──► Outcome … ──► SweepRow …
                                          bytes and text     (Store)   │
                                                                       └──► processes here, or a Dask cluster

`sweep` is the interface of Python; `mcusim compare` prints the same.
"""

from __future__ import annotations

from mcusim.sweeping.rows import SweepRow
from mcusim.sweeping.run import run_results, sweep
from mcusim.sweeping.store import Store, open_store

__all__ = ["Store", "SweepRow", "open_store", "run_results", "sweep"]
