# SPDX-License-Identifier: Apache-2.0
"""Work whose process dies, in a module that a fresh process imports at once."""

from __future__ import annotations

import os
import time
from pathlib import Path


def die_of_three(log: Path, number: int) -> int:
    """A task that kills its process if it is number 3, and else takes a moment. It notes that it was begun."""
    with log.open("a") as stream:
        stream.write(f"{number}\n")
    if number == 3:
        os._exit(9)
    time.sleep(0.05)
    return 10 * number
