/* SPDX-License-Identifier: MIT */
#include "tar/decompress.h"

#include <inttypes.h>
#include <limits.h>
#include <lzma.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* bytes read at once; a fuzz target reads fewer */
#ifndef DECOMPRESS_CHUNK
#define DECOMPRESS_CHUNK (256 << 10)
#endif
/* binary logarithm of the largest window: 128 MiB; a fuzz target has less */
#ifndef DECOMPRESS_WINDOW
#define DECOMPRESS_WINDOW 27
#endif
/* LOOK: what tells the kind, the longest of the magic numbers below. */
enum { INPUT = DECOMPRESS_CHUNK, LOOK = 10, GZIP_WINDOW = 15 + 16 };
enum { ZSTD_WINDOW = DECOMPRESS_WINDOW, XZ_MEMORY = (1 << DECOMPRESS_WINDOW) + (2 << 20) };
enum { GZIP_FIRST = 0x1f, XZ_FIRST = 0xfd }; /* what each member or stream begins with */

/* Where in the compressed data reading stands. */
enum place {
	BETWEEN, /* members or frames: the input may end here, or the next one begin */
	INSIDE,
	PADDING, /* zeros behind the last gzip member or xz stream */
};

struct decompress {
	struct source source;
	struct source *from;
	enum compress_kind kind;
	enum place place;
	z_stream gzip;
	ZSTD_DCtx *zstd;
	lzma_stream xz;
	uint64_t taken, given; /* bytes read, bytes decompressed */
	size_t start, end;     /* what is unread of the input buffer */
	unsigned char in[INPUT];
};

static int bad(const struct decompress *d, struct err *e, const char *why)
{
	static const char *const names[] = {
		[COMPRESS_GZ] = "gzip", [COMPRESS_ZSTD] = "zstd", [COMPRESS_XZ] = "xz"
	};
	return err_set(e, 0, "%s: bad %s data: %s", d->from->name, names[d->kind], why);
}

static int starved(const struct decompress *d, struct err *e)
{
	return err_set(e, 0, "%s: out of memory", d->from->name);
}

/* --- what it is --- */

/* At the start of a frame, or of one to be skipped, which some writers put first (RFC 8878 3.1). */
static bool is_zstd(const unsigned char *s)
{
	return memcmp(s, "\x28\xb5\x2f\xfd", 4) == 0 ||
	       ((s[0] & 0xf0) == 0x50 && memcmp(s + 1, "\x2a\x4d\x18", 3) == 0);
}

/* "BZh", a level, and the number that begins a block. */
static bool is_bzip2(const unsigned char *s)
{
	return memcmp(s, "BZh", 3) == 0 && memcmp(s + 4, "1AY&SY", 6) == 0;
}

/* Tells the kind by the first bytes; what is missing of them is zeros. */
static int look(struct decompress *d, struct err *e)
{
	const unsigned char *s = d->in;
	if (source_fill(d->from, d->in, LOOK, &d->end, e) < 0)
		return -1;
	d->taken = d->end;
	if (is_bzip2(s))
		return err_set(e, 0,
			       "%s: compressed with bzip2, which is not read: decompress it first "
			       "(bzip2 -dc)",
			       d->from->name);
	if (memcmp(s, "\3757zXZ", 6) == 0)
		d->kind = COMPRESS_XZ;
	if (memcmp(s, "\x1f\x8b", 2) == 0)
		d->kind = COMPRESS_GZ;
	else if (is_zstd(s))
		d->kind = COMPRESS_ZSTD;
	return 0;
}

/* --- what is not compressed --- */

static size_t smaller(uint64_t a, size_t b)
{
	return a < b ? (size_t)a : b;
}

static int pass_read(struct source *source, void *data, size_t len, size_t *got, struct err *e)
{
	struct decompress *d = (struct decompress *)source;
	size_t n = smaller(d->end - d->start, len);
	if (n == 0)
		return source_read(d->from, data, len, got, e);
	memcpy(data, d->in + d->start, n);
	d->start += n;
	*got = n;
	return 0;
}

static int pass_skip(struct source *source, uint64_t len, struct err *e)
{
	struct decompress *d = (struct decompress *)source;
	size_t n = smaller(len, d->end - d->start);
	d->start += n;
	return len > n ? d->from->skip(d->from, len - n, e) : 0;
}

/* --- what is --- */

/* Sees to it that there is input; *more is false at its end. */
static int refill(struct decompress *d, bool *more, struct err *e)
{
	if (d->start == d->end) {
		d->start = 0;
		if (source_read(d->from, d->in, INPUT, &d->end, e) < 0) {
			d->end = 0;
			return -1;
		}
		d->taken += d->end;
	}
	*more = d->end > 0;
	return 0;
}

/* One call of inflate(), which checks sum and length of each member; no progress is its caller's.
 */
static int step_gzip(struct decompress *d, void *data, size_t len, size_t *got, struct err *e)
{
	z_stream *z = &d->gzip;
	unsigned room = len < UINT_MAX ? (unsigned)len : UINT_MAX;
	if (d->place == BETWEEN)
		inflateReset(z);
	z->next_in = d->in + d->start;
	z->avail_in = (unsigned)(d->end - d->start);
	z->next_out = data;
	z->avail_out = room;
	int result = inflate(z, Z_NO_FLUSH);
	if (result == Z_MEM_ERROR)
		return starved(d, e);
	if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
		return bad(d, e, z->msg ? z->msg : zError(result));
	d->start = d->end - z->avail_in;
	d->place = result == Z_STREAM_END ? BETWEEN : INSIDE;
	*got = room - z->avail_out;
	return 0;
}

