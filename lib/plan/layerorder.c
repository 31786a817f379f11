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
	struct layer *placed; /* those that have one, bottom first */
	uint32_t nplaced;
	uint64_t *below;  /* what changes these and the fixed groups */
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

/* Gives the layers of this one's set their places. */
static void take_set(struct order *o, const struct layer *layer)
{
	struct layer *set = o->placed + o->nplaced;
	uint32_t nset = 0, nleft = 0;
	unite(o, layer);
	for (uint32_t i = 0; i < o->n; i++) {
		if (is_subset(o->left[i].set, o->united, o->m->words))
			set[nset++] = o->left[i];
		else
			o->left[nleft++] = o->left[i];
	}
	qsort(set, nset, sizeof *set, compare_layers);
	o->n = nleft;
	o->nplaced += nset;
	memcpy(o->below, o->united, o->m->words * sizeof *o->below);
}

/* --- moving layers down --- */

enum { MOST_ROUNDS = 50 };

/* Layers from the bottom up to some place. */
struct pile {
	uint64_t *set;   /* what changes them */
	uint64_t weight; /* of set */
	cost_t cost;     /* of each layer its bytes times the weight when it was put on top */
};

struct moves {
	const struct costmodel *m;
	struct layer *layers;
	uint32_t n;
	struct pile *piles; /* below each of the layers, and one of all */
	/* scratch: */
	struct pile top;
	uint64_t *united;
	struct layer *tried, *best;
};

static void copy_pile(const struct costmodel *m, struct pile *to, const struct pile *from)
{
	memcpy(to->set, from->set, m->words * sizeof *to->set);
	to->weight = from->weight;
	to->cost = from->cost;
}

static void put(const struct costmodel *m, struct pile *pile, const struct layer *layer)
{
	pile->weight += costmodel_weigh_new(m, layer->set, pile->set);
	pile->cost += (cost_t)layer->size * pile->weight;
	for (size_t i = 0; i < m->words; i++)
		pile->set[i] |= layer->set[i];
}

static void pile_up(struct moves *v, uint32_t start)
{
	for (uint32_t i = start; i < v->n; i++) {
		copy_pile(v->m, &v->piles[i + 1], &v->piles[i]);
		put(v->m, &v->piles[i + 1], &v->layers[i]);
	}
}

/*
 * Tries what moving a layer down would cost, with those in between that then
 * add no further changes. Returns whether that is less than `least`, the cost
 * of all up to where the layer was.
 */
static bool try_move(struct moves *v, uint32_t from, uint32_t to, cost_t least)
{
	uint32_t n = 0;
	copy_pile(v->m, &v->top, &v->piles[to]);
	for (size_t i = 0; i < v->m->words; i++)
		v->united[i] = v->top.set[i] | v->layers[from].set[i];
	for (int stays = 0; stays < 2; stays++)
		for (uint32_t i = to; i <= from && v->top.cost < least; i++)
			if (is_subset(v->layers[i].set, v->united, v->m->words) != stays) {
				v->tried[n++] = v->layers[i];
				put(v->m, &v->top, &v->layers[i]);
			}
	return v->top.cost < least;
}

/* Moves the layer to where that costs least. Returns whether it moved. */
static bool move_down(struct moves *v, uint32_t from)
{
	cost_t least = v->piles[from + 1].cost;
	uint32_t found = from;
	for (uint32_t to = from; to-- > 0;) {
		if (!try_move(v, from, to, least))
			continue;
		struct layer *best = v->tried;
		v->tried = v->best;
		v->best = best;
		least = v->top.cost;
		found = to;
	}
	if (found == from)
		return false;
	memcpy(v->layers + found, v->best, (from - found + 1) * sizeof *v->layers);
	pile_up(v, found);
	return true;
}

static void move_layers(struct order *o, const uint64_t *below)
{
	const struct costmodel *m = o->m;
	uint32_t n = o->nplaced;
	AUTO_FREE uint64_t *sets = xcalloc((n + 3) * m->words, sizeof *sets);
	AUTO_FREE struct pile *piles = xcalloc((size_t)n + 1, sizeof *piles);
	AUTO_FREE struct layer *scratch = xcalloc(2 * (size_t)n, sizeof *scratch);
	for (uint32_t i = 0; i <= n; i++)
		piles[i].set = sets + i * m->words;
	struct moves v = { .m = m, .layers = o->placed, .n = n, .piles = piles };
	v.top.set = sets + (n + 1) * m->words;
	v.united = sets + (n + 2) * m->words;
	v.tried = scratch;
	v.best = scratch + n;
	memcpy(piles[0].set, below, m->words * sizeof *below);
	piles[0].weight = costmodel_weigh(m, below);
	pile_up(&v, 0);
	bool moved = true;
	for (int round = 0; moved && round < MOST_ROUNDS; round++) {
		moved = false;
		for (uint32_t from = 1; from < n; from++)
			moved = move_down(&v, from) || moved;
	}
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
	AUTO_FREE struct layer *left = xcalloc(2 * (size_t)n, sizeof *left);
	AUTO_FREE uint64_t *sets = xcalloc(((size_t)n + 3) * m->words, sizeof *sets);
	uint64_t *fixed_set = sets + n * m->words;
	struct order o = { .m = m,
			   .left = left,
			   .placed = left + n,
			   .below = fixed_set + m->words,
			   .united = fixed_set + 2 * m->words };
	for (uint32_t i = 0; i < fixed; i++)
		costmodel_unite(m, groups[i].paths, groups[i].n, fixed_set);
	memcpy(o.below, fixed_set, m->words * sizeof *o.below);
	for (uint32_t i = fixed; i < n; i++)
		measure(m, &groups[i], sets + i * m->words, &left[o.n++]);
	while (o.n)
		take_set(&o, find_next(&o));
	move_layers(&o, fixed_set);
	for (uint32_t i = 0; i < o.nplaced; i++)
		groups[fixed + i] = o.placed[i].group;
}
