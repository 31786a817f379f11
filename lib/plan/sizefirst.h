/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_SIZEFIRST_H
#define LAYERPIPE_SIZEFIRST_H

#include "plan/merge.h"

enum { SIZEFIRST_MAX_LIMIT = 128 };

/*
 * Layers as nixpkgs' auto-layer makes them: from the largest path down, each
 * becomes the primary of a layer that takes what only it uses; what several
 * primaries share is a layer of its own; it ends with the step that would
 * break the limit (1 to SIZEFIRST_MAX_LIMIT groups, with those that are there
 * already). Equal sizes are taken by rank (ranks_find()). Paths of the *n
 * groups that are there are no primaries and make no layer; the new groups
 * follow them (room for one a path).
 */
void sizefirst_groups(const struct graph *g, const struct reachable *r, const uint32_t *rank,
		      uint32_t limit, struct merge_group *groups, uint32_t *n);

/* Orders groups by the size of their closures, ascending, then by rank. */
void sizefirst_order(const struct graph *g, const struct reachable *r, const uint32_t *rank,
		     struct merge_group *groups, uint32_t n);

#endif
