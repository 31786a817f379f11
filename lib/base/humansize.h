/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_HUMANSIZE_H
#define LAYERPIPE_HUMANSIZE_H

/* Figures and columns for people. */

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

/* Appends bytes as people write them: three digits and a unit, powers of 1000. */
void humansize_bytes(struct buf *b, uint64_t bytes);

/* Appends part of whole (which is not 0) in percent: "12 %", one decimal below 1. */
void humansize_percent(struct buf *b, double part, double whole);

/* Appends a column of bytes, 10 wide: "-" if there is no such number. */
void humansize_column(struct buf *b, uint64_t bytes, bool there);

/* Pads what was added since start to the width: on its left, or on its right where negative. */
void humansize_pad(struct buf *b, size_t start, int width);

#endif
