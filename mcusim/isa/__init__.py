# SPDX-License-Identifier: Apache-2.0
"""The Thumb instruction set as a table, and the decoder that reads it."""
