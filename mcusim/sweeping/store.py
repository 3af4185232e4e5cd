# SPDX-License-Identifier: Apache-2.0
"""Results by their key, as files in a folder: what was run once, by whoever, is never run again.

A file is written next to its place and renamed, so that readers see a whole one or none, whatever dies when; two
processes that finish the same run write the same bytes. Its first line holds a hash of the rest: what is damaged is
taken away and run again. Deleting the folder, or any file in it, is always safe.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from mcusim.errors import McusimError
from mcusim.sweeping.outcome import Outcome, decode, encode

_FORMAT = b"mcusim-run 1 "
_IDENTITY = "folder-id"  # a random name: another machine that sees the same one shares the folder


@dataclass(frozen=True)
class Store:
    """A folder of results. `identity` tells it from a folder of the same name on another machine."""

    folder: Path
    identity: str

    @property
    def here(self) -> bool:
        """True where this process sees that very folder, and may write to it."""
        try:
            same = (self.folder / _IDENTITY).read_text("utf-8").strip() == self.identity
        except (OSError, ValueError):
            return False
        return same and os.access(self.folder, os.W_OK)

    def get(self, key: str) -> Outcome | None:
        """Return what is kept under a key; None where nothing is, or it is damaged."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        head, _, body = data.partition(b"\n")
        if head == _FORMAT + hashlib.sha256(body).hexdigest().encode():
            with contextlib.suppress(ValueError):
                return decode(body)
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def put(self, key: str, outcome: Outcome) -> None:
        """Keep an outcome. Raises McusimError where the folder cannot be written."""
        body = encode(outcome)
        path = self._path(key)
        temporary = path.with_name(f".{key[:12]}.{secrets.token_hex(6)}.tmp")
        try:
            path.parent.mkdir(exist_ok=True)
            temporary.write_bytes(_FORMAT + hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
            os.replace(temporary, path)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.run"  # so that no folder holds a hundred thousand files


def open_store(folder: Path | str | None = None) -> Store:
    """Return the store in a folder, which is made if it does not exist (None: the user's cache folder).

    Raises McusimError where it cannot be written.
    """
    path = Path(folder) if folder is not None else default_folder()
    try:
        path.mkdir(parents=True, exist_ok=True)
        identity = path / _IDENTITY
        if not identity.is_file() or not identity.read_text("utf-8").strip():
            temporary = path / f".{_IDENTITY}.{secrets.token_hex(6)}.tmp"
            temporary.write_text(secrets.token_hex(16) + "\n", "utf-8")
            with contextlib.suppress(FileExistsError):  # another process was first: its name counts
                os.link(temporary, identity)
            temporary.unlink()
        return Store(path.resolve(), identity.read_text("utf-8").strip())
    except OSError as error:
        raise _unwritable(path, error) from error


def default_folder() -> Path:
    """Return the folder for results where none is given: MCUSIM_CACHE, else one among the user's caches."""
    if given := os.environ.get("MCUSIM_CACHE"):
        return Path(given)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "mcusim" / "runs"


def _unwritable(folder: Path, error: OSError) -> McusimError:
    reason = error.strerror or type(error).__name__
    return McusimError(
        f"{folder}: results cannot be kept there: {reason}: give another folder with --cache, or --no-cache"
    )
