# SPDX-License-Identifier: Apache-2.0
"""`mcusim run --gdb` as a process: a small client of our own on its socket, and gdb itself where it is installed."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from machines import CODE, assemble, firmware_elf, prebuilt, write_image

import mcusim
from mcusim.gdb.protocol import Decoder, Packet, encode
from mcusim.image import load

ROOT = Path(mcusim.__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
TIMEOUT_S = 120
PLAIN_STOP = b"T05thread:1;"
ENDLESS = "3001 e7fd"
KEYWORDS = ROOT / "examples" / "keyword_spotting"


def let_interrupts_through() -> None:
    """Shells that start the tests in the background have them ignore Ctrl-C, and so would their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Server:
    """A running `mcusim run --gdb 0`, and a connection to it."""

    def __init__(self, *words: str | Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mcusim", "run", *map(str, words), "--gdb", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=let_interrupts_through,
            env=ENVIRONMENT,
        )
        assert self.process.stderr is not None
        said = self.process.stderr.readline().decode()
        match = re.fullmatch(r"mcusim: waiting for gdb on 127\.0\.0\.1:(\d+)\n", said)
        assert match, said
        self.port = int(match[1])
        self.line: socket.socket | None = None
        self._decoder = Decoder()
        self._packets: list[bytes] = []

    def connect(self) -> None:
        self.line = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S)
        assert self.ask(b"QStartNoAckMode") == b"OK"

    def send(self, data: bytes) -> None:
        assert self.line is not None
        self.line.sendall(data)

    def receive(self) -> bytes:
        assert self.line is not None
        while not self._packets:
            data = self.line.recv(4096)
            assert data, "the server hung up"
            self._packets += [event.data for event in self._decoder.feed(data) if isinstance(event, Packet)]
        return self._packets.pop(0)

    def ask(self, data: bytes) -> bytes:
        self.send(encode(data))
        return self.receive()

    def end(self) -> tuple[int, str, str]:
        """Wait for the process: its exit code, output and messages."""
        if self.line is not None:
            self.line.close()
        out, err = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, out.decode(), err.decode()


@contextmanager
def serving(*words: str | Path) -> Iterator[Server]:
    server = Server(*words)
    try:
        yield server
    finally:
        if server.line is not None:
            server.line.close()
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()


def firmware(folder: Path, text: str) -> Path:
    write_image(folder, firmware_elf(assemble(text)))
    return folder / "firmware.elf"


def test_breakpoints_registers_memory_and_the_firmwares_output() -> None:
    path = prebuilt("hello", "nucleo-l4r5zi")
    main = load(path).find_symbol("main")
    assert main is not None
    with serving(path) as server:
        server.connect()
        assert server.ask(b"?") == PLAIN_STOP
        assert server.ask(b"Z1,%x,2" % main.address) == b"OK"
        assert server.ask(b"vCont;c") == PLAIN_STOP
        assert int.from_bytes(bytes.fromhex(server.ask(b"pf").decode()), "little") == main.address
        assert server.ask(b"m%x,4" % main.address) == path_bytes(path, main.address).hex().encode()
        assert server.ask(b"vCont;s:1;c") == PLAIN_STOP
        assert server.ask(b"m40000000,4") == b"E0e"
        assert server.ask(b"D") == b"OK"
        code, out, err = server.end()
    assert code == 0
    assert without_cycles(out) == expected("hello")
    assert err == "mcusim: ended: endless loop (b .)\n"


def expected(example: str) -> list[str]:
    """Return the lines that an example prints."""
    return (ROOT / "examples" / example / "expected.txt").read_text().splitlines()


def without_cycles(output: str) -> list[str]:
    """Return the lines of an example's output, but for the one that tells its time."""
    return [line for line in output.splitlines() if not line.startswith("cycles: ")]


def path_bytes(path: Path, address: int) -> bytes:
    """Return four bytes of an image."""
    for segment in load(path).segments:
        if segment.load_address <= address < segment.load_address + len(segment.data):
            return segment.data[address - segment.load_address :][:4]
    raise AssertionError("no such address")


