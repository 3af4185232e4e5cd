# SPDX-License-Identifier: Apache-2.0
"""From a trace to a profile: by function, call tree, instruction and cause; by layer; by byte of memory."""

from mcusim.attribution.assemble import attribute

__all__ = ["attribute"]
