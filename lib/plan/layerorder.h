/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_LAYERORDER_H
#define LAYERPIPE_LAYERORDER_H

#include "plan/merge.h"

/*
 * Orders groups bottom first, so that classic docker, which reuses a layer
 * only above equal layers, has the least to pull. Where a layer lies, all that
 * changes it changes what is above, too. So a layer comes together with all
 * layers that then cost nothing more, and of these sets the one comes first
 * that adds the least chance to change for each byte (a set after a set;
 * Sidney's decomposition has the theory). The first `fixed` groups stay where
 * they are. O(n^3) steps of one set of sources each.
 */
void layerorder_sort(const struct costmodel *m, struct merge_group *groups, uint32_t fixed,
		     uint32_t n);

#endif
