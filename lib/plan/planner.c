/* SPDX-License-Identifier: MIT */
#include "plan/planner.h"

#include <string.h>

#include "closure/graph.h"
#include "closure/reachable.h"
#include "closure/storepath.h"
#include "plan/grouping.h"
#include "plan/layering.h"
#include "plan/layerorder.h"
#include "plan/merge.h"
#include "plan/plan.h"
#include "plan/planknown.h"
#include "plan/popularity.h"
#include "plan/reasons.h"
#include "plan/replan.h"
#include "plan/sizefirst.h"
#include "plan/weights.h"

/* One plan in the making. */
struct planner {
	const struct planner_options *options;
	struct graph graph;
	struct popularity popularity; /* for that strategy only */
	struct costmodel model;       /* for the others */
	uint64_t *weights;            /* NULL: all alike */
	struct merge_group *groups;   /* the layers, bottom first; room for one a path */
	uint32_t n;
	struct plan *known; /* options->nknown plans */
	char *notice;
};

static const char *const strategies[] = {
	[PLANNER_POPULARITY] = "popularity",
	[PLANNER_SIZE_FIRST] = "size-first",
	[PLANNER_UPDATE_COST] = "update-cost",
};

int planner_strategy(const char *name, enum planner_strategy *strategy)
{
	for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++)
		if (strcmp(strategies[i], name) == 0) {
			*strategy = (enum planner_strategy)i;
			return 0;
		}
	return -1;
}

/* Sizes of layers are sums of these. */
static int check_sizes(const struct graph *g, const char *name, struct err *e)
{
	uint64_t size = 0;
	for (uint32_t i = 0; i < g->n; i++)
		if (__builtin_add_overflow(size, g->paths[i].nar_size, &size))
			return err_set(e, 0, "%s: the sizes add up to 2^64 bytes or more", name);
	return 0;
}

static int read_graph(const struct planner_file *file, bool allow_empty, struct graph *g,
		      struct err *e)
{
	struct graph_builder *b = graph_builder_new();
	if (graph_read(b, file->fd, file->name, e) < 0) {
		graph_builder_free(b);
		return -1;
	}
	if (graph_finish(b, g, e) < 0)
		return -1;
	int r = check_sizes(g, file->name, e);
	if (r == 0 && g->n == 0 && !allow_empty)
		r = err_set(e, 0, "%s: no paths to plan (--allow-empty makes an empty plan)",
			    file->name);
	if (r < 0)
		graph_free(g);
	return r;
}

/* --- popularity --- */

static void add_path(struct merge_group *group, uint32_t path)
{
	group->paths[group->n++] = path;
}

/* The most popular paths alone, the rest together in the last layer. */
static void plan_popularity(struct planner *p)
{
	const struct graph *g = &p->graph;
	popularity_rank(g, &p->popularity);
	p->n = g->n < p->options->layers ? g->n : p->options->layers;
	for (uint32_t i = 0; i < p->n; i++)
		p->groups[i].paths = xcalloc(i + 1 < p->n ? 1 : g->n - i, sizeof(uint32_t));
	for (uint32_t i = 0; i < g->n; i++) {
		uint32_t group = i < p->n ? i : p->n - 1;
		add_path(&p->groups[group], (uint32_t)(p->popularity.ranked[i].path - g->paths));
	}
}

/* --- the strategies that look at closures --- */

static int read_groups(struct planner *p, struct err *e)
{
	const struct planner_file *file = &p->options->groups;
	if (!file->name)
		return 0;
	if (grouping_read(&p->graph, file->fd, file->name, p->groups, &p->n, e) < 0)
		return -1;
	uint32_t placed = 0;
	for (uint32_t i = 0; i < p->n; i++)
		placed += p->groups[i].n;
	uint32_t layers = p->n + (placed < p->graph.n);
	if (layers <= p->options->layers)
		return 0;
	return err_set(e, 0, "%s: the groups need %u layers%s: expected at most %u", file->name,
		       layers, layers > p->n ? " with one for all other paths" : "",
		       p->options->layers);
}

static int read_weights(struct planner *p, struct err *e)
{
	const struct planner_file *file = &p->options->weights;
	return file->name ? weights_read(&p->graph, file->fd, file->name, &p->weights, e) : 0;
}

static int read_known(struct planner *p, struct err *e)
{
	p->known = xcalloc(p->options->nknown, sizeof *p->known);
	for (size_t i = 0; i < p->options->nknown; i++) {
		const struct planner_file *file = &p->options->known[i];
		if (plan_read(file->fd, file->name, &p->known[i], e) < 0)
			return -1;
	}
	return 0;
}

