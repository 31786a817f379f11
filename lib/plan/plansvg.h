/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PLANSVG_H
#define LAYERPIPE_PLANSVG_H

#include "base/mem.h"
#include "plan/plancost.h"

/*
 * Appends a picture of the plan, an SVG document: a row a layer, the bottom
 * layer at the bottom, each with a bar as wide as the layer is large, coloured
 * by how often it changes: among the events, where there are any, else as is
 * to be expected.
 */
void plansvg(const struct plancost *c, struct buf *b);

#endif
