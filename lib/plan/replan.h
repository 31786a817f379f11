/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_REPLAN_H
#define LAYERPIPE_REPLAN_H

#include "plan/merge.h"
#include "plan/plan.h"

/*
 * Layers for an image whose last plan is known. A layer of the previous plan
 * whose paths are all still there with the same hashes, and in none of the *n
 * groups that are there, stays as it is; then come known layers
 * (planknown_groups()). The other paths get a layer each as far as the limit
 * lets. Then merge_groups() merges, where taking in a layer that could have
 * stayed costs its bytes at once, and descend_groups() improves what is new. In groups (room for
 * one a path) and *n comes the result: what stayed, with .kept set, in its
 * order at the bottom, the others above.
 */
void replan_groups(const struct costmodel *m, const struct plan *previous, const struct plan *known,
		   size_t nknown, const struct merge_rules *rules, struct merge_group *groups,
		   uint32_t *n);

#endif
