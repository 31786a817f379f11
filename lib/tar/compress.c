/* SPDX-License-Identifier: MIT */
#include "tar/compress.h"

#include <libdeflate.h>
#include <stdint.h>
#include <string.h>

#include "tar/blockpool.h"
#include "tar/zstdblock.h"
#include "tar/zstdchunked.h"

struct compress {
	struct out *o;
	struct blockpool *pool;      /* NULL for COMPRESS_NONE */
	struct zstdchunked *chunked; /* before it, for COMPRESS_CHUNKED */
};

/* Who changes what a kind writes, in any byte, counts up its number in compress_about(). */

/* --- gz --- */

/*
 * Levels and block are a measured choice, against pigz -nT (level 6 of zlib)
 * on store contents: level 5 takes 0.3 of its processor time but can be 0.15 % larger
 * with blocks of 1 MiB, 0.05 % with 2 MiB, as fewer matches are lost at their
 * borders; level 6 is 0.75 % smaller than that but slower by a quarter. So one block in
 * sixteen is written at level 6.
 */
enum { GZ_LEVEL = 5, GZ_THOROUGH = 6, GZ_THOROUGH_EVERY = 16, GZ_BLOCK = 2 << 20 };

/*
 * podman 4, skopeo 1.9 and buildah 1.28, as Debian 12 has them, lose what their decompressor
 * (pgzip before its pull request 50) holds of the first member when they have looked at the first
 * 8 bytes of the tar. A first member of exactly these bytes leaves nothing to lose.
 */
enum { GZ_FIRST = 8 };

/* A compressor of one level, as two of them would take twice the memory. */
struct gz {
	int level;
	struct libdeflate_compressor *compressor;
};

static struct libdeflate_compressor *of_level(struct gz *gz, int level)
{
	if (gz->level != level) {
		libdeflate_free_compressor(gz->compressor);
		gz->compressor = libdeflate_alloc_compressor(level);
		gz->level = gz->compressor ? level : 0;
	}
	return gz->compressor;
}

static void gz_end(void *context)
{
	struct gz *gz = context;
	libdeflate_free_compressor(gz->compressor);
	free(gz);
}

static void *gz_start(void)
{
	struct gz *gz = xcalloc(1, sizeof *gz);
	if (of_level(gz, GZ_LEVEL))
		return gz;
	gz_end(gz);
	return NULL;
}

static size_t gz_bound(size_t len)
{
	return libdeflate_gzip_compress_bound(NULL, GZ_FIRST) +
	       libdeflate_gzip_compress_bound(NULL, len);
}

/* The first bytes of the output are a member of their own. */
static size_t gz_compress(void *context, uint64_t n, const void *in, size_t len, void *out,
			  size_t room)
{
	struct libdeflate_compressor *compressor =
		of_level(context, n % GZ_THOROUGH_EVERY == 0 ? GZ_THOROUGH : GZ_LEVEL);
	size_t split = n == 0 && len > GZ_FIRST ? GZ_FIRST : 0, first = 0;
	if (compressor && split)
		first = libdeflate_gzip_compress(compressor, in, split, out, room);
	if (!compressor || (split && first == 0))
		return 0;
	size_t rest = libdeflate_gzip_compress(compressor, (const char *)in + split, len - split,
					       (char *)out + first, room - first);
	return rest ? first + rest : 0;
}

/* --- zstd --- */

/*
 * Measured too, against zstd -T0, whose jobs of 8 MiB know the contents before them: frames of
 * 2 MiB are 1.7 % larger at its level 3, but 1.1 % with tables twice as large as that has, for an
 * eighth more time, which is still less than zstd -T0 takes behind a pipe. Frames of 3 MiB would be
 * 0.2 % smaller than its, but leave memory for two threads only.
 */
enum { ZSTD_LEVEL = 3, ZSTD_HASH_LOG = 18, ZSTD_CHAIN_LOG = 17, ZSTD_BLOCK = 2 << 20 };

static void *zstd_start(void)
{
	static const struct zstdblock_setting settings[] = {
		{ ZSTD_c_compressionLevel, ZSTD_LEVEL },
		{ ZSTD_c_hashLog, ZSTD_HASH_LOG },
		{ ZSTD_c_chainLog, ZSTD_CHAIN_LOG },
		{ ZSTD_c_checksumFlag, 1 },
	};
	return zstdblock_start(settings, sizeof settings / sizeof *settings);
}

