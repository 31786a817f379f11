/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PLANKNOWN_H
#define LAYERPIPE_PLANKNOWN_H

#include "plan/merge.h"
#include "plan/plan.h"

/*
 * Adds the layers of other plans that are worth to be taken as they are, so
 * that images share them: layer-plan(1) "Known layers". All their paths are in
 * the graph with the same hashes, and in none of the *n groups there are (room
 * for one a path).
 */
void planknown_groups(const struct costmodel *m, uint32_t sharing, const struct plan *plans,
		      size_t nplans, struct merge_group *groups, uint32_t *n);

#endif
