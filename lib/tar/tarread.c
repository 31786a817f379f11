/* SPDX-License-Identifier: MIT */
#include "tar/tarread.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "tar/tarread_parts.h"

/* One read: as much as a pipe can be made to hold. Fuzz targets take less: it costs time. */
#ifndef TARREAD_CHUNK
#define TARREAD_CHUNK (1 << 20)
#endif
enum { CHUNK = TARREAD_CHUNK };

struct tarread *tarread_from(struct source *s)
{
	struct tarread *r = xcalloc(1, sizeof *r);
	r->source = s;
	r->name = s->name;
	r->buffers[0] = xmalloc(CHUNK);
	r->buffers[1] = xmalloc(CHUNK);
	r->shown = &r->own;
	return r;
}

struct tarread *tarread_new(int fd, const char *name)
{
	struct source_fd s;
	source_fd(&s, fd, name);
	struct tarread *r = tarread_from(&s.source);
	r->fd = s;
	r->source = &r->fd.source;
	return r;
}

void tarread_free(struct tarread *r)
{
	if (!r)
		return;
	free(r->buffers[0]);
	free(r->buffers[1]);
	tarread_records_free(&r->own);
	tarread_records_free(&r->global);
	buf_free(&r->long_name);
	buf_free(&r->long_link);
	buf_free(&r->ustar_name);
	buf_free(&r->ustar_link);
	buf_free(&r->uname);
	buf_free(&r->gname);
	free(r->xattrs);
	free(r->sparse.list);
	free(r);
}

void tarread_open_end(struct tarread *r)
{
	r->open_end = true;
}

void tarread_cleanup(struct tarread **r)
{
	tarread_free(*r);
}

int tarread_err(const struct tarread *r, struct err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	AUTO_FREE char *msg = xvasprintf(fmt, ap);
	va_end(ap);
	return err_set(e, 0, "%s: header at byte %" PRIu64 ": %s", r->name, r->header, msg);
}

static int truncated(const struct tarread *r, struct err *e)
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

static int compressed(const struct tarread *r, struct err *e)
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
		return truncated(r, e);
	return err_set(e, 0, "%s: %zu bytes behind the end of the archive, at byte %" PRIu64,
		       r->name, left, r->offset);
}

/* Turns to the other buffer: unread bytes go to its front, new ones behind them. */
static int fill(struct tarread *r, size_t *got, struct err *e)
{
	char *to = r->buffers[!r->current];
	size_t kept = r->end - r->start;
	memcpy(to, r->buffers[r->current] + r->start, kept);
	if (source_read(r->source, to + kept, CHUNK - kept, got, e) < 0)
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

/* The next block, or NULL where the input ends in front of it. */
static int next_block(struct tarread *r, const char **block, struct err *e)
{
	while (r->end - r->start < TAR_BLOCK) {
		size_t got;
		if (fill(r, &got, e) < 0)
			return -1;
		if (got)
			continue;
		size_t left = r->end - r->start;
		if (left && r->offset == 0 && tarread_is_compressed(r->buffers[r->current], left))
			return compressed(r, e);
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
			return truncated(r, e);
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

int tarread_data(struct tarread *r, const void **data, size_t *len, struct err *e)
{
	return r->sparse.on ? tarread_sparse_data(r, data, len, e)
			    : tarread_stored(r, r->left, data, len, e);
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
			return truncated(r, e);
		size_t n = have && have < r->padding ? have : r->padding;
		use(r, have ? n : 0);
		r->padding -= n;
	}
	return 0;
}

static int skip_contents(struct tarread *r, struct err *e)
{
	uint64_t left = r->left;
	bool seeks = r->source->skip && left > r->end - r->start;
	r->left = 0;
	if ((seeks ? seek(r, left, e) : read_away(r, left, e)) < 0)
		return -1;
	return skip_padding(r, e);
}

/* Reads size bytes and their padding into b. */
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
/* --- headers --- */

static bool is_zero(const char *block)
{
	return memcmp(block, tar_zeros, TAR_BLOCK) == 0;
}
static bool pending(const struct tarread *r)
{
	return r->own.present || r->has_name || r->has_link;
}

static int no_header(const struct tarread *r, const void *block, struct err *e)
{
	if (tarread_is_compressed(block, TAR_BLOCK))
		return compressed(r, e);
	if (!r->in_archive && r->header)
		return tarread_err(r, e, "bytes behind the end of the archive, and no further one");
	return tarread_err(r, e, "checksum does not fit: not a tar archive, or damaged");
}

/* One header block; *event is TARREAD_EOF where it only prepares the next. */
static int read_header(struct tarread *r, const struct ustar *h, enum tarread_event *event,
		       struct err *e)
{
	uint64_t size = 0;
	if (!tarread_is_header(h))
		return no_header(r, h, e);
	r->in_archive = true;
	if (tarread_size(r, h, &size, e) < 0)
		return -1;
	switch (h->typeflag) {
	case TAR_PAX:
		if (r->own.present)
			return tarread_err(r, e, "two extended headers for one member");
		return tarread_records_read(r, &r->own, size, e);
	case 'L':
		return tarread_long(r, size, &r->long_name, &r->has_name, e);
	case 'K':
		return tarread_long(r, size, &r->long_link, &r->has_link, e);
	case TAR_PAX_GLOBAL:
		if (pending(r))
			return tarread_err(r, e, "extended header without a member");
		*event = TARREAD_GLOBAL;
		return tarread_global(r, size, e);
	default:
		*event = TARREAD_ENTRY;
		return tarread_member(r, h, e);
	}
}

/* A zero block was read: within an archive a second one must follow. */
static int read_end(struct tarread *r, struct err *e)
{
	const char *block;
	if (pending(r))
		return tarread_err(r, e, "extended header without a member");
	if (next_block(r, &block, e) < 0)
		return -1;
	if (!block && !r->open_end)
		return truncated(r, e);
	if (block && !is_zero(block))
		return tarread_err(r, e, "one zero block alone: expected two, or none");
	r->in_archive = false;
	return 0;
}

/* The next header block; NULL where the input or an archive ends, as *event says. */
static int next_header(struct tarread *r, const char **block, enum tarread_event *event,
		       struct err *e)
{
	do {
		r->header = r->offset;
		if (next_block(r, block, e) < 0)
			return -1;
	} while (*block && is_zero(*block) && !r->in_archive && r->header);
	if (!*block) {
		*event = TARREAD_EOF;
		return r->in_archive && (!r->open_end || pending(r)) ? truncated(r, e) : 0;
	}
	if (is_zero(*block)) {
		*block = NULL;
		*event = TARREAD_END;
		return read_end(r, e);
	}
	return 0;
}

int tarread_next(struct tarread *r, enum tarread_event *event, struct err *e)
{
	enum tarread_event found = TARREAD_EOF;
	if (skip_contents(r, e) < 0)
		return -1;
	tarread_records_clear(&r->own);
	while (found == TARREAD_EOF) {
		const char *block;
		struct ustar h;
		if (next_header(r, &block, &found, e) < 0)
			return -1;
		if (!block)
			break;
		memcpy(&h, block, sizeof h);
		if (read_header(r, &h, &found, e) < 0)
			return -1;
	}
	*event = found;
	return 0;
}

const struct tar_entry *tarread_entry(const struct tarread *r)
{
	return &r->entry;
}

uint64_t tarread_offset(const struct tarread *r)
{
	return r->offset;
}
