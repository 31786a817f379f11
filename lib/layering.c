/* SPDX-License-Identifier: MIT */
#include "layering.h"

#include <string.h>

#include "jq.h"
#include "layering.jq.h"
#include "num.h"
#include "popularity.h"
#include "rec.h"

/* --- values: what operations take and give --- */

enum kind { GRAPH, LIST, DICT };

static const char *const kinds[] = { "a graph", "a list", "a dictionary" };

/*
 * A path of a graph value. References lead from one member to another of the
 * same part, unless they were cut off the one they lead to.
 */
struct member {
	uint32_t path;
	uint32_t part; /* the members of a part are neighbours */
	bool cut;
};

struct value {
	enum kind kind;
	const char *key;        /* in a dictionary; static */
	struct member *members; /* GRAPH; owned */
	struct value *items;    /* LIST and DICT; owned */
	size_t n, cap;
};

/* Values are as deep as operations are nested, which layering.jq bounds. */
static void value_free(struct value *v)
{
	for (size_t i = 0; v->items && i < v->n; i++)
		value_free(&v->items[i]);
	free(v->items);
	free(v->members);
	*v = (struct value){ 0 };
}

static struct value *add_item(struct value *v, struct value item)
{
	v->items = mem_grow(v->items, &v->cap, v->n + 1, sizeof *v->items);
	v->items[v->n] = item;
	return &v->items[v->n++];
}

static void add_member(struct value *v, struct member member)
{
	v->members = mem_grow(v->members, &v->cap, v->n + 1, sizeof *v->members);
	v->members[v->n++] = member;
}

static void replace(struct value *v, struct value by)
{
	by.key = v->key;
	value_free(v);
	*v = by;
}

/* --- the operations, as layering.jq wrote them --- */

enum operation {
	POPULARITY_CONTEST,
	SPLIT_PATHS,
	SUBCOMPONENT_IN,
	SUBCOMPONENT_OUT,
	REMOVE_PATHS,
	SPLIT_EVERY,
	LIMIT_LAYERS,
	REVERSE,
	FLATTEN,
	OVER,
	MAP,
	END,         /* of over or map */
	PATH,        /* of the operation before */
	CHILDREN_OF, /* the same, for what it refers to */
	OPERATIONS
};

static const char *const words[] = { "popularity_contest",
				     "split_paths",
				     "subcomponent_in",
				     "subcomponent_out",
				     "remove_paths",
				     "split_every",
				     "limit_layers",
				     "reverse",
				     "flatten",
				     "over",
				     "map",
				     "end",
				     "path",
				     "children_of" };

struct step {
	enum operation operation;
	char *at;       /* owned: its position, for messages */
	char *argument; /* owned; NULL: none */
	size_t end;     /* over and map: index of their END */
};

struct layering {
	const struct graph *graph;
	const char *name; /* of the input */
	struct step *steps;
	size_t n, cap;
	uint32_t *order;       /* the paths, each after all it refers to */
	uint32_t *place;       /* index + 1 of each path in the value at work; 0: not in it */
	const struct value *v; /* that value, a graph */
};

static int step_err(const struct layering *l, const struct step *step, const char *expected,
		    const struct value *v, struct err *e)
{
	return err_set(e, 0, "%s: operation %s (%s): expected %s, found %s", l->name, step->at,
		       words[step->operation], expected, kinds[v->kind]);
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
	for (step++;
	     step < l->steps + l->n && (step->operation == PATH || step->operation == CHILDREN_OF);
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
			add_member(&part, v->members[i]);
	if (part.n)
		add_item(dict, part);
}

/* As one part of a dictionary, unchanged. */
static void wrap(struct value *v, const char *key)
{
	struct value dict = { .kind = DICT, .key = v->key };
	v->key = key;
	add_item(&dict, *v);
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

static void split_paths(struct layering *l, const struct step *step, struct value *v)
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

static void subcomponent(struct layering *l, const struct step *step, struct value *v)
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

static void remove_paths(struct layering *l, const struct step *step, struct value *v)
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

static void popularity_contest(struct layering *l, struct value *v)
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
		struct value *one = add_item(&list, (struct value){ .kind = GRAPH });
		add_member(one, v->members[p.ranked[i].path - paths]);
	}
	replace(v, list);
}

/* The step's argument, which layering.jq made sure is a number. */
static uint64_t number(const struct step *step)
{
	uint64_t n = 1;
	struct err e = { 0 };
	if (num_parse(step->argument, strlen(step->argument), 10, 1, UINT32_MAX, &n, &e) < 0)
		err_clear(&e);
	return n;
}