def test_ctrl_c_stops_a_running_target_and_kill_ends_it(tmp_path: Path) -> None:
    with serving(firmware(tmp_path, ENDLESS), "--board", "nucleo-l4r5zi") as server:
        server.connect()
        for _ in range(2):
            server.send(encode(b"vCont;c"))
            time.sleep(0.1)
            server.send(b"\x03")
            assert server.receive() == b"T02thread:1;"
        server.send(encode(b"k"))
        assert server.end() == (130, "", "mcusim: ended: ended by the debugger\n")


def test_the_firmwares_status_reaches_gdb_and_the_shell(tmp_path: Path) -> None:
    # SYS_EXIT_EXTENDED (0x20) with {ADP_Stopped_ApplicationExit, 7} at 0x20000000
    code = "2401 0764 f2400126 f2c00102 2307 c40a 3c08 2020 0021 beab"
    with serving(firmware(tmp_path, code), "--board", "nucleo-l4r5zi") as server:
        server.connect()
        assert server.ask(b"c").startswith(b"O")
        assert server.receive() == b"W07"
        assert server.end()[0] == 7


def test_a_fault_can_be_looked_at_before_and_in_its_handler(tmp_path: Path) -> None:
    # lsls r0, r0, #24; ldr r1, [r0]: no memory at 0x01000000; (8:) HardFault's handler: b .
    write_image(tmp_path, firmware_elf(assemble("2001 0600 6801 e7fe e7fe"), {3: 8}))
    with serving(tmp_path / "firmware.elf", "--board", "nucleo-l4r5zi") as server:
        server.connect()
        said = server.ask(b"c")
        assert b"0x01000000" in bytes.fromhex(said[1:].decode())
        assert server.receive() == b"T0bthread:1;"
        assert server.ask(b"p0") == b"00000001"
        assert server.ask(b"pf") == (CODE + 4).to_bytes(4, "little").hex().encode()
        assert server.ask(b"vCont;s:1;c") == PLAIN_STOP
        assert server.ask(b"pf") == (CODE + 8).to_bytes(4, "little").hex().encode()
        assert server.ask(b"c").startswith(b"O")
        assert server.receive() == b"T0bthread:1;"
        assert server.ask(b"c") == b"W01"
        code, _, err = server.end()
    assert code == 1
    assert "HardFault: " in err


@pytest.mark.parametrize("running", [False, True])
def test_a_gdb_that_disappears_is_one_line(tmp_path: Path, running: bool) -> None:
    with serving(firmware(tmp_path, ENDLESS), "--board", "nucleo-l4r5zi") as server:
        server.connect()
        if running:
            server.send(encode(b"vCont;c"))
        code, _, err = server.end()
    assert (code, err) == (2, "mcusim: error: gdb has gone without detaching or killing: the run is given up\n")


def test_detached_firmware_runs_on_without_gdb(tmp_path: Path) -> None:
    with serving(firmware(tmp_path, ENDLESS), "--board", "nucleo-l4r5zi", "--max-cycles", "30M") as server:
        server.connect()
        assert server.ask(b"Z0,%x,2" % (CODE + 2)) == b"OK"
        assert server.ask(b"D;1") == b"OK"
        assert server.end()[0] == 124


def test_garbage_on_the_socket_does_no_harm(tmp_path: Path) -> None:
    with serving(firmware(tmp_path, ENDLESS), "--board", "nucleo-l4r5zi") as server:
        server.connect()
        server.send(bytes(range(256)) * 10 + b"#00$" + bytes(100_000) + b"#00")
        server.send(b"GET / HTTP/1.1\r\n\r\n")
        assert server.ask(b"?") == PLAIN_STOP
        assert server.ask(b"vKill;1") == b"OK"
        assert server.end()[0] == 130


def test_ctrl_c_on_the_command_line_while_it_waits(tmp_path: Path) -> None:
    with serving(firmware(tmp_path, ENDLESS), "--board", "nucleo-l4r5zi") as server:
        server.process.send_signal(signal.SIGINT)
        assert server.end() == (130, "", "mcusim: interrupted\n")


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "mcusim", "run", firmware(tmp_path, ENDLESS), "--gdb", port],
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"mcusim: error: --gdb {port}: cannot listen on 127\.0\.0\.1:{port}: .*in use\n", done.stderr)


