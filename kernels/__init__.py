# SPDX-License-Identifier: Apache-2.0
"""Reference kernels: the int8 operators of TinyML firmware, one per file. Imports nothing of mcusim."""
