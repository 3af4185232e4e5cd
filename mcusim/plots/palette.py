# SPDX-License-Identifier: Apache-2.0
"""Colours that people who see few colours tell apart, and hatches where there are more categories than colours.

Categories have the colours of Okabe and Ito ("Color Universal Design", 2008); what has an order, such as the layers of
a network, has those of viridis, whose lightness rises all the way.
"""

from __future__ import annotations

import matplotlib

ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILION, PURPLE, BLACK = "#0072B2", "#D55E00", "#CC79A7", "#000000"
CATEGORIES = (SKY, ORANGE, BLUE, VERMILION, GREEN, YELLOW, PURPLE, "#555555")
OTHER = "#BBBBBB"
OTHER_HATCH = "////"
_THIRDS = (0.0, 0.78, 0.4)  # where dark, light and medium begin on the scale from 0 to 1
_THIRD = 0.22

ZONE_COLORS = {"arena": SKY, "statics": BLUE, "heap": ORANGE, "stack": VERMILION, "other": OTHER}


def _of_scale(share: float) -> str:
    red, green, blue, _ = matplotlib.colormaps["viridis"](share)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"


def of_layers(count: int) -> list[str]:
    """Return a colour for each of `count` layers: categories where they suffice, else dark, light, medium in turn.

    Of three layers in a row no two are alike in lightness; within each third of the scale the order remains.
    """
    if count <= len(CATEGORIES):
        return list(CATEGORIES[:count])
    return [_of_scale(_THIRDS[at % 3] + _THIRD * at / (count - 1)) for at in range(count)]


def ink_on(color: str) -> str:
    """Return black or white, whichever is easier to read on a colour (by relative luminance, WCAG 2)."""
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return "white" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.18 else "black"
