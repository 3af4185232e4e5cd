# SPDX-License-Identifier: Apache-2.0
CPU := -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16
FLASH_START := 0x08000000
FLASH_SIZE := 0x100000
RAM_START := 0x20000000
RAM_SIZE := 0x20000
