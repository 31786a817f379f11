/* SPDX-License-Identifier: MIT */
#include "plan/plancost.h"

#include <string.h>

#include "closure/reachable.h"
#include "closure/storepath.h"
#include "plan/merge.h"
#include "plan/plandiff.h"
#include "plan/planmatch.h"
#include "plan/replay.h"

/* Nothing for nothing is as good as can be. */
static double ratio(double pulled, double changed)
{
	return changed > 0 || pulled > 0 ? pulled / changed : 1;
}

double plancost_ratio(const struct plancost_pull *pulled, const struct plancost_pull *changed)
{
	return ratio((double)pulled->bytes, (double)changed->bytes);
}

double plancost_over(const struct plancost_layer *layer)
{
	return ratio(layer->cost, layer->least);
}

const char *plancost_layer_name(const struct plancost *c, const struct plancost_layer *layer)
{
	return storepath_name(c->graph->paths[layer->paths[0]].path);
}

uint32_t *plancost_layer_sources(const struct plancost *c, const struct plancost_layer *layer)
{
	AUTO_FREE bool *seen = xcalloc(c->nsources, sizeof *seen);
	uint32_t *paths = xcalloc(layer->nsources, sizeof *paths), n = 0;
	for (uint32_t i = 0; i < layer->npaths; i++) {
		bool *source = &seen[c->source_of[layer->paths[i]]];
		if (!*source)
			paths[n++] = layer->paths[i];
		*source = true;
	}
	return paths;
}

static void add(struct plancost_pull *pull, uint64_t bytes)
{
	pull->n++;
	pull->bytes += bytes;
}

/* --- layers --- */

struct sized {
	const struct graph_path *path;
	uint32_t index;
};

static int compare_sized(const void *a, const void *b)
{
	const struct sized *x = a, *y = b;
	if (x->path->nar_size != y->path->nar_size)
		return x->path->nar_size > y->path->nar_size ? -1 : 1;
	return storepath_compare(x->path->path, y->path->path);
}

/* The largest first. */
static void sort_paths(const struct graph *g, uint32_t *paths, uint32_t n)
{
	AUTO_FREE struct sized *list = xcalloc(n, sizeof *list);
	for (uint32_t i = 0; i < n; i++)
		list[i] = (struct sized){ &g->paths[paths[i]], paths[i] };
	qsort(list, n, sizeof *list, compare_sized);
	for (uint32_t i = 0; i < n; i++)
		paths[i] = list[i].index;
}

static void divide(struct plancost *c, const struct plan *plan)
{
	c->nlayers = plan->layers;
	c->layers = xcalloc(c->nlayers, sizeof *c->layers);
	for (size_t i = 0; i < plan->n; i++) {
		struct plancost_layer *layer = &c->layers[plan->paths[i].layer - 1];
		if (!layer->npaths++)
			layer->paths = &c->order[i];
		layer->size += plan->paths[i].nar_size;
		c->size += plan->paths[i].nar_size;
	}
	uint32_t *paths = c->order;
	for (uint32_t i = 0; i < c->nlayers; paths += c->layers[i++].npaths)
		sort_paths(c->graph, paths, c->layers[i].npaths);
}

/* --- what is to be expected --- */

static void unite(uint64_t *to, const uint64_t *from, size_t words)
{
	for (size_t i = 0; i < words; i++)
		to[i] |= from[i];
}

static void weigh_paths(struct plancost *c, const struct costmodel *m)
{
	c->changers = xcalloc(m->graph->n, sizeof *c->changers);
	c->weights = xcalloc(m->graph->n, sizeof *c->weights);
	for (uint32_t i = 0; i < m->graph->n; i++) {
		c->changers[i] = (uint32_t)reachable_count(costmodel_set(m, i), m->words);
		c->weights[i] = costmodel_weigh(m, costmodel_set(m, i));
	}
	c->nsources = m->sources.n;
	c->source_of = xcalloc(m->graph->n, sizeof *c->source_of);
	memcpy(c->source_of, m->sources.of, m->graph->n * sizeof *c->source_of);
	c->total_weight = m->total;
}

/* How many sources the layer's paths are built from. */
static uint32_t count_sources(const struct costmodel *m, const struct plancost_layer *layer)
{
	AUTO_FREE bool *seen = xcalloc(m->sources.n, sizeof *seen);
	uint32_t n = 0;
	for (uint32_t i = 0; i < layer->npaths; i++) {
		bool *source = &seen[m->sources.of[layer->paths[i]]];
		n += !*source;
		*source = true;
	}
	return n;
}

