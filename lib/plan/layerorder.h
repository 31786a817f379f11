/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_LAYERORDER_H
#define LAYERPIPE_LAYERORDER_H

#include "plan/merge.h"

/*
 * Orders groups bottom first, so that classic docker, which reuses a layer
 * only above equal layers, has the least to pull: it pulls a layer again when
 * that or one below it changes. For each layer, take the layers that then add
 * no further changes. The set with the fewest new changes for each byte comes
 * first, then again with the rest (Sidney's decomposition). Then each layer,
 * with those that then add no further changes, moves down to where it costs
 * least, until none moves, in 50 rounds at most. The first `fixed` groups stay
 * where they are. O(n^3) steps of one set of sources for each round.
 */
void layerorder_sort(const struct costmodel *m, struct merge_group *groups, uint32_t fixed,
		     uint32_t n);

#endif
