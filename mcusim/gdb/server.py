# SPDX-License-Identifier: Apache-2.0
"""The socket: wait for one gdb on the loopback interface, pass bytes on, and see to the end of the run."""

from __future__ import annotations

import os
import select
import socket
from collections import deque
from collections.abc import Callable

from mcusim.board import Board
from mcusim.errors import McusimError
from mcusim.gdb.protocol import Decoder, Event, Interrupt
from mcusim.gdb.session import Session
from mcusim.guess import check_fits
from mcusim.image.model import Image
from mcusim.machine.debug import DebugTarget
from mcusim.machine.limits import ProgressListener
from mcusim.machine.loop import Console
from mcusim.machine.settings import Settings
from mcusim.trace import Trace

HOST = "127.0.0.1"
RECEIVE_BYTES = 0x1_0000
HANG_UP_SECONDS = 1.0


def run_with_gdb(
    image: Image,
    board: Board,
    settings: Settings | None = None,
    *,
    port: int,
    say: Callable[[str], None],
    console: Console | None = None,
    progress: ProgressListener | None = None,
    board_reason: str = "given",
) -> Trace:
    """Let gdb run a firmware image: wait for it on a loopback port (0: any free one), and return the trace at the end.

    After a detach the firmware runs on to its end. Raises McusimError where the port cannot be had, where gdb goes away
    without a word, and where the firmware failed.
    """
    check_fits(image, board)
    with _listen(port) as listener:
        say(f"waiting for gdb on {HOST}:{listener.getsockname()[1]}")
        connection, _ = listener.accept()
    with connection:
        line = Line(connection)
        target = DebugTarget(image, board, settings, console=console, progress=progress, is_asked=line.is_interrupted)
        session = Session(target, line.send)
        try:
            while not session.over:
                session.handle(line.next_event())
        except McusimError:
            target.close()
            raise
        line.hang_up()
    if session.detached:
        target.run_on()
    return target.finish(board_reason)


def _listen(port: int) -> socket.socket:
    try:
        # Not reusable while another listens: two servers on one port would share its clients.
        return socket.create_server((HOST, port), backlog=1)
    except OSError as error:
        raise McusimError(f"--gdb {port}: cannot listen on {HOST}:{port}: {os.strerror(error.errno or 0)}") from None


class Line:
    """The connection as events and bytes. Raises McusimError when gdb has gone."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # small packets, each awaited
        self._connection = connection
        self._decoder = Decoder()
        self._events: deque[Event] = deque()

    def send(self, data: bytes) -> None:
        """Send all of it."""
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise _gone() from error

    def next_event(self) -> Event:
        """Wait for the next event."""
        while not self._events:
            self._receive()
        return self._events.popleft()

    def is_interrupted(self) -> bool:
        """Return whether Ctrl-C has arrived, without waiting; what else has arrived stays for later."""
        if self._connection.fileno() < 0:  # after a detach
            return False
        while select.select([self._connection], [], [], 0)[0]:
            self._receive()
        found = Interrupt() in self._events
        self._events = deque(event for event in self._events if event != Interrupt())
        return found

    def hang_up(self) -> None:
        """Let gdb close first, for a moment: what it still has to read must not be lost."""
        try:
            self._connection.shutdown(socket.SHUT_WR)
            self._connection.settimeout(HANG_UP_SECONDS)
            while self._connection.recv(RECEIVE_BYTES):
                pass
        except OSError:
            pass  # it was to go

    def _receive(self) -> None:
        try:
            data = self._connection.recv(RECEIVE_BYTES)
        except OSError as error:
            raise _gone() from error
        if not data:
            raise _gone()
        self._events.extend(self._decoder.feed(data))


def _gone() -> McusimError:
    return McusimError("gdb has gone without detaching or killing: the run is given up")
