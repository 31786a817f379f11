/* SPDX-License-Identifier: MIT */
#include "plan/replay.h"

#include <string.h>

#include "closure/nixhash.h"
#include "closure/reachable.h"
#include "closure/storepath.h"
#include "plan/plandiff.h"
#include "plan/planner.h"

/* A path may become so many millionths larger or smaller. */
enum { MILLION = 1000000, MOST_GROWTH = 30000, HASH_BYTES = 20 };

/* A path as it is now. */
struct now {
	char *path; /* owned */
	uint64_t size;
};

/* The closure between two events. Its paths have the numbers that they have in the first graph. */
struct year {
	const struct replay_input *in;
	struct reachable reach;
	uint64_t *changed; /* by the last event: a set of reach */
	struct now *paths;
	struct plan fresh, kept; /* of the last event */
	struct replay sums;
};

static void start(struct year *y, const struct replay_input *in)
{
	const struct graph *g = in->graph;
	*y = (struct year){ .in = in, .paths = xcalloc(g->n, sizeof *y->paths) };
	reachable_init(&y->reach, g);
	y->changed = xcalloc(y->reach.words, sizeof *y->changed);
	for (uint32_t i = 0; i < g->n; i++)
		y->paths[i] = (struct now){ xstrdup(g->paths[i].path), g->paths[i].nar_size };
}

static void end(struct year *y)
{
	for (uint32_t i = 0; i < y->in->graph->n; i++)
		free(y->paths[i].path);
	free(y->paths);
	free(y->changed);
	reachable_free(&y->reach);
	plan_free(&y->fresh);
	plan_free(&y->kept);
}

/* --- what an event does to paths --- */

/* What looks random: the SHA-256 of the event's name, a TAB and the other one. */
static void draw(const struct event *event, const char *name, unsigned char raw[DIGEST_LEN])
{
	AUTO_DIGEST struct digest *d = digest_new();
	digest_add(d, event->name, strlen(event->name));
	digest_add(d, "\t", 1);
	digest_add(d, name, strlen(name));
	digest_raw(d, raw);
}

static void rename_path(const struct event *event, struct now *now)
{
	unsigned char raw[DIGEST_LEN];
	AUTO_BUF struct buf hash = { 0 };
	draw(event, now->path, raw);
	nixhash_base32(&hash, raw, HASH_BYTES);
	memcpy(now->path + (storepath_hash(now->path) - now->path), hash.s, STOREPATH_HASH_LEN);
}

static int too_large(struct err *e)
{
	return err_set(e, 0, "the sizes add up to 2^64 bytes or more");
}

static int resize_path(const struct event *event, struct now *now, struct err *e)
{
	unsigned char raw[DIGEST_LEN];
	draw(event, storepath_name(now->path), raw);
	uint32_t n =
		(uint32_t)raw[0] << 24 | (uint32_t)raw[1] << 16 | (uint32_t)raw[2] << 8 | raw[3];
	uint32_t factor = MILLION - MOST_GROWTH + n % (2 * MOST_GROWTH + 1);
	uint64_t whole = now->size / MILLION, rest = now->size % MILLION;
	if (__builtin_mul_overflow(whole, factor, &whole) ||
	    __builtin_add_overflow(whole, (rest * factor + MILLION / 2) / MILLION, &now->size))
		return too_large(e);
	return 0;
}

/* Each path once, though an event may name it twice. */
static int resize_paths(struct year *y, const struct event *event, struct err *e)
{
	AUTO_FREE bool *done = xcalloc(y->in->graph->n, sizeof *done);
	for (uint32_t i = 0; i < event->n; i++) {
		uint32_t path = event->paths[i];
		if (!done[path] && resize_path(event, &y->paths[path], e) < 0)
			return -1;
		done[path] = true;
	}
	return 0;
}

static int check_sizes(const struct year *y, struct err *e)
{
	uint64_t size = 0;
	for (uint32_t i = 0; i < y->in->graph->n; i++)
		if (__builtin_add_overflow(size, y->paths[i].size, &size))
			return too_large(e);
	return 0;
}

