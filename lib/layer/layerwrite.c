/* SPDX-License-Identifier: MIT */
#include "layer/layerwrite.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "layer/layerstream.h"
#include "tar/tar.h"

/* One more line of the comment. */
static void line(struct buf *comment, const char *record, const char *value)
{
	buf_addf(comment, "%s%s=%s", comment->len ? "\n" : "", record, value);
}

static void end(struct buf *records, const struct buf *comment)
{
	if (comment->len)
		tar_pax_record(records, "comment", comment->s, comment->len);
}

int layerwrite_begin(struct layerwrite *w, struct out *o, uint32_t layers, struct err *e)
{
	AUTO_BUF struct buf comment = { 0 }, records = { 0 }, header = { 0 };
	AUTO_FREE char *count = xasprintf("%" PRIu32, layers);
	line(&comment, LAYERSTREAM_LAYERS, count);
	end(&records, &comment);
	tar_pax_header(&header, TAR_PAX_GLOBAL, &records);
	*w = (struct layerwrite){ .out = o, .layers = layers, .start = o->written };
	w->due = o->written + header.len;
	return out_write(o, header.s, header.len, e);
}

void layerwrite_check(struct layerwrite *w, struct digest *digest)
{
	w->check = digest;
}

static int check_member(struct layerwrite *w, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];
	if (!*w->announced)
		return 0;
	if (out_also_digest(w->out, NULL, e) < 0)
		return -1;
	digest_hex(w->check, hex);
	if (strcmp(hex, w->announced) != 0)
		return err_set(e, 0,
			       "layer %" PRIu32 " changed while it was read: its diff ID was "
			       "announced as sha256:%s, it is sha256:%s",
			       w->done, w->announced, hex);
	*w->announced = '\0';
	return 0;
}

/* Ends the member before, and pads it; its bytes must be there. */
static int finish_member(struct layerwrite *w, struct err *e)
{
	uint64_t at = w->out->written;
	if (at != w->due)
		return err_set(e, 0,
			       "layer %" PRIu32 " ended at byte %" PRIu64 ", expected %" PRIu64,
			       w->done, at - w->start, w->due - w->start);
	if (check_member(w, e) < 0)
		return -1;
	return out_write(w->out, tar_zeros, tar_padding(at - w->start), e);
}

static void describe(struct buf *records, const struct layerwrite_member *m)
{
	AUTO_BUF struct buf comment = { 0 };
	if (*m->diffid) {
		AUTO_FREE char *id = xasprintf("sha256:%s", m->diffid);
		line(&comment, LAYERSTREAM_DIFFID, id);
	}
	if (*m->key)
		line(&comment, LAYERSTREAM_KEY, m->key);
	if (m->known) {
		AUTO_FREE char *blob =
			xasprintf("sha256:%s %" PRIu64 " %s %s", m->known->digest, m->known->size,
				  m->known->media_type, m->known->compressor);
		line(&comment, LAYERSTREAM_BLOB, blob);
	}
	/* last: it may be of several lines */
	if (m->comment)
		line(&comment, LAYERSTREAM_COMMENT, m->comment);
	end(records, &comment);
}

int layerwrite_member(struct layerwrite *w, const struct layerwrite_member *m, struct err *e)
{
	AUTO_BUF struct buf records = { 0 }, header = { 0 };
	if (finish_member(w, e) < 0)
		return -1;
	if (w->done == w->layers)
		return err_set(e, 0, "more layers than the %" PRIu32 " announced", w->layers);
	AUTO_FREE char *name = xasprintf("layer-%04" PRIu32 ".tar", ++w->done);
	describe(&records, m);
	struct tar_entry entry = { .type = TAR_FILE,
				   .name = name,
				   .mode = 0644,
				   .size = m->size,
				   .mtime = m->mtime,
				   .records = &records };
	tar_header(&header, &entry);
	if (out_write(w->out, header.s, header.len, e) < 0)
		return -1;
	w->due = w->out->written + m->size;
	if (!w->check || !*m->diffid || m->known)
		return 0;
	memcpy(w->announced, m->diffid, sizeof w->announced);
	return out_also_digest(w->out, w->check, e);
}

int layerwrite_end(struct layerwrite *w, struct err *e)
{
	if (finish_member(w, e) < 0)
		return -1;
	if (w->done != w->layers)
		return err_set(e, 0, "%" PRIu32 " layers written, %" PRIu32 " announced", w->done,
			       w->layers);
	return out_write(w->out, tar_zeros, tar_trailer(w->out->written - w->start), e);
}
