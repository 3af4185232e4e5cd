# SPDX-License-Identifier: Apache-2.0
"""The one door to Numba: compiled functions, native callbacks, and typed views of memory given by address.

A native hook is C code that the engine calls with an untyped pointer. `record_at(address, dtype)` and
`records_at(address, dtype, length)` turn an address into a NumPy record or array inside compiled code, without a copy.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite.binding
import llvmlite.ir
import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

# Where compiled code is, and the constants and layouts that it reads. A test holds this against the imports.
COMPILED_PARTS = ("jit.py", "engine/*.py", "isa/*.py", "pipelines/*.py", "kernels/*.py")

F = TypeVar("F", bound=Callable[..., Any])

# Typed as Any: in compiled code they are both types and conversions.
int32: Any = types.int32
int64: Any = types.int64
uint8: Any = types.uint8
uint16: Any = types.uint16
uint32: Any = types.uint32
uint64: Any = types.uint64
void: Any = types.void
pointer: Any = types.voidptr


def _cache_folder() -> str:
    """Return a folder for compiled code that is new whenever a source changes that compiled code may depend on.

    Numba looks only at the file that a function is in; here compiled code depends on constants and layouts of others.
    """
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for source in sorted(path for part in COMPILED_PARTS for path in package.glob(part)):
        status = source.stat()
        digest.update(f"{source.relative_to(package)} {status.st_mtime_ns} {status.st_size}\n".encode())
    name = f"jit-{digest.hexdigest()[:16]}"
    beside, home = package / "__pycache__", Path.home() / ".cache" / "mcusim"
    for parent in (beside, home):
        try:
            folder = parent / name
            if not folder.is_dir():
                folder.mkdir(parents=True)
                _forget_old(parent, name)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return str(folder)
    return ""  # Numba's own choice


def _forget_old(parent: Path, keep: str) -> None:
    for folder in parent.glob("jit-*"):
        if folder.name != keep:
            shutil.rmtree(folder, ignore_errors=True)


_CACHE_FOLDER = _cache_folder()


@contextmanager
def _own_cache() -> Iterator[None]:
    """Let Numba keep what is decorated here in our folder, unless the user chose one."""
    config: Any = numba.config
    chosen = config.CACHE_DIR
    config.CACHE_DIR = chosen or _CACHE_FOLDER
    try:
        yield
    finally:
        config.CACHE_DIR = chosen


def njit(function: F) -> F:
    """Compile a function for the host, cached on disk, with C division (no check for zero) and no boundary checks."""
    with _own_cache():
        return cast(F, numba.njit(cache=True, error_model="numpy", nogil=True)(function))


def njit_inlined(function: F) -> F:
    """Compile a small function as `njit` does, and put it into each of its callers: for what a native hook does."""
    with _own_cache():
        return cast(F, numba.njit(cache=True, error_model="numpy", nogil=True, forceinline=True)(function))


def native_callback(result: Any, *arguments: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorator: compile a function into a C callback; `.address` is its machine address. Cached on disk."""

    def decorate(function: Callable[..., Any]) -> Any:
        with _own_cache():
            return numba.cfunc(result(*arguments), cache=True, error_model="numpy", forceinline=True)(function)

    return decorate


def external(name: str, address: int, result: Any, *arguments: Any) -> Any:
    """Declare a C function at `address`, callable from compiled code and, unlike a ctypes one, cacheable."""
    llvmlite.binding.add_symbol(name, address)
    return types.ExternalFunction(name, result(*arguments))


def symbol_address(library: ctypes.CDLL, name: str) -> int:
    """Return the address of a function in a loaded shared library."""
    return cast(int, ctypes.cast(getattr(library, name), ctypes.c_void_p).value)


@intrinsic
def _as_pointer(typing_context: Any, address: Any) -> Any:
    """Make an untyped pointer of an integer address."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], context.get_value_type(types.voidptr))

    return types.voidptr(address), code


def _make_load(bits: int, result: Any) -> Any:
    """Return an intrinsic that reads so many bits at an address, which need not be aligned."""

    @intrinsic
    def load(typing_context: Any, address: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            place = builder.inttoptr(values[0], llvmlite.ir.IntType(bits).as_pointer())
            value = builder.load(place)
            value.align = 1
            return value

        return result(address), code

    return load


def _make_store(bits: int, stored: Any) -> Any:
    """Return an intrinsic that writes so many bits at an address, which need not be aligned."""

    @intrinsic
    def store(typing_context: Any, address: Any, value: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            place = builder.inttoptr(values[0], llvmlite.ir.IntType(bits).as_pointer())
            builder.store(values[1], place).align = 1
            return context.get_dummy_value()

        return types.void(address, stored), code

    return store


load16, load32, load64 = (
    _make_load(16, types.uint16),
    _make_load(32, types.uint32),
    _make_load(64, types.uint64),
)  # (address) -> value
store16, store32, store64 = (
    _make_store(16, types.uint16),
    _make_store(32, types.uint32),
    _make_store(64, types.uint64),
)  # (address, value)
as_pointer = cast(Callable[[int], Any], _as_pointer)
carray: Callable[..., Any] = getattr(numba, "carray")  # noqa: B009 - not in its public stubs


def address_of(array: np.ndarray[Any, Any]) -> int:
    """Return the machine address of an array's first element. The caller keeps the array alive."""
    return int(array.ctypes.data)
