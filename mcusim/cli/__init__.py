# SPDX-License-Identifier: Apache-2.0
"""The command line: `mcusim profile firmware.elf` and its sisters. See `mcusim.cli.main`."""

from __future__ import annotations

from mcusim.cli.main import entry_point, main

__all__ = ["entry_point", "main"]
