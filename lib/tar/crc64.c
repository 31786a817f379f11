/* SPDX-License-Identifier: MIT */
#include "tar/crc64.h"

#include <endian.h>
#include <string.h>

/*
 * The polynomial is x^64 + x^4 + x^3 + x + 1, and the lowest bit of a word has the highest power.
 * So x^64 times a word leaves the word times x^4 + x^3 + x + 1: shifts, and no table. Squared three
 * times that is x^512 and x^32 + x^24 + x^8 + 1: eight words at a time, which do not wait for each
 * other.
 */
enum { LANES = 8, PAIRS = LANES / 2 };

/* Two words at once, as all processors of 64 bits have it. */
typedef uint64_t pair __attribute__((vector_size(16)));

/* of a word or a pair */
#define TIMES(word) ((word) ^ (word) >> 1 ^ (word) >> 3 ^ (word) >> 4)

/* What shifts lose on the right has a power of 64 and more: it goes to the left, and is multiplied.
 */
static uint64_t one_word_on(uint64_t word)
{
	word ^= word << 63 ^ word << 61 ^ word << 60;
	return TIMES(word);
}

static pair eight_words_on(pair words)
{
	pair lost = words << 56 ^ words << 40 ^ words << 32;
	return words ^ words >> 8 ^ words >> 24 ^ words >> 32 ^ TIMES(lost);
}

static uint64_t add_byte(uint64_t crc, unsigned char byte)
{
	uint64_t word = (crc ^ byte) << 56;
	return TIMES(word) ^ crc >> 8;
}

static void get_words(pair words[PAIRS], const unsigned char *p)
{
	uint64_t raw[LANES];
	memcpy(raw, p, sizeof raw);
	for (size_t i = 0; i < LANES; i++)
		raw[i] = le64toh(raw[i]);
	memcpy(words, raw, sizeof raw);
}

/* n times eight words. */
static uint64_t add_words(uint64_t crc, const unsigned char *p, size_t n)
{
	pair lanes[PAIRS], words[PAIRS];
	get_words(lanes, p);
	lanes[0][0] ^= crc;
	while (--n) {
		get_words(words, p += sizeof words);
		for (size_t i = 0; i < PAIRS; i++)
			lanes[i] = eight_words_on(lanes[i]) ^ words[i];
	}
	crc = 0;
	for (size_t i = 0; i < LANES; i++)
		crc = one_word_on(crc ^ lanes[i / 2][i % 2]);
	return crc;
}

uint64_t crc64(uint64_t crc, const void *data, size_t len)
{
	const unsigned char *p = data;
	size_t n = len / (LANES * sizeof(uint64_t));
	crc = ~crc;
	if (n)
		crc = add_words(crc, p, n);
	for (size_t i = n * LANES * sizeof(uint64_t); i < len; i++)
		crc = add_byte(crc, p[i]);
	return ~crc;
}
