/* SPDX-License-Identifier: MIT */
#include "tar/decompress.h"

#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "tap.h"

/* A source that gives its bytes in pieces of at most `step`. */
struct given {
	struct source source;
	const char *data;
	size_t left, step;
	uint64_t skipped;
};

static int given_read(struct source *source, void *data, size_t len, size_t *got, struct err *e)
{
	struct given *g = (struct given *)source;
	(void)e;
	size_t n = len < g->step ? len : g->step;
	if (n > g->left)
		n = g->left;
	memcpy(data, g->data, n);
	g->data += n;
	g->left -= n;
	*got = n;
	return 0;
}

static int given_skip(struct source *source, uint64_t len, struct err *e)
{
	struct given *g = (struct given *)source;
	(void)e;
	g->skipped += len;
	return 0;
}

static struct given given(const struct buf *b, size_t step)
{
	return (struct given){ .source = { .name = "in", .read = given_read },
			       .data = b->s,
			       .left = b->len,
			       .step = step };
}

static void add_gzip(struct buf *b, const void *data, size_t len)
{
	z_stream z = { 0 };
	deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	size_t bound = deflateBound(&z, len);
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (unsigned)len;
	z.next_out = (Bytef *)buf_extend(b, bound);
	z.avail_out = (unsigned)bound;
	OK(deflate(&z, Z_FINISH) == Z_STREAM_END);
	b->len -= z.avail_out;
	deflateEnd(&z);
}

static void add_zstd(struct buf *b, const void *data, size_t len)
{
	size_t bound = ZSTD_compressBound(len);
	size_t n = ZSTD_compress(buf_extend(b, bound), bound, data, len, 3);
	OK(!ZSTD_isError(n));
	b->len -= bound - n;
}

static void add_skippable(struct buf *b)
{
	buf_add(b, "\x5e\x2a\x4d\x18\x03\0\0\0abc", 11);
}

/* All of it, read in pieces of at most `room`, or the error's message. */
static const char *outcome(const struct buf *b, size_t step, size_t room)
{
	static struct buf all;
	struct err e = { 0 };
	struct given g = given(b, step);
	AUTO_DECOMPRESS struct decompress *d = NULL;
	AUTO_FREE char *piece = xmalloc(room);
	size_t got = 1;
	buf_clear(&all);
	buf_adds(&all, "");
	int bad = decompress_new(&g.source, &d, &e);
	while (!bad && got) {
		bad = source_read(decompress_source(d), piece, room, &got, &e);
		if (!bad)
			buf_add(&all, piece, got);
	}
	if (bad) {
		buf_clear(&all);
		buf_adds(&all, e.msg);
	}
	err_clear(&e);
	return all.s;
}

/* The same, whatever pieces it comes and goes in. */
static const char *any_outcome(const struct buf *b)
{
	AUTO_FREE char *first = xstrdup(outcome(b, 1, 1));
	static const size_t sizes[] = { 1, 3, 100, 1 << 20 };
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < 4; j++)
			STREQ(outcome(b, sizes[i], sizes[j]), first);
	return outcome(b, 1 << 20, 1 << 20);
}

static enum compress_kind kind_of(const struct buf *b)
{
	struct err e = { 0 };
	struct given g = given(b, 7);
	AUTO_DECOMPRESS struct decompress *d = NULL;
	OK(decompress_new(&g.source, &d, &e) == 0);
	err_clear(&e);
	return decompress_kind(d);
}

static void passes_through(void)
{
	AUTO_BUF struct buf b = { 0 };
	buf_adds(&b, "");
	OK(kind_of(&b) == COMPRESS_NONE);
	STREQ(any_outcome(&b), "");
	buf_adds(&b, "a");
	STREQ(any_outcome(&b), "a");
	buf_adds(&b, " longer text than what the kind is told by");
	OK(kind_of(&b) == COMPRESS_NONE);
	STREQ(any_outcome(&b), "a longer text than what the kind is told by");
	buf_clear(&b);
	buf_adds(&b, "BZh is how this name begins");
	STREQ(any_outcome(&b), "BZh is how this name begins");
}

