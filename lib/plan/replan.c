/* SPDX-License-Identifier: MIT */
#include "plan/replan.h"

#include <string.h>

#include "plan/descend.h"
#include "plan/layerorder.h"
#include "plan/planknown.h"
#include "plan/planmatch.h"

#define NO_GROUP UINT32_MAX

/* Whether the group has just these paths. */
static bool is_made_of(const struct merge_group *group, const struct merge_group *other,
		       const uint32_t *group_of, uint32_t number)
{
	if (group->n != other->n)
		return false;
	for (uint32_t j = 0; j < other->n; j++)
		if (group_of[other->paths[j]] != number)
			return false;
	return true;
}

/* The layer that starts at path `first` of the plan, as a group; empty where its paths changed. */
static struct merge_group find_layer(const struct graph *g, const struct plan *plan, size_t first)
{
	struct merge_group group = { .kept = plan->paths[first].layer };
	group.paths = planmatch_layer(g, plan, first, &group.n);
	for (uint32_t j = 0; j < group.n; j++)
		group.penalty += g->paths[group.paths[j]].nar_size;
	return group;
}

/* Adds the layer to the groups, unless one of its paths has a group already. */
static void keep(struct merge_group layer, struct merge_group *groups, uint32_t *n,
		 uint32_t *group_of)
{
	bool free_paths = true;
	for (uint32_t j = 0; j < layer.n; j++)
		free_paths = free_paths && group_of[layer.paths[j]] == NO_GROUP;
	if (free_paths) {
		for (uint32_t j = 0; j < layer.n; j++)
			group_of[layer.paths[j]] = *n;
		groups[(*n)++] = layer;
		return;
	}
	uint32_t number = group_of[layer.paths[0]];
	if (number == NO_GROUP || !is_made_of(&groups[number], &layer, group_of, number)) {
		free(layer.paths);
		return;
	}
	/* in the order in which they are in the layer now */
	free(groups[number].paths);
	groups[number].paths = layer.paths;
	groups[number].kept = layer.kept;
}

/* Adds the layers that can stay. */
static void start(const struct graph *g, const struct plan *plan, struct merge_group *groups,
		  uint32_t *n)
{
	AUTO_FREE uint32_t *group_of = xcalloc(g->n, sizeof *group_of);
	for (uint32_t path = 0; path < g->n; path++)
		group_of[path] = NO_GROUP;
	for (uint32_t i = 0; i < *n; i++)
		for (uint32_t j = 0; j < groups[i].n; j++)
			group_of[groups[i].paths[j]] = i;
	for (size_t i = 0; i < plan->n; i++) {
		if (i && plan->paths[i].layer == plan->paths[i - 1].layer)
			continue;
		struct merge_group layer = find_layer(g, plan, i);
		if (layer.n)
			keep(layer, groups, n, group_of);
	}
}

static int compare_kept(const void *a, const void *b)
{
	const struct merge_group *x = a, *y = b;
	return x->kept < y->kept ? -1 : x->kept > y->kept;
}

/* Those that stayed first, as they were ordered; then the others, ordered by layerorder_sort(). */
static void order_groups(const struct costmodel *m, struct merge_group *groups, uint32_t n)
{
	AUTO_FREE struct merge_group *others = xcalloc(n, sizeof *others);
	uint32_t nkept = 0, nothers = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (groups[i].kept)
			groups[nkept++] = groups[i];
		else
			others[nothers++] = groups[i];
	}
	qsort(groups, nkept, sizeof *groups, compare_kept);
	memcpy(groups + nkept, others, nothers * sizeof *others);
	layerorder_sort(m, groups, nkept, n);
}

void replan_groups(const struct costmodel *m, const struct plan *previous, const struct plan *known,
		   size_t nknown, const struct merge_rules *rules, struct merge_group *groups,
		   uint32_t *n)
{
	start(m->graph, previous, groups, n);
	planknown_groups(m, rules->sharing, known, nknown, groups, n);
	merge_alone(m->graph, groups, n);
	merge_groups(m, rules, groups, n);
	descend_groups(m, rules, groups, *n);
	order_groups(m, groups, *n);
}