static void plan_size_first(struct planner *p)
{
	const struct merge_rules rules = { .limit = UINT32_MAX, .min_size = p->options->min_size };
	struct reachable reach;
	reachable_init(&reach, &p->graph);
	sizefirst_groups(&p->graph, &reach, p->model.rank, p->options->layers, p->groups, &p->n);
	merge_groups(&p->model, &rules, p->groups, &p->n);
	sizefirst_order(&p->graph, &reach, p->model.rank, p->groups, p->n);
	reachable_free(&reach);
}

static struct merge_rules cost_rules(const struct planner *p)
{
	return (struct merge_rules){ .limit = p->options->layers,
				     .min_size = p->options->min_size,
				     .sharing = p->options->sharing };
}

static void plan_update_cost(struct planner *p)
{
	const struct merge_rules rules = cost_rules(p);
	planknown_groups(&p->model, rules.sharing, p->known, p->options->nknown, p->groups, &p->n);
	merge_alone(&p->graph, p->groups, &p->n);
	merge_groups(&p->model, &rules, p->groups, &p->n);
	layerorder_sort(&p->model, p->groups, 0, p->n);
}

static struct merge_group *copy_groups(const struct planner *p)
{
	struct merge_group *copy = xcalloc(p->graph.n, sizeof *copy);
	for (uint32_t i = 0; i < p->n; i++) {
		const struct merge_group *group = &p->groups[i];
		copy[i] = *group;
		copy[i].paths = xcalloc(group->n, sizeof *group->paths);
		memcpy(copy[i].paths, group->paths, group->n * sizeof *group->paths);
		copy[i].name = group->name ? xstrdup(group->name) : NULL;
	}
	return copy;
}

/* Replaces the fresh plan by the one made from the previous plan, unless that has decayed. */
static void choose_plan(struct planner *p, struct merge_group *groups, uint32_t n)
{
	double fresh = merge_expected_cost(&p->model, p->groups, p->n);
	double again = merge_expected_cost(&p->model, groups, n);
	if (again > fresh * (100 + p->options->max_decay) / 100) {
		p->notice = xasprintf(
			"%s: a plan made from it costs %.2f where a fresh one costs %.2f, "
			"more than %u %% above (--max-decay): planned afresh",
			p->options->previous.name, again, fresh, p->options->max_decay);
		merge_free_groups(groups, n);
		return;
	}
	merge_free_groups(p->groups, p->n);
	p->groups = groups;
	p->n = n;
}

/* The n layers of a plan made from the previous plan. */
static struct merge_group *replan(const struct planner *p, const struct plan *previous, uint32_t *n)
{
	const struct merge_rules rules = cost_rules(p);
	struct merge_group *groups = copy_groups(p);
	*n = p->n;
	replan_groups(&p->model, previous, p->known, p->options->nknown, &rules, groups, n);
	return groups;
}

static int plan_again(struct planner *p, struct err *e)
{
	AUTO_PLAN struct plan previous = { 0 };
	const struct planner_file *file = &p->options->previous;
	uint32_t n;
	if (plan_read(file->fd, file->name, &previous, e) < 0)
		return -1;
	struct merge_group *groups = replan(p, &previous, &n);
	plan_update_cost(p);
	choose_plan(p, groups, n);
	return 0;
}

static int plan_closures(struct planner *p, struct err *e)
{
	if (read_groups(p, e) < 0 || read_weights(p, e) < 0 || read_known(p, e) < 0)
		return -1;
	p->model = costmodel_make(&p->graph, p->weights);
	if (p->options->strategy == PLANNER_SIZE_FIRST)
		plan_size_first(p);
	else if (p->options->previous.name)
		return plan_again(p, e);
	else
		plan_update_cost(p);
	return 0;
}

static int plan_pipeline(struct planner *p, struct err *e)
{
	const struct planner_file *file = &p->options->pipeline;
	if (layering_run(&p->graph, file->fd, file->name, p->groups, &p->n, e) < 0)
		return -1;
	if (p->n > p->options->layers)
		return err_set(e, 0,
			       "%s: the pipeline makes %u layers: expected at most %u "
			       "(end it with [\"limit_layers\", %u])",
			       file->name, p->n, p->options->layers, p->options->layers);
	if (p->n == 0 && !p->options->allow_empty)
		return err_set(e, 0, "%s: the pipeline removes all paths", file->name);
	if (p->options->explain)
		p->model = costmodel_make(&p->graph, NULL);
	return 0;
}

/* --- layers in any order of paths, to lines --- */

struct named {
	const struct graph *graph;
	uint32_t path;
};

static int compare_names(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	const struct graph_path *p = &x->graph->paths[x->path], *q = &y->graph->paths[y->path];
	int names = strcmp(storepath_name(p->path), storepath_name(q->path));
	if (names)
		return names;
	if (p->nar_size != q->nar_size)
		return p->nar_size < q->nar_size ? -1 : 1;
	return strcmp(p->path, q->path);
}

