/* SPDX-License-Identifier: MIT */
#include "planner.h"

#include <inttypes.h>
#include <string.h>

#include "esc.h"
#include "graph.h"
#include "plan.h"
#include "popularity.h"

static int read_graph(int fd, const char *name, bool allow_empty, struct graph *g, struct err *e)
{
	struct graph_builder *b = graph_builder_new();
	if (graph_read(b, fd, name, e) < 0) {
		graph_builder_free(b);
		return -1;
	}
	if (graph_finish(b, g, e) < 0)
		return -1;
	if (g->n || allow_empty)
		return 0;
	graph_free(g);
	return err_set(e, 0, "%s: no paths to plan: --allow-empty makes an empty plan of that",
		       name);
}

/* The layer of the path of that rank, from 0. */
static uint32_t layer_of(uint32_t rank, uint32_t layers)
{
	return rank < layers ? rank + 1 : layers;
}

static int write_plan(const struct popularity *p, uint32_t n, uint32_t layers, struct out *o,
		      struct err *e)
{
	AUTO_PLAN struct plan plan = { 0 };
	for (uint32_t i = 0; i < n; i++) {
		const struct graph_path *path = p->ranked[i].path;
		if (plan_add(&plan, layer_of(i, layers), path->path, path->nar_hash, path->has_size,
			     path->nar_size, e) < 0)
			return -1;
	}
	return plan_write(&plan, o, e);
}

static void explain(struct buf *b, const struct popularity_rank *r, uint32_t rank, uint32_t layer,
		    bool shared)
{
	AUTO_FREE char *popularity = count_decimal(r->count);
	buf_addf(b, "%" PRIu32 "\t", layer);
	esc_field(b, r->path->path, strlen(r->path->path));
	if (r->path->has_size)
		buf_addf(b, "\t%" PRIu64, r->path->nar_size);
	else
		buf_adds(b, "\t-");
	buf_addf(b, "\t%s\trank %" PRIu32 ", %s\n", popularity, rank + 1,
		 shared ? "shares the last layer" : "a layer of its own");
}

static int write_reasons(const struct popularity *p, uint32_t n, uint32_t layers, struct out *o,
			 struct err *e)
{
	AUTO_BUF struct buf line = { 0 };
	for (uint32_t i = 0; i < n; i++) {
		uint32_t layer = layer_of(i, layers);
		buf_clear(&line);
		explain(&line, &p->ranked[i], i, layer, layer == layers && n > layers);
		if (out_write(o, line.s, line.len, e) < 0)
			return -1;
	}
	return 0;
}

int planner_run(int fd, const char *name, const struct planner_options *options, struct out *o,
		struct err *e)
{
	struct graph g;
	if (read_graph(fd, name, options->allow_empty, &g, e) < 0)
		return -1;
	AUTO_POPULARITY struct popularity p = { 0 };
	popularity_rank(&g, &p);
	int result = options->explain ? write_reasons(&p, g.n, options->layers, o, e)
				      : write_plan(&p, g.n, options->layers, o, e);
	graph_free(&g);
	return result;
}
