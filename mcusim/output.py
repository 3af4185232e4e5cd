# SPDX-License-Identifier: Apache-2.0
"""Writing files so that nothing is ever half-written.

`check` is called before a run starts, so that an output that cannot be written is found before the wait and not after
it. `write` goes through a temporary file in the same folder and a rename. Devices and pipes (`/dev/null`, a FIFO) are
written directly, since a rename would replace them.
"""

from __future__ import annotations

import gzip
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from mcusim.errors import McusimError


def check(path: Path, *, force: bool, inputs: Iterable[Path] = ()) -> None:
    """Raise `McusimError` if `path` cannot be written, exists without `force`, or is one of the `inputs`.

    A temporary file is created and removed, because permission bits alone do not tell (read-only file systems, root).
    """
    target = _target(path, force=force)
    for source in inputs:
        if target.exists() and source.exists() and target.samefile(source):
            raise McusimError(f"{path}: is an input of this command: choose another output file")
    if not _is_special(target):
        temporary = _create_temporary(path, target)
        temporary.unlink()


def write(path: Path, data: bytes, *, force: bool) -> None:
    """Write `data` to `path` as a whole or not at all. Raises `McusimError` where it cannot."""
    target = _target(path, force=force)
    if _is_special(target):
        _fill(path, target, data)
        return
    temporary = _create_temporary(path, target)
    try:
        _fill(path, temporary, data)
        _target(path, force=force)  # somebody may have created it while we were writing
        os.replace(temporary, target)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def packed(path: Path, data: bytes) -> bytes:
    """Return what to write to a file of this name: compressed where it ends in .gz, with no time in it."""
    return gzip.compress(data, compresslevel=6, mtime=0) if path.suffix == ".gz" else data


def same_file(one: Path, other: Path) -> bool:
    """Return whether two names, whose files need not exist, stand for one file."""
    return os.path.realpath(one) == os.path.realpath(other)


def _target(path: Path, *, force: bool) -> Path:
    """Return the file that is really written (links followed), or raise the error that names what is in the way."""
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise McusimError(f"{path}: is a folder: give the name of a file")
        if target.exists() and not _is_special(target) and not force:
            raise McusimError(f"{path}: exists already: give another name, or --force to replace it")
        if not target.parent.is_dir():
            raise McusimError(f"{path}: cannot be written: folder '{path.parent}' does not exist")
    except OSError as error:
        raise _unwritable(path, error) from error
    except ValueError as error:  # a NUL in the name
        raise McusimError(f"{str(path)!r}: is not a file name: {error}") from error
    return target


def _is_special(target: Path) -> bool:
    """True for what exists and is neither a file nor a folder: a device or a pipe."""
    return target.exists() and not target.is_file()


def _create_temporary(path: Path, target: Path) -> Path:
    temporary = target.parent / f".{target.name[:40]}.{secrets.token_hex(6)}.tmp"
    try:
        # Not tempfile: its files are private (mode 0600), and the rename would carry that over to the result.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise _unwritable(path, error) from error
    return temporary


def _fill(path: Path, file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> McusimError:
    reason = error.strerror or type(error).__name__
    return McusimError(f"{path}: cannot be written: {reason}: choose another place with -o")