static int step_zstd(struct decompress *d, void *data, size_t len, size_t *got, struct err *e)
{
	ZSTD_inBuffer in = { d->in, d->end, d->start };
	ZSTD_outBuffer out = { data, len, 0 };
	size_t result = ZSTD_decompressStream(d->zstd, &out, &in);
	if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation)
		return starved(d, e);
	if (ZSTD_isError(result))
		return bad(d, e, ZSTD_getErrorName(result));
	d->start = in.pos;
	d->place = result == 0 ? BETWEEN : INSIDE;
	*got = out.pos;
	return 0;
}

static const char *xz_error(lzma_ret result)
{
	switch ((int)result) {
	case LZMA_MEM_ERROR:
		return "out of memory";
	case LZMA_MEMLIMIT_ERROR:
		return "its window is larger than 128 MiB";
	case LZMA_OPTIONS_ERROR:
		return "a filter or check that is not known";
	default:
		return "it is damaged";
	}
}

/* One call of lzma_code(), which checks sum and length of each stream. */
static int step_xz(struct decompress *d, void *data, size_t len, size_t *got, struct err *e)
{
	lzma_stream *z = &d->xz;
	lzma_ret result = LZMA_OK;
	if (d->place == BETWEEN)
		result = lzma_stream_decoder(z, XZ_MEMORY, 0);
	z->next_in = d->in + d->start;
	z->avail_in = d->end - d->start;
	z->next_out = data;
	z->avail_out = len;
	if (result == LZMA_OK)
		result = lzma_code(z, LZMA_RUN);
	if (result != LZMA_OK && result != LZMA_STREAM_END && result != LZMA_BUF_ERROR)
		return bad(d, e, xz_error(result));
	d->start = d->end - z->avail_in;
	d->place = result == LZMA_STREAM_END ? BETWEEN : INSIDE;
	*got = len - z->avail_out;
	return 0;
}

static int something_behind(const struct decompress *d, struct err *e)
{
	return bad(d, e, "something other than zeros behind its end");
}

static int pad(struct decompress *d, struct err *e)
{
	while (d->start < d->end)
		if (d->in[d->start++])
			return something_behind(d, e);
	return 0;
}

/* One step further, with input there. */
static int step(struct decompress *d, void *data, size_t len, size_t *got, struct err *e)
{
	if (d->kind == COMPRESS_ZSTD)
		return step_zstd(d, data, len, got, e);
	if (d->place == BETWEEN && d->in[d->start] == 0)
		d->place = PADDING;
	if (d->place == BETWEEN &&
	    d->in[d->start] != (d->kind == COMPRESS_GZ ? GZIP_FIRST : XZ_FIRST))
		return something_behind(d, e);
	if (d->place == PADDING)
		return pad(d, e);
	return d->kind == COMPRESS_GZ ? step_gzip(d, data, len, got, e)
				      : step_xz(d, data, len, got, e);
}

static int check_growth(const struct decompress *d, struct err *e)
{
	if (d->given <= DECOMPRESS_FREE || d->given / DECOMPRESS_RATIO <= d->taken)
		return 0;
	return err_set(e, 0,
		       "%s: more than %" PRIu64 " bytes out of %" PRIu64
		       " compressed ones: this looks like a bomb (if not, decompress it first)",
		       d->from->name, d->given, d->taken);
}

static int expand(struct source *source, void *data, size_t len, size_t *got, struct err *e)
{
	struct decompress *d = (struct decompress *)source;
	size_t n = 0;
	bool more = true;
	while (n == 0) {
		if (refill(d, &more, e) < 0)
			return -1;
		/* without input there may be output left that had no room */
		if (!more && d->place != INSIDE)
			break;
		enum place place = d->place;
		if (step(d, data, len, &n, e) < 0)
			return -1;
		if (!more && n == 0 && d->place == place)
			return bad(d, e, "it is cut short");
	}
	d->given += n;
	*got = n;
	return check_growth(d, e);
}

static int start(struct decompress *d, struct err *e)
{
	if (d->kind == COMPRESS_GZ)
		return inflateInit2(&d->gzip, GZIP_WINDOW) == Z_OK ? 0 : starved(d, e);
	if (d->kind == COMPRESS_ZSTD) {
		d->zstd = ZSTD_createDCtx();
		return d->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax,
								       ZSTD_WINDOW))
			       ? 0
			       : starved(d, e);
	}
	if (d->kind == COMPRESS_XZ)
		return 0; /* each stream is started when it is met */
	d->source.read = pass_read;
	d->source.skip = d->from->skip ? pass_skip : NULL;
	return 0;
}

int decompress_new(struct source *from, struct decompress **d, struct err *e)
{
	AUTO_DECOMPRESS struct decompress *made = xcalloc(1, sizeof *made);
	made->from = from;
	made->source = (struct source){ .name = from->name, .read = expand };
	if (look(made, e) < 0 || start(made, e) < 0)
		return -1;
	*d = STEAL(made);
	return 0;
}

struct source *decompress_source(struct decompress *d)
{
	return &d->source;
}

enum compress_kind decompress_kind(const struct decompress *d)
{
	return d->kind;
}

void decompress_free(struct decompress *d)
{
	if (!d)
		return;
	if (d->kind == COMPRESS_GZ)
		inflateEnd(&d->gzip);
	lzma_end(&d->xz);
	ZSTD_freeDCtx(d->zstd);
	free(d);
}

void decompress_cleanup(struct decompress **d)
{
	decompress_free(*d);
}
