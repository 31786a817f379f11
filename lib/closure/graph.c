/* SPDX-License-Identifier: MIT */
#include "closure/graph.h"

#include <inttypes.h>
#include <string.h>

#include "base/intern.h"
#include "closure/storepath.h"

/* A path as it was described so far; its number is that of its name. */
struct node {
	const char *nar_hash; /* NULL: not known */
	const char *deriver;  /* NULL: not known */
	uint64_t nar_size;
	uint64_t line; /* of the first description */
	size_t refs;   /* where they start in the builder's refs */
	uint32_t nrefs;
	uint32_t origin; /* number of the input's name; INTERN_NONE: no name */
	bool described, excluded, has_size, has_refs;
};

struct graph_builder {
	struct intern names, origins;
	struct node *nodes; /* by number of the name */
	size_t cap;
	uint32_t *refs; /* numbers of names, each node's ascending */
	size_t nrefs, refs_cap;
	const char *store_dir;
	uint32_t origin;
	uint64_t line;
};

struct graph_store {
	struct intern names;
	uint32_t *refs;
};

struct graph_builder *graph_builder_new(void)
{
	struct graph_builder *b = xcalloc(1, sizeof *b);
	b->origin = INTERN_NONE;
	return b;
}

void graph_builder_free(struct graph_builder *b)
{
	if (!b)
		return;
	intern_free(&b->names);
	intern_free(&b->origins);
	free(b->nodes);
	free(b->refs);
	free(b);
}

static void builder_cleanup(struct graph_builder **b)
{
	graph_builder_free(*b);
}
#define AUTO_BUILDER __attribute__((cleanup(builder_cleanup)))

void graph_store_dir(struct graph_builder *b, const char *store_dir)
{
	b->store_dir = store_dir;
}

void graph_origin(struct graph_builder *b, const char *name, uint64_t line)
{
	/* most calls only move on within one input */
	if (!name)
		b->origin = INTERN_NONE;
	else if (b->origin == INTERN_NONE || strcmp(b->origins.strings[b->origin], name) != 0)
		b->origin = intern_add(&b->origins, name, strlen(name));
	b->line = line;
}

/* "NAME:LINE", "NAME" or NULL; the caller frees it. */
static char *place(const struct graph_builder *b, uint32_t origin, uint64_t line)
{
	if (origin == INTERN_NONE)
		return NULL;
	const char *name = b->origins.strings[origin];
	return line ? xasprintf("%s:%" PRIu64, name, line) : xstrdup(name);
}

static int wrap_place(const struct graph_builder *b, uint32_t origin, uint64_t line, struct err *e)
{
	AUTO_FREE char *where = place(b, origin, line);
	return where ? err_wrap(e, "%s", where) : -1;
}

/* --- adding --- */

