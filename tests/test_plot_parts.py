# SPDX-License-Identifier: Apache-2.0
"""What pictures are made of: folded addresses, texts that fit, colours, room for labels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcusim.pipelines.causes import CAUSES
from mcusim.plots import palette
from mcusim.plots.addresses import fold
from mcusim.plots.page import drawable, fitted, legend_shape, text_width
from mcusim.plots.visible import Box, uncovered


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 900)), min_size=1, max_size=12))
def test_folded_addresses_keep_the_order_and_every_span_whole(spans: list[tuple[int, int]]) -> None:
    pieces = [(start, start + size) for start, size in spans]
    axis = fold(pieces)
    for start, end in pieces:
        assert axis.y(end) - axis.y(start) == end - start
    ends = sorted({edge for piece in pieces for edge in piece})
    places = [axis.y(edge) for edge in ends]
    assert places == sorted(places)
    assert 0 <= places[0] <= places[-1] <= axis.height_bytes


def test_a_large_gap_is_left_out_and_a_small_one_kept() -> None:
    assert fold([(0, 1_000), (1_100, 2_000)]).pieces == ((0, 2_000),)
    assert fold([(0, 1_000), (9_000, 10_000)]).pieces == ((0, 1_000), (9_000, 10_000))
    assert fold([]).height_bytes == 1


@given(st.text(max_size=60), st.floats(0, 300))
def test_a_text_that_was_fitted_fits(text: str, points: float) -> None:
    shorter = fitted(text, points, 7)
    assert text_width(shorter, 7) <= points
    assert shorter == drawable(shorter)


def test_a_legend_has_as_many_columns_as_fit() -> None:
    assert legend_shape(["arena", "stack"], 7) == (2, 1)
    assert legend_shape(["a name that is quite long indeed"] * 5, 4)[0] == 2


def test_colours_of_an_order_get_lighter_and_ink_is_readable() -> None:
    colors = palette.of_layers(40)
    lightness = [sum(int(color[at : at + 2], 16) * part for at, part in ((1, 3), (3, 6), (5, 1))) for color in colors]
    for third in (lightness[0::3], lightness[1::3], lightness[2::3]):
        assert third == sorted(third)
    assert max(lightness[0::3]) < min(lightness[2::3]) < max(lightness[2::3]) < min(lightness[1::3])
    assert palette.ink_on(colors[0]) == "white"
    assert palette.ink_on(colors[1]) == "black"
    assert palette.of_layers(3) == list(palette.CATEGORIES[:3])


BOXES = st.builds(
    lambda left, bottom, width, height: Box(left, bottom, left + width, bottom + height),
    *[st.integers(0, 30)] * 2,
    *[st.integers(1, 20)] * 2,
)


@given(st.lists(BOXES, max_size=8))
def test_where_labels_stand_no_later_box_and_no_other_label_is(boxes: list[Box]) -> None:
    rooms = uncovered(boxes, 2, 2)
    for at, room in enumerate(rooms):
        if room is None:
            continue
        assert room.width >= 2
        assert room.height >= 2
        box = boxes[at]
        assert box.left <= room.left <= room.right <= box.right
        assert box.bottom <= room.bottom <= room.top <= box.top
        assert not any(room.overlaps(later) for later in boxes[at + 1 :])
        assert not any(room.overlaps(other) for other in rooms[at + 1 :] if other is not None)


# Colours of causes


def test_a_cause_has_the_same_colour_in_every_report() -> None:
    assert list(palette.CAUSE_COLORS) == list(CAUSES)
    assert len(set(palette.CAUSE_COLORS.values())) == len(CAUSES)
    assert palette.of_causes(["branch"])["branch"] == palette.of_causes(CAUSES)["branch"]


def test_causes_of_another_maker_get_colours_that_are_free() -> None:
    colors = palette.of_causes(["issue", "mine", "yours"])
    assert len(set(colors.values())) == 3
    assert list(colors) == ["issue", "mine", "yours"]
