# SPDX-License-Identifier: Apache-2.0
"""A stage of layers computed patch by patch instead of layer by layer: `run_patches`.

The stage's output is cut into a grid. For each patch of it, the region that each layer needs of its input follows
backwards through the windows; then the layers run on these regions only, with padding only where a region reaches the
image's edge. Regions of neighbouring patches overlap, so some elements are computed more than once; what has to be in
memory at a time is one patch's regions, instead of whole tensors. Results are the same to the bit.

Source: MCUNetV2, arXiv 2110.15352, section 3.1 (patch-by-patch inference).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mcusim.kernels.checks import check_array
from mcusim.kernels.shapes import NO_STEP, VALID, Padding, Pair, check_pair, output_size

Array = npt.NDArray[Any]
# A half-open range of rows or columns; it may reach beyond the image, where there is padding.
Range = tuple[int, int]
Region = tuple[Range, Range]


@dataclass(frozen=True)
class WindowLayer:
    """A layer with one input and a window that slides over it.

    `run(inputs, padding=...)` is the operator with all other parameters, strides and dilations too, filled in:
    `functools.partial(conv2d, weights=w, bias=b, strides=(2, 2), ...)`. The rest describes its window again.
    """

    run: Callable[..., Array]
    kernel_size: Pair
    strides: Pair = NO_STEP
    dilations: Pair = NO_STEP
    padding: Padding = VALID


@dataclass(frozen=True)
class ResidualBlock:
    """Layers whose result is added to their input: `add(result, inputs)`, an operator on two arrays of one shape."""

    layers: tuple[WindowLayer, ...]
    add: Callable[[Array, Array], Array]


Step = WindowLayer | ResidualBlock


@dataclass
class PatchUse:
    """What the patches took: `largest_bytes` of inputs and outputs of any step, `elements` computed in all."""

    largest_bytes: int = 0
    elements: int = 0
    regions: list[Region] = field(default_factory=list)


def stage_output_size(image_size: Pair, steps: Sequence[Step]) -> Pair:
    """Return (height, width) of a stage's output."""
    size = image_size
    for step in steps:
        size = _sizes(size, step)[-1]
    return size


def run_patches(inputs: Array, steps: Sequence[Step], grid: Sequence[int], use: PatchUse | None = None) -> Array:
    """Run a stage on (n, h, w, c) in `grid` = (rows, columns) patches of its output; the same as layer by layer.

    Patches have the same size, except for the last ones; a grid finer than the output has fewer patches. With `use`,
    what was needed is noted there: regions of the input, bytes of a step's input and output regions at most (residual
    inputs included), elements computed by all steps. Raises ValueError naming the operand.
    """
    check_array("inputs", inputs, ("int8", "int16"), 4)
    if not steps:
        raise ValueError("steps: are none, there must be at least one layer")
    image: Pair = (inputs.shape[1], inputs.shape[2])
    sizes = [image]
    for step in steps:
        sizes.append(_sizes(sizes[-1], step)[-1])
    size = sizes[-1]
    if 0 in size:
        raise ValueError(f"steps: windows of the layers do not fit the inputs of {inputs.shape}, nothing is left")
    outputs: Array | None = None
    for region in _cut(size, check_pair("grid", grid)):
        wanted, needed = region, [region]
        for step, before in zip(reversed(steps), reversed(sizes[:-1]), strict=True):
            wanted = _within(_needed_by_step(wanted, before, step), before)
            needed.append(wanted)
        needed.reverse()
        values = _part(inputs, needed[0], ((0, 0), (0, 0)))
        if use is not None:
            use.regions.append(needed[0])
        for number, step in enumerate(steps):
            values = _run(step, values, needed[number], needed[number + 1], sizes[number], use)
        if outputs is None:
            outputs = np.empty((inputs.shape[0], *size, values.shape[3]), values.dtype)
        (top, bottom), (left, right) = region
        outputs[:, top:bottom, left:right] = values
    assert outputs is not None  # a size without zeros has at least one patch
    return outputs


