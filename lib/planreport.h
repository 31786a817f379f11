/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PLANREPORT_H
#define LAYERPIPE_PLANREPORT_H

/* What a plan costs, in words for people and in lines for scripts: plan-cost(1). */

#include "mem.h"
#include "plancost.h"

void planreport_text(const struct plancost *c, struct buf *b);

/* Lines "KEY TAB VALUE…". */
void planreport_tsv(const struct plancost *c, struct buf *b);

/* Appends bytes as people write them: three digits and a unit, powers of 1000. */
void planreport_bytes(struct buf *b, uint64_t bytes);

/* Appends part of whole (which is not 0) in percent: "12 %", one decimal below 1. */
void planreport_percent(struct buf *b, double part, double whole);

#endif
