# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin: the example project passes, and what it reports where it does not."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import entry_points

import numpy as np
import pytest
from machines import EXAMPLES, FIRMWARE

from mcusim.calling import CallResult
from mcusim.differences import first_difference
from mcusim.errors import McusimError
from mcusim.testing import assert_bit_exact, assert_cycles_below, assert_stack_below

pytest_plugins = "pytester"
CALLABLE = FIRMWARE / "callable" / "callable-hard.elf"


def took(cycles: int, stack_bytes: int = 0) -> CallResult:
    return CallResult("conv", cycles, cycles // 2, stack_bytes, (), {}, b"")


def test_the_plugin_is_installed() -> None:
    (plugin,) = entry_points(group="pytest11", name="mcusim")
    assert plugin.value == "mcusim.pytest_plugin"


def test_the_plugin_costs_other_projects_nothing() -> None:
    code = "import sys, mcusim.pytest_plugin; print(*sorted({'numba', 'unicorn', 'numpy'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "\n"


def test_the_example_project_passes(pytester: pytest.Pytester) -> None:
    for name in ("test_kernels.py", "kernels.elf"):
        shutil.copy(EXAMPLES / "kernel_tests" / name, pytester.path)
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=14)


def test_what_a_project_sees_when_its_kernels_are_wrong(pytester: pytest.Pytester) -> None:
    shutil.copy(CALLABLE, pytester.path / "callable.elf")
    pytester.makeini("[pytest]\nmcusim_board = nucleo-l4r5zi\n")
    pytester.makepyfile(
        """
        import numpy as np

        def test_wrong(firmware, assert_bit_exact):
            out = np.zeros(6, np.int16)
            firmware("callable.elf").scale(np.arange(6, dtype=np.int8), out, 6, 3)
            assert_bit_exact(out, np.arange(6, dtype=np.int16) * 3 + (np.arange(6) == 4).astype(np.int16), "scaled")

        def test_slow(firmware, assert_cycles_below):
            fw = firmware("callable.elf")
            fw.stub("sensor", lambda channel: 1)
            fw.count_up(isolated=False)
            fw.allocate(100)
            assert_cycles_below(fw.deep(3), 10)

        def test_after_it(firmware):
            fw = firmware("callable.elf")
            assert fw.read_all(3).value == 3
            assert fw.count_up().value == 8
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*scaled[[]4[]]: expected 13, got 12; 1 of 6 elements differ, by up to 1*",
            "*deep took * cycles, * % above the limit of 10 (* instructions)*",
        ]
    )


def test_the_board_of_the_command_line_goes_before_the_ini_file(pytester: pytest.Pytester) -> None:
    shutil.copy(CALLABLE, pytester.path / "callable.elf")
    pytester.makeini("[pytest]\nmcusim_board = nonesuch\n")
    pytester.makepyfile(
        "def test_board(firmware):\n    assert firmware('callable.elf').board.name == 'nucleo-l476rg'\n"
    )
    outcome = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--mcusim-board", "nucleo-l476rg")
    outcome.assert_outcomes(passed=1)


def test_without_a_board_the_plugin_s_own_option_is_named(pytester: pytest.Pytester) -> None:
    shutil.copy(CALLABLE, pytester.path / "callable.elf")
    pytester.makepyfile("def test_board(firmware):\n    firmware('callable.elf')\n")
    outcome = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    outcome.assert_outcomes(failed=1)
    outcome.stdout.fnmatch_lines(["*or --mcusim-board)*"])


# assertions


def test_equal_arrays_pass() -> None:
    values = np.array([1.5, np.nan])
    assert_bit_exact(values, values.copy())
    assert_bit_exact(np.zeros((0, 3), np.int8), np.zeros((0, 3), np.int8))


def test_shapes_and_dtypes_must_be_equal() -> None:
    with pytest.raises(AssertionError, match=r"y: shapes differ: expected \(3,\), got \(2,\)"):
        assert_bit_exact(np.zeros(2), np.zeros(3), "y")
    with pytest.raises(AssertionError, match="result: dtypes differ: expected int16, got int8"):
        assert_bit_exact(np.zeros(2, np.int8), np.zeros(2, np.int16))
    with pytest.raises(McusimError, match="dtypes differ"):
        first_difference(np.zeros(2, np.int8), np.zeros(2, np.uint8))


def test_limits_are_exclusive() -> None:
    assert_cycles_below(took(99), 100)
    assert_stack_below(took(0, 7), 8)
    with pytest.raises(AssertionError, match=r"conv took 100 cycles, 0.0 % above the limit of 100"):
        assert_cycles_below(took(100), 100)
    with pytest.raises(AssertionError, match="8 bytes of stack, the limit is 8"):
        assert_stack_below(took(0, 8), 8)


RNG = np.random.default_rng(5)
TENSOR = RNG.integers(-100, 101, (1, 6, 6, 8), np.int8)
CLAMPED = np.clip(TENSOR, -64, 63)


def _with_channel(channel: int) -> np.ndarray:
    wrong = TENSOR.copy()
    wrong[..., channel] //= 2
    return wrong


def _with_border() -> np.ndarray:
    wrong = TENSOR.copy()
    wrong[:, 0] -= 5
    return wrong


@pytest.mark.parametrize(
    ("wrong", "right", "words"),
    [
        (np.full_like(TENSOR, -128), TENSOR, "nothing was written, or everything saturates: every element is -128"),
        (np.clip(TENSOR.astype(int) + 3, -128, 127).astype(np.int8), TENSOR, "output zero point: .* off by \\+3"),
        (TENSOR, CLAMPED, "saturation: results outside of -64 to 63 are not clamped"),
        ((TENSOR * np.int8(1) + np.int8(100)), np.clip(TENSOR.astype(int) + 100, -128, 127).astype(np.int8), "wrap"),
        (_with_channel(5), TENSOR, "per-channel multiplier, shift or bias: only channels 5 differ, of 8"),
        (_with_border(), TENSOR, "padding: only elements at the border differ"),
        (TENSOR + (RNG.random(TENSOR.shape) < 0.2).astype(np.int8), TENSOR, "rounding mode: .* one too many"),
        (TENSOR.transpose(0, 1, 3, 2).reshape(TENSOR.shape), TENSOR, "layout: the same values in another order"),
        (RNG.integers(-100, 101, TENSOR.shape, np.int8), TENSOR, ""),
    ],
)
def test_likely_causes(wrong: np.ndarray, right: np.ndarray, words: str) -> None:
    difference = first_difference(wrong, right)
    assert difference is not None
    assert re.search(words, difference.cause) if words else difference.cause == ""
    assert wrong[difference.index] != right[difference.index]
    flat = int(np.ravel_multi_index(difference.index, right.shape))
    assert (wrong.ravel()[:flat] == right.ravel()[:flat]).all()
