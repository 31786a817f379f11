/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_MERGE_H
#define LAYERPIPE_MERGE_H

/*
 * Greedy merging of groups of store paths into layers by what they are
 * expected to cost; layer-plan(1) "update-cost" has the reasons.
 *
 * The cost of a layer is its size times the sum of two numbers: how often the
 * layer is expected to change, and, times sharing, how often another image is
 * expected to want only a part of it. A layer changes when any path in the
 * union of its paths' closures changes. Another image is the closure of a path
 * picked at random. It wants the whole layer if it has all paths of the layer,
 * and a part if it has some.
 */

#include <stdbool.h>
#include <stdint.h>

#include "closure/graph.h"
#include "closure/reachable.h"

struct merge_group {
	uint32_t *paths; /* owned by the array's owner, see merge_free_groups() */
	uint32_t n;
	bool closed;      /* never merged with others */
	uint64_t penalty; /* bytes that merging this group sends again at once */
	uint32_t kept;    /* its layer in the previous plan, if it did not change; otherwise 0. Two
			     groups are merged only if no other pair is left */
	char *name;       /* owned like paths: the name that the user gave this group, or NULL */
};

struct merge_rules {
	uint32_t limit;          /* groups to end with at the most, at least 1 */
	uint64_t min_size;       /* bytes; a smaller group is merged even below the limit */
	const uint64_t *weights; /* how often each path changes; NULL: all alike */
	uint32_t sharing;        /* how much to favour shared layers over small updates */
};

/*
 * Merges groups (each path in exactly one) until the rules hold; the result
 * replaces them in place and *n counts it. Closed groups may keep it above
 * the limit; the caller checks. rank: a total order of the paths that breaks
 * ties (merge_ranks()).
 */
void merge_groups(const struct graph *g, const struct reachable *r, const uint32_t *rank,
		  const struct merge_rules *rules, struct merge_group *groups, uint32_t *n);

/*
 * Orders groups bottom first, so that classic docker, which reuses a layer
 * only above equal layers, has the least to pull: by chance to change per
 * byte, ascending (what is large and stable below what is small and changes:
 * Smith's rule).
 */
void merge_order(const struct graph *g, const struct reachable *r, const uint32_t *rank,
		 const uint64_t *weights, struct merge_group *groups, uint32_t n);

/*
 * What an update is expected to cost: bytes of the layers that change over
 * bytes of the paths that change, when the path that changes first is picked
 * by weight; 1.0 is one layer a path.
 */
double merge_expected_cost(const struct graph *g, const struct reachable *r,
			   const uint64_t *weights, const struct merge_group *groups, uint32_t n);

/* Weight of what changes one of the paths or more; without weights, how many paths do. */
uint64_t merge_changes(const struct reachable *r, const uint64_t *weights, const uint32_t *paths,
		       uint32_t n);

/*
 * A total order of the paths that other hashes do not change: by name, size,
 * then by how they are referred to and refer to others; the hash decides only
 * between paths that are alike in all of that. The caller frees rank[n].
 */
uint32_t *merge_ranks(const struct graph *g);

/* Which paths are in one of the groups; the caller frees it. */
bool *merge_placed(const struct graph *g, const struct merge_group *groups, uint32_t n);

/* Adds a group for each path that is in none. There must be room for one group a path. */
void merge_alone(const struct graph *g, struct merge_group *groups, uint32_t *n);

void merge_free_groups(struct merge_group *groups, uint32_t n);

#endif