static void skips_what_is_not_compressed(void)
{
	AUTO_BUF struct buf b = { 0 };
	buf_adds(&b, "0123456789abcdef");
	struct err e = { 0 };
	struct given g = given(&b, 100);
	AUTO_DECOMPRESS struct decompress *d = NULL;
	char c[4] = "";
	size_t got = 0;
	g.source.skip = given_skip;
	OK(decompress_new(&g.source, &d, &e) == 0);
	struct source *s = decompress_source(d);
	OK(s->skip(s, 3, &e) == 0 && g.skipped == 0);
	OK(source_read(s, c, 3, &got, &e) == 0 && got == 3);
	STREQ(c, "345");
	OK(s->skip(s, 10, &e) == 0 && g.skipped == 6);
	OK(source_read(s, c, 3, &got, &e) == 0 && got == 3);
	STREQ(c, "abc");
}

static void reads_gzip(void)
{
	AUTO_BUF struct buf b = { 0 };
	add_gzip(&b, "one ", 4);
	OK(kind_of(&b) == COMPRESS_GZ);
	STREQ(any_outcome(&b), "one ");
	add_gzip(&b, "", 0);
	add_gzip(&b, "two", 3);
	STREQ(any_outcome(&b), "one two");
	buf_add(&b, "\0\0\0\0", 4);
	STREQ(any_outcome(&b), "one two");
	add_gzip(&b, "three", 5);
	STREQ(any_outcome(&b), "in: bad gzip data: something other than zeros behind its end");
}

static void refuses_what_follows_gzip(void)
{
	AUTO_BUF struct buf b = { 0 };
	add_gzip(&b, "one", 3);
	buf_adds(&b, "more");
	STREQ(any_outcome(&b), "in: bad gzip data: something other than zeros behind its end");
}

static void reads_zstd(void)
{
	AUTO_BUF struct buf b = { 0 };
	add_zstd(&b, "one ", 4);
	OK(kind_of(&b) == COMPRESS_ZSTD);
	add_skippable(&b);
	add_zstd(&b, "", 0);
	add_zstd(&b, "two", 3);
	add_skippable(&b);
	STREQ(any_outcome(&b), "one two");
	buf_add(&b, "\0\0\0\0", 4);
	STREQ(any_outcome(&b), "in: bad zstd data: Unknown frame descriptor");

	AUTO_BUF struct buf first = { 0 };
	add_skippable(&first);
	OK(kind_of(&first) == COMPRESS_ZSTD);
	STREQ(any_outcome(&first), "");
	add_zstd(&first, "three", 5);
	STREQ(any_outcome(&first), "three");
}

/* Cut anywhere inside a member or frame, it is an error; between two of them it is not. */
static void refuses_what_is_cut_short(const struct buf *whole, size_t border, const char *msg)
{
	struct buf part = *whole;
	size_t errors = 0;
	for (part.len = 4; part.len < whole->len; part.len++)
		if (part.len != border)
			errors += strcmp(outcome(&part, 1 << 20, 5), msg) == 0;
	OK(errors == whole->len - 4 - 1);
	part.len = border;
	STREQ(outcome(&part, 1 << 20, 5), "some text");
}

static void refuses_damage(void)
{
	AUTO_BUF struct buf gz = { 0 }, zstd = { 0 };
	add_gzip(&gz, "some text", 9);
	size_t border = gz.len;
	add_gzip(&gz, "more", 4);
	refuses_what_is_cut_short(&gz, border, "in: bad gzip data: it is cut short");
	gz.s[border - 1] ^= 1;
	STREQ(any_outcome(&gz), "in: bad gzip data: incorrect length check");
	gz.s[border - 5] ^= 1;
	STREQ(any_outcome(&gz), "in: bad gzip data: incorrect data check");
	gz.s[2] = 9;
	STREQ(any_outcome(&gz), "in: bad gzip data: unknown compression method");

	add_zstd(&zstd, "some text", 9);
	border = zstd.len;
	add_zstd(&zstd, "more", 4);
	refuses_what_is_cut_short(&zstd, border, "in: bad zstd data: it is cut short");
}

static void add_xz(struct buf *b, const char *s, size_t len)
{
	char out[4096];
	size_t n = 0;
	if (lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, (const uint8_t *)s, len,
				    (uint8_t *)out, &n, sizeof out) != LZMA_OK)
		abort();
	buf_add(b, out, n);
}