def _sizes(image: Pair, step: Step) -> list[Pair]:
    """Return the sizes from a step's input to its output, of each layer of a block."""
    sizes = [image]
    for layer in step.layers if isinstance(step, ResidualBlock) else (step,):
        sizes.append(output_size(sizes[-1], layer.kernel_size, layer.strides, layer.dilations, layer.padding))
    if isinstance(step, ResidualBlock) and sizes[-1] != image:
        raise ValueError(f"steps: a block makes {sizes[-1]} of images of {image}, which cannot be added to its input")
    return sizes


def _cut(size: Pair, grid: Pair) -> list[Region]:
    """Return the patches of an output, in rows."""
    cuts = []
    for length, count in zip(size, grid, strict=True):
        step = -(-length // count)
        cuts.append([(start, min(start + step, length)) for start in range(0, length, step)])
    return [(rows, columns) for rows in cuts[0] for columns in cuts[1]]


def _needed(wanted: Region, layer: WindowLayer) -> Region:
    """Return what a layer needs of its input for a region of its output; padding counts, as positions outside."""
    ranges = []
    for axis, (first, last) in enumerate(wanted):
        start = first * layer.strides[axis] - layer.padding[axis][0]
        reach = (layer.kernel_size[axis] - 1) * layer.dilations[axis] + 1
        ranges.append((start, start + (last - 1 - first) * layer.strides[axis] + reach))
    return ranges[0], ranges[1]


def _needed_by_step(wanted: Region, before: Pair, step: Step) -> Region:
    """Return what a step needs of its input: for a block, what its layers need and what is added."""
    if isinstance(step, WindowLayer):
        return _needed(wanted, step)
    region = wanted
    for layer, size in zip(reversed(step.layers), reversed(_sizes(before, step)[:-1]), strict=True):
        region = _within(_needed(region, layer), size)
    return _union(region, wanted)


def _union(first: Region, second: Region) -> Region:
    rows, columns = ((min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(first, second, strict=True))
    return rows, columns


def _within(region: Region, size: Pair) -> Region:
    """Return the part of a region that lies in an image; an empty one, at its edge, if it is all padding."""
    rows, columns = (
        (min(max(first, 0), length), max(min(last, length), min(max(first, 0), length)))
        for (first, last), length in zip(region, size, strict=True)
    )
    return rows, columns


def _part(values: Array, region: Region, origin: Region) -> Array:
    """Return a region of an image, of which `values` holds the part that begins at `origin`."""
    rows, columns = (
        slice(first - start[0], last - start[0]) for (first, last), start in zip(region, origin, strict=True)
    )
    return values[:, rows, columns]


def _run(step: Step, values: Array, held: Region, wanted: Region, size: Pair, use: PatchUse | None) -> Array:
    """Return a step's output region from the region `held` of its input, an image of `size`."""
    if isinstance(step, WindowLayer):
        return _run_layer(step, values, held, wanted, size, 0, use)
    sizes = _sizes(size, step)
    needed = [wanted]
    for layer, before in zip(reversed(step.layers), reversed(sizes[:-1]), strict=True):
        needed.append(_within(_needed(needed[-1], layer), before))
    needed.reverse()
    kept, result, origin = _part(values, wanted, held), values, held
    for number, layer in enumerate(step.layers):
        result = _run_layer(layer, result, origin, needed[number + 1], sizes[number], kept.nbytes, use)
        origin = needed[number + 1]
    return step.add(result, kept)


def _run_layer(
    layer: WindowLayer, values: Array, held: Region, wanted: Region, size: Pair, kept_bytes: int, use: PatchUse | None
) -> Array:
    full = _needed(wanted, layer)
    inside = _within(full, size)
    rows, columns = ((here[0] - reach[0], reach[1] - here[1]) for here, reach in zip(inside, full, strict=True))
    part = _part(values, inside, held)
    result = layer.run(np.ascontiguousarray(part), padding=(rows, columns))
    if use is not None:
        use.largest_bytes = max(use.largest_bytes, part.nbytes + result.nbytes + kept_bytes)
        use.elements += result.size
    return result
