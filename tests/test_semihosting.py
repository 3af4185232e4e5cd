# SPDX-License-Identifier: Apache-2.0
"""Semihosting calls one by one, with memory that is a bytearray: what they answer, and what they refuse."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcusim.errors import McusimError
from mcusim.machine.semihosting import FAILED, Semihosting

OPEN, CLOSE, WRITEC, WRITE0, WRITE, READ, READC, ISERROR, ISTTY, SEEK = range(1, 11)
FLEN, REMOVE, CLOCK, TIME, ERRNO, COMMAND_LINE, HEAP_INFO = 0x0C, 0x0E, 0x10, 0x11, 0x13, 0x15, 0x16
EXIT, EXIT_EXTENDED, ELAPSED, TICK_FREQUENCY = 0x18, 0x20, 0x30, 0x31
BLOCK, TEXT, BUFFER = 0x100, 0x200, 0x800
READ_MODE, READ_WRITE_MODE, WRITE_MODE, APPEND_MODE = 0, 2, 4, 8


class FakeMemory:
    """64 KB from address 0."""

    def __init__(self) -> None:
        self.data = bytearray(1 << 16)

    def _check(self, address: int, size: int) -> None:
        if address + size > len(self.data):
            raise McusimError(f"address 0x{address:08x} is outside the board's memory")

    def read(self, address: int, size_bytes: int) -> bytes:
        self._check(address, size_bytes)
        return bytes(self.data[address : address + size_bytes])

    def write(self, address: int, data: bytes) -> None:
        self._check(address, len(data))
        self.data[address : address + len(data)] = data

    def read_word(self, address: int) -> int:
        return int.from_bytes(self.read(address, 4), "little")

    def write_word(self, address: int, value: int) -> None:
        self.write(address, (value & 0xFFFF_FFFF).to_bytes(4, "little"))


class Host:
    """Semihosting with its surroundings."""

    def __init__(self, files: Path | None = None, received: bytes = b"") -> None:
        self.memory, self.sent, self.seconds = FakeMemory(), b"", 0.0
        self.calls = Semihosting(
            self.memory, self._send, lambda: self.seconds, bytearray(received), files  # type: ignore[arg-type]
        )  # fmt: skip

    def _send(self, data: bytes) -> None:
        self.sent += data

    def call(self, operation: int, *words: int) -> int:
        self.memory.write(BLOCK, struct.pack(f"<{len(words)}I", *words))
        return self.calls.call(operation, BLOCK)

    def open(self, name: bytes, mode: int) -> int:
        self.memory.write(TEXT, name)
        return self.call(OPEN, TEXT, mode, len(name))

    def write(self, handle: int, data: bytes) -> int:
        self.memory.write(BUFFER, data)
        return self.call(WRITE, handle, BUFFER, len(data))


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A host whose files are in a folder."""
    folder = tmp_path / "files"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    made = Host(folder)
    yield made
    made.calls.close()


def folder(host: Host) -> Path:
    assert host.calls.files is not None
    return host.calls.files


def test_characters_and_strings() -> None:
    host = Host()
    host.memory.write(TEXT, b"hello\0rest")
    host.calls.call(WRITE0, TEXT)
    host.calls.call(WRITEC, TEXT + 1)
    assert host.sent == b"helloe"


def test_a_string_without_an_end_is_an_error() -> None:
    host = Host()
    host.memory.data[:] = b"x" * len(host.memory.data)
    with pytest.raises(McusimError):
        host.calls.call(WRITE0, 0x8000)


def test_the_console_is_a_file(host: Host) -> None:
    handle = host.open(b":tt", WRITE_MODE)
    assert (host.write(handle, b"out"), host.sent) == (0, b"out")
    assert host.call(ISTTY, handle) == 1
    assert host.call(SEEK, handle, 0) == FAILED
    assert host.call(FLEN, handle) == FAILED
    assert host.call(CLOSE, handle) == 0
    assert host.call(CLOSE, handle) == FAILED


def test_the_console_gives_the_input() -> None:
    host = Host(received=b"abcd")
    assert host.calls.call(READC, 0) == ord("a")
    handle = host.open(b":tt", READ_MODE)
    assert host.call(READ, handle, BUFFER, 2) == 0
    assert host.memory.read(BUFFER, 2) == b"bc"
    assert host.call(READ, handle, BUFFER, 5) == 4
    assert host.call(READ, handle, BUFFER, 5) == 5
    assert host.calls.call(READC, 0) == FAILED


def test_files_are_written_read_sought_and_removed(host: Host) -> None:
    handle = host.open(b"data.bin", WRITE_MODE)
    assert host.write(handle, b"0123456789") == 0
    assert host.call(FLEN, handle) == 10
    assert host.call(CLOSE, handle) == 0
    handle = host.open(b"data.bin", READ_WRITE_MODE)
    assert host.call(SEEK, handle, 8) == 0
    assert host.call(READ, handle, BUFFER, 8) == 6
    assert host.memory.read(BUFFER, 2) == b"89"
    assert host.call(ISTTY, handle) == 0
    assert host.call(CLOSE, handle) == 0
    handle = host.open(b"data.bin", APPEND_MODE)
    assert host.write(handle, b"+") == 0
    host.calls.close()
    assert (folder(host) / "data.bin").read_bytes() == b"0123456789+"
    host.memory.write(TEXT, b"data.bin")
    assert host.call(REMOVE, TEXT, 8) == 0
    assert host.call(REMOVE, TEXT, 8) == FAILED
    assert host.calls.call(ERRNO, 0) == 2  # ENOENT
    assert not (folder(host) / "data.bin").exists()


