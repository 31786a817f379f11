/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_RANKS_H
#define LAYERPIPE_RANKS_H

#include <stdint.h>

#include "closure/graph.h"

/*
 * A total order of the paths that other hashes do not change: by name, size,
 * then by how they are referred to and refer to others; the hash decides only
 * between paths that are alike in all of that. The caller frees rank[n].
 */
uint32_t *ranks_find(const struct graph *g);

#endif
