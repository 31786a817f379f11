/* SPDX-License-Identifier: MIT */
#include "plan/ranks.h"

#include <string.h>

#include "closure/storepath.h"

struct ranked {
	const struct graph *graph;
	uint32_t path;
	uint32_t class;     /* equal for paths not told apart yet */
	uint64_t signature; /* of its neighbours' classes */
};

static int compare_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	const struct graph_path *p = &x->graph->paths[x->path], *q = &y->graph->paths[y->path];
	int names = strcmp(storepath_name(p->path), storepath_name(q->path));
	if (names)
		return names;
	return p->nar_size < q->nar_size ? -1 : p->nar_size > q->nar_size;
}

static int compare_class(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return x->signature < y->signature ? -1 : x->signature > y->signature;
}

static int compare_last(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return x->path < y->path ? -1 : x->path > y->path;
}

/* Sorts, and gives what compares equal the same class. Returns the number of classes. */
static uint32_t classify(struct ranked *r, uint32_t n, int (*compare)(const void *, const void *))
{
	uint32_t classes = 0;
	qsort(r, n, sizeof *r, compare);
	AUTO_FREE uint32_t *class = xcalloc(n, sizeof *class);
	for (uint32_t i = 0; i < n; i++)
		class[i] = i && compare(&r[i - 1], &r[i]) != 0 ? ++classes : classes;
	for (uint32_t i = 0; i < n; i++)
		r[i].class = class[i];
	return classes + (n > 0);
}

static uint64_t mix(uint64_t x)
{
	/* finaliser of a 64-bit hash: neighbours are added up, so their order does not matter */
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
	x = (x ^ x >> 27) * 0x94d049bb133111ebU;
	return x ^ x >> 31;
}

static void sign(struct ranked *r, const struct graph *g)
{
	AUTO_FREE uint32_t *class = xcalloc(g->n, sizeof *class);
	AUTO_FREE uint64_t *sum = xcalloc(g->n, sizeof *sum);
	for (uint32_t i = 0; i < g->n; i++)
		class[r[i].path] = r[i].class;
	for (uint32_t p = 0; p < g->n; p++)
		for (uint32_t j = 0; j < g->paths[p].nrefs; j++) {
			uint32_t ref = g->paths[p].refs[j];
			sum[p] += mix(2 * (uint64_t) class[ref] + 1);
			sum[ref] += mix(2 * (uint64_t) class[p] + 2);
		}
	for (uint32_t i = 0; i < g->n; i++)
		r[i].signature = sum[r[i].path];
}

uint32_t *ranks_find(const struct graph *g)
{
	AUTO_FREE struct ranked *r = xcalloc(g->n, sizeof *r);
	uint32_t *rank = xcalloc(g->n, sizeof *rank);
	for (uint32_t i = 0; i < g->n; i++)
		r[i] = (struct ranked){ .graph = g, .path = i };
	uint32_t before = 0, classes = classify(r, g->n, compare_first);
	while (classes < g->n && classes > before) {
		before = classes;
		sign(r, g);
		classes = classify(r, g->n, compare_class);
	}
	qsort(r, g->n, sizeof *r, compare_last);
	for (uint32_t i = 0; i < g->n; i++)
		rank[r[i].path] = i;
	return rank;
}
