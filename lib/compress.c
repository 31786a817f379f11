/* SPDX-License-Identifier: MIT */
#include "compress.h"

#include <stdint.h>
#include <string.h>
#include <zstd.h>

#include "gzpool.h"

/*
 * Smaller jobs than the library's 8 MiB hold memory below 32 MiB, for 1.5 % more bytes. Each reads
 * a part of the one before again, of a sixteenth of the window's size: more costs time and saves
 * little.
 */
enum { ZSTD_LEVEL = 3, ZSTD_JOB = 3 << 19, ZSTD_OVERLAP = 5, ZSTD_MAX_JOBS = 3 };

struct compress {
	enum compress_kind kind;
	struct out *o;
	struct gzpool *gz;
	ZSTD_CCtx *zstd;
	char *out; /* what libzstd writes to */
};

int compress_kind(const char *name, enum compress_kind *kind, struct err *e)
{
	static const char *const names[] = { "none", "gz", "zstd" };
	for (unsigned i = 0; i < 3; i++)
		if (strcmp(name, names[i]) == 0) {
			*kind = (enum compress_kind)i;
			return 0;
		}
	return err_set(e, 0, "'%s': expected none, gz or zstd", name);
}

/* A libzstd result as ours. */
static int check(size_t result, struct err *e)
{
	return ZSTD_isError(result) ? err_set(e, 0, "zstd: %s", ZSTD_getErrorName(result)) : 0;
}

static int set(ZSTD_CCtx *z, ZSTD_cParameter what, int value, struct err *e)
{
	return check(ZSTD_CCtx_setParameter(z, what, value), e);
}

/* Also one job goes through the workers: the single-threaded form has other bytes. */
static int start_zstd(struct compress *c, unsigned jobs, struct err *e)
{
	int workers = (int)(jobs < ZSTD_MAX_JOBS ? jobs : ZSTD_MAX_JOBS);
	c->zstd = ZSTD_createCCtx();
	c->out = xmalloc(ZSTD_CStreamOutSize());
	if (!c->zstd)
		return err_set(e, 0, "zstd: out of memory");
	if (set(c->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL, e) < 0 ||
	    set(c->zstd, ZSTD_c_checksumFlag, 1, e) < 0)
		return -1;
	if (set(c->zstd, ZSTD_c_nbWorkers, workers, e) < 0 ||
	    set(c->zstd, ZSTD_c_jobSize, ZSTD_JOB, e) < 0 ||
	    set(c->zstd, ZSTD_c_overlapLog, ZSTD_OVERLAP, e) < 0)
		return err_wrap(e, "this libzstd has no threads");
	return 0;
}

int compress_new(enum compress_kind kind, unsigned jobs, struct out *o, struct compress **c,
		 struct err *e)
{
	AUTO_COMPRESS struct compress *made = xcalloc(1, sizeof *made);
	made->kind = kind;
	made->o = o;
	if ((kind == COMPRESS_GZ && gzpool_new(jobs, o, &made->gz, e) < 0) ||
	    (kind == COMPRESS_ZSTD && start_zstd(made, jobs, e) < 0))
		return -1;
	*c = STEAL(made);
	return 0;
}

bool compress_has_threads(const struct compress *c)
{
	return c->kind != COMPRESS_NONE;
}

/* One call of libzstd; *left is what it keeps to be flushed. */
static int step(struct compress *c, ZSTD_inBuffer *in, ZSTD_EndDirective end, size_t *left,
		struct err *e)
{
	ZSTD_outBuffer out = { c->out, ZSTD_CStreamOutSize(), 0 };
	*left = ZSTD_compressStream2(c->zstd, &out, in, end);
	return check(*left, e) < 0 ? -1 : out_write(c->o, c->out, out.pos, e);
}

static int write_zstd(struct compress *c, const void *data, size_t len, struct err *e)
{
	ZSTD_inBuffer in = { data, len, 0 };
	size_t left;
	while (in.pos < in.size)
		if (step(c, &in, ZSTD_e_continue, &left, e) < 0)
			return -1;
	return 0;
}

static int finish_zstd(struct compress *c, struct err *e)
{
	ZSTD_inBuffer in = { NULL, 0, 0 };
	size_t left = 1;
	while (left)
		if (step(c, &in, ZSTD_e_end, &left, e) < 0)
			return -1;
	return 0;
}

int compress_write(struct compress *c, const void *data, size_t len, struct err *e)
{
	switch (c->kind) {
	case COMPRESS_GZ:
		return gzpool_write(c->gz, data, len, e);
	case COMPRESS_ZSTD:
		return write_zstd(c, data, len, e);
	case COMPRESS_NONE:
		break;
	}
	return out_write(c->o, data, len, e);
}

int compress_finish(struct compress *c, struct err *e)
{
	switch (c->kind) {
	case COMPRESS_GZ:
		return gzpool_finish(c->gz, e);
	case COMPRESS_ZSTD:
		return finish_zstd(c, e);
	case COMPRESS_NONE:
		break;
	}
	return 0;
}

void compress_free(struct compress *c)
{
	if (!c)
		return;
	gzpool_free(c->gz);
	ZSTD_freeCCtx(c->zstd);
	free(c->out);
	free(c);
}

void compress_cleanup(struct compress **c)
{
	compress_free(*c);
}
