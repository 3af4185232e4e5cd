# SPDX-License-Identifier: Apache-2.0
"""The C kernels that move elements, find them or lie between them against the reference, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from target_builds import EXAMPLES, SEEDS, Array, int8, kernels, scratch, shape_of

from mcusim.kernels.argmax import argmax
from mcusim.kernels.concatenation import concatenation
from mcusim.kernels.embedding_lookup import embedding_lookup
from mcusim.kernels.gather import gather
from mcusim.kernels.resize_bilinear import resize_bilinear
from mcusim.kernels.resize_nearest_neighbor import resize_nearest_neighbor
from mcusim.kernels.slice import slice as box
from mcusim.kernels.split import split
from mcusim.kernels.strided_slice import strided_slice
from mcusim.kernels.transpose import transpose

builds = st.sampled_from(["dsp", "portable"])  # rounding has no part in it


def some_shape(rng: np.random.Generator, axes: int | None = None) -> list[int]:
    """Return a shape of up to six axes, some of length 1; the last may be longer than a word or four."""
    count = int(rng.integers(0, 7)) if axes is None else axes
    shape = [int(rng.integers(1, 5)) for _ in range(count)]
    return [*shape[:-1], int(rng.integers(1, 24))] if shape else shape


def six(values: list[int]) -> list[int]:
    """Return values for as many axes as a struct has."""
    return [*values, *[0] * (6 - len(values))]


def moved(build: str, op: dict[str, Any], image: Array, like: Array) -> Array:
    """Return what mk_copy_s8 makes of an image."""
    output = np.full_like(like, 0x55)
    kernels(build).call("mk_copy_s8", op, image, output)
    return output


@EXAMPLES
@given(SEEDS, builds)
def test_transpose(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    image = int8(rng, *some_shape(rng))
    order = [int(each) for each in rng.permutation(image.ndim)]
    op = kernels(build).call("mk_transpose_of", image.ndim, six(list(image.shape)), six(order)).value
    expected = transpose(image, order)
    assert np.array_equal(moved(build, op, image, expected), expected)


@EXAMPLES
@given(SEEDS, builds)
def test_slice_and_broadcast(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    image, firmware = int8(rng, *some_shape(rng)), kernels(build)
    begin = [int(rng.integers(0, length)) for length in image.shape]
    sizes = [
        -1 if rng.random() < 0.3 else int(rng.integers(1, length - first + 1))
        for first, length in zip(begin, image.shape, strict=True)
    ]
    op = firmware.call("mk_slice_of", image.ndim, six(list(image.shape)), six(begin), six(sizes)).value
    expected = box(image, begin, sizes)
    assert np.array_equal(moved(build, op, image, expected), expected)

    single = [1 if rng.random() < 0.5 else length for length in image.shape]
    small = int8(rng, *single)
    op = firmware.call("mk_broadcast_of", image.ndim, six(single), six(list(image.shape))).value
    expected = np.broadcast_to(small, image.shape)
    assert np.array_equal(moved(build, op, small, expected), expected)


@EXAMPLES
@given(SEEDS, builds)
def test_strided_slice(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    image = int8(rng, *some_shape(rng))
    begin, end = ([int(rng.integers(-length - 2, length + 3)) for length in image.shape] for _ in range(2))
    strides = [int(rng.choice([1, 1, 2, 3, -1, -2])) for _ in image.shape]
    masks = {"begin_mask": int(rng.integers(0, 64)), "end_mask": int(rng.integers(0, 64)), "offset": 0}
    if rng.random() < 0.3:
        masks["offset"] = 1
    # One element of an axis: where it begins must be on it.
    shrink = sum(
        1 << axis for axis, length in enumerate(image.shape) if rng.random() < 0.2 and 0 <= begin[axis] < length
    )
    op = {
        "axes": image.ndim, "lengths": six(list(image.shape)), "begin": six(begin), "end": six(end),
        "strides": six(strides), "shrink_axis_mask": shrink, **masks,
    }  # fmt: skip
    expected = strided_slice(
        image, begin, end, strides, begin_mask=masks["begin_mask"], end_mask=masks["end_mask"],
        shrink_axis_mask=shrink, offset=bool(masks["offset"]),
    )  # fmt: skip
    copy = kernels(build).call("mk_strided_slice_of", op).value
    assert np.array_equal(moved(build, copy, image, expected), expected)


def test_axes_that_are_one_run_are_merged() -> None:
    """So that a copy of whole images is one run, and a transposition that leaves channels together keeps them so."""
    whole = kernels("dsp").call("mk_slice_of", 4, six([2, 3, 4, 5]), six([0, 0, 0, 0]), six([-1, -1, -1, -1])).value
    assert (whole["axes"], whole["lengths"][0]) == (1, 120)
    turned = kernels("dsp").call("mk_transpose_of", 4, six([2, 3, 4, 5]), six([1, 0, 2, 3])).value
    assert (turned["axes"], list(turned["lengths"][:3])) == (3, [3, 2, 20])


@EXAMPLES
@given(SEEDS, builds)
def test_concatenation_and_split(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    shape, count = some_shape(rng, int(rng.integers(1, 5))), int(rng.integers(1, 4))
    axis, firmware = int(rng.integers(0, len(shape))), kernels(build)
    lengths = [int(rng.integers(0, 7)) for _ in range(count)]
    parts = [int8(rng, *shape[:axis], length, *shape[axis + 1 :]) for length in lengths]
    outer = int(np.prod(shape[:axis]))
    sizes = np.array([part.size // outer for part in parts], np.int32)
    op = {"count": count, "outer": outer, "sizes": sizes}

    whole = concatenation(parts, axis)
    joined = np.zeros_like(whole)
    # An array of pointers: the parts are put into memory that stays, and are looked at where they are.
    places = [firmware.allocate(part) if part.size else 0 for part in parts]
    firmware.call("mk_concatenation_s8", op, np.array(places, np.uint32), joined, isolated=False)
    assert np.array_equal(joined, whole)

    rooms = [firmware.allocate(np.zeros_like(part)) if part.size else 0 for part in parts]
    firmware.call("mk_split_s8", op, whole, np.array(rooms, np.uint32), isolated=False)
    for room, part in zip(rooms, split(whole, axis, lengths), strict=True):
        assert not part.size or np.array_equal(room.array(np.int8, part.shape), part)
    firmware.reset()


@EXAMPLES
@given(SEEDS, builds)
def test_gather_and_embedding_lookup(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    batches, outer, length, count, inner = (int(rng.integers(1, most)) for most in (3, 3, 6, 6, 21))
    image, indices = int8(rng, batches, outer, length, inner), rng.integers(0, length, (batches, count), np.int32)
    expected = gather(image, indices, axis=2, batch_dims=1)
    op = {"batches": batches, "outer": outer, "length": length, "inner": inner, "indices": count}
    output = np.zeros_like(expected)
    kernels(build).call("mk_gather_s8", op, image, indices, output)
    assert np.array_equal(output, expected)

    table, rows = image[0, 0].copy(), np.zeros((count, inner), np.int8)
    kernels(build).call("mk_embedding_lookup_s8", {"count": count, "row_size": inner}, indices[0].copy(), table, rows)
    assert np.array_equal(rows, embedding_lookup(indices[0].copy(), table))


@EXAMPLES
@given(SEEDS, builds, st.booleans())
def test_argmax(seed: int, build: str, smallest: bool) -> None:
    rng = np.random.default_rng(seed)
    outer, length, inner = (int(rng.integers(1, most)) for most in (4, 9, 5))
    image = (
        rng.integers(-2, 3, (outer, length, inner), np.int8) if rng.random() < 0.5 else int8(rng, outer, length, inner)
    )
    output = np.zeros((outer, inner), np.int32)
    op = {"outer": outer, "length": length, "inner": inner, "smallest": int(smallest)}
    kernels(build).call("mk_argmax_s8", op, image, output)
    assert np.array_equal(output, argmax(image, 1, smallest=smallest))


@EXAMPLES
@given(SEEDS, builds)
def test_resizes(seed: int, build: str) -> None:
    rng, firmware = np.random.default_rng(seed), kernels(build)
    image = int8(rng, *map(int, rng.integers(1, 10, 2)), int(rng.integers(1, 10)))
    size = [int(each) for each in rng.integers(1, 15, 2)]
    chosen = rng.integers(3)  # both at once no converter writes, and bilinear would read behind the image
    flags = {"align_corners": int(chosen == 1), "half_pixel_centers": int(chosen == 2)}
    named = {name: bool(flag) for name, flag in flags.items()}
    op = {
        "input": shape_of(image), "output": {"height": size[0], "width": size[1], "channels": image.shape[2]}, **flags
    }  # fmt: skip
    for name, reference in (("nearest", resize_nearest_neighbor), ("bilinear", resize_bilinear)):
        expected = reference(image[None], size, **named)[0]
        output, room = np.zeros_like(expected), scratch(firmware, f"mk_resize_{name}", op)
        firmware.call(f"mk_resize_{name}_s8", op, image, output, room)
        assert room[-1] == 0x5A5A5A5A, "more scratch memory was used than the kernel asked for"
        assert np.array_equal(output, expected), name


@EXAMPLES
@given(SEEDS, builds)
def test_reshape(seed: int, build: str) -> None:
    rng = np.random.default_rng(seed)
    buffer = int8(rng, 60)
    expected = buffer[10:50].copy()
    kernels(build).call("mk_reshape_s8", 40, buffer[10:50], buffer[:40])  # they overlap
    assert np.array_equal(buffer[:40], expected)
