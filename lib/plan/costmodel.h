/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_COSTMODEL_H
#define LAYERPIPE_COSTMODEL_H

/*
 * What a layer is expected to cost; layer-plan(1) "What an update costs" has
 * the reasons.
 *
 * A path changes when one of the sources in its closure does, a layer when one
 * of its paths does. The cost of a layer is its size times the weight of the
 * sources that change it. A layer of two paths or more costs, in addition,
 * sharing percent of the total weight times what other images are expected to
 * want without the rest of it. A path has u users: the paths that have it in
 * their closures, itself included. Others want it alone as often as
 * 10u / (10u + k), where its own closure has k sources; its size times this is
 * what counts of a path. Three tenths of it always count. Of the other seven
 * tenths, each user stands for an equal part, which counts if the whole layer
 * is not in the user's closure. Each such user adds 5 / n of the exact size,
 * too, where n is the number of all paths.
 *
 * So paths with the same users go together. Without this, sizes alone would
 * decide between many pairs of nearly equal cost, and a small change of one
 * size would change much of a plan. For the same reason the size that is
 * wanted alone is rounded down to three binary digits, 1000 to 896.
 *
 * Costs are whole numbers, so that all machines make the same plan.
 */

#include <stdbool.h>
#include <stdint.h>

#include "closure/graph.h"
#include "closure/reachable.h"
#include "plan/sources.h"

/* Bytes times weights times 100 can outgrow 64 bits. */
__extension__ typedef __int128 cost_t;

struct costmodel {
	const struct graph *graph; /* borrowed */
	struct sources sources;
	uint32_t *rank;    /* of each path: an order that decides between equals, ranks_find() */
	size_t words;      /* of a set of sources, 64 bits each */
	uint64_t *sets;    /* of each path: the sources in its closure, words each */
	uint64_t *weights; /* by source */
	uint64_t *planes;  /* for each word and each bit of a weight: the sources with this bit */
	size_t nplanes;
	uint64_t total;    /* weight of all sources; at least 1 */
	size_t user_words; /* of a set of users, 64 bits each */
	uint64_t *users;   /* of each path; a bit is a path, in an order of its own */
	uint32_t *nusers;  /* of each path */
	uint64_t *alone;   /* of each path: bytes that count in any layer of two paths or more */
	cost_t *apart; /* of each path: bytes that count for each user without the whole layer */
};

/*
 * The sizes of all paths add up to less than 2^64.
 * weights: of each path, none above 2^32, NULL: 1 each. A source weighs as
 * much as the heaviest of its paths, times 1 for less than 64 KiB of paths
 * and 1 more for each doubling. The caller frees it with costmodel_free().
 */
struct costmodel costmodel_make(const struct graph *g, const uint64_t *weights);
void costmodel_free(struct costmodel *m);

static inline const uint64_t *costmodel_set(const struct costmodel *m, uint32_t path)
{
	return m->sets + path * m->words;
}

static inline const uint64_t *costmodel_users(const struct costmodel *m, uint32_t path)
{
	return m->users + path * m->user_words;
}

/* The union of the paths' sets, added to what set holds. */
void costmodel_unite(const struct costmodel *m, const uint32_t *paths, uint32_t n, uint64_t *set);

uint64_t costmodel_weigh(const struct costmodel *m, const uint64_t *set);
/* Weight of what both sets have, looking only at the n words named. */
uint64_t costmodel_weigh_common(const struct costmodel *m, const uint64_t *a, const uint64_t *b,
				const uint32_t *which, uint32_t n);
/* Weight of what changes one of the paths or more. */
uint64_t costmodel_changes(const struct costmodel *m, const uint32_t *paths, uint32_t n);
/* How many users are in both of these sets. */
uint32_t costmodel_common_users(const struct costmodel *m, const uint64_t *a, const uint64_t *b);
/* Bytes that sharing counts of a layer, see above; 0 for one path. */
cost_t costmodel_unshared(const struct costmodel *m, const uint32_t *paths, uint32_t n);
/* Weight of the sources that a has and b has not. */
uint64_t costmodel_weigh_new(const struct costmodel *m, const uint64_t *a, const uint64_t *b);

#endif
