/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_REACHABLE_H
#define LAYERPIPE_REACHABLE_H

/* Who reaches whom in a closure, as sets of path indices. */

/* Counting and comparing is what planning spends its time on: let it use what the processor has. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
	!defined(__SANITIZE_ADDRESS__)
#define REACHABLE_CLONES __attribute__((target_clones("avx2", "default"), optimize("O3")))
#else
#define REACHABLE_CLONES
#endif

#include <stdbool.h>
#include <stdint.h>

#include "closure/graph.h"

/*
 * For each path its closure (itself and all it refers to, directly or not)
 * and its users (itself and all whose closure holds it). Each set is `words`
 * words of 64 bits; bit i is path order[i] of the graph. The order is that of
 * reachable_order(), so that what is used together stands together and most words
 * of a set are 0. Memory: n * n / 4 bytes.
 */
struct reachable {
	uint32_t n;
	size_t words;
	uint32_t *order;    /* owned: path of each bit */
	uint32_t *bits;     /* owned: bit of each path */
	uint64_t *closures; /* owned, n sets */
	uint64_t *users;    /* owned, n sets */
};

void reachable_init(struct reachable *r, const struct graph *g);
void reachable_free(struct reachable *r);

static inline uint64_t *reachable_closure(const struct reachable *r, uint32_t path)
{
	return r->closures + path * r->words;
}

static inline uint64_t *reachable_users(const struct reachable *r, uint32_t path)
{
	return r->users + path * r->words;
}

/*
 * The paths so ordered that each comes after all it refers to
 * (self-references aside). The caller frees the n indices.
 */
uint32_t *reachable_order(const struct graph *g);

static inline bool reachable_has(const struct reachable *r, const uint64_t *set, uint32_t path)
{
	return set[r->bits[path] / 64] >> r->bits[path] % 64 & 1;
}

/* Paths in the set. */
uint64_t reachable_count(const uint64_t *set, size_t words);

/* The n words of the set that are not 0, in order: written to which[words]. Returns n. */
uint32_t reachable_words(const uint64_t *set, size_t words, uint32_t *which);

/* Paths in both sets, looking only at the n words named. */
uint64_t reachable_count_common(const uint64_t *a, const uint64_t *b, const uint32_t *which,
				uint32_t n);

#endif
