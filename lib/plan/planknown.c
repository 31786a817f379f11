/* SPDX-License-Identifier: MIT */
#include "plan/planknown.h"

#include "plan/planmatch.h"

/* A layer may waste so many times what sharing counts of it. */
enum { MOST_WASTE = 3 };

struct candidate {
	struct merge_group group;
	cost_t gain;
	size_t index; /* as they came */
};

struct candidates {
	const struct costmodel *m;
	uint32_t sharing;
	struct candidate *list;
	size_t n, cap;
};

/*
 * What is allowed to be wasted less what is: bytes that change with others
 * though they would not alone, in percent of bytes * weight.
 */
static cost_t find_gain(const struct candidates *c, const struct merge_group *group)
{
	cost_t size = 0, apart = 0;
	for (uint32_t j = 0; j < group->n; j++) {
		uint32_t path = group->paths[j];
		cost_t own = (cost_t)c->m->graph->paths[path].nar_size;
		size += own;
		apart += own * (cost_t)costmodel_weigh(c->m, costmodel_set(c->m, path));
	}
	cost_t waste = size * (cost_t)costmodel_changes(c->m, group->paths, group->n) - apart;
	cost_t unshared = costmodel_unshared(c->m, group->paths, group->n);
	return MOST_WASTE * unshared * c->sharing * (cost_t)c->m->total - 100 * waste;
}

static void add_layer(struct candidates *c, const struct plan *plan, size_t first)
{
	struct candidate new = { .group = { .known = true }, .index = c->n };
	new.group.paths = planmatch_layer(c->m->graph, plan, first, &new.group.n);
	if (new.group.n > 1)
		new.gain = find_gain(c, &new.group);
	if (new.group.n < 2 || new.gain < 0) {
		free(new.group.paths);
		return;
	}
	c->list = mem_grow(c->list, &c->cap, c->n + 1, sizeof *c->list);
	c->list[c->n++] = new;
}

/* The most gain first, then as they came. */
static int compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	if (x->gain != y->gain)
		return x->gain > y->gain ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Adds the group unless one of its paths is placed already. */
static void take(struct merge_group *group, bool *placed, struct merge_group *groups, uint32_t *n)
{
	for (uint32_t j = 0; j < group->n; j++)
		if (placed[group->paths[j]]) {
			free(group->paths);
			return;
		}
	for (uint32_t j = 0; j < group->n; j++)
		placed[group->paths[j]] = true;
	groups[(*n)++] = *group;
}

void planknown_groups(const struct costmodel *m, uint32_t sharing, const struct plan *plans,
		      size_t nplans, struct merge_group *groups, uint32_t *n)
{
	struct candidates c = { .m = m, .sharing = sharing };
	AUTO_FREE bool *placed = merge_placed(m->graph, groups, *n);
	for (size_t p = 0; p < nplans; p++)
		for (size_t i = 0; i < plans[p].n; i++)
			if (i == 0 || plans[p].paths[i].layer != plans[p].paths[i - 1].layer)
				add_layer(&c, &plans[p], i);
	if (c.n)
		qsort(c.list, c.n, sizeof *c.list, compare);
	for (size_t i = 0; i < c.n; i++)
		take(&c.list[i].group, placed, groups, n);
	free(c.list);
}
