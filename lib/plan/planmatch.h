/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PLANMATCH_H
#define LAYERPIPE_PLANMATCH_H

#include "base/err.h"
#include "closure/graph.h"
#include "plan/plan.h"

/*
 * Finds the paths of a plan, as plan_read() made it, in a graph: index[i] is
 * that of plan->paths[i]; there is room for plan->n. Refuses an empty plan,
 * paths that only one of the two has, sizes and hashes that differ, and sizes
 * that neither knows or that add up to 2^64. What one knows and the other does
 * not is filled in. The names are for messages.
 */
MUST_USE int planmatch(struct graph *g, const char *graph_name, struct plan *plan,
		       const char *plan_name, uint32_t *index, struct err *e);

/*
 * The paths of the layer that starts at path `first` of the plan, in its
 * order; the caller frees them. NULL, and 0 in *n, where not all of them are in
 * the graph with the same hashes.
 */
uint32_t *planmatch_layer(const struct graph *g, const struct plan *plan, size_t first,
			  uint32_t *n);

#endif
