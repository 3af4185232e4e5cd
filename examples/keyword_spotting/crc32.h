/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CRC32_H
#define CRC32_H

#include <stdint.h>

/* The CRC-32 of zlib, PNG and Ethernet (reflected polynomial 0xEDB88320). */
uint32_t crc32(const void *data, uint32_t size);

#endif
