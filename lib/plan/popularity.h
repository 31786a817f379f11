/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_POPULARITY_H
#define LAYERPIPE_POPULARITY_H

/*
 * How much of a closure depends on each of its paths. This is the order in which
 * paths get a layer of their own: layer-plan(1) "Popularity".
 */

#include <stdint.h>

#include "base/count.h"
#include "closure/graph.h"

struct popularity_rank {
	const struct graph_path *path; /* borrowed from the graph */
	struct count count;            /* borrowed from counts below */
};

/* Starts as { 0 }. */
struct popularity {
	struct popularity_rank *ranked; /* owned: each path of the graph, the most popular first */
	struct count_list counts;       /* private: the memory behind it */
};

/*
 * Let w(p) be the number of walks along references from any root (a path
 * that nothing else refers to) to p. The popularity of q is the sum of w(p)
 * over q and all paths that reach q. Self-references count for nothing.
 * Equal ones follow each other by name: in byte order of the paths turned
 * round at their first dash ("hello-1.0-/nix/store/HASH").
 */
void popularity_rank(const struct graph *g, struct popularity *p);

void popularity_free(struct popularity *p);

#define AUTO_POPULARITY __attribute__((cleanup(popularity_free)))

#endif
