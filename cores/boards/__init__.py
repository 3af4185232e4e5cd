# SPDX-License-Identifier: Apache-2.0
"""Data: one TOML file per board. The file name is the name of the board."""
