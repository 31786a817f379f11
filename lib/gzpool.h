/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_GZPOOL_H
#define LAYERPIPE_GZPOOL_H

/* gzip in threads, for compress.c: blocks of fixed size, each a member of its own. */

#include <stddef.h>

#include "err.h"
#include "mem.h"
#include "out.h"

struct gzpool;

MUST_USE int gzpool_new(unsigned jobs, struct out *o, struct gzpool **pool, struct err *e);
MUST_USE int gzpool_write(struct gzpool *p, const void *data, size_t len, struct err *e);
MUST_USE int gzpool_finish(struct gzpool *p, struct err *e);
void gzpool_free(struct gzpool *p);

#endif
