/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_MERGE_H
#define LAYERPIPE_MERGE_H

/* Greedy merging of groups of store paths into layers by what they are expected to cost. */

#include <stdbool.h>
#include <stdint.h>

#include "plan/costmodel.h"

struct merge_group {
	uint32_t *paths; /* owned by the array's owner, see merge_free_groups() */
	uint32_t n;
	bool closed;      /* never merged with others */
	uint64_t penalty; /* bytes that merging this group sends again at once */
	uint32_t kept;    /* its layer in the previous plan, if it did not change; otherwise 0. Two
			     groups are merged only if no other pair is left */
	bool known;       /* a layer of another plan, its paths in their order there */
	char *name;       /* owned like paths: the name that the user gave this group, or NULL */
};

struct merge_rules {
	uint32_t limit;    /* groups to end with at the most, at least 1 */
	uint64_t min_size; /* bytes; a smaller group is merged even below the limit */
	uint32_t sharing;  /* how much to favour shared layers over small updates, in percent */
};

/*
 * Merges groups (each path in exactly one) until the rules hold; the result
 * replaces them in place and *n counts it. Each step merges the two that add
 * the least to the cost, costmodel.h. Closed groups may keep it above the
 * limit; the caller checks.
 */
void merge_groups(const struct costmodel *m, const struct merge_rules *rules,
		  struct merge_group *groups, uint32_t *n);

/*
 * What an update is expected to cost: bytes of the layers that change over
 * bytes of the paths that change, when the source that changes is picked by
 * weight; 1.0 is one layer a path.
 */
double merge_expected_cost(const struct costmodel *m, const struct merge_group *groups, uint32_t n);

/* Which paths are in one of the groups; the caller frees it. */
bool *merge_placed(const struct graph *g, const struct merge_group *groups, uint32_t n);

/* Adds a group for each path that is in none. There must be room for one group a path. */
void merge_alone(const struct graph *g, struct merge_group *groups, uint32_t *n);

void merge_free_groups(struct merge_group *groups, uint32_t n);

#endif
