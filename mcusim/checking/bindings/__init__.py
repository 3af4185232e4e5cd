# SPDX-License-Identifier: Apache-2.0
"""Functions of known libraries, bound to operators. A library is a package here with a tuple `BINDINGS`.

Bindings go by their labels: a function that is several operators has several, each with a name.
"""

from __future__ import annotations

from mcusim.checking.binding import Binding
from mcusim.checking.bindings import cmsis_nn, tinyengine

LIBRARIES = {"cmsis-nn": cmsis_nn.BINDINGS, "tinyengine": tinyengine.BINDINGS}
BINDINGS: dict[str, Binding] = {
    binding.label: binding for bindings in LIBRARIES.values() for binding in bindings
}  # fmt: skip
