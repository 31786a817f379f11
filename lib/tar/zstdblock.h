/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_ZSTDBLOCK_H
#define LAYERPIPE_ZSTDBLOCK_H

/* Blocks as zstd frames of their own: three functions of a blockpool_kind. */

#include <stddef.h>
#include <stdint.h>
#include <zstd.h>

struct zstdblock_setting {
	ZSTD_cParameter name;
	int value;
};

/* A compressor with these settings; NULL without memory. */
void *zstdblock_start(const struct zstdblock_setting *settings, size_t n);

size_t zstdblock_compress(void *compressor, uint64_t n, const void *in, size_t len, void *out,
			  size_t room);
void zstdblock_end(void *compressor);

#endif
