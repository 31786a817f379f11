/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PLANNER_H
#define LAYERPIPE_PLANNER_H

/* From closure-graph(5) lines to layer-plan(5) lines: what layer-plan(1) does. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"

enum planner_strategy {
	PLANNER_POPULARITY,
	PLANNER_SIZE_FIRST,
	PLANNER_UPDATE_COST,
	PLANNER_PIPELINE, /* as options.pipeline says */
};

/* An input; starts as { 0 }, which is none. */
struct planner_file {
	const char *name; /* borrowed; for messages; NULL: none */
	int fd;           /* borrowed */
};

struct planner_options {
	enum planner_strategy strategy;
	uint32_t layers; /* at most so many, at least 1 */
	bool explain;    /* write the reasons instead of the plan */
	bool allow_empty;

	/* not for popularity and pipelines */
	struct planner_file groups;  /* paths that go together */
	struct planner_file weights; /* how often each path changes */
	uint64_t min_size;           /* bytes of a layer, where it can be avoided */

	/* for update-cost only */
	uint32_t sharing; /* what sharing between images counts against updates */
	struct planner_file previous;
	uint32_t max_decay; /* percent that a plan made from the previous one may cost more */

	struct planner_file pipeline;
};

/* The strategy of that name, but not PLANNER_PIPELINE. Returns -1 where there is none. */
MUST_USE int planner_strategy(const char *name, enum planner_strategy *strategy);

/*
 * Reads a graph and writes its plan. *notice is what the user should know
 * about it, NULL mostly; the caller frees it.
 */
MUST_USE int planner_run(const struct planner_file *graph, const struct planner_options *options,
			 struct out *o, char **notice, struct err *e);

#endif
