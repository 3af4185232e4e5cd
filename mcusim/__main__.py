# SPDX-License-Identifier: Apache-2.0
"""`python -m mcusim` is the command line."""

from __future__ import annotations

from mcusim.cli import entry_point

if __name__ == "__main__":
    entry_point()
