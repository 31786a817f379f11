/* SPDX-License-Identifier: MIT */
#include "base/keyhash.h"

#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "tap.h"

enum { SLOTS = 1 << 16, KEYS = SLOTS / 2 };

/* How many of KEYS hash values meet in the fullest of SLOTS; chance makes it about 7. */
static unsigned fullest(const uint64_t *values)
{
	static unsigned slots[SLOTS];
	unsigned most = 0;
	memset(slots, 0, sizeof slots);
	for (size_t i = 0; i < KEYS; i++) {
		unsigned n = ++slots[values[i] % SLOTS];
		if (n > most)
			most = n;
	}
	return most;
}

/* Names that differ in a few bytes only, at their front, in their middle and at their end. */
static void spreads_names(void)
{
	static const char *const around[][2] = {
		{ "", "" }, { "f", "" }, { "", "-name-of-a-file" }, { "sha256/00000000", "0000" }
	};
	static uint64_t values[KEYS];
	for (size_t f = 0; f < sizeof around / sizeof *around; f++) {
		struct keyhash k;
		keyhash_init(&k);
		for (size_t i = 0; i < KEYS; i++) {
			char name[80];
			int len = snprintf(name, sizeof name, "%s%07zu%s", around[f][0], i,
					   around[f][1]);
			values[i] = keyhash_bytes(&k, name, (size_t)len);
		}
		OK(fullest(values) < 20);
	}
}

static void spreads_numbers(void)
{
	static uint64_t values[KEYS];
	for (unsigned shift = 0; shift < 49; shift += 8) {
		struct keyhash k;
		keyhash_init(&k);
		for (size_t i = 0; i < KEYS; i++)
			values[i] = keyhash_number(&k, (uint64_t)i << shift);
		OK(fullest(values) < 40);
	}
}

static void differs_by_length_and_key(void)
{
	struct keyhash a, b;
	keyhash_init(&a);
	keyhash_init(&b);
	OK(keyhash_bytes(&a, "a\0", 1) != keyhash_bytes(&a, "a\0", 2));
	OK(keyhash_bytes(&a, "", 0) != keyhash_bytes(&a, "\0\0\0\0\0\0\0\0", 8));
	OK(keyhash_bytes(&a, "name", 4) == keyhash_bytes(&a, "name", 4));
	OK(keyhash_bytes(&a, "name", 4) != keyhash_bytes(&b, "name", 4));
}

int main(void)
{
	spreads_names();
	spreads_numbers();
	differs_by_length_and_key();
	return TAP_END;
}
