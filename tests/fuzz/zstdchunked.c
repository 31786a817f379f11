/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/source.h"
#include "fuzz.h"
#include "tar/compress.h"
#include "tar/decompress.h"

static int add(void *to, const void *data, size_t len, struct err *e)
{
	(void)e;
	buf_add(to, data, len);
	return 0;
}

static int write_all(struct compress *c, const uint8_t *data, size_t size, size_t piece,
		     struct err *e)
{
	for (size_t at = 0; at < size; at += piece)
		if (compress_write(c, data + at, size - at < piece ? size - at : piece, e) < 0)
			return -1;
	return compress_finish(c, e);
}

/* Compresses the bytes, which come in pieces; the text of the table's place goes behind them. */
static void compress(struct buf *b, const uint8_t *data, size_t size, size_t piece)
{
	struct err e = { 0 };
	struct out o;
	AUTO_COMPRESS struct compress *c = NULL;
	out_init_function(&o, add, b);
	if (compress_new(COMPRESS_CHUNKED, 1, &o, &c, &e) < 0 ||
	    write_all(c, data, size, piece, &e) < 0 || out_flush(&o, &e) < 0)
		abort();
	out_drop(&o);
}

static void check(const struct buf *b, const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	struct source_part part;
	AUTO_CLOSE int fd = fuzz_fd(b->s, b->len);
	AUTO_FREE char *room = xmalloc(size + 1);
	AUTO_DECOMPRESS struct decompress *d = NULL;
	size_t got = 0;
	source_part(&part, fd, "<fuzz>", 0, b->len);
	if (decompress_new(&part.source, &d, &e) < 0 ||
	    source_fill(decompress_source(d), room, size + 1, &got, &e) < 0 || got != size ||
	    (size && memcmp(room, data, size) != 0))
		abort();
}

/* Whatever comes is there again, and the blob is the same in whatever pieces it came. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf whole = { 0 }, pieces = { 0 };
	compress(&whole, data, size, size + 1);
	compress(&pieces, data, size, size ? data[size - 1] + 1U : 1);
	if (whole.len != pieces.len || memcmp(whole.s, pieces.s, whole.len) != 0)
		abort();
	check(&whole, data, size);
	return 0;
}
