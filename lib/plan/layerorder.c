/* SPDX-License-Identifier: MIT */
#include "plan/layerorder.h"

#include <string.h>

struct layer {
	struct merge_group group;
	uint64_t *set; /* what changes it; borrowed */
	uint64_t size; /* bytes */
	uint64_t adds; /* weight of what changes it and nothing that lies below */
	uint32_t rank;
};

struct order {
	const struct costmodel *m;
	struct layer *left; /* those that have no place yet */
	uint32_t n;
	uint64_t *below;  /* what changes the layers that have one */
	uint64_t *united; /* scratch */
};

static bool is_subset(const uint64_t *inner, const uint64_t *outer, size_t words)
{
	for (size_t i = 0; i < words; i++)
		if (inner[i] & ~outer[i])
			return false;
	return true;
}

/* Compares chances per byte without dividing. */
static int compare_density(uint64_t adds, uint64_t size, uint64_t other_adds, uint64_t other_size)
{
	cost_t left = (cost_t)adds * ((cost_t)other_size + 1);
	cost_t right = (cost_t)other_adds * ((cost_t)size + 1);
	return left < right ? -1 : left > right;
}

static int compare_layers(const void *a, const void *b)
{
	const struct layer *x = a, *y = b;
	int density = compare_density(x->adds, x->size, y->adds, y->size);
	return density ? density : x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* Sets united to what changes all below the layer and the layer itself. */
static void unite(struct order *o, const struct layer *layer)
{
	for (size_t i = 0; i < o->m->words; i++)
		o->united[i] = o->below[i] | layer->set[i];
}

/* Bytes of the layers that cost nothing more once this one has its place. */
static uint64_t size_of_set(struct order *o, const struct layer *layer)
{
	uint64_t size = 0;
	unite(o, layer);
	for (uint32_t i = 0; i < o->n; i++)
		if (is_subset(o->left[i].set, o->united, o->m->words))
			size += o->left[i].size;
	return size;
}

/* The layer whose set adds the least for each byte; of equal ones the first by rank. */
static const struct layer *find_next(struct order *o)
{
	const struct layer *found = NULL;
	uint64_t found_size = 0;
	for (uint32_t i = 0; i < o->n; i++) {
		struct layer *layer = &o->left[i];
		layer->adds = costmodel_weigh_new(o->m, layer->set, o->below);
		uint64_t size = size_of_set(o, layer);
		int density =
			found ? compare_density(layer->adds, size, found->adds, found_size) : -1;
		if (density < 0 || (density == 0 && layer->rank < found->rank)) {
			found = layer;
			found_size = size;
		}
	}
	return found;
}

/* Moves the set of this layer from those that are left to the groups. Returns how many it has. */
static uint32_t take_set(struct order *o, const struct layer *layer, struct merge_group *groups)
{
	AUTO_FREE struct layer *set = xcalloc(o->n, sizeof *set);
	uint32_t nset = 0, nleft = 0;
	unite(o, layer);
	for (uint32_t i = 0; i < o->n; i++) {
		if (is_subset(o->left[i].set, o->united, o->m->words))
			set[nset++] = o->left[i];
		else
			o->left[nleft++] = o->left[i];
	}
	qsort(set, nset, sizeof *set, compare_layers);
	for (uint32_t i = 0; i < nset; i++)
		groups[i] = set[i].group;
	o->n = nleft;
	memcpy(o->below, o->united, o->m->words * sizeof *o->below);
	return nset;
}

static void measure(const struct costmodel *m, const struct merge_group *group, uint64_t *set,
		    struct layer *layer)
{
	*layer = (struct layer){ .group = *group, .set = set, .rank = UINT32_MAX };
	costmodel_unite(m, group->paths, group->n, set);
	for (uint32_t j = 0; j < group->n; j++) {
		uint32_t path = group->paths[j];
		layer->size += m->graph->paths[path].nar_size;
		layer->rank = m->rank[path] < layer->rank ? m->rank[path] : layer->rank;
	}
}

void layerorder_sort(const struct costmodel *m, struct merge_group *groups, uint32_t fixed,
		     uint32_t n)
{
	AUTO_FREE struct layer *left = xcalloc(n, sizeof *left);
	AUTO_FREE uint64_t *sets = xcalloc(n * m->words, sizeof *sets);
	AUTO_FREE uint64_t *below = xcalloc(m->words, sizeof *below);
	AUTO_FREE uint64_t *united = xcalloc(m->words, sizeof *united);
	struct order o = { .m = m, .left = left, .below = below, .united = united };
	for (uint32_t i = 0; i < fixed; i++)
		costmodel_unite(m, groups[i].paths, groups[i].n, below);
	for (uint32_t i = fixed; i < n; i++)
		measure(m, &groups[i], sets + i * m->words, &left[o.n++]);
	for (uint32_t done = fixed; o.n;)
		done += take_set(&o, find_next(&o), groups + done);
}