static void reads_xz(void)
{
	AUTO_BUF struct buf b = { 0 };
	add_xz(&b, "one ", 4);
	OK(kind_of(&b) == COMPRESS_XZ);
	add_xz(&b, "two", 3);
	STREQ(any_outcome(&b), "one two");
	buf_add(&b, "\0\0\0\0", 4);
	STREQ(any_outcome(&b), "one two");
	buf_adds(&b, "more");
	STREQ(any_outcome(&b), "in: bad xz data: something other than zeros behind its end");
	buf_clear(&b);
	add_xz(&b, "some text", 9);
	size_t border = b.len;
	add_xz(&b, "more", 4);
	b.s[border - 30] ^= 1; /* in its index or sum */
	STREQ(any_outcome(&b), "in: bad xz data: it is damaged");
	b.s[border - 30] ^= 1;
	size_t cut = 0;
	for (size_t n = 6; n < b.len; n++) {
		struct buf part = { .s = b.s, .len = n };
		cut += strcmp(any_outcome(&part), "in: bad xz data: it is cut short") == 0;
	}
	OK(cut == b.len - 6 - 1); /* all but the border */
	/* a window of 1 GiB */
	lzma_options_lzma options;
	lzma_lzma_preset(&options, 0);
	options.dict_size = (uint32_t)1 << 30;
	lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL } };
	char out[4096];
	size_t n = 0;
	OK(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, (const uint8_t *)"x", 1,
				     (uint8_t *)out, &n, sizeof out) == LZMA_OK);
	buf_clear(&b);
	buf_add(&b, out, n);
	STREQ(any_outcome(&b), "in: bad xz data: its window is larger than 128 MiB");
}

static void refuses_other_kinds(void)
{
	AUTO_BUF struct buf b = { 0 };
	buf_add(&b,
		"\xfd"
		"7zXZ\0more",
		10);
	STREQ(any_outcome(&b), "in: bad xz data: it is cut short");
	buf_clear(&b);
	buf_adds(&b, "BZh91AY&SYmore");
	STREQ(any_outcome(&b), "in: compressed with bzip2, which is not read: decompress it "
			       "first (bzip2 -dc)");
}

/* A frame with a window of 2 GiB: what would need that much memory. */
static void refuses_a_wide_window(void)
{
	AUTO_BUF struct buf b = { 0 };
	buf_add(&b, "\x28\xb5\x2f\xfd\x00\xa8\x01\0\0", 9);
	STREQ(any_outcome(&b), "in: bad zstd data: Frame requires too much memory for decoding");
}

/* Reads it all away; the error's message. */
static const char *drain(const struct buf *b)
{
	enum { ROOM = 1 << 20 };
	static char *msg;
	struct err e = { 0 };
	struct given g = given(b, ROOM);
	AUTO_DECOMPRESS struct decompress *d = NULL;
	AUTO_FREE char *piece = xmalloc(ROOM);
	size_t got = 1;
	int bad = decompress_new(&g.source, &d, &e);
	while (!bad && got)
		bad = source_read(decompress_source(d), piece, ROOM, &got, &e);
	free(msg);
	msg = xstrdup(bad ? e.msg : "");
	err_clear(&e);
	return msg;
}

/* Copies of a member that holds a lot of zeros, each to be made only once. */
static void refuses_bombs(void)
{
	enum { MEMBER = 64 << 20, MEMBERS = 18 };
	AUTO_FREE char *zeros = xcalloc(1, MEMBER);
	AUTO_BUF struct buf gz = { 0 }, zstd = { 0 }, one = { 0 };
	add_gzip(&one, zeros, MEMBER);
	for (int i = 0; i < MEMBERS; i++)
		buf_add(&gz, one.s, one.len);
	buf_clear(&one);
	add_zstd(&one, zeros, MEMBER);
	for (int i = 0; i < MEMBERS; i++)
		buf_add(&zstd, one.s, one.len);
	OK(strstr(drain(&gz), "compressed ones: this looks like a bomb (if not, "
			      "decompress it first)"));
	OK(strstr(drain(&zstd), "compressed ones: this looks like a bomb (if not, "
				"decompress it first)"));
	zstd.len = zstd.len / MEMBERS * (MEMBERS - 2);
	STREQ(drain(&zstd), "");
}

int main(void)
{
	passes_through();
	skips_what_is_not_compressed();
	reads_gzip();
	refuses_what_follows_gzip();
	reads_zstd();
	refuses_damage();
	reads_xz();
	refuses_other_kinds();
	refuses_a_wide_window();
	refuses_bombs();
	return TAP_END;
}