/*
 * The paths of a layer in an order that depends on nothing but them, so that
 * equal sets are equal layers in all images, and on their hashes last.
 */
static void sort_layer(const struct graph *g, struct merge_group *group)
{
	AUTO_FREE struct named *order = xcalloc(group->n, sizeof *order);
	for (uint32_t j = 0; j < group->n; j++)
		order[j] = (struct named){ g, group->paths[j] };
	qsort(order, group->n, sizeof *order, compare_names);
	for (uint32_t j = 0; j < group->n; j++)
		group->paths[j] = order[j].path;
}

static void sort_layers(struct planner *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		if (!p->groups[i].kept && !p->groups[i].known)
			sort_layer(&p->graph, &p->groups[i]);
}

static int fill_plan(const struct planner *p, struct plan *plan, struct err *e)
{
	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t j = 0; j < p->groups[i].n; j++) {
			const struct graph_path *path = &p->graph.paths[p->groups[i].paths[j]];
			if (plan_add(plan, i + 1, path->path, path->nar_hash, path->has_size,
				     path->nar_size, e) < 0)
				return -1;
		}
	return 0;
}

static int write_plan(const struct planner *p, struct out *o, struct err *e)
{
	AUTO_PLAN struct plan plan = { 0 };
	return fill_plan(p, &plan, e) < 0 ? -1 : plan_write(&plan, o, e);
}

static int write_reasons(const struct planner *p, struct out *o, struct err *e)
{
	if (p->options->strategy == PLANNER_POPULARITY)
		return reasons_popularity(&p->graph, &p->popularity, p->groups, p->n, o, e);
	return reasons_changes(&p->model, p->groups, p->n, o, e);
}

static int make_plan(struct planner *p, struct err *e)
{
	p->groups = xcalloc(p->graph.n, sizeof *p->groups);
	switch (p->options->strategy) {
	case PLANNER_POPULARITY:
		plan_popularity(p);
		return 0;
	case PLANNER_SIZE_FIRST:
	case PLANNER_UPDATE_COST:
		if (plan_closures(p, e) < 0)
			return -1;
		sort_layers(p);
		return 0;
	case PLANNER_PIPELINE:
		return plan_pipeline(p, e);
	}
	return 0;
}

static void planner_free(struct planner *p)
{
	merge_free_groups(p->groups, p->n);
	popularity_free(&p->popularity);
	costmodel_free(&p->model);
	for (size_t i = 0; p->known && i < p->options->nknown; i++)
		plan_free(&p->known[i]);
	free(p->known);
	free(p->notice);
}

int planner_run(const struct planner_file *graph, const struct planner_options *options,
		struct out *o, char **notice, struct err *e)
{
	struct planner p = { .options = options };
	if (read_graph(graph, options->allow_empty, &p.graph, e) < 0)
		return -1;
	int result = make_plan(&p, e);
	if (result == 0)
		result = options->explain ? write_reasons(&p, o, e) : write_plan(&p, o, e);
	if (result == 0)
		*notice = STEAL(p.notice);
	planner_free(&p);
	graph_free(&p.graph);
	free(p.weights);
	return result;
}

/* Makes the fresh plan and the other one out of one model. */
static int plan_twice(struct planner *p, const struct plan *previous, struct plan *fresh,
		      struct plan *kept, struct err *e)
{
	uint32_t n;
	struct merge_group *groups = replan(p, previous, &n);
	plan_update_cost(p);
	sort_layers(p);
	int result = fill_plan(p, fresh, e);
	choose_plan(p, groups, n);
	sort_layers(p);
	return result < 0 ? result : fill_plan(p, kept, e);
}

int planner_next(const struct planner_next *next, struct plan *fresh, struct plan *kept,
		 bool *decayed, struct err *e)
{
	const struct planner_options options = { .strategy = PLANNER_UPDATE_COST,
						 .layers = next->layers,
						 .sharing = PLANNER_SHARING,
						 .previous = { .name = "the previous plan" },
						 .max_decay = PLANNER_MAX_DECAY };
	struct planner p = { .options = &options,
			     .graph = *next->graph,
			     .groups = xcalloc(next->graph->n, sizeof *p.groups),
			     .model = costmodel_make(next->graph, next->weights) };
	*fresh = *kept = (struct plan){ 0 };
	int result = plan_twice(&p, next->previous, fresh, kept, e);
	*decayed = p.notice != NULL;
	planner_free(&p);
	if (result < 0) {
		plan_free(fresh);
		plan_free(kept);
	}
	return result;
}
