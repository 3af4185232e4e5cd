# SPDX-License-Identifier: Apache-2.0
"""Calling functions of a firmware from Python, with the cycles and the stack that they take.

import numpy as np
import mcusim

firmware = mcusim.Firmware("kernels.elf", board="nucleo-l4r5zi")
result = firmware.add_s8(a, b, out, len(out))
print(result.value, result.cycles, result.stack_bytes)
"""

from __future__ import annotations

from mcusim.calling.firmware import CallResult, Firmware, Function
from mcusim.calling.values import GuestPointer

__all__ = ["CallResult", "Firmware", "Function", "GuestPointer"]
