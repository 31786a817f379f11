/* SPDX-License-Identifier: MIT */
#include "plan/leaves.h"

#include <string.h>

/* Bytes times weights can outgrow 64 bits. */
__extension__ typedef unsigned __int128 cost_t;

/* Each path's neighbours: what it refers to and what refers to it, self-references aside. */
struct neighbours {
	uint32_t *of;    /* all lists, one behind the other */
	uint32_t *start; /* where each path's list starts; one more for the end */
	uint32_t *left;  /* how many of them are no leaves */
};

static void find_neighbours(const struct graph *g, struct neighbours *a)
{
	size_t total = 0;
	a->left = xcalloc(g->n, sizeof *a->left);
	a->start = xcalloc((size_t)g->n + 1, sizeof *a->start);
	for (uint32_t p = 0; p < g->n; p++)
		for (uint32_t j = 0; j < g->paths[p].nrefs; j++)
			if (g->paths[p].refs[j] != p) {
				a->left[p]++;
				a->left[g->paths[p].refs[j]]++;
				total += 2;
			}
	a->of = xcalloc(total, sizeof *a->of);
	for (uint32_t p = 0; p < g->n; p++)
		a->start[p + 1] = a->start[p] + a->left[p];
	AUTO_FREE uint32_t *fill = xcalloc(g->n, sizeof *fill);
	for (uint32_t p = 0; p < g->n; p++)
		for (uint32_t j = 0; j < g->paths[p].nrefs; j++) {
			uint32_t ref = g->paths[p].refs[j];
			if (ref == p)
				continue;
			a->of[a->start[p] + fill[p]++] = ref;
			a->of[a->start[ref] + fill[ref]++] = p;
		}
}

static void free_neighbours(struct neighbours *a)
{
	free(a->of);
	free(a->start);
	free(a->left);
}

/* Marks leaves among the paths that may be: from the outside in, each is looked at once. */
static void find_leaves(const struct graph *g, const bool *may_be, bool *leaf)
{
	struct neighbours a = { 0 };
	find_neighbours(g, &a);
	AUTO_FREE uint32_t *todo = xcalloc(g->n, sizeof *todo);
	uint32_t ntodo = 0;
	for (uint32_t p = 0; p < g->n; p++)
		if (may_be[p] && a.left[p] <= 1) {
			leaf[p] = true;
			todo[ntodo++] = p;
		}
	while (ntodo) {
		uint32_t p = todo[--ntodo];
		for (uint32_t i = a.start[p]; i < a.start[p + 1]; i++) {
			uint32_t q = a.of[i];
			a.left[q]--;
			if (!leaf[q] && may_be[q] && a.left[q] <= 1) {
				leaf[q] = true;
				todo[ntodo++] = q;
			}
		}
	}
	free_neighbours(&a);
}

/* The closure without its leaves, and what is known of the layers made of it. */
struct core {
	const struct graph *graph;
	const struct reachable *reach; /* of the whole closure */
	struct reachable without;      /* the same sets without leaves */
	uint64_t *leaves;              /* the set of all leaves */
	const uint64_t *weights;       /* NULL: all alike */
	struct merge_group *groups;    /* borrowed */
	uint32_t n;
	uint64_t *closures; /* of each group, leaves included */
	uint64_t *size;     /* bytes of each group */
	uint32_t *rank;     /* smallest rank of each group's paths */
};

static uint64_t *copy_without(const uint64_t *sets, const struct reachable *r,
			      const uint64_t *leaves)
{
	uint64_t *copy = xcalloc(r->n * r->words, sizeof *copy);
	for (uint32_t p = 0; p < r->n; p++)
		for (size_t w = 0; w < r->words; w++)
			copy[p * r->words + w] = sets[p * r->words + w] & ~leaves[w];
	return copy;
}

static void remove_leaves(struct core *c, const bool *leaf)
{
	const struct reachable *r = c->reach;
	c->leaves = xcalloc(r->words, sizeof *c->leaves);
	for (uint32_t p = 0; p < r->n; p++)
		if (leaf[p])
			c->leaves[r->bits[p] / 64] |= (uint64_t)1 << r->bits[p] % 64;
	c->without = *r;
	c->without.closures = copy_without(r->closures, r, c->leaves);
	c->without.users = copy_without(r->users, r, c->leaves);
}

static void measure_groups(struct core *c, const uint32_t *rank)
{
	size_t words = c->reach->words;
	c->closures = xcalloc(c->n * words, sizeof *c->closures);
	c->size = xcalloc(c->n, sizeof *c->size);
	c->rank = xcalloc(c->n, sizeof *c->rank);
	for (uint32_t i = 0; i < c->n; i++) {
		c->rank[i] = UINT32_MAX;
		for (uint32_t j = 0; j < c->groups[i].n; j++) {
			uint32_t path = c->groups[i].paths[j];
			c->size[i] += c->graph->paths[path].nar_size;
			c->rank[i] = rank[path] < c->rank[i] ? rank[path] : c->rank[i];
			for (size_t w = 0; w < words; w++)
				c->closures[i * words + w] |= reachable_closure(c->reach, path)[w];
		}
	}
}

static void free_core(struct core *c)
{
	free(c->without.closures);
	free(c->without.users);
	free(c->leaves);
	free(c->closures);
	free(c->size);
	free(c->rank);
}

