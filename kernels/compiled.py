# SPDX-License-Identifier: Apache-2.0
"""How kernels are compiled: by Numba, kept on disk between runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function when it is first called. Its arithmetic is 64-bit; kernels wrap to 32 bits where C would."""
    return cast(F, numba.njit(cache=True, error_model="numpy")(function))
