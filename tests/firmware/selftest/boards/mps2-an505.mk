# SPDX-License-Identifier: Apache-2.0
CPU := -mcpu=cortex-m33 -mfloat-abi=hard -mfpu=fpv5-sp-d16 -DMPS2_IOTKIT
FLASH_START := 0x10000000
FLASH_SIZE := 0x400000
RAM_START := 0x38000000
RAM_SIZE := 0x200000