static uint64_t weigh_word(const struct core *c, size_t word, uint64_t set)
{
	if (!c->weights)
		return (uint64_t)__builtin_popcountll(set);
	uint64_t sum = 0;
	for (; set; set &= set - 1)
		sum += c->weights[c->reach->order[word * 64 + (unsigned)__builtin_ctzll(set)]];
	return sum;
}

/*
 * What putting the leaf into group i adds: the layer changes with what it did
 * not depend on yet, the leaf with what it does not depend on. Of leaves only
 * this one counts, so that no other one has a say in where it goes.
 */
static cost_t leaf_cost(const struct core *c, uint32_t leaf, uint32_t i)
{
	const uint64_t *closure = c->closures + i * c->reach->words;
	const uint64_t *own = reachable_closure(&c->without, leaf);
	uint64_t new_to_layer = 0, new_to_leaf = 0;
	for (size_t w = 0; w < c->reach->words; w++) {
		new_to_layer += weigh_word(c, w, own[w] & ~closure[w]);
		new_to_leaf += weigh_word(c, w, closure[w] & ~own[w] & ~c->leaves[w]);
	}
	if (!reachable_has(c->reach, closure, leaf))
		new_to_layer += c->weights ? c->weights[leaf] : 1;
	return (cost_t)c->size[i] * new_to_layer +
	       (cost_t)c->graph->paths[leaf].nar_size * new_to_leaf;
}

/* The open group where the leaf costs least; of equal ones the first by rank. */
static uint32_t cheapest_group(const struct core *c, uint32_t leaf)
{
	uint32_t found = c->n;
	cost_t least = 0;
	for (uint32_t i = 0; i < c->n; i++) {
		if (c->groups[i].closed)
			continue;
		cost_t cost = leaf_cost(c, leaf, i);
		if (found == c->n || cost < least ||
		    (cost == least && c->rank[i] < c->rank[found])) {
			found = i;
			least = cost;
		}
	}
	return found;
}

static void append(struct merge_group *to, struct merge_group *leaf)
{
	to->paths = xrealloc(to->paths, ((size_t)to->n + 1) * sizeof *to->paths);
	to->paths[to->n++] = leaf->paths[0];
	free(leaf->paths);
	free(leaf->name);
}

/* The weights without those of leaves, NULL where all are alike; the caller frees them. */
static uint64_t *core_weights(const uint64_t *weights, const bool *leaf, uint32_t n)
{
	if (!weights)
		return NULL;
	uint64_t *copy = xcalloc(n, sizeof *copy);
	for (uint32_t p = 0; p < n; p++)
		copy[p] = leaf[p] ? 0 : weights[p];
	return copy;
}

/* Merges the first ncore groups, then gives the leaf in each other one its layer. */
static void merge_core(struct core *c, const uint32_t *rank, const struct merge_rules *rules,
		       const bool *leaf, uint32_t n)
{
	uint32_t ncore = c->n;
	AUTO_FREE uint64_t *weights = core_weights(rules->weights, leaf, c->graph->n);
	struct merge_rules without = *rules;
	without.weights = weights;
	remove_leaves(c, leaf);
	merge_groups(c->graph, &c->without, rank, &without, c->groups, &c->n);
	measure_groups(c, rank);
	for (uint32_t i = ncore; i < n; i++) {
		struct merge_group *group = &c->groups[i];
		append(&c->groups[cheapest_group(c, group->paths[0])], group);
	}
	free_core(c);
}

/* Moves groups that are leaves behind the others. Returns how many others there are. */
static uint32_t part_groups(struct merge_group *groups, uint32_t n, const bool *leaf)
{
	AUTO_FREE struct merge_group *leaves = xcalloc(n, sizeof *leaves);
	uint32_t ncore = 0, nleaves = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (leaf[groups[i].paths[0]])
			leaves[nleaves++] = groups[i];
		else
			groups[ncore++] = groups[i];
	}
	memcpy(groups + ncore, leaves, nleaves * sizeof *leaves);
	return ncore;
}

void leaves_merge(const struct graph *g, const struct reachable *r, const uint32_t *rank,
		  const struct merge_rules *rules, struct merge_group *groups, uint32_t *n)
{
	AUTO_FREE bool *may_be = xcalloc(g->n, sizeof *may_be);
	AUTO_FREE bool *leaf = xcalloc(g->n, sizeof *leaf);
	for (uint32_t i = 0; i < *n; i++) {
		uint32_t path = groups[i].paths[0];
		may_be[path] = !groups[i].closed && groups[i].n == 1 &&
			       g->paths[path].nar_size < LEAVES_MAX_SIZE;
	}
	find_leaves(g, may_be, leaf);
	struct core c = { .graph = g, .reach = r, .weights = rules->weights, .groups = groups };
	c.n = part_groups(groups, *n, leaf);
	uint32_t closed = 0;
	for (uint32_t i = 0; i < c.n; i++)
		closed += groups[i].closed;
	if (c.n == *n || c.n < rules->limit || closed == c.n) {
		merge_groups(g, r, rank, rules, groups, n);
		return;
	}
	merge_core(&c, rank, rules, leaf, *n);
	*n = c.n;
}
