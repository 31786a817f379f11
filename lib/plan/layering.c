/* SPDX-License-Identifier: MIT */
#include "plan/layering.h"

#include <string.h>

#include "base/jq.h"
#include "closure/reachable.h"
#include "layering.jq.h"
#include "plan/layering_parts.h"
#include "plan/ranks.h"

static int step_err(const struct layering *l, const struct step *step, const char *expected,
		    const struct value *v, struct err *e)
{
	static const char *const kinds[] = { "a graph", "a list", "a dictionary" };
	return err_set(e, 0, "%s: operation %s (%s): expected %s, found %s", l->steps->name,
		       step->at, layering_words[step->operation], expected, kinds[v->kind]);
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
		layering_add_member(v, m);
	}
	layering_value_free(from);
}

static int limit_layers(const struct layering *l, const struct step *step, struct value *v,
			struct err *e)
{
	uint64_t limit = step->number;
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
		layering_add_item(list, *v);
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
	const struct step *step = &l->steps->list[i];
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
	const struct step *step = &l->steps->list[i];
	switch (step->operation) {
	case POPULARITY_CONTEST:
		layering_popularity_contest(l, v);
		break;
	case SPLIT_PATHS:
		layering_split_paths(l, step, v);
		break;
	case SUBCOMPONENT_IN:
	case SUBCOMPONENT_OUT:
		layering_subcomponent(l, step, v);
		break;
	case REMOVE_PATHS:
		layering_remove_paths(l, step, v);
		break;
	case SPLIT_EVERY:
		layering_split_every(step, v);
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
		const struct step *step = &l->steps->list[i];
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
	AUTO_FREE uint32_t *rank = ranks_find(g);
	struct value v = { .kind = GRAPH };
	for (uint32_t i = 0; i < g->n; i++)
		order[i] = (struct sized){ g->paths[i].nar_size, rank[i], i };
	qsort(order, g->n, sizeof *order, compare_sizes);
	for (uint32_t i = 0; i < g->n; i++)
		layering_add_member(&v, (struct member){ .path = order[i].path });
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

int layering_run_steps(const struct graph *g, const struct steps *s, struct merge_group *groups,
		       uint32_t *n, struct err *e)
{
	AUTO_FREE uint32_t *order = reachable_order(g);
	AUTO_FREE uint32_t *place = xcalloc(g->n, sizeof *place);
	struct layering l = { .graph = g, .steps = s, .order = order, .place = place };
	if (s->open)
		return err_set(e, 0, "%s: an over or map without its end", s->name);
	struct value v = load(g);
	int result = run(&l, 0, s->n, &v, e);
	flatten(&v);
	if (result == 0)
		hand_out(&v, groups, n);
	layering_value_free(&v);
	return result;
}

static int read_pipeline(struct steps *s, int fd, struct err *e)
{
	AUTO_PROC struct proc jq = PROC_NONE;
	if (jq_start(&jq, jq_layering, NULL, fd, e) < 0)
		return err_wrap(e, "%s", s->name);
	if (layering_steps_read(s, jq.out, e) < 0)
		return -1;
	return jq_wait(&jq, e) < 0 ? err_wrap(e, "%s", s->name) : 0;
}

int layering_run(const struct graph *g, int fd, const char *name, struct merge_group *groups,
		 uint32_t *n, struct err *e)
{
	struct steps s = { .name = name };
	int result = read_pipeline(&s, fd, e);
	if (result == 0)
		result = layering_run_steps(g, &s, groups, n, e);
	layering_steps_free(&s);
	return result;
}
