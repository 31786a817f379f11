/* SPDX-License-Identifier: MIT */
#include "tar/crc64.h"

#include <endian.h>
#include <string.h>

/*
 * The polynomial is x^64 + x^4 + x^3 + x + 1, and the lowest bit of a word has the highest power.
 * So x^64 times a word leaves the word times x^4 + x^3 + x + 1: shifts, and no table. Squared twice
 * that is x^256 and x^16 + x^12 + x^4 + 1: four words at a time, which do not wait for each other.
 */
enum { WORD = 8, LANES = 4 };

static uint64_t times(uint64_t word)
{
	return word ^ word >> 1 ^ word >> 3 ^ word >> 4;
}

/* What shifts lose on the right has a power of 64 and more: it goes to the left, and is multiplied.
 */
static uint64_t one_word_on(uint64_t word)
{
	return times(word ^ word << 63 ^ word << 61 ^ word << 60);
}

static uint64_t four_words_on(uint64_t word)
{
	return word ^ word >> 4 ^ word >> 12 ^ word >> 16 ^
	       times(word << 60 ^ word << 52 ^ word << 48);
}

static uint64_t add_byte(uint64_t crc, unsigned char byte)
{
	return times((crc ^ byte) << 56) ^ crc >> 8;
}

static uint64_t word_at(const unsigned char *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof word);
	return le64toh(word);
}

/* n times four words. */
static uint64_t add_words(uint64_t crc, const unsigned char *p, size_t n)
{
	uint64_t lanes[LANES] = { crc };
	for (size_t k = 0; k < n; k++)
		for (size_t i = 0; i < LANES; i++, p += WORD)
			lanes[i] = (k ? four_words_on(lanes[i]) : lanes[i]) ^ word_at(p);
	crc = 0;
	for (size_t i = 0; i < LANES; i++)
		crc = one_word_on(crc ^ lanes[i]);
	return crc;
}

uint64_t crc64(uint64_t crc, const void *data, size_t len)
{
	const unsigned char *p = data;
	size_t n = len / (LANES * WORD);
	crc = ~crc;
	if (n)
		crc = add_words(crc, p, n);
	for (size_t i = n * LANES * WORD; i < len; i++)
		crc = add_byte(crc, p[i]);
	return ~crc;
}
