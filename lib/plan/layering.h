/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_LAYERING_H
#define LAYERPIPE_LAYERING_H

/* Layers as a layeringPipeline of nixpkgs describes them: layer-plan(1) "Pipelines". */

#include "plan/merge.h"

/*
 * Reads a pipeline, a JSON list of operations, and runs it over the graph.
 * Appends its layers, bottom first, to the *n groups there are (room for one
 * a path): each path is in one at most; what it removed is in none.
 */
MUST_USE int layering_run(const struct graph *g, int fd, const char *name,
			  struct merge_group *groups, uint32_t *n, struct err *e);

#endif