static void split_every(const struct step *step, struct value *v)
{
	struct value list = { .kind = LIST }, *part = NULL;
	for (size_t i = 0; i < v->n; i++) {
		if (i % number(step) == 0)
			part = add_item(&list, (struct value){ .kind = GRAPH });
		add_member(part, v->members[i]);
	}
	replace(v, list);
}

/* --- operations on lists and dictionaries --- */

/* Moves the members of from behind those of v; nothing refers from the ones to the others. */
static void append(struct value *v, struct value *from)
{
	uint32_t part = v->n ? v->members[v->n - 1].part : 0;
	for (size_t i = 0; i < from->n; i++) {
		struct member m = from->members[i];
		if (i == 0 || from->members[i].part != from->members[i - 1].part)
			part++;
		m.part = part;
		add_member(v, m);
	}
	value_free(from);
}

static int limit_layers(const struct layering *l, const struct step *step, struct value *v,
			struct err *e)
{
	uint64_t limit = number(step);
	for (size_t i = 0; i < v->n; i++)
		if (v->items[i].kind != GRAPH)
			return step_err(l, step, "a list of graphs (flatten makes one)",
					&v->items[i], e);
	for (size_t i = limit; i < v->n; i++)
		append(&v->items[limit - 1], &v->items[i]);
	if (v->n > limit)
		v->n = limit;
	return 0;
}

static void reverse(struct value *v)
{
	for (size_t i = 0, j = v->n; i + 1 < j--; i++) {
		struct value item = v->items[i];
		v->items[i] = v->items[j];
		v->items[j] = item;
	}
}

static void flatten_into(struct value *list, struct value *v)
{
	if (v->kind == GRAPH) {
		v->key = NULL;
		add_item(list, *v);
		return;
	}
	for (size_t i = 0; i < v->n; i++)
		flatten_into(list, &v->items[i]);
	free(v->items);
}

static void flatten(struct value *v)
{
	struct value list = { .kind = LIST, .key = v->key };
	flatten_into(&list, v);
	*v = list;
}

/* --- running --- */

static int run(struct layering *l, size_t first, size_t end, struct value *v, struct err *e);

static int run_over(struct layering *l, size_t i, struct value *v, struct err *e)
{
	const struct step *step = &l->steps[i];
	for (size_t k = 0; k < v->n; k++)
		if (step->operation == MAP || strcmp(v->items[k].key, step->argument) == 0)
			if (run(l, i + 1, step->end, &v->items[k], e) < 0)
				return -1;
	return 0;
}

/* What an operation takes; NULL where it takes v. */
static const char *refuse(enum operation operation, const struct value *v)
{
	if (operation == FLATTEN)
		return NULL;
	if (operation == OVER)
		return v->kind == DICT ? NULL : "a dictionary";
	if (operation == MAP)
		return v->kind != GRAPH ? NULL : "a list or a dictionary";
	if (operation == LIMIT_LAYERS || operation == REVERSE)
		return v->kind == LIST ? NULL : "a list";
	return v->kind == GRAPH ? NULL : "a graph";
}

static int run_step(struct layering *l, size_t i, struct value *v, struct err *e)
{
	const struct step *step = &l->steps[i];
	switch (step->operation) {
	case POPULARITY_CONTEST:
		popularity_contest(l, v);
		break;
	case SPLIT_PATHS:
		split_paths(l, step, v);
		break;
	case SUBCOMPONENT_IN:
	case SUBCOMPONENT_OUT:
		subcomponent(l, step, v);
		break;
	case REMOVE_PATHS:
		remove_paths(l, step, v);
		break;
	case SPLIT_EVERY:
		split_every(step, v);
		break;
	case LIMIT_LAYERS:
		return limit_layers(l, step, v, e);
	case REVERSE:
		reverse(v);
		break;
	case FLATTEN:
		flatten(v);
		break;
	case OVER:
	case MAP:
		return run_over(l, i, v, e);
	case END:
	case PATH:
	case CHILDREN_OF:
	case OPERATIONS:
		break;
	}
	return 0;
}

