/* SPDX-License-Identifier: MIT */
#include "plan/sizefirst.h"

#include <string.h>

enum { LABEL_WORDS = 3 };
_Static_assert(LABEL_WORDS * 64 > SIZEFIRST_MAX_LIMIT, "one more primary than layers fits a label");

/* A set of primaries: each primary is alone in its layer at first, so there are at most limit. */
struct label {
	uint64_t bits[LABEL_WORDS];
};

static void add(struct label *label, uint32_t primary)
{
	label->bits[primary / 64] |= (uint64_t)1 << primary % 64;
}

struct sizefirst {
	const struct graph *graph;
	const struct reachable *reach;
	const uint32_t *rank;
	struct label *labels; /* one a path */
	uint32_t *primaries;  /* path of each primary so far */
	uint32_t n;           /* primaries so far */
	const bool *placed;   /* paths that are in other layers */
};

/* The primaries among the paths of set, path itself aside. */
static struct label among(const struct sizefirst *s, const uint64_t *set, uint32_t path)
{
	struct label found = { 0 };
	for (uint32_t i = 0; i < s->n; i++)
		if (s->primaries[i] != path && reachable_has(s->reach, set, s->primaries[i]))
			add(&found, i);
	return found;
}

/* Makes path the next primary: what it uses is labelled with the nearest primaries above. */
static void take(struct sizefirst *s, uint32_t path)
{
	const uint64_t *closure = reachable_closure(s->reach, path);
	struct label above = among(s, reachable_users(s->reach, path), path);
	struct label below = among(s, closure, path);
	for (uint32_t d = 0; d < s->graph->n; d++) {
		if (d == path || !reachable_has(s->reach, closure, d))
			continue;
		uint64_t nearer = 0;
		for (int w = 0; w < LABEL_WORDS; w++) {
			s->labels[d].bits[w] &= ~above.bits[w];
			nearer |= s->labels[d].bits[w] & below.bits[w];
		}
		if (!nearer)
			add(&s->labels[d], s->n);
	}
	s->labels[path] = (struct label){ 0 };
	add(&s->labels[path], s->n);
	s->primaries[s->n++] = path;
}

static int compare_labels(const void *a, const void *b)
{
	const struct label *x = a, *y = b;
	for (int w = LABEL_WORDS; w-- > 0;)
		if (x->bits[w] != y->bits[w])
			return x->bits[w] < y->bits[w] ? -1 : 1;
	return 0;
}

/* Layers that the labels make of the paths that have none yet. */
static uint32_t count_labels(const struct sizefirst *s, struct label *scratch)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->graph->n; i++)
		if (!s->placed[i])
			scratch[n++] = s->labels[i];
	qsort(scratch, n, sizeof *scratch, compare_labels);
	uint32_t found = n > 0;
	for (uint32_t i = 1; i < n; i++)
		found += compare_labels(&scratch[i - 1], &scratch[i]) != 0;
	return found;
}

struct by_size {
	uint64_t size;
	uint32_t rank;
	uint32_t path;
};

static int compare_size(const void *a, const void *b)
{
	const struct by_size *x = a, *y = b;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* Takes primaries, largest first, up to the step that would break the limit. */
static void label_paths(struct sizefirst *s, uint32_t limit)
{
	uint32_t n = s->graph->n;
	AUTO_FREE struct by_size *order = xcalloc(n, sizeof *order);
	AUTO_FREE struct label *before = xcalloc(n, sizeof *before);
	AUTO_FREE struct label *scratch = xcalloc(n, sizeof *scratch);
	for (uint32_t i = 0; i < n; i++)
		order[i] = (struct by_size){ s->graph->paths[i].nar_size, s->rank[i], i };
	qsort(order, n, sizeof *order, compare_size);
	for (uint32_t i = 0; i < n; i++) {
		if (s->placed[order[i].path])
			continue;
		memcpy(before, s->labels, n * sizeof *before);
		take(s, order[i].path);
		if (count_labels(s, scratch) > limit) {
			memcpy(s->labels, before, n * sizeof *before);
			return;
		}
	}
}

struct labelled {
	struct label label;
	uint32_t path;
};

/* Groups the paths by label, behind the groups that are there. */
static void collect(const struct sizefirst *s, struct merge_group *groups, uint32_t *ngroups)
{
	uint32_t n = 0;
	AUTO_FREE struct labelled *paths = xcalloc(s->graph->n, sizeof *paths);
	for (uint32_t i = 0; i < s->graph->n; i++)
		if (!s->placed[i])
			paths[n++] = (struct labelled){ s->labels[i], i };
	/* the label comes first in struct labelled */
	qsort(paths, n, sizeof *paths, compare_labels);
	for (uint32_t i = 0, end; i < n; i = end) {
		struct merge_group *group = &groups[(*ngroups)++];
		for (end = i; end < n && compare_labels(&paths[i], &paths[end]) == 0; end++)
			group->n++;
		group->paths = xcalloc(group->n, sizeof *group->paths);
		for (uint32_t j = 0; j < group->n; j++)
			group->paths[j] = paths[i + j].path;
	}
}

struct by_closure {
	struct merge_group group;
	uint64_t closure_size;
	uint32_t rank;
};

static int compare_closure(const void *a, const void *b)
{
	const struct by_closure *x = a, *y = b;
	if (x->closure_size != y->closure_size)
		return x->closure_size < y->closure_size ? -1 : 1;
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static struct by_closure measure(const struct sizefirst *s, const struct merge_group *group)
{
	struct by_closure m = { *group, 0, UINT32_MAX };
	AUTO_FREE uint64_t *closure = xcalloc(s->reach->words, sizeof *closure);
	for (uint32_t i = 0; i < group->n; i++) {
		uint32_t path = group->paths[i];
		m.rank = s->rank[path] < m.rank ? s->rank[path] : m.rank;
		for (size_t w = 0; w < s->reach->words; w++)
			closure[w] |= reachable_closure(s->reach, path)[w];
	}
	for (uint32_t i = 0; i < s->graph->n; i++)
		if (reachable_has(s->reach, closure, i))
			m.closure_size += s->graph->paths[i].nar_size;
	return m;
}

void sizefirst_order(const struct graph *g, const struct reachable *r, const uint32_t *rank,
		     struct merge_group *groups, uint32_t n)
{
	const struct sizefirst s = { .graph = g, .reach = r, .rank = rank };
	AUTO_FREE struct by_closure *order = xcalloc(n, sizeof *order);
	for (uint32_t i = 0; i < n; i++)
		order[i] = measure(&s, &groups[i]);
	qsort(order, n, sizeof *order, compare_closure);
	for (uint32_t i = 0; i < n; i++)
		groups[i] = order[i].group;
}

void sizefirst_groups(const struct graph *g, const struct reachable *r, const uint32_t *rank,
		      uint32_t limit, struct merge_group *groups, uint32_t *n)
{
	AUTO_FREE struct label *labels = xcalloc(g->n, sizeof *labels);
	AUTO_FREE uint32_t *primaries = xcalloc((size_t)limit + 1, sizeof *primaries);
	AUTO_FREE bool *placed = merge_placed(g, groups, *n);
	struct sizefirst s = { .graph = g,
			       .reach = r,
			       .rank = rank,
			       .labels = labels,
			       .primaries = primaries,
			       .placed = placed };
	label_paths(&s, limit - *n);
	collect(&s, groups, n);
}
