# SPDX-License-Identifier: Apache-2.0
"""A server for GDB's remote protocol: packets (`protocol`), what gdb is told of the core and the board (`target`),
commands (`session`), and the socket (`server`)."""

from mcusim.gdb.server import run_with_gdb

__all__ = ["run_with_gdb"]