@pytest.mark.parametrize(
    "name",
    [b"../secret", b"/etc/hostname", b"sub/../../secret", b"..", b"", b".", b"missing", b"no/such/folder", b"\xff\xfe",
     b"a\0b", b"x" * 400, b"../files/../secret"],
)  # fmt: skip
@pytest.mark.parametrize("mode", [READ_MODE, WRITE_MODE, 11, 12, 0xFFFF_FFFF])
def test_what_may_not_or_cannot_be_opened_fails(host: Host, name: bytes, mode: int) -> None:
    handle = host.open(name, mode)
    if handle != FAILED:
        assert mode in (WRITE_MODE, 11)
        assert {path.name for path in folder(host).iterdir()} <= {"missing", "\ufffd\ufffd"}
    assert {path.name for path in folder(host).parent.iterdir()} == {"files", "secret"}
    assert (folder(host).parent / "secret").read_bytes() == b"secret"
    if b"secret" in name or name.startswith(b"/"):
        assert handle == FAILED
        assert any("outside the folder" in text for text in host.calls.refused)


def test_a_link_that_leads_out_is_refused(host: Host) -> None:
    (folder(host) / "link").symlink_to(folder(host).parent / "secret")
    assert host.open(b"link", READ_MODE) == FAILED
    (folder(host) / "out").symlink_to(folder(host).parent)
    assert host.open(b"out/secret", WRITE_MODE) == FAILED
    host.memory.write(TEXT, b"out/secret")
    assert host.call(REMOVE, TEXT, 10) == FAILED
    assert (folder(host).parent / "secret").read_bytes() == b"secret"


def test_without_a_folder_every_file_is_refused_and_the_flag_is_named() -> None:
    host = Host()
    assert host.open(b"data.bin", READ_MODE) == FAILED
    assert host.calls.refused == {"file 'data.bin' (give --files DIR to allow it)"}


def test_reading_what_is_open_for_writing_fails_and_the_other_way_round(host: Host) -> None:
    handle = host.open(b"data.bin", WRITE_MODE)
    assert host.call(READ, handle, BUFFER, 4) == 4
    assert host.call(CLOSE, handle) == 0
    handle = host.open(b"data.bin", READ_MODE)
    assert host.write(handle, b"abc") == 3


@pytest.mark.parametrize("operation", [WRITE, READ])
def test_a_handle_that_is_not_open_transfers_nothing(host: Host, operation: int) -> None:
    assert host.call(operation, 99, BUFFER, 7) == 7


def test_a_read_into_nowhere_is_an_error_and_a_huge_one_reads_the_file(host: Host) -> None:
    (folder(host) / "in").write_bytes(b"abc")
    handle = host.open(b"in", READ_MODE)
    assert host.call(READ, handle, BUFFER, 0xFFFF_FFFF) == 0xFFFF_FFFC
    assert host.call(SEEK, handle, 0) == 0
    with pytest.raises(McusimError):
        host.call(READ, handle, 0xF000_0000, 3)


def test_time_is_simulated_time() -> None:
    host = Host()
    host.seconds = 12.345678
    assert host.calls.call(CLOCK, 0) == 1234
    assert host.calls.call(TIME, 0) == 12
    assert host.calls.call(ELAPSED, BUFFER) == 0
    assert int.from_bytes(host.memory.read(BUFFER, 8), "little") == 12_345_678
    assert host.calls.call(TICK_FREQUENCY, 0) == 1_000_000


@pytest.mark.parametrize(("reason", "status"), [(0x20026, 0), (0x20023, 1), (0, 1)])
def test_exit(reason: int, status: int) -> None:
    host = Host()
    host.calls.call(EXIT, reason)
    assert (host.calls.exited, host.calls.exit_status) == (True, status)


@pytest.mark.parametrize(("reason", "code", "status"), [(0x20026, 0, 0), (0x20026, 7, 7), (0x20023, 7, 1)])
def test_extended_exit(reason: int, code: int, status: int) -> None:
    host = Host()
    host.call(EXIT_EXTENDED, reason, code)
    assert (host.calls.exited, host.calls.exit_status) == (True, status)


def test_small_calls() -> None:
    host = Host()
    assert host.call(ISERROR, FAILED) == 1
    assert host.call(ISERROR, 5) == 0
    assert host.call(COMMAND_LINE, BUFFER, 10) == 0
    assert host.memory.read(BUFFER, 1) == b"\0"
    assert host.memory.read_word(BLOCK + 4) == 0
    assert host.call(COMMAND_LINE, BUFFER, 0) == FAILED
    host.memory.write(BUFFER, b"\xff" * 16)
    host.call(HEAP_INFO, BUFFER)
    assert host.memory.read(BUFFER, 16) == bytes(16)


def test_an_unknown_call_fails_and_is_told() -> None:
    host = Host()
    assert host.calls.call(0x77, 0) == FAILED
    assert host.calls.refused == {"semihosting call 0x77"}


# An operation and the words of its parameter block.
WORDS = st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 0x1000), min_size=4, max_size=4)
CALLS = st.tuples(st.integers(0, 0x34), WORDS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(CALLS, max_size=8), text=st.binary(max_size=12))
def test_any_sequence_of_calls_answers_or_is_an_error(
    host: Host, calls: list[tuple[int, list[int]]], text: bytes
) -> None:
    host.memory.write(TEXT, text)
    before = (folder(host).parent / "secret").read_bytes()
    for operation, words in calls:
        try:
            answer = host.call(operation, *words)
        except McusimError:
            continue
        assert 0 <= answer <= FAILED
    assert (folder(host).parent / "secret").read_bytes() == before
