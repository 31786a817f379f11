/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_SIZEFIRST_H
#define LAYERPIPE_SIZEFIRST_H

#include "merge.h"

enum { SIZEFIRST_MAX_LIMIT = 128 };

/*
 * Layers as nixpkgs' auto-layer makes them: from the largest path down, each
 * becomes the primary of a layer that takes what only it uses; what several
 * primaries share is a layer of its own; it ends with the step that would
 * break the limit (2 to SIZEFIRST_MAX_LIMIT). Equal sizes are taken by rank
 * (merge_ranks()). Layers are ordered by the size of their closures,
 * ascending, then by rank. The caller frees the groups (merge_free_groups()).
 */
struct merge_group *sizefirst_groups(const struct graph *g, const struct reach *r,
				     const uint32_t *rank, uint32_t limit, uint32_t *n);

#endif
