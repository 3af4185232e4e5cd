# SPDX-License-Identifier: Apache-2.0
"""Functions of known libraries, bound to operators. A library is a module here with a tuple `BINDINGS`."""

from __future__ import annotations

from mcusim.checking.binding import Binding
from mcusim.checking.bindings import cmsis_nn, tinyengine

LIBRARIES = {"cmsis-nn": cmsis_nn.BINDINGS, "tinyengine": tinyengine.BINDINGS}
BINDINGS: dict[str, Binding] = {
    binding.function: binding for bindings in LIBRARIES.values() for binding in bindings
}  # fmt: skip
