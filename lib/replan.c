/* SPDX-License-Identifier: MIT */
#include "replan.h"

#include <string.h>

/* The path's index where it is in the graph with the same contents, else -1. */
static int64_t find_same(const struct graph *g, const struct plan_path *old)
{
	int64_t i = graph_find(g, old->path);
	if (i < 0)
		return -1;
	const struct graph_path *now = &g->paths[i];
	if (now->nar_hash && old->nar_hash && strcmp(now->nar_hash, old->nar_hash) != 0)
		return -1;
	return i;
}

/* The layer that starts at path `first` of the plan, as a group; empty where it cannot stay. */
static struct merge_group keep_layer(const struct graph *g, const struct plan *plan, size_t first)
{
	struct merge_group group = { .kept = plan->paths[first].layer };
	for (size_t i = first; i < plan->n && plan->paths[i].layer == group.kept; i++)
		group.n++;
	group.paths = xcalloc(group.n, sizeof *group.paths);
	for (uint32_t j = 0; j < group.n; j++) {
		int64_t path = find_same(g, &plan->paths[first + j]);
		if (path < 0) {
			free(group.paths);
			return (struct merge_group){ 0 };
		}
		group.paths[j] = (uint32_t)path;
		group.penalty += g->paths[path].nar_size;
	}
	return group;
}

/* The layers that can stay, then each other path alone. */
static struct merge_group *start(const struct graph *g, const struct plan *plan, uint32_t *n)
{
	struct merge_group *groups = xcalloc(g->n, sizeof *groups);
	AUTO_FREE bool *placed = xcalloc(g->n, sizeof *placed);
	*n = 0;
	for (size_t i = 0; i < plan->n; i++) {
		if (i && plan->paths[i].layer == plan->paths[i - 1].layer)
			continue;
		struct merge_group group = keep_layer(g, plan, i);
		for (uint32_t j = 0; j < group.n; j++)
			placed[group.paths[j]] = true;
		if (group.n)
			groups[(*n)++] = group;
	}
	for (uint32_t path = 0; path < g->n; path++) {
		if (placed[path])
			continue;
		struct merge_group *group = &groups[(*n)++];
		group->paths = xmalloc(sizeof *group->paths);
		group->paths[0] = path;
		group->n = 1;
	}
	return groups;
}

/* Those that stayed first, as they were ordered; then the others, ordered by merge_order(). */
static void order_groups(const struct graph *g, const struct reach *r, const uint32_t *rank,
			 const uint64_t *weights, struct merge_group *groups, uint32_t n)
{
	AUTO_FREE struct merge_group *others = xcalloc(n, sizeof *others);
	uint32_t nkept = 0, nothers = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (groups[i].kept)
			groups[nkept++] = groups[i];
		else
			others[nothers++] = groups[i];
	}
	merge_order(g, r, rank, weights, others, nothers);
	memcpy(groups + nkept, others, nothers * sizeof *others);
}

struct merge_group *replan_groups(const struct graph *g, const struct reach *r,
				  const uint32_t *rank, const struct plan *previous,
				  const struct merge_rules *rules, uint32_t *n)
{
	struct merge_group *groups = start(g, previous, n);
	merge_groups(g, r, rank, rules, groups, n);
	order_groups(g, r, rank, rules->weights, groups, *n);
	return groups;
}
