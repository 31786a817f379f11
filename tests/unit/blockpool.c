/* SPDX-License-Identifier: MIT */
#include "tar/blockpool.h"

#include <stdio.h>
#include <unistd.h>

#include "tap.h"

enum { BLOCK = 100, BLOCKS = 500, LAST = 30 };

static size_t as_it_is(size_t len)
{
	return len;
}

static void *start(void)
{
	return xmalloc(1);
}

/* Turns a block around; those of even number take their time. */
static size_t turn(void *context, uint64_t n, const void *in, size_t len, void *out, size_t room)
{
	(void)context;
	if (len > room)
		return 0;
	if (n % 2 == 0)
		usleep(100);
	for (size_t i = 0; i < len; i++)
		((char *)out)[i] = ((const char *)in)[len - 1 - i];
	return len;
}

static size_t one_byte(void *context, uint64_t n, const void *in, size_t len, void *out,
		       size_t room)
{
	(void)context, (void)n, (void)in, (void)room;
	*(char *)out = len == 0 ? '0' : 'x';
	return 1;
}

/* Without memory from the tenth block on. */
static size_t nothing(void *context, uint64_t n, const void *in, size_t len, void *out, size_t room)
{
	return n < 9 ? turn(context, n, in, len, out, room) : 0;
}

static void *no_context(void)
{
	return NULL;
}

static const struct blockpool_kind turning = { .block = BLOCK,
					       .bound = as_it_is,
					       .jobs = 4,
					       .buffers = 9,
					       .start = start,
					       .compress = turn,
					       .end = free };

/* Sends data through a pool in pieces and returns the error's text, NULL without one. */
static const char *send(const struct blockpool_kind *kind, unsigned jobs, const struct buf *data,
			size_t piece, FILE *to)
{
	static struct err e;
	struct blockpool *p = NULL;
	struct out o;
	out_init(&o, fileno(to), "<test>");
	int status = blockpool_new(kind, jobs, &o, &p, &e);
	for (size_t at = 0; status == 0 && at < data->len; at += piece)
		status = blockpool_write(p, data->s + at,
					 piece < data->len - at ? piece : data->len - at, &e);
	if (status == 0)
		status = blockpool_finish(p, &e);
	blockpool_free(p);
	if (status == 0)
		status = out_flush(&o, &e);
	out_drop(&o);
	return status < 0 ? e.msg : NULL;
}

static int holds(FILE *f, const struct buf *want)
{
	AUTO_FREE char *got = xmalloc(want->len + 1);
	rewind(f);
	return fread(got, 1, want->len + 1, f) == want->len && memcmp(got, want->s, want->len) == 0;
}

/* Each block turned around, all of them in order, with any number of threads and pieces. */
static void keeps_order(void)
{
	AUTO_BUF struct buf data = { 0 }, want = { 0 };
	for (size_t i = 0; i < BLOCKS * BLOCK + LAST; i++)
		buf_addc(&data, (char)(i * 31 / 7));
	buf_extend(&want, data.len);
	for (size_t i = 0; i < data.len; i++) {
		size_t first = i - i % BLOCK;
		size_t len = first + BLOCK <= data.len ? BLOCK : LAST;
		want.s[i] = data.s[first + len - 1 - i % BLOCK];
	}
	for (unsigned jobs = 1; jobs < 7; jobs++) {
		FILE *f = tmpfile();
		OK(!send(&turning, jobs, &data, jobs * 37, f));
		OK(holds(f, &want));
		fclose(f);
	}
}

static void counts_blocks(size_t len, const char *want)
{
	struct blockpool_kind kind = turning;
	struct buf in = { .s = (char[2 * BLOCK + 1]){ 0 }, .len = len };
	struct buf out = { .s = (char[8]){ 0 }, .len = strlen(want) };
	memcpy(out.s, want, out.len);
	kind.compress = one_byte;
	FILE *f = tmpfile();
	OK(!send(&kind, 3, &in, BLOCK, f));
	OK(holds(f, &out));
	fclose(f);
}

static void fails(void)
{
	AUTO_BUF struct buf data = { 0 };
	struct blockpool_kind kind = turning;
	FILE *f = tmpfile();
	memset(buf_extend(&data, (size_t)BLOCKS * BLOCK), 'x', (size_t)BLOCKS * BLOCK);
	kind.compress = nothing;
	STREQ(send(&kind, 3, &data, data.len, f), "cannot compress: Cannot allocate memory");
	kind.start = no_context;
	STREQ(send(&kind, 3, &data, data.len, f),
	      "cannot start a thread for compression: Cannot allocate memory");
	fclose(f);
}

int main(void)
{
	keeps_order();
	counts_blocks(0, "0");
	counts_blocks(1, "x");
	counts_blocks(BLOCK, "x");
	counts_blocks(BLOCK + 1, "xx");
	fails();
	return TAP_END;
}
