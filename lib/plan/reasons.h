/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_REASONS_H
#define LAYERPIPE_REASONS_H

/* What layer-plan --explain writes: a plan for people. */

#include "base/out.h"
#include "plan/merge.h"
#include "plan/popularity.h"

/* Lines of layer, path, NAR size, popularity and a remark; groups hold p's paths in p's order. */
MUST_USE int reasons_popularity(const struct graph *g, const struct popularity *p,
				const struct merge_group *groups, uint32_t n, struct out *o,
				struct err *e);

/* Lines of layer, path, NAR size, expected changes and a remark. */
MUST_USE int reasons_changes(const struct costmodel *m, const struct merge_group *groups,
			     uint32_t n, struct out *o, struct err *e);

#endif
