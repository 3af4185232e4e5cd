# SPDX-License-Identifier: Apache-2.0
"""Scripts that answer the firmware on its console: their text, their time, and a firmware that is answered."""

from __future__ import annotations

from pathlib import Path

import pytest
from devices import Bench
from hypothesis import given
from hypothesis import strategies as st
from machines import prebuilt, run_loop

from mcusim.attribution import attribute
from mcusim.devices.base import NEVER
from mcusim.errors import McusimError
from mcusim.image import load
from mcusim.machine.console_script import ConsoleScript, Script, Step, parse_script
from mcusim.machine.result import make_trace

SCRIPT = r"""
# a comment
expect "ready> "   # another

delay_ms 5
send "run \"3\" \x41\\\n"
"""


def test_the_text_of_a_script() -> None:
    steps = parse_script(SCRIPT, "s").steps
    assert [(step.line, step.verb, step.data, step.delay_ms) for step in steps] == [
        (3, "expect", b"ready> ", 0),
        (5, "delay_ms", b"", 5),
        (6, "send", b'run "3" A\\\n', 0),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("send hello", "line 1: 'send hello' is no step"),
        ('\nexpect ""', "line 2: expect needs a text"),
        ('send "a\\q"', "\\q is not an escape"),
        ('send "a\\x4"', "\\x is not an escape"),
        ("delay_ms 1.5", "is no step"),
        ("delay_ms 99999999", "more than an hour"),
        ('sned "x"', "is no step"),
    ],
)
def test_what_is_no_script_is_one_line(text: str, problem: str) -> None:
    with pytest.raises(McusimError) as caught:
        parse_script(text, "--uart-script x")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text())
def test_any_text_is_a_script_or_an_error(text: str) -> None:
    try:
        steps = parse_script(text, "s").steps
    except McusimError:
        return
    assert all(step.verb == "delay_ms" or step.data for step in steps)


def bench_with(text: str) -> tuple[Bench, ConsoleScript]:
    bench = Bench(core_hz=1_000_000)
    script = ConsoleScript(parse_script(text, "s"), bench.host)
    bench.devices.append(script)
    return bench, script


def test_steps_are_taken_in_order_and_in_time() -> None:
    bench, script = bench_with('expect "ab"\ndelay_ms 2\nsend "1"\nexpect "b"\nsend "2"')
    heard: list[tuple[int, bytes]] = []
    bench.host.listeners.append(lambda: heard.append((bench.clock.cycles, bytes(bench.host.received))))
    bench.run_until(100)
    script.hear(b"xxa")
    assert script.next_event_cycles() == NEVER
    bench.run_until(200)
    script.hear(b"bc")
    bench.run_until(300)
    script.hear(b"b")  # while it waits: the next expect finds it
    bench.run_until(5000)
    assert heard == [(2200, b"1"), (2200, b"12")]
    assert script.unfinished() == []
    assert script.next_event_cycles() == NEVER


@given(st.lists(st.text("ab", max_size=4)), st.lists(st.text("ab", min_size=1, max_size=3), max_size=5))
def test_expects_find_one_after_the_other(pieces: list[str], wanted: list[str]) -> None:
    """However the output is cut into pieces, the script gets as far as a search of the whole."""
    bench = Bench()
    script = ConsoleScript(Script("", tuple(Step(1, "expect", text.encode()) for text in wanted)), bench.host)
    bench.devices.append(script)
    for number, piece in enumerate(pieces):
        script.hear(piece.encode())
        bench.run_until(number)
    bench.run_until(1000)
    output, at, found = "".join(pieces), 0, 0
    for text in wanted:
        place = output.find(text, at)
        if place < 0:
            break
        at, found = place + len(text), found + 1
    missing = len(wanted) - found
    assert bool(script.unfinished()) == bool(missing)
    if missing > 2:
        assert f"the {missing - 1} steps after it" in script.unfinished()[0]


def test_a_firmware_is_answered() -> None:
    text = 'send "hello"\nexpect "LLO"\ndelay_ms 3\nsend ", you."\nexpect "received 11\\n"\n'
    image = load(prebuilt("echo", "nucleo-l4r5zi"))
    loop = run_loop(image, uart_script=parse_script(text, "s"))
    assert loop.machine.output.decode() == "HELLO, YOU.\nreceived 11\n"
    profile = attribute(make_trace(loop, "given"))
    assert "sha256" in str(profile.settings["uart_script"])
    assert loop.machine.clock.seconds_at(loop.machine.clock.cycles) > 0.003


def test_what_never_came_is_a_note() -> None:
    image = load(prebuilt("echo", "nucleo-l4r5zi"))
    script = parse_script('expect "HELLO"\nsend "."', "s")
    loop = run_loop(image, uart_script=script, max_cycles=1_000_000)
    notes = [note.text for note in attribute(make_trace(loop, "given")).notes]
    assert '--uart-script: line 1, expect "HELLO", never came, nor did the step after it' in notes


def test_a_script_is_an_option_of_profile(tmp_path: Path) -> None:
    from mcusim.cli import main

    (tmp_path / "talk.txt").write_text('send "a."\n')
    firmware = prebuilt("echo", "nucleo-l4r5zi")
    words = ["run", str(firmware), "--uart-script", str(tmp_path / "talk.txt"), "--max-cycles", "1M"]
    assert main(words) == 0
