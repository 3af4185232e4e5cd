# SPDX-License-Identifier: Apache-2.0
"""How kernels are compiled: by Numba, kept on disk between runs.

Numba notices a change of the file that a function is in, not of the files that it calls into; so the folder that
compiled code is kept in has a name that changes when any source of this package does.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def _cache_folder() -> str:
    """Return a folder for compiled code, beside the package or in the user's cache; "" leaves the choice to Numba."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for source in sorted(package.glob("*.py")):
        status = source.stat()
        digest.update(f"{source.name} {status.st_mtime_ns} {status.st_size}\n".encode())
    name = f"kernels-{digest.hexdigest()[:16]}"
    for parent in (package / "__pycache__", Path.home() / ".cache" / "mcusim"):
        folder = parent / name
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
                for old in parent.glob("kernels-*"):
                    if old.name != name:
                        shutil.rmtree(old, ignore_errors=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return str(folder)
    return ""


_CACHE_FOLDER = _cache_folder()


def compiled(function: F) -> F:
    """Compile a function when it is first called. Its arithmetic is 64-bit; kernels wrap to 32 bits where C would."""
    config: Any = numba.config
    chosen = config.CACHE_DIR
    config.CACHE_DIR = chosen or _CACHE_FOLDER
    try:
        return cast(F, numba.njit(cache=True, error_model="numpy", nogil=True)(function))
    finally:
        config.CACHE_DIR = chosen
