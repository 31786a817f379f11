/* SPDX-License-Identifier: MIT */
#include "tar/tarsplit.h"

#include <inttypes.h>

#include "base/base64.h"
#include "base/jsonwrite.h"
#include "tar/crc64.h"

enum { LINE_LONG = 256 << 10 };

enum { FILE_LINE = 1, SEGMENT_LINE = 2 };

struct tarsplit {
	struct zstdpack *to;
	struct buf between; /* since the last member */
	struct buf name;    /* of the member whose contents come */
	struct buf payload; /* of a line, as JSON */
	struct buf text;    /* of a line */
	uint64_t size, left;
	uint64_t crc;
	int64_t lines;
};

struct tarsplit *tarsplit_new(struct zstdpack *to)
{
	struct tarsplit *t = xcalloc(1, sizeof *t);
	t->to = to;
	return t;
}

/* Ends the line: payload NULL is none. */
static int line(struct tarsplit *t, struct jsonwrite *j, const void *payload, size_t len,
		struct err *e)
{
	jsonwrite_key(j, "payload");
	buf_clear(&t->text);
	buf_clear(&t->payload);
	if (payload) {
		buf_addc(&t->payload, '"');
		base64_encode(&t->payload, payload, len);
		buf_addc(&t->payload, '"');
	}
	jsonwrite_raw(j, payload ? t->payload.s : "null");
	jsonwrite_key(j, "position");
	jsonwrite_number(j, t->lines++);
	jsonwrite_close(j, '}');
	if (jsonwrite_finish(j, &t->text, e) < 0)
		return -1;
	buf_addc(&t->text, '\n');
	return zstdpack_add(t->to, t->text.s, t->text.len, e);
}

static void open_line(struct jsonwrite *j, int type)
{
	jsonwrite_open(j, '{');
	jsonwrite_key(j, "type");
	jsonwrite_number(j, type);
}

static int segment(struct tarsplit *t, struct err *e)
{
	struct jsonwrite j = { 0 };
	if (t->between.len == 0)
		return 0;
	open_line(&j, SEGMENT_LINE);
	if (line(t, &j, t->between.s, t->between.len, e) < 0)
		return -1;
	buf_clear(&t->between);
	return 0;
}

void tarsplit_between(struct tarsplit *t, const void *data, size_t len)
{
	buf_add(&t->between, data, len);
}

int tarsplit_cut(struct tarsplit *t, struct err *e)
{
	return t->between.len > LINE_LONG ? segment(t, e) : 0;
}

static int file(struct tarsplit *t, struct err *e)
{
	struct jsonwrite j = { 0 };
	unsigned char crc[8];
	for (unsigned i = 0; i < sizeof crc; i++)
		crc[i] = (unsigned char)(t->crc >> (56 - 8 * i));
	open_line(&j, FILE_LINE);
	jsonwrite_key(&j, "name");
	jsonwrite_string(&j, t->name.s, t->name.len);
	if (t->size) {
		jsonwrite_key(&j, "size");
		jsonwrite_number(&j, (int64_t)t->size);
	}
	return line(t, &j, t->size ? crc : NULL, sizeof crc, e);
}

int tarsplit_member(struct tarsplit *t, const char *name, uint64_t size, struct err *e)
{
	if (segment(t, e) < 0)
		return -1;
	buf_clear(&t->name);
	buf_adds(&t->name, name);
	t->size = t->left = size;
	t->crc = 0;
	return size ? 0 : file(t, e);
}

int tarsplit_contents(struct tarsplit *t, const void *data, size_t len, struct err *e)
{
	t->crc = crc64(t->crc, data, len);
	t->left -= len;
	return t->left ? 0 : file(t, e);
}

int tarsplit_end(struct tarsplit *t, struct err *e)
{
	return segment(t, e);
}

void tarsplit_free(struct tarsplit *t)
{
	if (!t)
		return;
	buf_free(&t->between);
	buf_free(&t->name);
	buf_free(&t->payload);
	buf_free(&t->text);
	free(t);
}