/* changers: what changes the layer, out. */
static void weigh_layer(const struct plancost *c, const struct costmodel *m,
			struct plancost_layer *layer, uint64_t *changers)
{
	memset(changers, 0, m->words * sizeof *changers);
	costmodel_unite(m, layer->paths, layer->npaths, changers);
	for (uint32_t i = 0; i < layer->npaths; i++) {
		uint32_t path = layer->paths[i];
		layer->least += (double)c->graph->paths[path].nar_size * (double)c->weights[path];
	}
	layer->nsources = count_sources(m, layer);
	layer->changers = (uint32_t)reachable_count(changers, m->words);
	layer->weight = costmodel_weigh(m, changers);
	layer->cost = (double)layer->size * (double)layer->weight;
}

/* The cost as the planner reckons it. */
static double expected_cost(const struct plancost *c, const struct costmodel *m)
{
	AUTO_FREE struct merge_group *groups = xcalloc(c->nlayers, sizeof *groups);
	uint32_t *paths = c->order;
	for (uint32_t i = 0; i < c->nlayers; paths += c->layers[i++].npaths)
		groups[i] = (struct merge_group){ .paths = paths, .n = c->layers[i].npaths };
	return merge_expected_cost(m, groups, c->nlayers);
}

/* A client that goes by chain IDs pulls a layer when it or one below it changes. */
static void expect(struct plancost *c, const struct costmodel *m)
{
	AUTO_FREE uint64_t *below = xcalloc(m->words, sizeof *below);
	AUTO_FREE uint64_t *own = xcalloc(m->words, sizeof *own);
	double cost = 0, chain = 0, least = 0;
	for (uint32_t i = 0; i < c->nlayers; i++) {
		struct plancost_layer *layer = &c->layers[i];
		weigh_layer(c, m, layer, own);
		unite(below, own, m->words);
		cost += layer->cost;
		chain += (double)layer->size * (double)costmodel_weigh(m, below);
		least += layer->least;
	}
	c->expected = expected_cost(c, m);
	c->expected_bytes = cost / (double)c->total_weight;
	c->expected_chain = ratio(chain, least);
}

/* --- events --- */

/* The layer's paths that change. */
static struct plancost_pull changed_paths(const struct plancost *c, const struct reachable *r,
					  const struct plancost_layer *layer,
					  const uint64_t *changed)
{
	struct plancost_pull paths = { 0 };
	for (uint32_t i = 0; i < layer->npaths; i++)
		if (reachable_has(r, changed, layer->paths[i]))
			add(&paths, c->graph->paths[layer->paths[i]].nar_size);
	return paths;
}

static struct plancost_event apply(struct plancost *c, const struct reachable *r,
				   const struct event *event, uint64_t *changed)
{
	struct plancost_event cost = { .name = event->name };
	events_changed(event, r, changed);
	for (uint32_t i = 0; i < c->nlayers; i++) {
		struct plancost_layer *layer = &c->layers[i];
		struct plancost_pull paths = changed_paths(c, r, layer, changed);
		cost.paths.n += paths.n;
		cost.paths.bytes += paths.bytes;
		layer->events += paths.n > 0;
		if (paths.n)
			add(&cost.layers, layer->size);
		if (cost.layers.n)
			add(&cost.chain, layer->size);
	}
	return cost;
}

static void average(struct plancost *c)
{
	double paths = 0, layers = 0, chain = 0;
	for (uint32_t i = 0; i < c->nevents; i++) {
		const struct plancost_event *event = &c->events[i];
		paths += (double)event->paths.bytes;
		layers += (double)event->layers.bytes;
		chain += (double)event->chain.bytes;
		c->by_layer.mean += plancost_ratio(&event->layers, &event->paths) / c->nevents;
		c->by_chain.mean += plancost_ratio(&event->chain, &event->paths) / c->nevents;
	}
	if (c->nevents) {
		c->by_layer.total = ratio(layers, paths);
		c->by_chain.total = ratio(chain, paths);
	}
}

static void apply_events(struct plancost *c, const struct events *events)
{
	struct reachable r;
	reachable_init(&r, c->graph);
	AUTO_FREE uint64_t *changed = xcalloc(r.words, sizeof *changed);
	c->has_events = true;
	c->nevents_given = events->n;
	c->events = xcalloc(events->n, sizeof *c->events);
	for (uint32_t i = 0; i < events->n; i++) {
		struct plancost_event cost = apply(c, &r, &events->list[i], changed);
		if (cost.paths.n)
			c->events[c->nevents++] = cost;
	}
	reachable_free(&r);
	average(c);
}

static struct plancost_both over(const struct replay_pull *pulled, double changed)
{
	return (struct plancost_both){ ratio(pulled->layers, changed),
				       ratio(pulled->chain, changed) };
}

