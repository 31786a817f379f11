/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_LEAVES_H
#define LAYERPIPE_LEAVES_H

#include "plan/merge.h"

/* A path of this size or more is never a leaf: it is worth a layer of its own. */
#define LEAVES_MAX_SIZE ((uint64_t)4 << 20) /* bytes */

/*
 * merge_groups() for a closure that grows. Leaves take no part in the merging.
 * Each leaf is put into the layer where it costs least, whatever the other
 * leaves are. So adding a leaf changes one layer. If there are fewer other
 * groups than layers, or if all groups are closed, this is merge_groups().
 *
 * A leaf is a path below LEAVES_MAX_SIZE with at most one reference, to or from
 * another path. Paths that become leaves once leaves are removed are leaves as
 * well. Paths in closed groups and in groups of several paths are not.
 */
void leaves_merge(const struct graph *g, const struct reachable *r, const uint32_t *rank,
		  const struct merge_rules *rules, struct merge_group *groups, uint32_t *n);

#endif