/* The number of the path, which is checked when it comes for the first time. */
static int number(struct graph_builder *b, const char *path, uint32_t *id, struct err *e)
{
	size_t len = strlen(path);
	uint32_t known = intern_find(&b->names, path, len);
	if (known == INTERN_NONE) {
		if (storepath_check(path, b->store_dir, e) < 0)
			return -1;
		known = intern_add(&b->names, path, len);
		b->nodes = mem_grow(b->nodes, &b->cap, b->names.n, sizeof *b->nodes);
		b->nodes[known] = (struct node){ .origin = INTERN_NONE };
	}
	*id = known;
	return 0;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* Sorts the numbers and drops repeated ones; returns how many stay. */
static size_t sort_numbers(uint32_t *ids, size_t n)
{
	if (n == 0)
		return 0;
	qsort(ids, n, sizeof *ids, compare_numbers);
	size_t kept = 1;
	for (size_t i = 1; i < n; i++)
		if (ids[i] != ids[i - 1])
			ids[kept++] = ids[i];
	return kept;
}

/* Appends the references behind those of the builder, which do not count them yet. */
static int stage_refs(struct graph_builder *b, const char *const *refs, size_t n, uint32_t *kept,
		      struct err *e)
{
	/* one more, so that refs is never NULL */
	b->refs = mem_grow(b->refs, &b->refs_cap, b->nrefs + n + 1, sizeof *b->refs);
	for (size_t i = 0; i < n; i++)
		if (number(b, refs[i], &b->refs[b->nrefs + i], e) < 0)
			return -1;
	*kept = (uint32_t)sort_numbers(b->refs + b->nrefs, n);
	return 0;
}

static bool same_refs(const struct graph_builder *b, const struct node *a, const struct node *c)
{
	return a->nrefs == c->nrefs &&
	       memcmp(b->refs + a->refs, b->refs + c->refs, a->nrefs * sizeof *b->refs) == 0;
}

/* What the two descriptions of one path do not agree on, NULL where they do. */
static const char *difference(const struct graph_builder *b, const struct node *old,
			      const struct node *now)
{
	if (old->has_size && now->has_size && old->nar_size != now->nar_size)
		return "NAR size";
	if (old->nar_hash && now->nar_hash && strcmp(old->nar_hash, now->nar_hash) != 0)
		return "NAR hash";
	if (old->has_refs && now->has_refs && !same_refs(b, old, now))
		return "references";
	return NULL;
}

static int conflict(const struct graph_builder *b, const char *path, const struct node *old,
		    const char *what, struct err *e)
{
	AUTO_FREE char *where = place(b, old->origin, old->line);
	return err_set(e, 0, "'%s' is described twice, with different %s (first%s%s)", path, what,
		       where ? " in " : " earlier", where ? where : "");
}

/* Takes over what the new description knows and the old one does not. */
static void merge(struct graph_builder *b, struct node *old, const struct node *now)
{
	if (!old->described) {
		old->described = true;
		old->origin = now->origin;
		old->line = now->line;
	}
	if (!old->has_size && now->has_size) {
		old->has_size = true;
		old->nar_size = now->nar_size;
	}
	if (!old->nar_hash && now->nar_hash)
		old->nar_hash = intern_keep(&b->names, now->nar_hash, strlen(now->nar_hash));
	if (!old->has_refs && now->has_refs) {
		old->has_refs = true;
		old->refs = now->refs;
		old->nrefs = now->nrefs;
		b->nrefs += now->nrefs;
	}
}

static int add(struct graph_builder *b, const char *path, struct node *now, const char *const *refs,
	       size_t nrefs, struct err *e)
{
	uint32_t id;
	if (number(b, path, &id, e) < 0)
		return -1;
	if (stage_refs(b, refs, nrefs, &now->nrefs, e) < 0)
		return err_wrap(e, "reference of '%s'", path);
	const char *what = difference(b, &b->nodes[id], now);
	if (what)
		return conflict(b, path, &b->nodes[id], what, e);
	merge(b, &b->nodes[id], now);
	return 0;
}

int graph_add(struct graph_builder *b, const char *path, const char *nar_hash, bool has_size,
	      uint64_t nar_size, const char *const *refs, size_t nrefs, struct err *e)
{
	struct node now = { .nar_hash = nar_hash,
			    .nar_size = has_size ? nar_size : 0,
			    .has_size = has_size,
			    .refs = b->nrefs,
			    .has_refs = refs != NULL,
			    .origin = b->origin,
			    .line = b->line };
	if (add(b, path, &now, refs, refs ? nrefs : 0, e) < 0)
		return wrap_place(b, b->origin, b->line, e);
	return 0;
}

int graph_deriver(struct graph_builder *b, const char *path, const char *deriver, struct err *e)
{
	uint32_t id;
	if (storepath_check(deriver, NULL, e) < 0) {
		err_wrap(e, "deriver of '%s'", path);
		return wrap_place(b, b->origin, b->line, e);
	}
	if (number(b, path, &id, e) < 0)
		return -1;
	struct node *node = &b->nodes[id];
	if (!node->deriver || strcmp(deriver, node->deriver) < 0)
		node->deriver = intern_keep(&b->names, deriver, strlen(deriver));
	return 0;
}

int graph_exclude(struct graph_builder *b, const char *path, struct err *e)
{
	uint32_t id;
	if (number(b, path, &id, e) < 0)
		return -1;
	b->nodes[id].excluded = true;
	return 0;
}

/* --- finishing --- */

static int compare_names(const void *a, const void *b, void *names)
{
	const char *const *strings = names;
	return strcmp(strings[*(const uint32_t *)a], strings[*(const uint32_t *)b]);
}

/* The numbers of the paths that stay, in the order of their names. */
static uint32_t *sorted_nodes(const struct graph_builder *b, uint32_t *n)
{
	uint32_t *ids = xmalloc(b->names.n * sizeof *ids);
	*n = 0;
	for (uint32_t i = 0; i < b->names.n; i++)
		if (b->nodes[i].described && !b->nodes[i].excluded)
			ids[(*n)++] = i;
	qsort_r(ids, *n, sizeof *ids, compare_names, b->names.strings);
	return ids;
}

static int dangling(const struct graph_builder *b, uint32_t from, uint32_t to, struct err *e)
{
	const struct node *node = &b->nodes[from];
	err_set(e, 0, "'%s' refers to '%s', which is not described: the closure is not complete",
		b->names.strings[from], b->names.strings[to]);
	return wrap_place(b, node->origin, node->line, e);
}

/* Turns a node's references into indices; rank: index of each number. */
static int resolve(const struct graph_builder *b, uint32_t id, const uint32_t *rank, uint32_t *refs,
		   uint32_t *nrefs, struct err *e)
{
	const struct node *node = &b->nodes[id];
	uint32_t missing = INTERN_NONE, n = 0;
	for (uint32_t i = 0; i < node->nrefs; i++) {
		uint32_t to = b->refs[node->refs + i];
		if (b->nodes[to].excluded)
			continue;
		if (b->nodes[to].described)
			refs[n++] = rank[to];
		else if (missing == INTERN_NONE ||
			 strcmp(b->names.strings[to], b->names.strings[missing]) < 0)
			missing = to;
	}
	if (missing != INTERN_NONE)
		return dangling(b, id, missing, e);
	qsort(refs, n, sizeof *refs, compare_numbers);
	*nrefs = n;
	return 0;
}

static int fill(const struct graph_builder *b, const uint32_t *ids, const uint32_t *rank,
		struct graph *g, struct err *e)
{
	uint32_t *refs = g->store->refs;
	for (uint32_t i = 0; i < g->n; i++) {
		const struct node *node = &b->nodes[ids[i]];
		struct graph_path *p = &g->paths[i];
		*p = (struct graph_path){ .path = b->names.strings[ids[i]],
					  .nar_hash = node->nar_hash,
					  .deriver = node->deriver,
					  .nar_size = node->nar_size,
					  .has_size = node->has_size,
					  .has_refs = node->has_refs,
					  .refs = refs };
		if (resolve(b, ids[i], rank, refs, &p->nrefs, e) < 0)
			return -1;
		refs += p->nrefs;
	}
	return 0;
}

enum { CYCLE_SHOWN = 10 };

/* "a -> b -> a": the cycle that the depth-first search closed with a reference to `to`. */
static int cycle(const struct graph *g, const uint32_t *stack, size_t depth, uint32_t to,
		 struct err *e)
{
	AUTO_BUF struct buf b = { 0 };
	size_t first = depth;
	while (stack[--first] != to)
		;
	for (size_t i = first; i < depth && i - first < CYCLE_SHOWN; i++)
		buf_addf(&b, "'%s' -> ", g->paths[stack[i]].path);
	if (depth - first > CYCLE_SHOWN)
		buf_addf(&b, "%zu more -> ", depth - first - CYCLE_SHOWN);
	buf_addf(&b, "'%s'", g->paths[to].path);
	return err_set(e, 0, "the references form a cycle: %s", b.s);
}

/* Depth-first from each path in turn, on a stack of our own: chains may be long. */
static int check_acyclic(const struct graph *g, struct err *e)
{
	enum { NEW, OPEN, DONE };
	AUTO_FREE unsigned char *state = xcalloc(g->n, 1);
	AUTO_FREE uint32_t *next = xcalloc(g->n, sizeof *next);
	AUTO_FREE uint32_t *stack = xmalloc(g->n * sizeof *stack);
	for (uint32_t root = 0; root < g->n; root++) {
		size_t depth = 0;
		if (state[root] == NEW)
			stack[depth++] = root;
		while (depth) {
			uint32_t at = stack[depth - 1];
			state[at] = OPEN;
			if (next[at] == g->paths[at].nrefs) {
				state[at] = DONE;
				depth--;
				continue;
			}
			uint32_t to = g->paths[at].refs[next[at]++];
			if (state[to] == OPEN && to != at)
				return cycle(g, stack, depth, to, e);
			if (state[to] == NEW)
				stack[depth++] = to;
		}
	}
	return 0;
}

int graph_finish(struct graph_builder *builder, struct graph *g, struct err *e)
{
	AUTO_BUILDER struct graph_builder *b = builder;
	struct graph result = { .store = xcalloc(1, sizeof *result.store) };
	AUTO_FREE uint32_t *ids = sorted_nodes(b, &result.n);
	AUTO_FREE uint32_t *rank = xmalloc(b->names.n * sizeof *rank);
	for (uint32_t i = 0; i < result.n; i++)
		rank[ids[i]] = i;
	result.paths = xcalloc(result.n, sizeof *result.paths);
	result.store->refs = xmalloc(b->nrefs * sizeof *b->refs);
	if (fill(b, ids, rank, &result, e) < 0 || check_acyclic(&result, e) < 0) {
		graph_free(&result);
		return -1;
	}
	result.store->names = b->names;
	b->names = (struct intern){ 0 };
	*g = result;
	return 0;
}

void graph_free(struct graph *g)
{
	if (g->store) {
		intern_free(&g->store->names);
		free(g->store->refs);
	}
	free(g->store);
	free(g->paths);
	*g = (struct graph){ 0 };
}

/* --- asking and cutting --- */

int64_t graph_find(const struct graph *g, const char *path)
{
	uint32_t low = 0, high = g->n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(g->paths[middle].path, path);
		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

/* Appends the path to the stack unless it was there before. */
static void visit(uint32_t *stack, size_t *depth, bool *seen, uint32_t index)
{
	if (!seen[index]) {
		seen[index] = true;
		stack[(*depth)++] = index;
	}
}

/* Drops the paths that are not marked; no reference of a marked one leads to them. */
static void keep_marked(struct graph *g, const bool *marked)
{
	AUTO_FREE uint32_t *rank = xmalloc(g->n * sizeof *rank);
	uint32_t n = 0;
	for (uint32_t i = 0; i < g->n; i++) {
		rank[i] = n;
		if (marked[i])
			g->paths[n++] = g->paths[i];
	}
	uint32_t *refs = g->store->refs;
	for (uint32_t i = 0; i < n; i++) {
		struct graph_path *p = &g->paths[i];
		/* writing never overtakes reading: both go through the store in order */
		for (uint32_t k = 0; k < p->nrefs; k++)
			refs[k] = rank[p->refs[k]];
		p->refs = refs;
		refs += p->nrefs;
	}
	g->n = n;
}

int graph_cut(struct graph *g, const char *const *roots, size_t nroots, struct err *e)
{
	AUTO_FREE bool *seen = xcalloc(g->n, sizeof *seen);
	AUTO_FREE uint32_t *stack = xmalloc(g->n * sizeof *stack);
	size_t depth = 0;
	for (size_t i = 0; i < nroots; i++) {
		int64_t index = graph_find(g, roots[i]);
		if (index < 0)
			return err_set(e, 0, "root '%s' is not in the closure", roots[i]);
		visit(stack, &depth, seen, (uint32_t)index);
	}
	while (depth) {
		const struct graph_path *p = &g->paths[stack[--depth]];
		for (uint32_t k = 0; k < p->nrefs; k++)
			visit(stack, &depth, seen, p->refs[k]);
	}
	keep_marked(g, seen);
	return 0;
}
