/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_WEIGHTS_H
#define LAYERPIPE_WEIGHTS_H

/* How often paths change, as somebody knows it: layer-plan(1) "Weights". */

#include <stdint.h>

#include "closure/graph.h"

#define WEIGHTS_MAX 1000000

/*
 * Reads lines of a name (of a path, without its hash) and a number from 0 to
 * WEIGHTS_MAX. In *weights comes one number a path of the graph: the largest
 * of the paths of its source, 1 where the file has none of their names; the caller frees it. Names
 * that no path has are skipped; a name that comes twice is refused.
 */
MUST_USE int weights_read(const struct graph *g, int fd, const char *name, uint64_t **weights,
			  struct err *e);

#endif
