/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_REPLAN_H
#define LAYERPIPE_REPLAN_H

#include "merge.h"
#include "plan.h"

/*
 * Layers for an image whose last plan is known. A layer of the previous plan
 * whose paths are all still there with the same hashes stays as it is, in its
 * place at the bottom; the other paths get a layer each as far as the limit
 * lets, and then merge_groups() merges, where taking in a layer that could
 * have stayed costs its bytes at once. The caller frees the groups
 * (merge_free_groups()); those that stayed have .kept set.
 */
struct merge_group *replan_groups(const struct graph *g, const struct reach *r,
				  const uint32_t *rank, const struct plan *previous,
				  const struct merge_rules *rules, uint32_t *n);

#endif
