# SPDX-License-Identifier: Apache-2.0
"""The execution engine: Unicorn, the native hooks that price and attribute each block, and the tables they work on."""
