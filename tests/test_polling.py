# SPDX-License-Identifier: Apache-2.0
"""Polling loops that are passed over: nothing but the work done may differ from running them."""

from __future__ import annotations

import pytest
from machines import assemble, prebuilt, run_profile

from mcusim.devices.stm32_usart import ISR, Stm32Usart
from mcusim.image import load
from mcusim.isa.decode import decode_block
from mcusim.machine.polling import PollingLoops, _depends_on_one_read
from mcusim.profile_io import dumps

FIRMWARES = (("hello", "nucleo-l4r5zi"), ("timing", "nucleo-l4r5zi"), ("echo", "nucleo-l4r5zi"))


@pytest.fixture
def polls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the cycles at which the UART's status is read."""
    seen: list[int] = []
    read = Stm32Usart.read_register

    def counting(self: Stm32Usart, offset: int) -> int:
        if offset == ISR:
            seen.append(self.host.clock.cycles)
        return read(self, offset)

    monkeypatch.setattr(Stm32Usart, "read_register", counting)
    return seen


@pytest.mark.parametrize(("name", "board"), FIRMWARES)
def test_the_profile_is_the_same_and_fewer_reads_are_served(
    name: str, board: str, polls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = load(prebuilt(name, board))
    passed_over = dumps(run_profile(image, board, uart_input=b"Hello.", max_cycles=3_000_000))
    few = len(polls)
    polls.clear()
    monkeypatch.setattr(PollingLoops, "pass_over", lambda *_: None)
    assert dumps(run_profile(image, board, uart_input=b"Hello.", max_cycles=3_000_000)) == passed_over
    assert 0 < few < len(polls) / 10


@pytest.mark.parametrize(
    ("code", "is_one"),
    [
        ("69d3 061b d5fc", True),  # ldr r3, [r2, #28]; lsls r3, r3, #24; bpl
        ("69d3 f0130f80 d0fb", True),  # ldr; tst.w r3, #128; beq
        ("69d3 3101 061b d5fb", False),  # counts its turns: adds r1, #1
        ("69d3 6013 061b d5fb", False),  # stores
        ("69d3 6811 061b d5fb", False),  # two reads
        ("f8523b04 061b d5fb", False),  # the address moves: ldr r3, [r2], #4
        ("69d3 d5fd", False),  # branches on flags from before the loop
        ("69d3 415b d5fc", False),  # adcs: carries from turn to turn
        ("69d3 eb530303 d5fb", False),  # adcs.w
    ],
)
def test_which_loops_are_passed_over(code: str, is_one: bool) -> None:
    ops, _ = decode_block(assemble(code), 0x0800_0000)
    assert _depends_on_one_read(ops) is is_one