/* --- both --- */

/* As many threads and buffers as keep memory below 32 MiB, with any number of cores. */
static const struct blockpool_kind gz_kind = { .block = GZ_BLOCK,
					       .bound = gz_bound,
					       .jobs = 4,
					       .buffers = 9,
					       .start = gz_start,
					       .compress = gz_compress,
					       .end = gz_end };

static const struct blockpool_kind zstd_kind = { .block = ZSTD_BLOCK,
						 .bound = ZSTD_compressBound,
						 .jobs = 3,
						 .buffers = 7,
						 .start = zstd_start,
						 .compress = zstdblock_compress,
						 .end = zstdblock_end };

static const struct blockpool_kind *const kinds[] = {
	[COMPRESS_GZ] = &gz_kind,
	[COMPRESS_ZSTD] = &zstd_kind,
	[COMPRESS_CHUNKED] = &zstdchunked_kind,
};

int compress_kind(const char *name, enum compress_kind *kind, struct err *e)
{
	static const char *const names[] = { "none", "gz", "zstd" };
	for (unsigned i = 0; i < 3; i++)
		if (strcmp(name, names[i]) == 0) {
			*kind = (enum compress_kind)i;
			return 0;
		}
	return err_set(e, 0, "expected none, gz or zstd, found '%s'", name);
}

int compress_layer_kind(const char *name, enum compress_kind *kind, struct err *e)
{
	struct err ignored = { 0 };
	if (strcmp(name, "zstd:chunked") == 0) {
		*kind = COMPRESS_CHUNKED;
		return 0;
	}
	int r = compress_kind(name, kind, &ignored);
	err_clear(&ignored);
	return r == 0 ? 0
		      : err_set(e, 0, "expected none, gz, zstd or zstd:chunked, found '%s'", name);
}

char *compress_about(enum compress_kind kind)
{
	if (kind == COMPRESS_NONE)
		return xstrdup("none");
	if (kind == COMPRESS_CHUNKED)
		return zstdchunked_about();
	if (kind == COMPRESS_GZ)
		return xasprintf("gz 1: libdeflate %s, level %d, blocks of %d",
				 LIBDEFLATE_VERSION_STRING, GZ_LEVEL, GZ_BLOCK);
	return xasprintf("zstd 1: libzstd %s, level %d, blocks of %d", ZSTD_versionString(),
			 ZSTD_LEVEL, ZSTD_BLOCK);
}

void compress_again(struct compress *c, struct out *o)
{
	c->o = o;
	if (c->chunked)
		zstdchunked_start(c->chunked, o);
	else if (c->pool)
		blockpool_start(c->pool, o, NULL, NULL);
}

int compress_new(enum compress_kind kind, unsigned jobs, struct out *o, struct compress **c,
		 struct err *e)
{
	AUTO_COMPRESS struct compress *made = xcalloc(1, sizeof *made);
	if (kind == COMPRESS_XZ)
		return err_set(e, 0, "xz is not written");
	if (kind != COMPRESS_NONE && blockpool_new(kinds[kind], jobs, &made->pool, e) < 0)
		return -1;
	if (kind == COMPRESS_CHUNKED)
		made->chunked = zstdchunked_new(made->pool);
	compress_again(made, o);
	*c = STEAL(made);
	return 0;
}

bool compress_has_threads(const struct compress *c)
{
	return c->pool;
}

int compress_write(struct compress *c, const void *data, size_t len, struct err *e)
{
	if (c->chunked)
		return zstdchunked_write(c->chunked, data, len, e);
	return c->pool ? blockpool_write(c->pool, data, len, e) : out_write(c->o, data, len, e);
}

int compress_finish(struct compress *c, struct err *e)
{
	if (c->chunked)
		return zstdchunked_finish(c->chunked, e);
	return c->pool ? blockpool_finish(c->pool, e) : 0;
}

char *compress_details(const struct compress *c)
{
	return c->chunked ? zstdchunked_place(c->chunked) : NULL;
}

void compress_free(struct compress *c)
{
	if (!c)
		return;
	zstdchunked_free(c->chunked);
	blockpool_free(c->pool);
	free(c);
}

void compress_cleanup(struct compress **c)
{
	compress_free(*c);
}
