/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PLANREPORT_H
#define LAYERPIPE_PLANREPORT_H

/* What a plan costs, in words for people and in lines for scripts: plan-cost(1). */

#include "base/mem.h"
#include "plan/plancost.h"

void planreport_text(const struct plancost *c, struct buf *b);

/* Lines "KEY TAB VALUE…". */
void planreport_tsv(const struct plancost *c, struct buf *b);

#endif
