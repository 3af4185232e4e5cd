# SPDX-License-Identifier: Apache-2.0
"""TinyEngine (TinyEngine/include/tinyengine_function.h of mit-han-lab/tinyengine, commit 47bb283)."""

from __future__ import annotations

from mcusim.checking.bindings.tinyengine import integer, scaled, training

BINDINGS = (*scaled.BINDINGS, *integer.BINDINGS, *training.BINDINGS)
