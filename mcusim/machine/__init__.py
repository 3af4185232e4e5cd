# SPDX-License-Identifier: Apache-2.0
"""The simulated microcontroller: memory, core registers, exceptions, devices, and the loop that runs them."""

from mcusim.machine.loop import run
from mcusim.machine.settings import Progress, Settings

__all__ = ["Progress", "Settings", "run"]
