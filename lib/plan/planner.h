/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PLANNER_H
#define LAYERPIPE_PLANNER_H

/* From closure-graph(5) lines to layer-plan(5) lines: what layer-plan(1) does. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "closure/graph.h"
#include "plan/plan.h"

enum planner_strategy {
	PLANNER_POPULARITY,
	PLANNER_SIZE_FIRST,
	PLANNER_UPDATE_COST,
	PLANNER_PIPELINE, /* the operations of options.pipeline */
};

/* An input; starts as { 0 }, which is none. */
struct planner_file {
	const char *name; /* borrowed; for messages; NULL: none */
	int fd;           /* borrowed */
};

struct planner_options {
	enum planner_strategy strategy;
	uint32_t layers; /* how many layers at most; at least 1 */
	bool explain;    /* write the reasons instead of the plan */
	bool allow_empty;

	/* not for popularity and pipelines */
	struct planner_file groups;  /* paths that go together */
	struct planner_file weights; /* how often each path changes */
	uint64_t min_size;           /* bytes; smaller layers are merged if possible */

	/* for update-cost only */
	uint32_t sharing; /* how much to favour shared layers over small updates */
	struct planner_file previous;
	const struct planner_file *known; /* plans of other images */
	size_t nknown;
	uint32_t max_decay; /* how many percent more it may cost than a fresh plan */

	struct planner_file pipeline;
};

/* What layer-plan(1) has where nothing is said. */
enum { PLANNER_SHARING = 2, PLANNER_MAX_DECAY = 10 };

/* The strategy of that name, but not PLANNER_PIPELINE. Returns -1 if there is none. */
MUST_USE int planner_strategy(const char *name, enum planner_strategy *strategy);

/*
 * Reads a graph and writes its plan. *notice is a message for the user about
 * the plan, or NULL; the caller frees it.
 */
MUST_USE int planner_run(const struct planner_file *graph, const struct planner_options *options,
			 struct out *o, char **notice, struct err *e);

/* The next plan of an image, by update-cost with its defaults. */
struct planner_next {
	const struct graph *graph;   /* with all sizes, which add up to less than 2^64 */
	const uint64_t *weights;     /* of each path, as costmodel_make() takes them; or NULL */
	const struct plan *previous; /* not empty */
	uint32_t layers;             /* how many at most; at least 1 */
};

/*
 * Plans a graph that is in memory twice: *fresh without the previous plan,
 * *kept with it. *decayed: the latter would have cost too much, and is the fresh
 * one. The caller frees both plans.
 */
MUST_USE int planner_next(const struct planner_next *next, struct plan *fresh, struct plan *kept,
			  bool *decayed, struct err *e);

#endif
