/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "plan/layering_parts.h"
#include "plan/popularity.h"

/* --- values --- */

/* Values are as deep as operations are nested, which reading bounds. */
void layering_value_free(struct value *v)
{
	for (size_t i = 0; v->items && i < v->n; i++)
		layering_value_free(&v->items[i]);
	free(v->items);
	free(v->members);
	*v = (struct value){ 0 };
}

struct value *layering_add_item(struct value *v, struct value item)
{
	v->items = mem_grow(v->items, &v->cap, v->n + 1, sizeof *v->items);
	v->items[v->n] = item;
	return &v->items[v->n++];
}

void layering_add_member(struct value *v, struct member member)
{
	v->members = mem_grow(v->members, &v->cap, v->n + 1, sizeof *v->members);
	v->members[v->n++] = member;
}

static void replace(struct value *v, struct value by)
{
	by.key = v->key;
	layering_value_free(v);
	*v = by;
}

/* --- walking in a graph value --- */

static void enter(struct layering *l, const struct value *v)
{
	l->v = v;
	for (uint32_t i = 0; i < v->n; i++)
		l->place[v->members[i].path] = i + 1;
}

static void leave(struct layering *l)
{
	for (uint32_t i = 0; i < l->v->n; i++)
		l->place[l->v->members[i].path] = 0;
	l->v = NULL;
}

/* Index of the member that reference j of member i leads to; -1 where there is none. */
static int64_t follow(const struct layering *l, size_t i, uint32_t j)
{
	const struct member *from = &l->v->members[i];
	uint32_t ref = l->graph->paths[from->path].refs[j];
	if (ref == from->path || l->place[ref] == 0)
		return -1;
	const struct member *to = &l->v->members[l->place[ref] - 1];
	return to->cut || to->part != from->part ? -1 : (int64_t)l->place[ref] - 1;
}

/* Flags what the flagged members reach, without entering those that are closed (NULL: none). */
static void spread_down(const struct layering *l, bool *flags, const bool *closed)
{
	for (uint32_t k = l->graph->n; k-- > 0;) {
		uint32_t i = l->place[l->order[k]];
		if (i == 0 || !flags[--i])
			continue;
		for (uint32_t j = 0; j < l->graph->paths[l->order[k]].nrefs; j++) {
			int64_t to = follow(l, i, j);
			if (to >= 0 && !(closed && closed[to]))
				flags[to] = true;
		}
	}
}

/* Flags what reaches the flagged members. */
static void spread_up(const struct layering *l, bool *flags)
{
	for (uint32_t k = 0; k < l->graph->n; k++) {
		uint32_t i = l->place[l->order[k]];
		if (i-- == 0)
			continue;
		for (uint32_t j = 0; j < l->graph->paths[l->order[k]].nrefs; j++) {
			int64_t to = follow(l, i, j);
			flags[i] = flags[i] || (to >= 0 && flags[to]);
		}
	}
}

/* Flags the members that the paths of the step name. Returns how many. */
static size_t flag_named(const struct layering *l, const struct step *step, bool *flags)
{
	size_t n = 0;
	for (step++; step < l->steps->list + l->steps->n &&
		     (step->operation == PATH || step->operation == CHILDREN_OF);
	     step++) {
		int64_t path = graph_find(l->graph, step->argument);
		if (path < 0 || l->place[path] == 0)
			continue;
		uint32_t i = l->place[path] - 1;
		if (step->operation == PATH) {
			n += !flags[i];
			flags[i] = true;
			continue;
		}
		for (uint32_t j = 0; j < l->graph->paths[path].nrefs; j++) {
			int64_t to = follow(l, i, j);
			n += to >= 0 && !flags[to];
			if (to >= 0)
				flags[to] = true;
		}
	}
	return n;
}

static bool *find_roots(const struct layering *l)
{
	bool *roots = xmalloc(l->v->n);
	memset(roots, true, l->v->n);
	for (size_t i = 0; i < l->v->n; i++)
		for (uint32_t j = 0; j < l->graph->paths[l->v->members[i].path].nrefs; j++) {
			int64_t to = follow(l, i, j);
			if (to >= 0)
				roots[to] = false;
		}
	return roots;
}

/* --- operations on graphs --- */

/* Adds the members with these flags to the dictionary, unless there are none. */
static void add_part(struct value *dict, const char *key, const struct value *v, const bool *a,
		     bool want_a, const bool *b, bool want_b)
{
	struct value part = { .kind = GRAPH, .key = key };
	for (size_t i = 0; i < v->n; i++)
		if (a[i] == want_a && (!b || b[i] == want_b))
			layering_add_member(&part, v->members[i]);
	if (part.n)
		layering_add_item(dict, part);
}

/* As one part of a dictionary, unchanged. */
static void wrap(struct value *v, const char *key)
{
	struct value dict = { .kind = DICT, .key = v->key };
	v->key = key;
	layering_add_item(&dict, *v);
	*v = dict;
}

