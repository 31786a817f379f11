/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_ZSTDCHUNKED_H
#define LAYERPIPE_ZSTDCHUNKED_H

/*
 * Layers as zstd:chunked, for compress.c: zstd-chunked(5). A blob is
 * zstd frames that together are the layer tar, and behind them, in skippable
 * frames, a table that says where in the blob each file and each piece of it
 * lies. A client that has a piece already does not pull it.
 *
 * A tar that a table cannot describe becomes the same frames without a table:
 * a layer as any zstd layer.
 */

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "tar/blockpool.h"

struct zstdchunked;

/* What makes the frames. */
extern const struct blockpool_kind zstdchunked_kind;

/* The pool is of that kind, and borrowed. */
struct zstdchunked *zstdchunked_new(struct blockpool *pool);

/* Begins an output, the first or after zstdchunked_finish(); o is borrowed. */
void zstdchunked_start(struct zstdchunked *c, struct out *o);
MUST_USE int zstdchunked_write(struct zstdchunked *c, const void *data, size_t len, struct err *e);
MUST_USE int zstdchunked_finish(struct zstdchunked *c, struct err *e);

/*
 * Once it is finished, where the table is and what its digest is, which goes with the blob as
 * annotations: "toc sha256:HEX OFFSET:LENGTH:RAW tar-split OFFSET:LENGTH:RAW". NULL: there is no
 * table. The caller frees it.
 */
char *zstdchunked_place(const struct zstdchunked *c);

/* As compress_about(). The caller frees it. */
char *zstdchunked_about(void);

void zstdchunked_free(struct zstdchunked *c);

#endif
