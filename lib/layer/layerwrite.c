/* SPDX-License-Identifier: MIT */
#include "layer/layerwrite.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "layer/layerstream.h"
#include "tar/tar.h"

static void record(struct buf *b, const char *key, const char *value)
{
	tar_pax_record(b, key, value, strlen(value));
}

int layerwrite_begin(struct layerwrite *w, struct out *o, uint32_t layers, struct err *e)
{
	AUTO_BUF struct buf records = { 0 }, header = { 0 };
	AUTO_FREE char *count = xasprintf("%" PRIu32, layers);
	record(&records, LAYERSTREAM_LAYERS, count);
	tar_pax_header(&header, TAR_PAX_GLOBAL, &records);
	*w = (struct layerwrite){ .out = o, .layers = layers, .start = o->written };
	w->due = o->written + header.len;
	return out_write(o, header.s, header.len, e);
}

/* Pads the member before; its bytes must be there. */
static int finish_member(struct layerwrite *w, struct err *e)
{
	uint64_t at = w->out->written;
	if (at != w->due)
		return err_set(e, 0,
			       "layer %" PRIu32 " ended at byte %" PRIu64 ", expected %" PRIu64,
			       w->done, at - w->start, w->due - w->start);
	return out_write(w->out, tar_zeros, tar_padding(at - w->start), e);
}

static void describe(struct buf *records, const struct layerwrite_member *m)
{
	if (m->comment)
		record(records, LAYERSTREAM_COMMENT, m->comment);
	if (*m->diffid) {
		AUTO_FREE char *id = xasprintf("sha256:%s", m->diffid);
		record(records, LAYERSTREAM_DIFFID, id);
	}
	if (*m->key)
		record(records, LAYERSTREAM_KEY, m->key);
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
	return 0;
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
