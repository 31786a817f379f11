/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_DESCEND_H
#define LAYERPIPE_DESCEND_H

#include "plan/merge.h"

/*
 * Makes groups cheaper by moving single paths from one to another, as long as
 * that lowers the cost, costmodel.h. Groups that are closed, kept or known
 * stay as they are; none becomes smaller than rules->min_size.
 */
void descend_groups(const struct costmodel *m, const struct merge_rules *rules,
		    struct merge_group *groups, uint32_t n);

#endif
