# SPDX-License-Identifier: Apache-2.0
"""Which instructions a core does not have: asked where code of one core is timed as another's.

Armv6-M ARM (DDI 0419E) A5; Armv7-M ARM (DDI 0403E) A1.4 for the DSP extension, A2.5 for FPv4 and FPv5; Armv8-M ARM
(DDI 0553B) C2.3.5. Cores of Armv8-M Mainline are taken with their DSP extension.
"""

from __future__ import annotations

import numpy as np

from mcusim.isa.decode import CLASSES, DOUBLE, FP, decode

ARMV6M_WIDE = ("bl", "msr", "mrs", "dsb", "dmb", "isb")
NOT_ARMV6M_NARROW = ("it", "cbz")
DSP = ("pkh", "xta", "parallel", "sat_sel", "smul", "smla", "umaal", "smlalxy")
ARMV8 = ("stl", "stlex", "lda", "ldaex")
FPV5 = ("vsel", "vmaxnm", "vrint")
_EXTEND_16 = (0b010, 0b011)  # SXTB16, UXTB16: bits 22 to 20
_SATURATE_16 = (0b1001, 0b1101)  # SSAT16, USAT16: bits 24 to 21, with no shift


def why_not(op: np.void, architecture: str, fpu: str) -> str:
    """Return what a core with this instruction set and floating-point unit lacks to run `op`, '' if nothing."""
    opcode, size_bytes = int(op["opcode"]), int(op["size_bytes"])
    if CLASSES[op["klass"]] == "undefined":
        return ""  # undefined everywhere
    mnemonic = decode(opcode, size_bytes).mnemonic
    if op["flags"] & FP and fpu == "none":
        return "no floating-point unit"
    if architecture == "armv6-m":
        if mnemonic in NOT_ARMV6M_NARROW or (size_bytes == 4 and mnemonic not in ARMV6M_WIDE):
            return "only the instructions of Armv6-M"
        return ""
    if op["flags"] & FP and op["flags"] & DOUBLE and fpu != "dp" and mnemonic not in ("vldr", "vstr", "vmov"):
        return "no double precision"
    if mnemonic in FPV5 and fpu != "dp" and not architecture.startswith("armv8"):
        return "a floating-point unit of an older version (FPv4)"
    if mnemonic in ARMV8 and not architecture.startswith("armv8"):
        return "no load-acquire and store-release"
    if architecture == "armv7-m" and _is_dsp(mnemonic, opcode):
        return "no DSP instructions"
    return ""


def _is_dsp(mnemonic: str, opcode: int) -> bool:
    if mnemonic == "xt":
        return opcode > 0xFFFF and opcode >> 20 & 7 in _EXTEND_16
    if mnemonic == "sat_bfx":
        return opcode >> 21 & 15 in _SATURATE_16 and not opcode & 0x70C0
    return mnemonic in DSP