static bool is_only_root(const struct layering *l, const bool *roots, const bool *named)
{
	size_t n = 0, n_named = 0;
	for (size_t i = 0; i < l->v->n; i++) {
		n += roots[i];
		n_named += roots[i] && named[i];
	}
	return n == 1 && n_named == 1;
}

/* What split_paths tells the members apart by. */
struct split {
	bool *named; /* what is split off; references to it are cut */
	bool *main;  /* it and all it reaches */
	bool *rest;  /* what roots reach on other ways */
};

/* Returns the part that all of v is, or NULL where it is several. */
static const char *find_split(const struct layering *l, const struct step *step, struct split *s)
{
	if (!flag_named(l, step, s->named))
		return "rest";
	s->rest = find_roots(l);
	if (is_only_root(l, s->rest, s->named))
		return "main";
	memcpy(s->main, s->named, l->v->n);
	spread_down(l, s->main, NULL);
	for (size_t i = 0; i < l->v->n; i++)
		s->rest[i] = s->rest[i] && !s->named[i];
	spread_down(l, s->rest, s->named);
	return NULL;
}

void layering_split_paths(struct layering *l, const struct step *step, struct value *v)
{
	AUTO_FREE bool *named = xcalloc(v->n, sizeof *named);
	AUTO_FREE bool *main = xcalloc(v->n, sizeof *main);
	struct split s = { .named = named, .main = main };
	enter(l, v);
	const char *whole = find_split(l, step, &s);
	leave(l);
	AUTO_FREE bool *rest = s.rest;
	if (whole) {
		wrap(v, whole);
		return;
	}
	for (size_t i = 0; i < v->n; i++)
		v->members[i].cut = v->members[i].cut || named[i];
	struct value dict = { .kind = DICT };
	add_part(&dict, "main", v, main, true, rest, false);
	add_part(&dict, "common", v, main, true, rest, true);
	add_part(&dict, "rest", v, main, false, NULL, false);
	replace(v, dict);
}

void layering_subcomponent(struct layering *l, const struct step *step, struct value *v)
{
	AUTO_FREE bool *found = xcalloc(v->n, sizeof *found);
	struct value dict = { .kind = DICT };
	enter(l, v);
	flag_named(l, step, found);
	if (step->operation == SUBCOMPONENT_IN)
		spread_up(l, found);
	else
		spread_down(l, found, NULL);
	leave(l);
	add_part(&dict, "main", v, found, true, NULL, false);
	add_part(&dict, "rest", v, found, false, NULL, false);
	replace(v, dict);
}

void layering_remove_paths(struct layering *l, const struct step *step, struct value *v)
{
	AUTO_FREE bool *named = xcalloc(v->n, sizeof *named);
	size_t kept = 0;
	enter(l, v);
	flag_named(l, step, named);
	leave(l);
	for (size_t i = 0; i < v->n; i++)
		if (!named[i])
			v->members[kept++] = v->members[i];
	v->n = kept;
}

static int compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	return x->path < y->path ? -1 : x->path > y->path;
}

/* The references of each member as indices of members, which are sorted by path. */
static void copy_refs(const struct layering *l, struct graph_path *paths, uint32_t *refs)
{
	for (size_t i = 0; i < l->v->n; i++) {
		paths[i] = l->graph->paths[l->v->members[i].path];
		paths[i].refs = refs;
		uint32_t n = 0;
		for (uint32_t j = 0; j < paths[i].nrefs; j++) {
			int64_t to = follow(l, i, j);
			if (to >= 0)
				refs[n++] = (uint32_t)to;
		}
		paths[i].nrefs = n;
		refs += n;
	}
}

void layering_popularity_contest(struct layering *l, struct value *v)
{
	size_t nrefs = 0;
	for (size_t i = 0; i < v->n; i++)
		nrefs += l->graph->paths[v->members[i].path].nrefs;
	AUTO_FREE struct graph_path *paths = xcalloc(v->n, sizeof *paths);
	AUTO_FREE uint32_t *refs = xcalloc(nrefs, sizeof *refs);
	qsort(v->members, v->n, sizeof *v->members, compare_members);
	enter(l, v);
	copy_refs(l, paths, refs);
	leave(l);
	const struct graph sub = { .paths = paths, .n = (uint32_t)v->n };
	AUTO_POPULARITY struct popularity p = { 0 };
	popularity_rank(&sub, &p);
	struct value list = { .kind = LIST };
	for (uint32_t i = 0; i < sub.n; i++) {
		struct value *one = layering_add_item(&list, (struct value){ .kind = GRAPH });
		layering_add_member(one, v->members[p.ranked[i].path - paths]);
	}
	replace(v, list);
}

void layering_split_every(const struct step *step, struct value *v)
{
	struct value list = { .kind = LIST }, *part = NULL;
	for (size_t i = 0; i < v->n; i++) {
		if (i % step->number == 0)
			part = layering_add_item(&list, (struct value){ .kind = GRAPH });
		layering_add_member(part, v->members[i]);
	}
	replace(v, list);
}
