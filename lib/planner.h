/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PLANNER_H
#define LAYERPIPE_PLANNER_H

/* From closure-graph(5) lines to layer-plan(5) lines: what layer-plan(1) does. */

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "mem.h"
#include "out.h"

struct planner_options {
	uint32_t layers; /* at most so many, at least 1 */
	bool explain;    /* write the reasons instead of the plan */
	bool allow_empty;
};

/*
 * Reads a graph from fd (name is what messages call it) and writes its plan:
 * the most popular paths alone in a layer, the rest together in the last.
 */
MUST_USE int planner_run(int fd, const char *name, const struct planner_options *options,
			 struct out *o, struct err *e);

#endif
