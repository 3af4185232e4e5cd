# SPDX-License-Identifier: Apache-2.0
"""Functions that are no layers whoever calls them: the compiler's helpers, and the C library's."""

from __future__ import annotations

import re

from mcusim.layers.names import Function, Functions

# Arm RTABI (IHI 0043, section 4): __aeabi_*. GCC's own (gccint, "Routines for floating point emulation" and the
# integer ones): __addsf3, __udivmoddi4, __gnu_*. The linker's and the start-up's begin with __ or _ too.
_COMPILER = r"__aeabi_\w+|__gnu_\w+|__\w+(?:[qhsdt][ifc])[234]|__\w*(?:div|mod)\w*|__thumb_\w+|__ARM_\w+"
# The C library, where network code calls it: copies and fills, printing, allocation, mathematics.
_COPIES = r"_*mem(?:cpy|set|move|cmp|chr)(?:_\w+)?|str(?:n?len|n?cpy|n?cmp|n?cat|chr|str)|bzero"
_PRINTING = r"_?v?f?n?s?n?i?printf(?:_r)?|v?sn?i?printf|_?puts(?:_r)?|_?putchar(?:_r)?|fflush|fwrite|fputs?c?"
_MEMORY = r"_*(?:malloc|calloc|realloc|free)(?:_r)?|operator (?:new|delete)(?:\[\])?"
_MATHS = (
    r"(?:exp2?|expm1|log(?:2|10|1p)?|pow|sqrt|cbrt|sin|cos|tan|a(?:sin|cos|tan2?)|sinh|cosh|tanh|floor|ceil|round|"
    r"l?lround|l?lrint|rint|nearbyint|trunc|fmod|fabs|fmax|fmin|ldexp|frexp|scalbl?n|erf|copysign|__ieee754_\w+)f?|abs"
)
# What times layers in a firmware, when a profiler of its own is compiled in.
_TIMERS = r"HAL_GetTick|__?get_\w*(?:cycles?|time\w*)|abort|__assert_func|TVMLogf?|MicroPrintf"
HELPER = re.compile("|".join((_COMPILER, _COPIES, _PRINTING, _MEMORY, _MATHS, _TIMERS)))


def is_helper(function: Function) -> bool:
    """Return whether a function is never a layer, by its names."""
    return all(HELPER.fullmatch(name.plain) for name in function.names)


def helpers(functions: Functions) -> frozenset[int]:
    """Return the addresses of the functions that are never layers."""
    return frozenset(each.address for each in functions if is_helper(each))