/* Runs the steps from first to before end. */
static int run(struct layering *l, size_t first, size_t end, struct value *v, struct err *e)
{
	for (size_t i = first; i < end; i++) {
		const struct step *step = &l->steps[i];
		if (step->operation == PATH || step->operation == CHILDREN_OF)
			continue;
		const char *expected = refuse(step->operation, v);
		if (expected)
			return step_err(l, step, expected, v, e);
		if (run_step(l, i, v, e) < 0)
			return -1;
		if (step->operation == OVER || step->operation == MAP)
			i = step->end;
	}
	return 0;
}

/* --- reading --- */

/* Says the last over or map without one that this END is theirs: those between have theirs. */
static void match_end(struct layering *l, size_t end)
{
	for (size_t i = end; i-- > 0;) {
		struct step *step = &l->steps[i];
		if ((step->operation == OVER || step->operation == MAP) && step->end == 0) {
			step->end = end;
			return;
		}
	}
}

static void add_step(struct layering *l, struct step step)
{
	l->steps = mem_grow(l->steps, &l->cap, l->n + 1, sizeof *l->steps);
	l->steps[l->n] = step;
	if (step.operation == END)
		match_end(l, l->n);
	l->n++;
}

static int read_step(const struct rec_reader *r, const struct rec_field *rec, void *layering,
		     struct err *e)
{
	struct rec_field f[3];
	AUTO_FREE char *at = NULL, *word = NULL, *argument = NULL;
	if (rec_split(r, rec, f, 3, e) < 0 || rec_string(r, &f[0], "position", 0, &at, e) < 0 ||
	    rec_string(r, &f[1], "word", 0, &word, e) < 0 ||
	    rec_string(r, &f[2], "argument", 1, &argument, e) < 0)
		return -1;
	for (unsigned i = 0; i < OPERATIONS; i++)
		if (strcmp(words[i], word) == 0) {
			add_step(layering, (struct step){ .operation = (enum operation)i,
							  .at = STEAL(at),
							  .argument = STEAL(argument) });
			return 0;
		}
	return rec_err(r, e, "'%s': expected an operation", word);
}

static int read_pipeline(struct layering *l, int fd, struct err *e)
{
	AUTO_PROC struct proc jq = PROC_NONE;
	if (jq_start(&jq, jq_layering, NULL, fd, e) < 0)
		return err_wrap(e, "%s", l->name);
	if (rec_each(jq.out, l->name, read_step, l, e) < 0)
		return -1;
	return jq_wait(&jq, e) < 0 ? err_wrap(e, "%s", l->name) : 0;
}

/* --- from the graph to layers --- */

struct sized {
	uint64_t size;
	uint32_t rank, path;
};

static int compare_sizes(const void *a, const void *b)
{
	const struct sized *x = a, *y = b;
	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* All paths, the smallest first: the order in which they stay together in a layer. */
static struct value load(const struct graph *g)
{
	AUTO_FREE struct sized *order = xcalloc(g->n, sizeof *order);
	AUTO_FREE uint32_t *rank = merge_ranks(g);
	struct value v = { .kind = GRAPH };
	for (uint32_t i = 0; i < g->n; i++)
		order[i] = (struct sized){ g->paths[i].nar_size, rank[i], i };
	qsort(order, g->n, sizeof *order, compare_sizes);
	for (uint32_t i = 0; i < g->n; i++)
		add_member(&v, (struct member){ .path = order[i].path });
	return v;
}

static void hand_out(const struct value *list, struct merge_group *groups, uint32_t *n)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct value *v = &list->items[i];
		if (v->n == 0)
			continue;
		struct merge_group *group = &groups[(*n)++];
		*group = (struct merge_group){ .paths = xcalloc(v->n, sizeof *group->paths),
					       .n = (uint32_t)v->n };
		for (size_t j = 0; j < v->n; j++)
			group->paths[j] = v->members[j].path;
	}
}

static void layering_free(struct layering *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->steps[i].at);
		free(l->steps[i].argument);
	}
	free(l->steps);
	free(l->order);
	free(l->place);
}

int layering_run(const struct graph *g, int fd, const char *name, struct merge_group *groups,
		 uint32_t *n, struct err *e)
{
	struct layering l = { .graph = g, .name = name };
	int result = read_pipeline(&l, fd, e);
	if (result == 0) {
		struct value v = load(g);
		l.order = reach_order(g);
		l.place = xcalloc(g->n, sizeof *l.place);
		result = run(&l, 0, l.n, &v, e);
		flatten(&v);
		if (result == 0)
			hand_out(&v, groups, n);
		value_free(&v);
	}
	layering_free(&l);
	return result;
}
