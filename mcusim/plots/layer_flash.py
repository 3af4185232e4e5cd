# SPDX-License-Identifier: Apache-2.0
"""Flash that each layer uses: code it executes and constants it reads, its own and those that other layers use too."""

from __future__ import annotations

from dataclasses import replace

from matplotlib.figure import Figure

from mcusim.errors import McusimError
from mcusim.plots import PlotOptions, palette
from mcusim.plots.bars import Bar, Chart, Part, draw_chart
from mcusim.plots.scene import slashed, title_of
from mcusim.profile import Profile
from mcusim.reports import numbers
from mcusim.reports.layer_names import in_order
from mcusim.reports.sections import no_memory

_PARTS = [
    Part("constants", palette.BLUE),
    Part("constants that other layers read too", palette.SKY, palette.OTHER_HATCH),
    Part("code", palette.VERMILION),
    Part("code that other layers execute too", palette.ORANGE, palette.OTHER_HATCH),
]


def draw(profile: Profile, options: PlotOptions) -> Figure:
    """Return the picture."""
    layers = profile.layers
    assert layers is not None
    bars = []
    for place in in_order(layers):
        layer = layers.layers[place.layer]
        values = (
            layer.constant_bytes - layer.constant_shared_bytes,
            layer.constant_shared_bytes,
            layer.code_bytes - layer.code_shared_bytes,
            layer.code_shared_bytes,
        )
        if sum(values):
            bars.append(Bar(slashed(place.number), layer.name, values))
    if not bars:
        raise McusimError(f"--kind flash: no layer has bytes of flash: {no_memory()}")
    notes = [
        f"the image takes {numbers.count(profile.image.flash_bytes)} bytes of flash; what several layers use is in the "
        "bar of each of them"
    ]
    written = [numbers.count(round(bar.whole)) for bar in bars]
    title = title_of(profile, "flash that layers use", replace(options, inference=None))
    return draw_chart(Chart(title, _PARTS, bars, 1024, "KiB", written, [], notes))
