/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_DECOMPRESS_H
#define LAYERPIPE_DECOMPRESS_H

/*
 * Reading compressed input, told by its first bytes: gzip (RFC 1952, members
 * one after the other are one), zstd (RFC 8878, frames likewise), xz (The .xz
 * File Format, streams likewise), or what is not compressed, which passes
 * through. The one place that knows zlib, liblzma and libzstd's reader. Memory:
 * below 10 MiB, for zstd and xz also their window, of which more than 128 MiB
 * are refused.
 *
 * Zeros behind the last gzip member or xz stream are padding, as gzip(1) and
 * xz(1) have it; anything else behind it, and anything at all behind the last zstd frame, is an
 * error.
 */

#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/source.h"
#include "tar/compress.h"

/*
 * A compressed input may grow to DECOMPRESS_FREE bytes, or to
 * DECOMPRESS_RATIO times its size so far where that is more: what expands
 * further is taken for a bomb.
 */
#define DECOMPRESS_FREE  ((uint64_t)1 << 30)
#define DECOMPRESS_RATIO 200

/* A source of decompressed bytes over a source of compressed ones. */
struct decompress;

/*
 * Looks at the first bytes of from (borrowed), and starts. bzip2 is refused
 * with a message that says what to run. No input at all is not compressed.
 */
MUST_USE int decompress_new(struct source *from, struct decompress **d, struct err *e);

/* The decompressed bytes; valid as long as d. An input that is cut short or damaged is an error. */
struct source *decompress_source(struct decompress *d);

/* What the input is compressed with. */
enum compress_kind decompress_kind(const struct decompress *d);

void decompress_free(struct decompress *d);

/* For __attribute__((cleanup)). */
void decompress_cleanup(struct decompress **d);
#define AUTO_DECOMPRESS __attribute__((cleanup(decompress_cleanup)))

#endif
