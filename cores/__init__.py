# SPDX-License-Identifier: Apache-2.0
"""Data: one TOML file per core, and one per board in `boards/`. The folder is the list."""
