# SPDX-License-Identifier: Apache-2.0
"""Operators that move elements, and resize images, equal their plain twins; zero-sized axes included."""

from __future__ import annotations

from typing import Any

import kernel_values as draws
import naive_moves
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from mcusim.kernels.argmax import argmax
from mcusim.kernels.concatenation import concatenation
from mcusim.kernels.embedding_lookup import embedding_lookup
from mcusim.kernels.expand_dims import expand_dims
from mcusim.kernels.gather import gather
from mcusim.kernels.pad import pad
from mcusim.kernels.reshape import reshape
from mcusim.kernels.resize_bilinear import resize_bilinear
from mcusim.kernels.resize_nearest_neighbor import resize_nearest_neighbor
from mcusim.kernels.slice import slice as slice_box
from mcusim.kernels.split import split
from mcusim.kernels.squeeze import squeeze
from mcusim.kernels.strided_slice import strided_slice
from mcusim.kernels.transpose import transpose

SHAPES = st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple)
DTYPES = st.sampled_from(("int8", "int16"))


def counted(shape: tuple[int, ...], dtype: str = "int16") -> Any:
    """Return an array in which no two elements are the same."""
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


@draws.few
@given(st.data(), SHAPES, st.integers(-128, 127))
def test_pad_equals_its_twin(data: st.DataObject, shape: tuple[int, ...], value: int) -> None:
    paddings = data.draw(st.tuples(*[draws.sides] * len(shape)))
    inputs = counted(shape, "int8")
    assert_array_equal(pad(inputs, paddings, value=value), naive_moves.pad(inputs, paddings, value), strict=True)


@draws.few
@given(st.data(), SHAPES)
def test_strided_slice_equals_its_twin(data: st.DataObject, shape: tuple[int, ...]) -> None:
    inputs, count = counted(shape), len(shape)
    begin, end = (data.draw(st.tuples(*[st.integers(-6, 6)] * count)) for _ in range(2))
    strides = data.draw(st.tuples(*[st.sampled_from((-3, -2, -1, 1, 2, 3))] * count))
    masks = data.draw(st.tuples(*[st.integers(0, (1 << count) - 1)] * 3))
    # An axis goes only where its one element is there.
    shrink = masks[2] & sum(1 << axis for axis in range(count) if -shape[axis] <= begin[axis] < shape[axis])
    masks = (masks[0], masks[1], shrink)
    result = strided_slice(
        inputs, begin, end, strides, begin_mask=masks[0], end_mask=masks[1], shrink_axis_mask=masks[2]
    )
    assert_array_equal(result, naive_moves.strided_slice(inputs, begin, end, strides, masks), strict=True)


def test_strided_slice_counts_the_end_from_the_begin_if_told() -> None:
    assert strided_slice(counted((9,)), (2,), (3,), (1,), offset=True).tolist() == [2, 3, 4]
    with pytest.raises(ValueError, match="begin: 4 is not on axis 0"):
        strided_slice(counted((4,)), (4,), (5,), (1,), shrink_axis_mask=1)
    with pytest.raises(ValueError, match="strides: axis 0 has 0"):
        strided_slice(counted((4,)), (0,), (5,), (0,))


@draws.few
@given(st.data(), SHAPES)
def test_slice_is_a_box(data: st.DataObject, shape: tuple[int, ...]) -> None:
    inputs = counted(shape)
    begin = [data.draw(st.integers(0, length)) for length in shape]
    size = [data.draw(st.integers(-1, length - first)) for length, first in zip(shape, begin, strict=True)]
    end = [length if extent < 0 else first + extent for length, first, extent in zip(shape, begin, size, strict=True)]
    expected = naive_moves.strided_slice(inputs, begin, end, [1] * len(shape), (0, 0, 0))
    assert_array_equal(slice_box(inputs, begin, size), expected, strict=True)


