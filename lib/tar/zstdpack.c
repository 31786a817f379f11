/* SPDX-License-Identifier: MIT */
#include "tar/zstdpack.h"

#include <errno.h>

#include "tar/zstdblock.h"

/* A window of 1 MiB holds some thousand headers, and keeps memory small. Fuzz targets take less. */
#ifndef ZSTDPACK_WINDOW
#define ZSTDPACK_WINDOW 20
#endif

/*
 * 0: the tables of the level. It takes longer to clear them than to run a fuzz target once, so
 * these set small ones.
 */
#ifndef ZSTDPACK_TABLES
#define ZSTDPACK_TABLES 0
#endif
enum { LEVEL = 3, STEP = 64 << 10 };

struct zstdpack {
	ZSTD_CCtx *z;
	struct buf frame;
	uint64_t length;
};

struct zstdpack *zstdpack_new(void)
{
	static const struct zstdblock_setting settings[] = {
		{ ZSTD_c_compressionLevel, LEVEL },
		{ ZSTD_c_windowLog, ZSTDPACK_WINDOW },
		{ ZSTD_c_hashLog, ZSTDPACK_TABLES },
		{ ZSTD_c_chainLog, ZSTDPACK_TABLES },
	};
	struct zstdpack *p = xcalloc(1, sizeof *p);
	p->z = zstdblock_start(settings, sizeof settings / sizeof *settings);
	return p;
}

void zstdpack_clear(struct zstdpack *p)
{
	if (p->z)
		ZSTD_CCtx_reset(p->z, ZSTD_reset_session_only);
	buf_clear(&p->frame);
	p->length = 0;
}

static int run(struct zstdpack *p, ZSTD_inBuffer *in, ZSTD_EndDirective how, struct err *e)
{
	size_t left = 1;
	while (p->z && (in->pos < in->size || (how == ZSTD_e_end && left))) {
		ZSTD_outBuffer out = { buf_extend(&p->frame, STEP), STEP, 0 };
		left = ZSTD_compressStream2(p->z, &out, in, how);
		p->frame.len -= STEP - out.pos;
		if (ZSTD_isError(left))
			break;
	}
	return p->z && !ZSTD_isError(left) ? 0 : err_set(e, ENOMEM, "cannot compress");
}

int zstdpack_add(struct zstdpack *p, const void *data, size_t len, struct err *e)
{
	ZSTD_inBuffer in = { data, len, 0 };
	p->length += len;
	return run(p, &in, ZSTD_e_continue, e);
}

int zstdpack_end(struct zstdpack *p, char hex[DIGEST_HEX_LEN + 1], struct err *e)
{
	ZSTD_inBuffer in = { NULL, 0, 0 };
	if (run(p, &in, ZSTD_e_end, e) < 0)
		return -1;
	digest_of(p->frame.s, p->frame.len, hex);
	return 0;
}

const struct buf *zstdpack_frame(const struct zstdpack *p)
{
	return &p->frame;
}

uint64_t zstdpack_length(const struct zstdpack *p)
{
	return p->length;
}

void zstdpack_free(struct zstdpack *p)
{
	if (!p)
		return;
	ZSTD_freeCCtx(p->z);
	buf_free(&p->frame);
	free(p);
}
