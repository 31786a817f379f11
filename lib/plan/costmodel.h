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
 * want alone: of each path its size times 10u / (10u + k), where u paths have
 * it in their closures, itself included, and its own closure has k sources.
 * This size is rounded down to three binary digits, 1000 to 896: often nothing
 * else tells paths of one source apart, and a small change should not change
 * the plan.
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
	uint64_t total;  /* weight of all sources; at least 1 */
	uint64_t *alone; /* of each path: bytes that others are expected to want alone */
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

/* The union of the paths' sets, added to what set holds. */
void costmodel_unite(const struct costmodel *m, const uint32_t *paths, uint32_t n, uint64_t *set);

uint64_t costmodel_weigh(const struct costmodel *m, const uint64_t *set);
/* Weight of what both sets have, looking only at the n words named. */
uint64_t costmodel_weigh_common(const struct costmodel *m, const uint64_t *a, const uint64_t *b,
				const uint32_t *which, uint32_t n);
/* Weight of what changes one of the paths or more. */
uint64_t costmodel_changes(const struct costmodel *m, const uint32_t *paths, uint32_t n);
/* Weight of the sources that a has and b has not. */
uint64_t costmodel_weigh_new(const struct costmodel *m, const uint64_t *a, const uint64_t *b);

#endif
