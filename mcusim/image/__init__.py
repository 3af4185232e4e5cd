# SPDX-License-Identifier: Apache-2.0
"""Firmware files: `load` reads an ELF, Intel HEX or raw binary file and returns an `Image`, or says what is wrong.

The only package that imports pyelftools, intelhex and itanium_demangler.
"""

from __future__ import annotations

from mcusim.image.callstandard import Location, place_arguments, place_result, returned_in_memory
from mcusim.image.debugtypes import Array, Base, Member, Parameter, Place, Pointer, Signature, Struct, Type
from mcusim.image.loader import load, load_bytes, read_firmware
from mcusim.image.model import CpuHint, Image, Section, Segment, SourceLine, Symbol, VectorTable

__all__ = [
    "Array",
    "Base",
    "CpuHint",
    "Image",
    "Location",
    "Member",
    "Parameter",
    "Place",
    "Pointer",
    "Section",
    "Segment",
    "Signature",
    "SourceLine",
    "Struct",
    "Symbol",
    "Type",
    "VectorTable",
    "load",
    "load_bytes",
    "place_arguments",
    "place_result",
    "read_firmware",
    "returned_in_memory",
]
