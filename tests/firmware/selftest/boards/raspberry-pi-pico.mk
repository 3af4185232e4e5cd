# SPDX-License-Identifier: Apache-2.0
# The vector table is where the second stage of the boot looks for it.
CPU := -mcpu=cortex-m0plus
FLASH_START := 0x10000100
FLASH_SIZE := 0x1fff00
RAM_START := 0x20000000
RAM_SIZE := 0x42000
