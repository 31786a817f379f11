/* SPDX-License-Identifier: MIT */
#include "tar/tarread.h"

#include <string.h>

#include "tar/tarread_parts.h"

struct tarread *tarread_from(struct source *s)
{
	struct tarread *r = xcalloc(1, sizeof *r);
	r->source = s;
	r->name = s->name;
	r->buffers[0] = xmalloc(TARREAD_CHUNK);
	r->buffers[1] = xmalloc(TARREAD_CHUNK);
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

int tarread_data(struct tarread *r, const void **data, size_t *len, struct err *e)
{
	return r->sparse.on ? tarread_sparse_data(r, data, len, e)
			    : tarread_stored(r, r->left, data, len, e);
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
		return tarread_compressed(r, e);
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
	if (tarread_block(r, &block, e) < 0)
		return -1;
	if (!block && !r->open_end)
		return tarread_truncated(r, e);
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
		if (tarread_block(r, block, e) < 0)
			return -1;
	} while (*block && is_zero(*block) && !r->in_archive && r->header);
	if (!*block) {
		*event = TARREAD_EOF;
		return r->in_archive && (!r->open_end || pending(r)) ? tarread_truncated(r, e) : 0;
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
	if (tarread_skip(r, e) < 0)
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
