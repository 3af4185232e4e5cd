# SPDX-License-Identifier: Apache-2.0
"""Colours that people who see few colours tell apart, and hatches where there are more categories than colours.

Categories have the colours of Okabe and Ito ("Color Universal Design", 2008); what has an order, such as the layers of
a network, has those of viridis, whose lightness rises all the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import matplotlib

ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILION, PURPLE, BLACK = "#0072B2", "#D55E00", "#CC79A7", "#000000"
CATEGORIES = (SKY, ORANGE, BLUE, VERMILION, GREEN, YELLOW, PURPLE, "#555555")
OTHER = "#BBBBBB"
OTHER_HATCH = "////"
_THIRDS = (0.0, 0.78, 0.4)  # where dark, light and medium begin on the scale from 0 to 1
_THIRD = 0.22

# One colour for each cause of cycles in every chart and picture: what is frequent has colours of Okabe and Ito, the
# others have shades of their own.
CAUSE_COLORS = {
    "issue": SKY,
    "transfer": BLUE,
    "load": ORANGE,
    "store": VERMILION,
    "memory": GREEN,
    "unaligned": "#AA8A33",
    "address": "#999933",
    "result": "#6699CC",
    "branch": YELLOW,
    "misprediction": "#CC6677",
    "fetch": PURPLE,
    "sram-fetch": "#661100",
    "flash-fetch": "#AA4499",
    "flash-literal": "#882255",
    "flash-data": "#EE8866",
    "icache": "#8877CC",
    "dcache": "#44AA99",
    "bus": "#117733",
    "division": "#777777",
    "fp": "#5566BB",
    "barrier": "#999999",
    "exception": "#EE3377",
    "sleep": "#DDCC99",
}

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


def of_causes(causes: Sequence[str]) -> dict[str, str]:
    """Return the colour of each cause, in their order: always the same one for a name of `CAUSE_COLORS`.

    Other names (of a profile made elsewhere) get those of `CATEGORIES` that no cause here has, from the first again
    when all are taken.
    """
    taken = {CAUSE_COLORS[cause] for cause in causes if cause in CAUSE_COLORS}
    free = cycle([color for color in CATEGORIES if color not in taken] or CATEGORIES)
    return {cause: CAUSE_COLORS[cause] if cause in CAUSE_COLORS else next(free) for cause in causes}


def ink_on(color: str) -> str:
    """Return black or white, whichever is easier to read on a colour.

    By relative luminance (WCAG 2), white up to 0.24: on a dark teal or red it reads better than the ratio of that says.
    """
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return "white" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.24 else "black"
