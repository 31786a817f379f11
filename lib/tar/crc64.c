/* SPDX-License-Identifier: MIT */
#include "tar/crc64.h"

#include <pthread.h>

/* x^64 + x^4 + x^3 + x + 1, the lowest bit first. */
#define POLYNOMIAL UINT64_C(0xd800000000000000)

enum { SLICES = 8 };

/* of[k][b]: what byte b does to the checksum k bytes later; so eight bytes are one step. */
static uint64_t of[SLICES][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill(void)
{
	for (unsigned b = 0; b < 256; b++) {
		uint64_t crc = b;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		of[0][b] = crc;
	}
	for (unsigned k = 1; k < SLICES; k++)
		for (unsigned b = 0; b < 256; b++)
			of[k][b] = of[k - 1][b] >> 8 ^ of[0][of[k - 1][b] & 0xff];
}

static uint64_t step(uint64_t crc, const unsigned char *p)
{
	uint64_t next = 0;
	for (unsigned i = 0; i < SLICES; i++)
		next ^= of[SLICES - 1 - i][(crc >> 8 * i & 0xff) ^ p[i]];
	return next;
}

uint64_t crc64(uint64_t crc, const void *data, size_t len)
{
	const unsigned char *p = data;
	pthread_once(&once, fill);
	crc = ~crc;
	for (; len >= SLICES; p += SLICES, len -= SLICES)
		crc = step(crc, p);
	for (; len; p++, len--)
		crc = of[0][(crc & 0xff) ^ *p] ^ crc >> 8;
	return ~crc;
}
