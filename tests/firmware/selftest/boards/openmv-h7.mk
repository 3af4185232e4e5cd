# SPDX-License-Identifier: Apache-2.0
CPU := -mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-d16
FLASH_START := 0x08000000
FLASH_SIZE := 0x200000
RAM_START := 0x24000000
RAM_SIZE := 0x80000