@pytest.mark.parametrize("port", ["", "x", "-1", "65536", "0x10", "1e3"])
def test_what_is_no_port(port: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mcusim", "run", "firmware.elf", f"--gdb={port}"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"mcusim: error: argument --gdb: '{port}' is not a port")
    assert done.stderr.count("\n") == 1


# gdb itself


def gdb(elf: Path, *commands: str) -> tuple[str, tuple[int, str, str]]:
    """Let gdb run commands; return what it says (of both kinds), and how the run ended."""
    with serving(elf) as server:
        words = ["set confirm off", "set width 0", "set print elements 4", f"target remote 127.0.0.1:{server.port}"]
        arguments = [word for command in (*words, *commands) for word in ("-ex", command)]
        done = subprocess.run(
            ["gdb-multiarch", "-nx", "-batch", *arguments, str(elf)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            cwd=KEYWORDS,
        )
        return done.stdout, server.end()


@pytest.mark.gdb
def test_gdb_debugs_the_example() -> None:
    said, (code, out, err) = gdb(
        prebuilt("keyword_spotting", "nucleo-l4r5zi"),
        "tbreak main", "continue", "tbreak conv2d_1x1_s8", "continue", "backtrace", "info registers", "x/4i $pc",
        "stepi", "step", "next", "finish", "watch layer_crc[3]", "continue", "delete", "print layer_crc[3]",
        "tbreak crc32", "continue", "print crc32(arena, 0)", "up", "monitor cycles", "continue", "backtrace",
        "continue",
    )  # fmt: skip
    order = [
        r"Reset_Handler \(\)",
        r"Temporary breakpoint 1, main \(\) at main.c:\d+",
        r"Temporary breakpoint 2, conv2d_1x1_s8 \(op=0x[0-9a-f]+ <layer_2>",
        r"#0  conv2d_1x1_s8 .*\n#1  0x[0-9a-f]+ in run_layer .*\n#2  0x[0-9a-f]+ in main \(\) at main.c:\d+",
        r"sp +0x2009[0-9a-f]+",
        r"pc +0x[0-9a-f]+ +0x[0-9a-f]+ <conv2d_1x1_s8>",
        r"msp +0x2009[0-9a-f]+",
        r"control +0x[04] ",
        r"=> 0x[0-9a-f]+ <conv2d_1x1_s8>:",
        r"main \(\) at main.c:\d+",  # finish: run_layer is a tail call
        r"Hardware watchpoint 3: layer_crc\[3\]\n\nOld value = 0\nNew value = (\d+)\nmain \(\)",
        r"\$1 = (\d+)\n",
        r"Temporary breakpoint 4, crc32 ",
        r"\$2 = 0\n",
        r"main \(\) at main.c:\d+",
        r"\d+ cycles, [0-9.]+ ms since reset",
        r"mcusim: endless loop \(b \.\)",
        r"SIGTRAP",
        r"#0  _exit \(status=0\)",
        r"exited normally",
    ]
    at = 0
    for pattern in order:
        found = re.compile(pattern).search(said, at)
        assert found, f"{pattern!r} is not in what follows:\n{said[at:]}"
        at = found.end()
    watched = re.search(r"New value = (\d+)", said)
    assert watched is not None
    assert f"$1 = {watched[1]}\n" in said
    assert (code, err) == (0, "mcusim: ended: endless loop (b .)\n")
    assert without_cycles(out) == expected("keyword_spotting")


@pytest.mark.gdb
def test_gdb_unwinds_a_handler_resets_and_loads() -> None:
    path = prebuilt("interrupts", "mps2-an386")
    said, (code, _, err) = gdb(
        path, "tbreak SysTick_Handler", "continue", "backtrace", "print/x $xpsr & 0x1ff", "monitor reset",
        "maintenance flush register-cache", "info symbol $pc", "load", "tbreak main", "continue", "kill",
    )  # fmt: skip
    assert re.search(r"#0  .*SysTick_Handler \(\).*\n#1  <signal handler called>\n#2 ", said), said
    assert "$1 = 0xf\n" in said
    assert "Reset_Handler in section" in said
    assert "Start address" in said
    assert re.search(r"Temporary breakpoint 2, .*main \(\)", said), said
    assert (code, err) == (130, "mcusim: ended: ended by the debugger\n")
