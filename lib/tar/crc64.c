/* SPDX-License-Identifier: MIT */
#include "tar/crc64.h"

#include <endian.h>
#include <string.h>

/*
 * The polynomial is x^64 + x^4 + x^3 + x + 1, the lowest bit of a word has the highest power. So
 * what x^64 times a word leaves is the word times x^4 + x^3 + x + 1: shifts, and no table.
 */
static uint64_t remainder_of(uint64_t word)
{
	return word ^ word >> 1 ^ word >> 3 ^ word >> 4;
}

/* Eight bytes on; what the shifts lose is x^64 times the bits that are put on top. */
static uint64_t add_word(uint64_t crc, uint64_t word)
{
	word ^= crc;
	return remainder_of(word ^ word << 63 ^ word << 61 ^ word << 60);
}

static uint64_t add_byte(uint64_t crc, unsigned char byte)
{
	return remainder_of((crc ^ byte) << 56) ^ crc >> 8;
}

uint64_t crc64(uint64_t crc, const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t word;
	crc = ~crc;
	for (; len >= sizeof word; p += sizeof word, len -= sizeof word) {
		memcpy(&word, p, sizeof word);
		crc = add_word(crc, le64toh(word));
	}
	for (; len; p++, len--)
		crc = add_byte(crc, *p);
	return ~crc;
}