static int change_paths(struct year *y, const struct event *event, struct err *e)
{
	events_changed(event, &y->reach, y->changed);
	if (resize_paths(y, event, e) < 0 || check_sizes(y, e) < 0)
		return -1;
	for (uint32_t i = 0; i < y->in->graph->n; i++)
		if (reachable_has(&y->reach, y->changed, i)) {
			rename_path(event, &y->paths[i]);
			y->sums.changed += (double)y->paths[i].size;
		}
	return 0;
}

/* --- the closure and its plans --- */

/* A changed path is another one by its name already: its NAR hash need not be another. */
static int add_path(const struct year *y, struct graph_builder *b, uint32_t i, struct err *e)
{
	const struct graph_path *old = &y->in->graph->paths[i];
	const struct now *now = &y->paths[i];
	AUTO_FREE const char **refs = xcalloc(old->nrefs, sizeof *refs);
	for (uint32_t j = 0; j < old->nrefs; j++)
		refs[j] = y->paths[old->refs[j]].path;
	if (graph_add(b, now->path, old->nar_hash, true, now->size, refs, old->nrefs, e) < 0)
		return -1;
	return old->deriver ? graph_deriver(b, now->path, old->deriver, e) : 0;
}

static int make_graph(const struct year *y, struct graph *g, struct err *e)
{
	struct graph_builder *b = graph_builder_new();
	for (uint32_t i = 0; i < y->in->graph->n; i++)
		if (add_path(y, b, i, e) < 0) {
			graph_builder_free(b);
			return -1;
		}
	return graph_finish(b, g, e);
}

/* By path of the graph of now; the caller frees it. */
static uint64_t *find_weights(const struct year *y, const struct graph *g)
{
	const uint64_t *old = y->in->weights;
	uint64_t *weights = old ? xcalloc(g->n, sizeof *weights) : NULL;
	for (uint32_t i = 0; old && i < g->n; i++)
		weights[graph_find(g, y->paths[i].path)] = old[i];
	return weights;
}

/* Adds what those with the plan before pull. */
static void pull(const struct plan *plan, const struct plan *before, struct replay_pull *sum)
{
	AUTO_PLANDIFF struct plandiff diff = plandiff_make(plan, before);
	bool above = false;
	for (size_t i = 0; i < plan->n; i++) {
		uint32_t layer = plan->paths[i].layer, equal = diff.equal[layer - 1];
		double size = (double)plan->paths[i].nar_size;
		above = above || equal != layer;
		sum->layers += equal ? 0 : size;
		sum->chain += above ? size : 0;
	}
}

/* The plan takes the place of the one before. */
static void replace(struct plan *before, struct plan *plan)
{
	plan_free(before);
	*before = *plan;
}

static int plan_graph(struct year *y, const struct graph *g, struct err *e)
{
	const struct plan *first = y->fresh.n ? NULL : y->in->plan;
	AUTO_FREE uint64_t *weights = find_weights(y, g);
	struct plan fresh, kept;
	bool decayed;
	const struct planner_next next = { .graph = g,
					   .weights = weights,
					   .previous = first ? first : &y->kept,
					   .layers = y->in->plan->layers };
	if (planner_next(&next, &fresh, &kept, &decayed, e) < 0)
		return -1;
	pull(&fresh, first ? first : &y->fresh, &y->sums.fresh);
	pull(&kept, next.previous, &y->sums.kept);
	y->sums.decayed += decayed;
	replace(&y->fresh, &fresh);
	replace(&y->kept, &kept);
	return 0;
}

static int pass(struct year *y, const struct event *event, struct err *e)
{
	struct graph g;
	if (change_paths(y, event, e) < 0 || make_graph(y, &g, e) < 0)
		return err_wrap(e, "event '%s'", event->name);
	int result = plan_graph(y, &g, e);
	graph_free(&g);
	return result;
}

int replay_run(const struct replay_input *in, struct replay *r, struct err *e)
{
	struct year y;
	int result = 0;
	start(&y, in);
	for (uint32_t i = 0; result == 0 && i < in->events->n; i++)
		if (in->events->list[i].n)
			result = pass(&y, &in->events->list[i], e);
	if (result == 0)
		*r = y.sums;
	end(&y);
	return result;
}
