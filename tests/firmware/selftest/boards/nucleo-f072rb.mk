# SPDX-License-Identifier: Apache-2.0
CPU := -mcpu=cortex-m0
FLASH_START := 0x08000000
FLASH_SIZE := 0x20000
RAM_START := 0x20000000
RAM_SIZE := 0x4000
