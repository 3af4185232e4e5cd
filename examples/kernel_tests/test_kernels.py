# SPDX-License-Identifier: Apache-2.0
"""Tests of kernels.c on a simulated Cortex-M4: bit for bit what the reference says, and not slower than it was."""

from __future__ import annotations

import numpy as np
import pytest

from mcusim.kernels.fully_connected import fully_connected
from mcusim.kernels.quantization import quantize_multiplier

RNG = np.random.default_rng(7)


@pytest.fixture
def kernels(firmware):
    """The firmware under test; `firmware` comes with mcusim."""
    return firmware("kernels.elf", board="nucleo-l4r5zi")


def layer(inputs, outputs, scale, *, zero_points=(-5, 3), activation=(-128, 127)):
    """Return a `struct layer` as a dict: debug information says what its members are."""
    multiplier, shift = quantize_multiplier(scale)
    return {
        "inputs": inputs, "outputs": outputs, "input_zero_point": zero_points[0], "output_zero_point": zero_points[1],
        "multiplier": multiplier, "shift": shift, "activation_min": activation[0], "activation_max": activation[1],
    }  # fmt: skip


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (7, 3), (32, 10), (64, 17)])
@pytest.mark.parametrize("scale", [0.0005, 0.01, 1.5])
def test_fully_connected(kernels, assert_bit_exact, inputs, outputs, scale):
    values = RNG.integers(-128, 128, inputs, np.int8)
    weights = RNG.integers(-127, 128, (outputs, inputs), np.int8)
    bias = RNG.integers(-2000, 2000, outputs, np.int32)
    output = np.zeros(outputs, np.int8)

    how = layer(inputs, outputs, scale)
    kernels.fully_connected_s8(how, values, weights, bias, output)

    expected = fully_connected(
        values.reshape(1, -1), weights, bias, input_zero_point=-5, output_zero_point=3,
        multipliers=how["multiplier"], shifts=how["shift"],
    )  # fmt: skip
    assert_bit_exact(output, expected[0], name="output")


def test_it_does_not_get_slower(kernels, assert_cycles_below, assert_stack_below):
    values, weights = np.ones(64, np.int8), np.ones((16, 64), np.int8)
    result = kernels.fully_connected_s8(layer(64, 16, 0.01), values, weights, None, np.zeros(16, np.int8))
    assert_cycles_below(result, 64 * 16 * 11)  # eleven cycles for each product
    assert_stack_below(result, 128)


def test_the_largest_output_wins(kernels):
    seen = [0, 0, 100, 0]
    kernels.stub("read_sensor", lambda channel: seen[channel])
    identity = np.eye(4, dtype=np.int8)
    assert kernels.classify(layer(4, 4, 0.5), identity, None).value == 2
