/* SPDX-License-Identifier: MIT */
#include "plan/descend.h"

#include <string.h>

/* Moves that gain less than one part in so many of what the path costs are left alone. */
enum { MARGIN = 1000, MOST_PASSES = 50 };

/* A group that paths move into and out of. */
struct layer {
	struct merge_group *group;
	uint64_t *set;        /* the sources that change it */
	uint32_t *count;      /* by source: how many of its paths that one changes */
	uint64_t *users;      /* the paths that have all of its paths in their closures */
	uint32_t *user_count; /* by bit of users: how many of its paths that one needs */
	uint64_t size;
	uint64_t changes; /* weight of set */
	cost_t apart;     /* of its paths: bytes that count for each user without the whole layer */
	cost_t most;      /* bytes that sharing would count if nobody had the whole layer */
	uint32_t n;
};

struct descent {
	const struct costmodel *m;
	const struct merge_rules *rules;
	struct layer *layers;
	uint32_t n;
	uint32_t *layer_of; /* of each path, from 1; 0: it stays where it is */
};

/* Weight of what changes the layer through this path only. */
static uint64_t weigh_own(const struct costmodel *m, const struct layer *layer, uint32_t path)
{
	const uint64_t *set = costmodel_set(m, path);
	uint64_t sum = 0;
	for (size_t word = 0; word < m->words; word++)
		for (uint64_t rest = set[word]; rest; rest &= rest - 1) {
			size_t source = word * 64 + (size_t)__builtin_ctzll(rest);
			sum += layer->count[source] == 1 ? m->weights[source] : 0;
		}
	return sum;
}

/* Bytes that sharing would count of a path if nobody had the whole layer. */
static cost_t most_of(const struct costmodel *m, uint32_t path)
{
	return m->alone[path] + m->apart[path] * m->nusers[path];
}

/* Takes note of one more path, or of one less. */
static void count_users(const struct costmodel *m, struct layer *layer, uint32_t path, bool more)
{
	const uint64_t *users = costmodel_users(m, path);
	cost_t sign = more ? 1 : -1;
	layer->apart += sign * m->apart[path];
	layer->most += sign * most_of(m, path);
	layer->n += more ? 1 : UINT32_MAX;
	memset(layer->users, 0, m->user_words * sizeof *layer->users);
	for (uint32_t i = 0; i < m->graph->n; i++) {
		if (users[i / 64] >> i % 64 & 1)
			layer->user_count[i] += more ? 1 : UINT32_MAX;
		layer->users[i / 64] |= (uint64_t)(layer->user_count[i] == layer->n) << i % 64;
	}
}

static void add_path(const struct costmodel *m, struct layer *layer, uint32_t path)
{
	const uint64_t *set = costmodel_set(m, path);
	layer->changes += costmodel_weigh_new(m, set, layer->set);
	layer->size += m->graph->paths[path].nar_size;
	count_users(m, layer, path, true);
	for (size_t word = 0; word < m->words; word++) {
		layer->set[word] |= set[word];
		for (uint64_t rest = set[word]; rest; rest &= rest - 1)
			layer->count[word * 64 + (size_t)__builtin_ctzll(rest)]++;
	}
}

static void remove_path(const struct costmodel *m, struct layer *layer, uint32_t path)
{
	const uint64_t *set = costmodel_set(m, path);
	layer->changes -= weigh_own(m, layer, path);
	layer->size -= m->graph->paths[path].nar_size;
	count_users(m, layer, path, false);
	for (size_t word = 0; word < m->words; word++)
		for (uint64_t rest = set[word]; rest; rest &= rest - 1) {
			uint64_t bit = rest & -rest;
			if (--layer->count[word * 64 + (size_t)__builtin_ctzll(rest)] == 0)
				layer->set[word] &= ~bit;
		}
}

/* A cost in percent of bytes * weight; `apart` bytes are what sharing counts. */
static cost_t add_costs(const struct descent *d, cost_t update, cost_t apart)
{
	return update * 100 + apart * d->rules->sharing * (cost_t)d->m->total;
}

/* What sharing counts of a layer of n paths, of which `users` have all in their closures. */
static cost_t unshared(cost_t most, cost_t apart, uint64_t users, uint32_t n)
{
	return n < 2 ? 0 : most - apart * (cost_t)users;
}

static cost_t unshared_now(const struct descent *d, const struct layer *layer)
{
	uint64_t users = reachable_count(layer->users, d->m->user_words);
	return unshared(layer->most, layer->apart, users, layer->n);
}

static cost_t unshared_without(const struct descent *d, const struct layer *layer, uint32_t path)
{
	const struct costmodel *m = d->m;
	const uint64_t *own = costmodel_users(m, path);
	uint64_t users = 0;
	for (uint32_t i = 0; i < m->graph->n; i++)
		users += layer->user_count[i] - (own[i / 64] >> i % 64 & 1) == layer->n - 1;
	return unshared(layer->most - most_of(m, path), layer->apart - m->apart[path], users,
			layer->n - 1);
}

static cost_t unshared_with(const struct descent *d, const struct layer *layer, uint32_t path)
{
	const struct costmodel *m = d->m;
	uint64_t users = costmodel_common_users(m, layer->users, costmodel_users(m, path));
	return unshared(layer->most + most_of(m, path), layer->apart + m->apart[path], users,
			layer->n + 1);
}

