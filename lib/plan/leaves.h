/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_LEAVES_H
#define LAYERPIPE_LEAVES_H

#include "plan/merge.h"

/* A path this large is worth a layer of its own wherever it hangs, and no leaf. */
#define LEAVES_MAX_SIZE ((uint64_t)4 << 20) /* bytes */

/*
 * merge_groups() for a closure that grows: what hangs on it by one reference
 * only, to it or from it, is no part of the merging but is put into the layer
 * where it costs least, each for itself. So another such path changes that
 * one layer. Where there are fewer other groups than layers, and where
 * all are closed, it is merge_groups() as it is.
 *
 * A leaf is a path below LEAVES_MAX_SIZE that refers to, or is referred to
 * by, one path at the most; what is a leaf without the leaves is one too.
 * Groups of several paths and closed ones have none.
 */
void leaves_merge(const struct graph *g, const struct reachable *r, const uint32_t *rank,
		  const struct merge_rules *rules, struct merge_group *groups, uint32_t *n);

#endif
