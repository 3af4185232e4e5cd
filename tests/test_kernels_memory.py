# SPDX-License-Identifier: Apache-2.0
"""What saves memory changes no result: depthwise convolution in place, stages patch by patch."""

from __future__ import annotations

from functools import partial
from typing import Any

import kernel_values as draws
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from mcusim.kernels.add import add
from mcusim.kernels.average_pool2d import average_pool2d
from mcusim.kernels.conv2d import conv2d
from mcusim.kernels.depthwise_conv2d import depthwise_conv2d
from mcusim.kernels.depthwise_conv2d_in_place import depthwise_conv2d_in_place, scratch_bytes
from mcusim.kernels.patches import PatchUse, ResidualBlock, Step, WindowLayer, run_patches, stage_output_size
from mcusim.kernels.scaling import add_scaling
from mcusim.kernels.shapes import output_size

RANDOM = np.random.default_rng(7)


@draws.few
@given(st.data(), st.sampled_from(("int8", "int16")), draws.windows())
def test_in_place_gives_the_same(data: st.DataObject, dtype: str, drawn: Any) -> None:
    size, kernel, options = drawn
    channels = data.draw(draws.small)
    tensor = data.draw(draws.values(dtype, (1, *size, channels)))
    weights = data.draw(draws.values("int8", (1, *kernel, channels)))
    bias = data.draw(draws.biases(dtype, channels, narrow=False))
    options |= data.draw(draws.output_options(dtype, channels))
    expected = depthwise_conv2d(tensor, weights, bias, **options)
    if expected.size > tensor.size:
        before = tensor.copy()
        with pytest.raises(ValueError, match="tensor: has"):
            depthwise_conv2d_in_place(tensor, weights, bias, **options)
        assert_array_equal(tensor, before)
        return
    result = depthwise_conv2d_in_place(tensor, weights, bias, **options)
    assert_array_equal(result, expected, strict=True)
    assert result.size == 0 or result.__array_interface__["data"][0] == tensor.__array_interface__["data"][0]


def test_in_place_refuses_before_it_writes() -> None:
    tensor = RANDOM.integers(-128, 127, (1, 4, 4, 2), "int8")
    weights, before = np.ones((1, 3, 3, 2), np.int8), tensor.copy()
    good: dict[str, Any] = {"multipliers": 1 << 30, "shifts": 0, "padding": ((1, 1), (1, 1))}
    for wrong, name in (
        ({"tensor": tensor[:, :, ::2]}, "tensor"),
        ({"tensor": np.zeros((2, 4, 4, 2), np.int8)}, "tensor"),
        ({"weights": np.ones((1, 3, 3, 4), np.int8)}, "weights"),
        ({"shifts": 40}, "shifts"),
        ({"multipliers": np.array([1, 2, 3], np.int32)}, "multipliers"),
        ({"bias": np.zeros(3, np.int32)}, "bias"),
    ):
        with pytest.raises(ValueError, match=f"^{name}: "):
            depthwise_conv2d_in_place(**{"tensor": tensor, "weights": weights, **good} | wrong)
    assert_array_equal(tensor, before)
    assert scratch_bytes((4, 5), ((1, 1), (0, 1)), 2) == 6 * 6 * 2


def layer(kind: str, channels: int, kernel: Any, options: dict[str, Any]) -> WindowLayer:
    """Return a layer with random weights that keeps int8 values spread."""
    window = {"strides": options["strides"], "dilations": options["dilations"]}
    place: dict[str, Any] = {"kernel_size": kernel, **window, "padding": options["padding"]}
    if kind == "pool":
        run = partial(average_pool2d, kernel_size=kernel, strides=options["strides"])
        return WindowLayer(run, **place | {"dilations": (1, 1)})
    depthwise = kind == "depthwise"
    shape = (1, *kernel, channels) if depthwise else (channels, *kernel, channels)
    weights = RANDOM.integers(-128, 127, shape, "int8", endpoint=True)
    operator: Any = depthwise_conv2d if depthwise else conv2d
    scaling = {
        "multipliers": 1 << 30,
        "shifts": -5 if depthwise else -7,
        "input_zero_point": -3,
        "output_zero_point": -3,
    }
    bias = RANDOM.integers(-2000, 2000, channels, "int32")
    return WindowLayer(partial(operator, weights=weights, bias=bias, **window, **scaling), **place)


