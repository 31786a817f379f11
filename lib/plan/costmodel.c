/* SPDX-License-Identifier: MIT */
#include "plan/costmodel.h"

#include "plan/ranks.h"

static void add_source(uint64_t *set, uint32_t source)
{
	set[source / 64] |= (uint64_t)1 << source % 64;
}

static void unite(uint64_t *to, const uint64_t *from, size_t words)
{
	for (size_t i = 0; i < words; i++)
		to[i] |= from[i];
}

/* Renumbers the sources so that those of neighbours are neighbours, and most words of a set are 0.
 */
static void sort_sources(struct sources *s, const uint32_t *order, uint32_t n)
{
	AUTO_FREE uint32_t *numbers = xcalloc(s->n, sizeof *numbers); /* from 1 */
	uint32_t next = 0;
	for (uint32_t i = 0; i < n; i++)
		if (!numbers[s->of[order[i]]])
			numbers[s->of[order[i]]] = ++next;
	for (uint32_t i = 0; i < n; i++)
		s->of[i] = numbers[s->of[i]] - 1;
}

static void find_sets(struct costmodel *m, const uint32_t *order)
{
	const struct graph *g = m->graph;
	m->words = ((size_t)m->sources.n + 63) / 64;
	m->sets = xcalloc(g->n * m->words, sizeof *m->sets);
	for (uint32_t i = 0; i < g->n; i++) {
		const struct graph_path *p = &g->paths[order[i]];
		uint64_t *own = m->sets + order[i] * m->words;
		add_source(own, m->sources.of[order[i]]);
		for (uint32_t j = 0; j < p->nrefs; j++)
			unite(own, costmodel_set(m, p->refs[j]), m->words);
	}
}

/*
 * Measured on 2,200 sources of a distribution: the security archive of its
 * release had an update for 1 % of those below 64 KiB, 15 % of those of 1 to
 * 4 MiB and 27 % of those of 4 to 16 MiB.
 */
static uint64_t expected_updates(uint64_t size)
{
	uint64_t updates = 1;
	for (uint64_t rest = size / 65536; rest; rest /= 2)
		updates++;
	return updates;
}

static void find_weights(struct costmodel *m, const uint64_t *weights)
{
	AUTO_FREE uint64_t *sizes = xcalloc(m->sources.n, sizeof *sizes);
	m->weights = xcalloc(m->sources.n, sizeof *m->weights);
	for (uint32_t i = 0; i < m->graph->n; i++) {
		uint64_t *weight = &m->weights[m->sources.of[i]];
		uint64_t own = weights ? weights[i] : 1;
		*weight = own > *weight ? own : *weight;
		sizes[m->sources.of[i]] += m->graph->paths[i].nar_size;
	}
	for (uint32_t i = 0; i < m->sources.n; i++) {
		m->weights[i] *= expected_updates(sizes[i]);
		m->total += m->weights[i];
	}
	if (m->total == 0)
		m->total = 1; /* nothing changes: what is left to weigh is sharing */
}

static void find_planes(struct costmodel *m)
{
	uint64_t all = 0;
	for (uint32_t i = 0; i < m->sources.n; i++)
		all |= m->weights[i];
	for (; all; all >>= 1)
		m->nplanes++;
	m->planes = xcalloc(m->words * m->nplanes, sizeof *m->planes);
	for (uint32_t i = 0; i < m->sources.n; i++)
		for (size_t k = 0; k < m->nplanes; k++)
			m->planes[i / 64 * m->nplanes + k] |= (m->weights[i] >> k & 1) << i % 64;
}

/* Of each path; bit i of a set is the path order[i]. */
static void find_users(struct costmodel *m, const uint32_t *order)
{
	const struct graph *g = m->graph;
	m->user_words = ((size_t)g->n + 63) / 64;
	m->users = xcalloc(g->n * m->user_words, sizeof *m->users);
	m->nusers = xcalloc(g->n, sizeof *m->nusers);
	for (uint32_t i = g->n; i-- > 0;) {
		const struct graph_path *p = &g->paths[order[i]];
		uint64_t *own = m->users + order[i] * m->user_words;
		own[i / 64] |= (uint64_t)1 << i % 64;
		m->nusers[order[i]] = (uint32_t)reachable_count(own, m->user_words);
		for (uint32_t j = 0; j < p->nrefs; j++)
			if (p->refs[j] != order[i])
				unite(m->users + p->refs[j] * m->user_words, own, m->user_words);
	}
}

/* Rounds down to three binary digits. */
static uint64_t round_size(uint64_t size)
{
	int shift = 0;
	while (size >> shift >= 8)
		shift++;
	return size >> shift << shift;
}

