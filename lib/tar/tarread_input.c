/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "tar/tarread_parts.h"

int tarread_err(const struct tarread *r, struct err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	AUTO_FREE char *msg = xvasprintf(fmt, ap);
	va_end(ap);
	return err_set(e, 0, "%s: header at byte %" PRIu64 ": %s", r->name, r->header, msg);
}

int tarread_truncated(const struct tarread *r, struct err *e)
{
	return err_set(e, 0,
		       "%s: truncated at byte %" PRIu64
		       ": expected more, up to two zero blocks at the end of the archive",
		       r->name, r->offset + (r->end - r->start));
}

bool tarread_is_compressed(const char *s, size_t len)
{
	static const char gzip[] = "\x1f\x8b", zstd[] = "\x28\xb5\x2f\xfd",
			  xz[] = "\xfd"
				 "7zXZ";
	return len >= sizeof xz - 1 &&
	       (memcmp(s, gzip, sizeof gzip - 1) == 0 || memcmp(s, zstd, sizeof zstd - 1) == 0 ||
		memcmp(s, xz, sizeof xz - 1) == 0);
}

int tarread_compressed(const struct tarread *r, struct err *e)
{
	return tarread_err(r, e, "it is compressed: decompress it first");
}

/* What there is at the end is no block. Behind an archive, zeros are what is left of its end. */
static int less_than_block(const struct tarread *r, size_t left, struct err *e)
{
	bool zeros = memcmp(r->buffers[r->current] + r->start, tar_zeros, left) == 0;
	if (r->offset == 0)
		return err_set(e, 0, "%s: not a tar archive: it has only %zu bytes", r->name, left);
	if (r->in_archive || zeros)
		return tarread_truncated(r, e);
	return err_set(e, 0, "%s: %zu bytes behind the end of the archive, at byte %" PRIu64,
		       r->name, left, r->offset);
}

/* Turns to the other buffer: unread bytes go to its front, new ones behind them. */
static int fill(struct tarread *r, size_t *got, struct err *e)
{
	char *to = r->buffers[!r->current];
	size_t kept = r->end - r->start;
	memcpy(to, r->buffers[r->current] + r->start, kept);
	if (source_read(r->source, to + kept, TARREAD_CHUNK - kept, got, e) < 0)
		return -1;
	r->current = !r->current;
	r->start = 0;
	r->end = kept + *got;
	return 0;
}

static void use(struct tarread *r, size_t n)
{
	r->start += n;
	r->offset += n;
}

int tarread_block(struct tarread *r, const char **block, struct err *e)
{
	while (r->end - r->start < TAR_BLOCK) {
		size_t got;
		if (fill(r, &got, e) < 0)
			return -1;
		if (got)
			continue;
		size_t left = r->end - r->start;
		if (left && r->offset == 0 && tarread_is_compressed(r->buffers[r->current], left))
			return tarread_compressed(r, e);
		if (left)
			return less_than_block(r, left, e);
		*block = NULL;
		return 0;
	}
	*block = r->buffers[r->current] + r->start;
	use(r, TAR_BLOCK);
	return 0;
}

/* A piece of what is unread, at most max bytes. */
static int piece(struct tarread *r, uint64_t max, const char **data, size_t *len, struct err *e)
{
	if (r->start == r->end) {
		size_t got;
		if (fill(r, &got, e) < 0)
			return -1;
		if (got == 0)
			return tarread_truncated(r, e);
	}
	size_t have = r->end - r->start;
	*data = r->buffers[r->current] + r->start;
	*len = have < max ? have : (size_t)max;
	use(r, *len);
	return 0;
}

int tarread_stored(struct tarread *r, uint64_t max, const void **data, size_t *len, struct err *e)
{
	const char *p = NULL;
	size_t n = 0;
	if (max > r->left)
		max = r->left;
	if (max && piece(r, max, &p, &n, e) < 0)
		return -1;
	r->left -= n;
	*data = p;
	*len = n;
	return 0;
}

/* Skips more than is in the buffer; its last byte is read, which shows that all of it is there. */
static int seek(struct tarread *r, uint64_t left, struct err *e)
{
	size_t have = r->end - r->start, got = 0;
	use(r, have);
	r->offset += left - have - 1;
	if (r->source->skip(r->source, left - have - 1, e) < 0 || fill(r, &got, e) < 0)
		return -1;
	if (got == 0)
		return tarread_err(r, e, "truncated: some of its contents are missing");
	use(r, 1);
	return 0;
}

static int read_away(struct tarread *r, uint64_t left, struct err *e)
{
	while (left) {
		const char *p = NULL;
		size_t n = 0;
		if (piece(r, left, &p, &n, e) < 0)
			return -1;
		left -= n;
	}
	return 0;
}

/* Skips the zeros behind contents, which an open end may lack. */
static int skip_padding(struct tarread *r, struct err *e)
{
	while (r->padding) {
		size_t got = 0;
		if (r->start == r->end && fill(r, &got, e) < 0)
			return -1;
		size_t have = r->end - r->start;
		if (have == 0 && !r->open_end)
			return tarread_truncated(r, e);
		size_t n = have && have < r->padding ? have : r->padding;
		use(r, have ? n : 0);
		r->padding -= n;
	}
	return 0;
}

int tarread_skip(struct tarread *r, struct err *e)
{
	uint64_t left = r->left;
	bool seeks = r->source->skip && left > r->end - r->start;
	r->left = 0;
	if ((seeks ? seek(r, left, e) : read_away(r, left, e)) < 0)
		return -1;
	return skip_padding(r, e);
}

int tarread_text(struct tarread *r, uint64_t size, struct buf *b, struct err *e)
{
	if (size > TARREAD_MAX_HEADER)
		return tarread_err(r, e, "extended header of %" PRIu64 " bytes: at most %u allowed",
				   size, TARREAD_MAX_HEADER);
	buf_clear(b);
	for (uint64_t left = size; left;) {
		const char *p = NULL;
		size_t n = 0;
		if (piece(r, left, &p, &n, e) < 0)
			return -1;
		buf_add(b, p, n);
		left -= n;
	}
	return read_away(r, tar_padding(size), e);
}
