/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_KEYHASH_H
#define LAYERPIPE_KEYHASH_H

/*
 * Hash values for tables in memory, other ones in each process: names in an
 * image cannot be chosen so that a table becomes slow. Not for digests, and
 * nothing that is written may depend on them.
 */

#include <stddef.h>
#include <stdint.h>

struct keyhash {
	uint64_t add, times;
};

/* A key that nobody knows. */
void keyhash_init(struct keyhash *k);

/* All bits of the results are good to choose a slot by. */
uint64_t keyhash_number(const struct keyhash *k, uint64_t number);
uint64_t keyhash_bytes(const struct keyhash *k, const void *s, size_t len);

#endif