static int replay_events(struct plancost *c, const struct plancost_input *in, struct err *e)
{
	const struct replay_input input = {
		.graph = in->graph, .plan = in->plan, .weights = in->weights, .events = in->events
	};
	struct replay r;
	if (replay_run(&input, &r, e) < 0)
		return -1;
	c->has_replay = c->nevents > 0;
	c->replay_fresh = over(&r.fresh, r.changed);
	c->replay_previous = over(&r.kept, r.changed);
	c->replay_decayed = r.decayed;
	return 0;
}

/* --- the previous plan --- */

static void divide_older(struct plancost *c, const struct plan *previous)
{
	uint64_t largest = 0;
	c->nolder = previous->layers;
	c->older = xcalloc(c->nolder, sizeof *c->older);
	for (size_t i = 0; i < previous->n; i++) {
		const struct plan_path *path = &previous->paths[i];
		struct plancost_older *layer = &c->older[path->layer - 1];
		if (!layer->npaths++ || path->nar_size > largest) {
			layer->name = storepath_name(path->path);
			largest = path->nar_size;
		}
		layer->size += path->nar_size;
	}
	for (uint32_t i = 0; i < c->nlayers; i++)
		if (c->layers[i].kept)
			c->older[c->layers[i].kept - 1].kept = true;
}

static void compare_plans(struct plancost *c, const struct plan *plan, const struct plan *previous)
{
	AUTO_PLANDIFF struct plandiff diff = plandiff_make(plan, previous);
	c->has_previous = true;
	for (size_t i = 0; i < plan->n; i++)
		if (!diff.known[i])
			add(&c->pull_paths, plan->paths[i].nar_size);
	for (uint32_t i = 0; i < c->nlayers; i++) {
		struct plancost_layer *layer = &c->layers[i];
		layer->kept = diff.equal[i];
		if (!layer->kept)
			add(&c->pull_layers, layer->size);
		if (c->pull_chain.n || diff.equal[i] != i + 1)
			add(&c->pull_chain, layer->size);
	}
	divide_older(c, previous);
}

/* --- all of it --- */

static int check_weights(const struct plancost_input *in, struct err *e)
{
	for (uint32_t i = 0; in->weights && i < in->graph->n; i++)
		if (in->weights[i])
			return 0;
	return in->weights ? err_set(e, 0, "every path has the weight 0") : 0;
}

int plancost_measure(const struct plancost_input *in, struct plancost *c, struct err *e)
{
	AUTO_FREE uint32_t *order = xcalloc(in->plan->n, sizeof *order);
	struct plancost cost = { .graph = in->graph };
	if (planmatch(in->graph, in->graph_name, in->plan, in->plan_name, order, e) < 0 ||
	    check_weights(in, e) < 0)
		return -1;
	cost.order = STEAL(order);
	divide(&cost, in->plan);
	struct costmodel m = costmodel_make(in->graph, in->weights);
	weigh_paths(&cost, &m);
	expect(&cost, &m);
	costmodel_free(&m);
	if (in->events)
		apply_events(&cost, in->events);
	if (in->previous)
		compare_plans(&cost, in->plan, in->previous);
	if (in->replay && replay_events(&cost, in, e) < 0) {
		plancost_free(&cost);
		return -1;
	}
	*c = cost;
	return 0;
}

void plancost_free(struct plancost *c)
{
	free(c->changers);
	free(c->source_of);
	free(c->older);
	free(c->weights);
	free(c->layers);
	free(c->events);
	free(c->order);
	*c = (struct plancost){ 0 };
}

/* --- the worst of it --- */

struct ranked {
	double value;
	uint32_t index;
};

/* The largest value first, then as they came. */
static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static uint32_t *rank(struct ranked *list, uint32_t n)
{
	uint32_t *order = xcalloc(n, sizeof *order);
	qsort(list, n, sizeof *list, compare_ranked);
	for (uint32_t i = 0; i < n; i++)
		order[i] = list[i].index;
	return order;
}

uint32_t *plancost_dearest(const struct plancost *c)
{
	AUTO_FREE struct ranked *list = xcalloc(c->nlayers, sizeof *list);
	for (uint32_t i = 0; i < c->nlayers; i++)
		list[i] = (struct ranked){ c->layers[i].cost, i };
	return rank(list, c->nlayers);
}

uint32_t *plancost_worst(const struct plancost *c)
{
	AUTO_FREE struct ranked *list = xcalloc(c->nevents, sizeof *list);
	for (uint32_t i = 0; i < c->nevents; i++)
		list[i] =
			(struct ranked){ plancost_ratio(&c->events[i].layers, &c->events[i].paths),
					 i };
	return rank(list, c->nevents);
}
