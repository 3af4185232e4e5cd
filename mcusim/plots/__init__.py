# SPDX-License-Identifier: Apache-2.0
"""Pictures of a profile: a `Profile` in, the bytes of a PNG, SVG or PDF out. One module per kind, listed in `KINDS`.

Importing this package is cheap; matplotlib is imported when a picture is drawn. The same profile gives the same bytes
with the same version of matplotlib: no dates, no random ids, no settings of the user's.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from mcusim.errors import McusimError, unknown_name

if TYPE_CHECKING:
    from mcusim.profile import Profile

__all__ = ["DEFAULT_KIND", "ENDINGS", "KINDS", "Kind", "PlotOptions", "ending_of", "render_plot"]


@dataclass(frozen=True)
class Kind:
    """A kind of picture: its module (`draw(profile, options) -> Figure`), what it shows, and what it needs."""

    module: str
    title: str
    memory: bool
    layers: bool


KINDS: dict[str, Kind] = {
    "memory": Kind("memory", "SRAM over time, and below it who lies where (timeline and map)", True, False),
    "timeline": Kind("timeline", "live bytes of SRAM over time by zone, the peak, what is reserved", True, False),
    "map": Kind("address_map", "addresses by time: each buffer in arenas, heap and statics", True, False),
    "layers": Kind("layer_memory", "live bytes at each layer's peak: input, output, scratch, stack", True, True),
    "cycles": Kind("layer_cycles", "cycles of each layer by cause", False, True),
    "flash": Kind("layer_flash", "flash that each layer uses: code and constants, own and shared", False, True),
}
DEFAULT_KIND = "memory"

# How a file's name ends -> the format that matplotlib writes.
ENDINGS: dict[str, str] = {".png": "png", ".svg": "svg", ".pdf": "pdf"}


@dataclass(frozen=True)
class PlotOptions:
    """What a reader can ask of a picture. `inference` is one of several, from 1; None: the whole run, or the mean.

    `title` replaces the picture's own; '' leaves it out. `whole` shows all of the run, however short the layers are.
    """

    inference: int | None = None
    title: str | None = None
    whole: bool = False


def ending_of(path: Path) -> str:
    """Return the format of a file by its name. Raises `McusimError` for one that no picture has."""
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise McusimError(f"{path}: not the name of a picture: let it end in {', '.join(ENDINGS)}")
    return ENDINGS[ending]


def render_plot(profile: Profile, kind: str, ending: str, *, options: PlotOptions | None = None) -> bytes:
    """Return a picture of `profile`: `kind` is one of `KINDS`, `ending` is png, svg or pdf.

    Raises `McusimError` for a kind that does not exist, and where the profile lacks what the kind shows.
    """
    if kind not in KINDS:
        raise unknown_name("kind of picture", kind, KINDS)
    from mcusim.plots.page import saved, styled
    from mcusim.reports.layer_names import chosen_activations
    from mcusim.reports.sections import no_layers, no_memory

    if KINDS[kind].memory and (profile.memory is None or not profile.memory.timeline.start_cycles):
        raise McusimError(f"--kind {kind}: {no_memory()}")
    if KINDS[kind].layers and (profile.layers is None or not profile.layers.activations):
        raise McusimError(f"--kind {kind}: {no_layers()}")
    options = options or PlotOptions()
    if options.inference is not None:
        if profile.layers is None:
            raise McusimError(f"--inference {options.inference}: {no_layers()}")
        chosen_activations(profile.layers, options.inference)
    with styled():
        figure = import_module(f"mcusim.plots.{KINDS[kind].module}").draw(profile, options)
        return saved(figure, ending)