@draws.few
@given(st.data(), SHAPES, st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_split_and_concatenation_undo_each_other(data: st.DataObject, shape: tuple[int, ...], sizes: list[int]) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    inputs = counted((*shape[:axis], sum(sizes), *shape[axis + 1 :]))
    given_sizes = [*sizes[:-1], data.draw(st.sampled_from((sizes[-1], -1)))]
    parts = split(inputs, axis, given_sizes)
    assert [part.shape[axis] for part in parts] == sizes
    joined = concatenation(parts, axis - len(shape))
    assert_array_equal(joined, naive_moves.concatenation(parts, axis), strict=True)
    assert_array_equal(joined, inputs, strict=True)


def test_split_into_equal_parts() -> None:
    assert [part.tolist() for part in split(counted((2, 4)), 1, 2)] == [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]
    with pytest.raises(ValueError, match="sizes: 4 elements along axis 1 do not make 3"):
        split(counted((2, 4)), 1, 3)
    with pytest.raises(ValueError, match=r"sizes: .* do not add up to the 4"):
        split(counted((2, 4)), 1, [1, 2])


@draws.few
@given(st.data(), SHAPES)
def test_gather_equals_its_twin(data: st.DataObject, shape: tuple[int, ...]) -> None:
    inputs, axis = counted(shape), data.draw(st.integers(0, len(shape) - 1))
    shared = data.draw(st.integers(0, axis))
    more = data.draw(st.lists(st.integers(0, 3), max_size=2))
    if not shape[axis]:
        more = [0]
    index = st.integers(0, max(shape[axis] - 1, 0))
    indices = data.draw(arrays(np.int32, (*shape[:shared], *more), elements=index))
    result = gather(inputs, indices, axis=axis, batch_dims=shared)
    assert_array_equal(result, naive_moves.gather(inputs, indices, axis, shared), strict=True)
    if axis == 0 and indices.ndim == 1 and len(shape) > 1:
        assert_array_equal(embedding_lookup(indices, inputs), result, strict=True)


def test_indices_beyond_the_end_are_refused() -> None:
    for index in (4, -1):
        with pytest.raises(ValueError, match=f"indices: {index} is not between 0 and 3"):
            gather(counted((4, 2)), np.array([0, index], np.int32))
        with pytest.raises(ValueError, match=f"indices: {index} is not between 0 and 3"):
            embedding_lookup(np.array([0, index], np.int32), counted((4, 2)))


@draws.few
@given(st.data(), SHAPES)
def test_transpose_equals_its_twin(data: st.DataObject, shape: tuple[int, ...]) -> None:
    inputs, order = counted(shape), data.draw(st.permutations(range(len(shape))))
    assert_array_equal(transpose(inputs, order), naive_moves.transpose(inputs, list(order)), strict=True)


@draws.few
@given(st.data(), st.lists(st.integers(1, 4), min_size=1, max_size=3), st.booleans())
def test_argmax_takes_the_first(data: st.DataObject, shape: list[int], smallest: bool) -> None:
    inputs, axis = data.draw(draws.values("int8", tuple(shape))), data.draw(st.integers(0, len(shape) - 1))
    expected = naive_moves.argmax(inputs, axis, smallest)
    assert_array_equal(argmax(inputs, axis - len(shape), smallest=smallest), expected, strict=True)


@draws.few
@given(st.data(), DTYPES, draws.pairs, draws.pairs, st.sampled_from(((False, False), (True, False), (False, True))))
def test_resizing_equals_its_twins(
    data: st.DataObject, dtype: str, size: Any, wanted: Any, modes: tuple[bool, bool]
) -> None:
    wanted = (wanted[0] * data.draw(draws.small), wanted[1])
    inputs = data.draw(draws.values(dtype, (data.draw(st.integers(1, 2)), *size, 2)))
    options = {"align_corners": modes[0], "half_pixel_centers": modes[1]}
    for function, twin in (
        (resize_nearest_neighbor, naive_moves.resize_nearest_neighbor),
        (resize_bilinear, naive_moves.resize_bilinear),
    ):
        assert_array_equal(function(inputs, wanted, **options), twin(inputs, wanted, *modes), strict=True)


def test_resizing_to_the_same_size_changes_nothing() -> None:
    inputs = counted((2, 5, 7, 3))
    for function in (resize_nearest_neighbor, resize_bilinear):
        for options in ({}, {"align_corners": True}, {"half_pixel_centers": True}):
            assert_array_equal(function(inputs, (5, 7), **options), inputs, strict=True)


def test_shapes_without_moving() -> None:
    inputs = counted((1, 4, 1, 3))
    assert_array_equal(reshape(inputs, (2, -1)), inputs.ravel().reshape(2, 6), strict=True)
    assert reshape(counted((0, 3)), (0, 5)).shape == (0, 5)
    assert squeeze(inputs).shape == (4, 3)
    assert squeeze(inputs, (-2,)).shape == (1, 4, 3)
    assert expand_dims(inputs, -1).shape == (1, 4, 1, 3, 1)
    assert expand_dims(inputs, 0).shape == (1, 1, 4, 1, 3)
    for result in (reshape(inputs, (12,)), squeeze(inputs), expand_dims(inputs, 1)):
        assert not np.shares_memory(result, inputs)
    for wrong, message in (((5, -1), "does not go with the 12"), ((-1, -1), "more than one"), ((13,), "has 13")):
        with pytest.raises(ValueError, match=f"shape: .*{message}"):
            reshape(inputs, wrong)
    with pytest.raises(ValueError, match="axes: axis 1 of inputs has 4"):
        squeeze(inputs, (1,))
