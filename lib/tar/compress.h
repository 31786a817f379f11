/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_COMPRESS_H
#define LAYERPIPE_COMPRESS_H

/*
 * Compressed output, in threads: equal input gives equal bytes whatever the
 * number of threads and however the input was cut into pieces. The one place
 * that knows libdeflate.
 *
 * gz: blocks of 2 MiB, each a gzip member of its own (RFC 1952 has them read
 * as one), levels 5 and 6 of libdeflate, no name, no time; of the first block,
 * the first 8 bytes are a member before it, for old clients. zstd: blocks of
 * 2 MiB, each a frame of its own (RFC 8878 has them read as one), level 3 with
 * larger tables, with checksum and length. zstd:chunked: zstdchunked.h.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"

/* xz is only read (decompress.h), zstd:chunked only written: for a reader it is zstd. */
enum compress_kind { COMPRESS_NONE, COMPRESS_GZ, COMPRESS_ZSTD, COMPRESS_XZ, COMPRESS_CHUNKED };

/* "none", "gz" or "zstd". */
MUST_USE int compress_kind(const char *name, enum compress_kind *kind, struct err *e);

/* One of these, or what only a layer can be: "zstd:chunked". */
MUST_USE int compress_layer_kind(const char *name, enum compress_kind *kind, struct err *e);

/*
 * What else than its input the output depends on: library, version, level and size of a block, such
 * as "zstd 1: libzstd 1.5.4, level 3, blocks of 2097152"; the number is that of this form. It
 * changes whenever the output may. "none" for COMPRESS_NONE; not for COMPRESS_XZ. The caller frees
 * it.
 */
char *compress_about(enum compress_kind kind);

struct compress;

/*
 * Starts compressing to o (borrowed). jobs: threads to use, from 1; more than
 * memory below 32 MiB allows are not started; the table of COMPRESS_CHUNKED
 * needs some 100 bytes a file besides. COMPRESS_NONE passes through;
 * COMPRESS_XZ is an error.
 */
MUST_USE int compress_new(enum compress_kind kind, unsigned jobs, struct out *o,
			  struct compress **c, struct err *e);

/* After compress_finish(): compresses another output, with the threads that there are. */
void compress_again(struct compress *c, struct out *o);

/* Whether compressing keeps cores busy by itself. */
bool compress_has_threads(const struct compress *c);

MUST_USE int compress_write(struct compress *c, const void *data, size_t len, struct err *e);

/* Writes what is left and the end; o stays open and is not flushed. */
MUST_USE int compress_finish(struct compress *c, struct err *e);

/*
 * After compress_finish(): what else there is to be known of the output, beside compress_about():
 * zstdchunked_place(). NULL: nothing. The caller frees it.
 */
char *compress_details(const struct compress *c);

/* Ends the threads; without compress_finish() the output lacks its end. */
void compress_free(struct compress *c);

/* For __attribute__((cleanup)). */
void compress_cleanup(struct compress **c);
#define AUTO_COMPRESS __attribute__((cleanup(compress_cleanup)))

#endif