def whole(inputs: Any, steps: list[Step]) -> Any:
    """Run layer by layer."""
    for step in steps:
        if isinstance(step, ResidualBlock):
            inputs = step.add(whole(inputs, list(step.layers)), inputs)
        else:
            inputs = step.run(inputs, padding=step.padding)
    return inputs


ADD = partial(add, input1_zero_point=-3, input2_zero_point=-3, output_zero_point=-3, **add_scaling(0.1, 0.1, 0.2))


@st.composite
def stages(draw: st.DrawFn) -> tuple[tuple[int, int], int, list[Step]]:
    """Draw (image size, channels, steps) of a stage whose output has elements."""
    size, channels = (draw(st.integers(3, 9)), draw(st.integers(3, 9))), draw(st.integers(1, 3))
    image, steps = size, []
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.integers(0, 3)) == 0:
            same = {"strides": (1, 1), "dilations": (1, 1), "padding": ((1, 1), (1, 1))}
            block = (layer("depthwise", channels, (3, 3), same), layer("conv", channels, (3, 3), same))
            steps.append(ResidualBlock(block[: draw(st.integers(1, 2))], ADD))
            continue
        kernel = draw(draws.pairs)
        options = {"strides": draw(draws.pairs), "dilations": draw(draws.pairs)}
        kind = draw(st.sampled_from(("conv", "depthwise", "pool")))
        most = [(kernel[axis] - 1) * (1 if kind == "pool" else options["dilations"][axis]) for axis in (0, 1)]
        options["padding"] = tuple(tuple(min(draw(st.integers(0, 2)), most[axis]) for _ in (0, 1)) for axis in (0, 1))
        dilations = (1, 1) if kind == "pool" else options["dilations"]
        after = output_size(image, kernel, options["strides"], dilations, options["padding"])
        if 0 in after:
            continue
        steps.append(layer(kind, channels, kernel, options))
        image = after
    return size, channels, steps


@draws.few
@given(stages(), st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_patches_give_the_same(stage: Any, grid: tuple[int, int]) -> None:
    size, channels, steps = stage
    inputs = RANDOM.integers(-128, 127, (2, *size, channels), "int8", endpoint=True)
    if not steps:
        with pytest.raises(ValueError, match="steps: are none"):
            run_patches(inputs, steps, grid)
        return
    expected = whole(inputs, steps)
    assert stage_output_size(size, steps) == expected.shape[1:3]
    assert_array_equal(run_patches(inputs, steps, grid), expected, strict=True)


def test_patches_take_less_memory_and_more_work() -> None:
    same = {"strides": (1, 1), "dilations": (1, 1), "padding": ((1, 1), (1, 1))}
    down = same | {"strides": (2, 2)}
    steps: list[Step] = [
        layer("conv", 4, (3, 3), down),
        layer("depthwise", 4, (3, 3), same),
        layer("conv", 4, (3, 3), down),
    ]
    inputs = RANDOM.integers(-128, 127, (1, 32, 32, 4), "int8", endpoint=True)
    one, many = PatchUse(), PatchUse()
    assert_array_equal(run_patches(inputs, steps, (1, 1), one), run_patches(inputs, steps, (4, 4), many))
    assert one.regions == [((0, 32), (0, 32))]
    assert one.largest_bytes == 32 * 32 * 4 + 16 * 16 * 4
    assert one.elements == (2 * 16 * 16 + 8 * 8) * 4
    assert len(many.regions) == 16
    assert many.regions[0] == ((0, 10), (0, 10))  # two outputs need 4, 5 and then 10 rows, the padding included
    assert many.largest_bytes < one.largest_bytes / 4
    assert one.elements < many.elements < 2 * one.elements


def test_what_no_stage_can_do() -> None:
    same = {"strides": (1, 1), "dilations": (1, 1), "padding": ((0, 0), (0, 0))}
    inputs = np.zeros((1, 4, 4, 2), np.int8)
    block = ResidualBlock((layer("conv", 2, (3, 3), same),), ADD)
    with pytest.raises(ValueError, match=r"steps: a block makes \(2, 2\) of images of \(4, 4\)"):
        run_patches(inputs, [block], (1, 1))
    with pytest.raises(ValueError, match="steps: windows of the layers do not fit"):
        run_patches(inputs, [layer("conv", 2, (3, 3), same)] * 2, (1, 1))
    with pytest.raises(ValueError, match="grid: "):
        run_patches(inputs, [layer("conv", 2, (3, 3), same)], (0, 1))
