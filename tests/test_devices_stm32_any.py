# SPDX-License-Identifier: Apache-2.0
"""Whatever firmware writes to them, STM32 peripherals answer: no error, no wake that brings nothing about."""

from __future__ import annotations

import pytest
from devices import FLASH, RAM, Bench
from hypothesis import given, settings
from hypothesis import strategies as st

KINDS = ("stm32-crc", "stm32-dma-channels", "stm32-dma-streams", "stm32-gpio", "stm32-iwdg", "stm32-rng", "stm32-timer",
         "stm32-usart-v1", "stm32-usart-v2", "stm32-wwdg", "stm32f1-exti", "stm32f1-gpio", "stm32g0-exti",
         "stm32h7-exti", "registers")  # fmt: skip
VALUES = st.one_of(
    st.integers(0, 2**32 - 1),
    st.integers(0, 31).map(lambda bit: 1 << bit),
    st.sampled_from([0, 0xFFFF_FFFF, RAM, FLASH, 0x4001_3004, 0xCCCC, 0x5555, 0xAAAA]),
    st.integers(0, 0x40),
)
ACCESSES = st.lists(
    st.tuples(st.integers(0, 0x2F), st.sampled_from([1, 2, 4]), st.none() | VALUES, st.integers(0, 300)), max_size=25
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(ACCESSES, st.binary(max_size=6), st.integers(0, 3))
def test_any_access_is_answered(
    kind: str, accesses: list[tuple[int, int, int | None, int]], received: bytes, speed: int
) -> None:
    bench = Bench(received=received)
    bench.host.bus_hz.update({"pclk1": (16_000_000, 7_000_003, 1, 400)[speed], "hclk": 5_000_000 + speed})
    device = bench.add(kind, start=0x4001_3000, interrupts=(1, 2, 3, 4), name="it", console=True)
    for word, size_bytes, value, ticks in accesses:
        offset = 4 * word
        if value is None:
            assert 0 <= device.read(offset, size_bytes) < 1 << 8 * size_bytes
        else:
            device.write(offset, size_bytes, value & (1 << 8 * size_bytes) - 1)
        device.unchanged_until_cycles(offset)
        device.request_cycles(offset, value is not None)
        before = bench.wakes
        bench.run_until(bench.clock.cycles + ticks)
        assert bench.wakes - before <= 4 * ticks + 40
