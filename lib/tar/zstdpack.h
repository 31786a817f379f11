/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_ZSTDPACK_H
#define LAYERPIPE_ZSTDPACK_H

/* Text that grows in pieces, kept in memory as one zstd frame: what a zstd:chunked layer ends with.
 */

#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"

struct zstdpack;

struct zstdpack *zstdpack_new(void);

/* Starts afresh, in the memory that it has. */
void zstdpack_clear(struct zstdpack *p);

MUST_USE int zstdpack_add(struct zstdpack *p, const void *data, size_t len, struct err *e);

/* Ends the frame; the digest is that of the frame. */
MUST_USE int zstdpack_end(struct zstdpack *p, char hex[DIGEST_HEX_LEN + 1], struct err *e);

/* The frame, borrowed, and the bytes that it stands for. */
const struct buf *zstdpack_frame(const struct zstdpack *p);
uint64_t zstdpack_length(const struct zstdpack *p);

void zstdpack_free(struct zstdpack *p);

#endif
