/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_CRC64_H
#define LAYERPIPE_CRC64_H

/* The CRC of ISO 3309 with 64 bits, as Go's hash/crc64 has it under the name ISO: for tar-split. */

#include <stddef.h>
#include <stdint.h>

/* The checksum of what crc is that of, and the data behind it; crc of nothing is 0. */
uint64_t crc64(uint64_t crc, const void *data, size_t len);

#endif
