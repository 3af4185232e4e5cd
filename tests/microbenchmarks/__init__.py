# SPDX-License-Identifier: Apache-2.0
"""Data: microbenchmarks of each core, `NAME.toml` as people write them and `NAME.json` as an assembler made of them.

Ships as `mcusim.microbenchmarks`; `mcusim/microbenchmark.py` reads it and says what its keys mean.
"""