static void find_alone(struct costmodel *m)
{
	const struct graph *g = m->graph;
	m->alone = xcalloc(g->n, sizeof *m->alone);
	m->apart = xcalloc(g->n, sizeof *m->apart);
	for (uint32_t i = 0; i < g->n; i++) {
		cost_t users = m->nusers[i];
		cost_t sources = (cost_t)reachable_count(costmodel_set(m, i), m->words);
		cost_t size = (cost_t)round_size(g->paths[i].nar_size);
		cost_t wanted = size * 10 * users / (10 * users + sources);
		cost_t each = wanted * 7 / 10 / users;
		m->alone[i] = (uint64_t)(wanted - each * users);
		m->apart[i] = each + (cost_t)g->paths[i].nar_size * 5 / g->n;
	}
}

struct costmodel costmodel_make(const struct graph *g, const uint64_t *weights)
{
	struct costmodel m = { .graph = g, .sources = sources_find(g) };
	AUTO_FREE uint32_t *order = reachable_order(g);
	sort_sources(&m.sources, order, g->n);
	find_sets(&m, order);
	find_weights(&m, weights);
	find_planes(&m);
	find_users(&m, order);
	find_alone(&m);
	m.rank = ranks_find(g);
	return m;
}

void costmodel_free(struct costmodel *m)
{
	sources_free(&m->sources);
	free(m->rank);
	free(m->sets);
	free(m->weights);
	free(m->planes);
	free(m->users);
	free(m->nusers);
	free(m->alone);
	free(m->apart);
	*m = (struct costmodel){ 0 };
}

void costmodel_unite(const struct costmodel *m, const uint32_t *paths, uint32_t n, uint64_t *set)
{
	for (uint32_t i = 0; i < n; i++)
		unite(set, costmodel_set(m, paths[i]), m->words);
}

/* Of the sources in one word of a set. */
static inline uint64_t weigh_word(const struct costmodel *m, size_t word, uint64_t set)
{
	const uint64_t *planes = m->planes + word * m->nplanes;
	uint64_t sum = 0;
	for (size_t k = 0; set && k < m->nplanes; k++)
		sum += (uint64_t)__builtin_popcountll(set & planes[k]) << k;
	return sum;
}

REACHABLE_CLONES uint64_t costmodel_weigh(const struct costmodel *m, const uint64_t *set)
{
	uint64_t sum = 0;
	for (size_t word = 0; word < m->words; word++)
		sum += weigh_word(m, word, set[word]);
	return sum;
}

REACHABLE_CLONES uint64_t costmodel_weigh_common(const struct costmodel *m, const uint64_t *a,
						 const uint64_t *b, const uint32_t *which,
						 uint32_t n)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < n; i++)
		sum += weigh_word(m, which[i], a[which[i]] & b[which[i]]);
	return sum;
}

REACHABLE_CLONES uint64_t costmodel_weigh_new(const struct costmodel *m, const uint64_t *a,
					      const uint64_t *b)
{
	uint64_t sum = 0;
	for (size_t word = 0; word < m->words; word++)
		sum += weigh_word(m, word, a[word] & ~b[word]);
	return sum;
}

uint64_t costmodel_changes(const struct costmodel *m, const uint32_t *paths, uint32_t n)
{
	AUTO_FREE uint64_t *set = xcalloc(m->words, sizeof *set);
	costmodel_unite(m, paths, n, set);
	return costmodel_weigh(m, set);
}

REACHABLE_CLONES uint32_t costmodel_common_users(const struct costmodel *m, const uint64_t *a,
						 const uint64_t *b)
{
	uint32_t n = 0;
	for (size_t word = 0; word < m->user_words; word++)
		n += (uint32_t)__builtin_popcountll(a[word] & b[word]);
	return n;
}

cost_t costmodel_unshared(const struct costmodel *m, const uint32_t *paths, uint32_t n)
{
	if (n < 2)
		return 0;
	AUTO_FREE uint64_t *all = xcalloc(m->user_words, sizeof *all);
	for (size_t word = 0; word < m->user_words; word++) {
		all[word] = UINT64_MAX;
		for (uint32_t i = 0; i < n; i++)
			all[word] &= costmodel_users(m, paths[i])[word];
	}
	uint64_t common = reachable_count(all, m->user_words);
	cost_t bytes = 0;
	for (uint32_t i = 0; i < n; i++)
		bytes += m->alone[paths[i]] +
			 m->apart[paths[i]] * (cost_t)(m->nusers[paths[i]] - common);
	return bytes;
}