static cost_t leave_cost(const struct descent *d, const struct layer *from, uint32_t path)
{
	uint64_t size = d->m->graph->paths[path].nar_size;
	cost_t after =
		(cost_t)(from->size - size) * (cost_t)(from->changes - weigh_own(d->m, from, path));
	return add_costs(d, after - (cost_t)from->size * (cost_t)from->changes,
			 unshared_without(d, from, path) - unshared_now(d, from));
}

static cost_t enter_cost(const struct descent *d, const struct layer *to, uint32_t path)
{
	uint64_t size = d->m->graph->paths[path].nar_size;
	uint64_t more = costmodel_weigh_new(d->m, costmodel_set(d->m, path), to->set);
	cost_t after = (cost_t)(to->size + size) * (cost_t)(to->changes + more);
	return add_costs(d, after - (cost_t)to->size * (cost_t)to->changes,
			 unshared_with(d, to, path) - unshared_now(d, to));
}

/* A path alone stays: no layer is cheaper with it than the two apart. */
static bool may_leave(const struct descent *d, const struct layer *from, uint32_t path)
{
	uint64_t size = d->m->graph->paths[path].nar_size;
	return from->n > 1 && from->size - size >= d->rules->min_size;
}

/* The least that a move of the path can gain to be worth it. */
static cost_t margin(const struct descent *d, uint32_t path)
{
	uint64_t weight = costmodel_weigh(d->m, costmodel_set(d->m, path));
	return add_costs(d, (cost_t)d->m->graph->paths[path].nar_size * (cost_t)weight, 0) / MARGIN;
}

/* Moves the path where it costs least. Returns whether it moved. */
static bool move(struct descent *d, uint32_t path)
{
	struct layer *from = &d->layers[d->layer_of[path] - 1], *found = NULL;
	if (!may_leave(d, from, path))
		return false;
	cost_t leave = leave_cost(d, from, path), least = -margin(d, path);
	for (uint32_t i = 0; leave < 0 && i < d->n; i++) {
		struct layer *to = &d->layers[i];
		cost_t cost = to == from ? 0 : leave + enter_cost(d, to, path);
		if (cost < least) {
			least = cost;
			found = to;
		}
	}
	if (!found)
		return false;
	remove_path(d->m, from, path);
	add_path(d->m, found, path);
	d->layer_of[path] = (uint32_t)(found - d->layers) + 1;
	return true;
}

static void descend(struct descent *d)
{
	uint32_t n = d->m->graph->n;
	AUTO_FREE uint32_t *order = xcalloc(n, sizeof *order);
	for (uint32_t path = 0; path < n; path++)
		order[d->m->rank[path]] = path;
	bool moved = true;
	for (int pass = 0; moved && pass < MOST_PASSES; pass++) {
		moved = false;
		for (uint32_t i = 0; i < n; i++)
			if (d->layer_of[order[i]] && move(d, order[i]))
				moved = true;
	}
}

static uint32_t first_rank(const struct costmodel *m, const struct merge_group *group)
{
	uint32_t rank = UINT32_MAX;
	for (uint32_t j = 0; j < group->n; j++)
		rank = m->rank[group->paths[j]] < rank ? m->rank[group->paths[j]] : rank;
	return rank;
}

/* Adds a layer behind those of lower rank, so that equal moves do not depend on hashes. */
static void insert_layer(struct descent *d, struct merge_group *group)
{
	uint32_t i = d->n++;
	for (; i && first_rank(d->m, d->layers[i - 1].group) > first_rank(d->m, group); i--)
		d->layers[i] = d->layers[i - 1];
	d->layers[i] = (struct layer){ .group = group };
}

static void start(struct descent *d, struct merge_group *groups, uint32_t n)
{
	const struct costmodel *m = d->m;
	for (uint32_t i = 0; i < n; i++)
		if (!groups[i].closed && !groups[i].kept && !groups[i].known)
			insert_layer(d, &groups[i]);
	for (uint32_t i = 0; i < d->n; i++) {
		struct layer *layer = &d->layers[i];
		layer->set = xcalloc(m->words, sizeof *layer->set);
		layer->count = xcalloc(m->sources.n, sizeof *layer->count);
		layer->users = xcalloc(m->user_words, sizeof *layer->users);
		layer->user_count = xcalloc(m->graph->n, sizeof *layer->user_count);
		for (uint32_t j = 0; j < layer->group->n; j++) {
			add_path(m, layer, layer->group->paths[j]);
			d->layer_of[layer->group->paths[j]] = i + 1;
		}
	}
}

/* Gives the groups the paths of their layers. */
static void finish(struct descent *d)
{
	for (uint32_t i = 0; i < d->n; i++) {
		struct merge_group *group = d->layers[i].group;
		group->paths = xrealloc(group->paths, d->layers[i].n * sizeof *group->paths);
		group->n = 0;
		free(d->layers[i].set);
		free(d->layers[i].count);
		free(d->layers[i].users);
		free(d->layers[i].user_count);
	}
	for (uint32_t path = 0; path < d->m->graph->n; path++)
		if (d->layer_of[path]) {
			struct merge_group *group = d->layers[d->layer_of[path] - 1].group;
			group->paths[group->n++] = path;
		}
}

void descend_groups(const struct costmodel *m, const struct merge_rules *rules,
		    struct merge_group *groups, uint32_t n)
{
	AUTO_FREE struct layer *layers = xcalloc(n, sizeof *layers);
	AUTO_FREE uint32_t *layer_of = xcalloc(m->graph->n, sizeof *layer_of);
	struct descent d = { .m = m, .rules = rules, .layers = layers, .layer_of = layer_of };
	start(&d, groups, n);
	descend(&d);
	finish(&d);
}
