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

/* Without memory for the fourth block alone. */
static size_t not_the_fourth(void *context, uint64_t n, const void *in, size_t len, void *out,
			     size_t room)
{
	return n != 3 ? turn(context, n, in, len, out, room) : 0;
}

static unsigned contexts; /* that can still be had */

static void *few_contexts(void)
{
	return contexts ? contexts--, start() : NULL;
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
	int status = blockpool_new(kind, jobs, &p, &e);
	if (status == 0)
		blockpool_start(p, &o, NULL, NULL);
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

/* Adds a length, and the digest where there is one, to those that come. */
static int note(void *blocks, const struct blockpool_made *made, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1] = "";
	(void)e;
	if (made->digest)
		digest_to_hex(made->digest, hex);
	buf_addf(blocks, "%zu %s ", made->len, hex);
	return 0;
}

enum { CUTS = 300, OUTPUTS = 3 };

static size_t cut_length(size_t i)
{
	return 1 + i % (BLOCK - 1);
}

/* How much of a block has its digest asked for; 0: none has. */
static size_t digest_length(size_t i)
{
	return i % 3 == 0 ? cut_length(i) : i % 3 == 1 ? cut_length(i) / 2 : 0;
}

static int write_cut(struct blockpool *p, const char *data, size_t i, struct err *e)
{
	size_t digested = digest_length(i);
	if (blockpool_write(p, data, digested, e) < 0)
		return -1;
	if (digested)
		blockpool_digest(p);
	return blockpool_write(p, data, cut_length(i) - digested, e) < 0 ||
			       blockpool_cut(p, e) < 0 || blockpool_cut(p, e) < 0
		       ? -1
		       : 0;
}

/* Writes blocks that are cut and a last one that is not, of bytes that are all the same. */
static int write_cuts(struct blockpool *p, char byte, struct err *e)
{
	char data[BLOCK];
	memset(data, byte, sizeof data);
	for (size_t i = 0; i < CUTS; i++)
		if (write_cut(p, data, i, e) < 0 || blockpool_blocks(p) != i + 1)
			return -1;
	return blockpool_write(p, data, LAST, e) < 0 ? -1 : blockpool_finish(p, e);
}

/* The output, and what is told of its blocks. */
static void want_cuts(char byte, struct buf *data, struct buf *blocks)
{
	for (size_t i = 0; i < CUTS; i++) {
		char hex[DIGEST_HEX_LEN + 1] = "", *at = buf_extend(data, cut_length(i));
		memset(at, byte, cut_length(i));
		if (digest_length(i))
			digest_of(at, digest_length(i), hex);
		buf_addf(blocks, "%zu %s ", cut_length(i), hex);
	}
	memset(buf_extend(data, LAST), byte, LAST);
	buf_addf(blocks, "%d  ", LAST);
}

static void makes_output(struct blockpool *p, char byte)
{
	AUTO_BUF struct buf blocks = { 0 }, want = { 0 }, data = { 0 };
	struct err e = { 0 };
	struct out o;
	FILE *f = tmpfile();
	want_cuts(byte, &data, &want);
	out_init(&o, fileno(f), "<test>");
	blockpool_start(p, &o, note, &blocks);
	OK(write_cuts(p, byte, &e) == 0 && out_flush(&o, &e) == 0);
	OK(holds(f, &data));
	STREQ(blocks.s, want.s);
	out_drop(&o);
	fclose(f);
}

/* One output after the other, of blocks that are cut; none knows of the one before it. */
static void makes_outputs(struct blockpool_kind kind, size_t batch)
{
	struct err e = { 0 };
	struct blockpool *p = NULL;
	kind.batch = batch;
	OK(blockpool_new(&kind, 3, &p, &e) == 0);
	for (int k = 0; p && k < OUTPUTS; k++)
		makes_output(p, (char)('a' + k));
	blockpool_free(p);
}

/* Blocks of all lengths, which grow and are all different: none may lie where another is. */
enum { UNEVEN = 2000, GROWTH = 5 };

static size_t grown(size_t len)
{
	return len + GROWTH;
}

static size_t grow(void *context, uint64_t n, const void *in, size_t len, void *out, size_t room)
{
	size_t made = turn(context, n % 8 == 0 ? 0 : 1, in, len, out, room);
	memset((char *)out + made, (char)n, GROWTH);
	return made + GROWTH;
}

static size_t uneven_length(size_t i)
{
	return i % 7 == 0 ? BLOCK : 1 + i * i % 40;
}

static void keeps_apart(size_t batch, unsigned jobs)
{
	AUTO_BUF struct buf want = { 0 };
	struct blockpool_kind kind = turning;
	struct blockpool *p = NULL;
	struct err e = { 0 };
	struct out o;
	FILE *f = tmpfile();
	kind.batch = batch;
	kind.bound = grown;
	kind.compress = grow;
	out_init(&o, fileno(f), "<test>");
	int status = blockpool_new(&kind, jobs, &p, &e);
	if (status == 0)
		blockpool_start(p, &o, NULL, NULL);
	for (size_t i = 0; status == 0 && i < UNEVEN; i++) {
		char data[BLOCK];
		size_t len = uneven_length(i);
		for (size_t k = 0; k < len; k++)
			data[len - 1 - k] = *(char *)buf_extend(&want, 1) = (char)(i * 31 + k);
		memset(buf_extend(&want, GROWTH), (char)i, GROWTH);
		if (blockpool_write(p, data, len, &e) < 0 || blockpool_cut(p, &e) < 0)
			status = -1;
	}
	OK(status == 0 && blockpool_finish(p, &e) == 0 && out_flush(&o, &e) == 0);
	OK(holds(f, &want));
	blockpool_free(p);
	out_drop(&o);
	fclose(f);
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

/* The second output of a pool fails, by a block in the middle of a batch or by who is told. */
static int fifth_fails(void *calls, const struct blockpool_made *made, struct err *e)
{
	(void)made;
	return ++*(int *)calls == 5 ? err_set(e, 0, "told too much") : 0;
}

static void fails_later(struct blockpool_kind kind, const char *message)
{
	AUTO_DIGEST struct digest *d = digest_new();
	struct err e = { 0 };
	struct blockpool *p = NULL;
	struct out o;
	int calls = 0;
	kind.batch = 2 * BLOCK;
	OK(blockpool_new(&kind, 3, &p, &e) == 0);
	out_init_digest(&o, d);
	blockpool_start(p, &o, NULL, NULL);
	OK(blockpool_write(p, "x", 1, &e) == 0 && blockpool_finish(p, &e) == 0);
	blockpool_start(p, &o, fifth_fails, &calls);
	OK(write_cuts(p, 'x', &e) < 0);
	STREQ(e.msg, message);
	blockpool_free(p);
	out_drop(&o);
	err_clear(&e);
}

static void fails(void)
{
	AUTO_BUF struct buf data = { 0 };
	struct blockpool_kind kind = turning;
	FILE *f = tmpfile();
	memset(buf_extend(&data, (size_t)BLOCKS * BLOCK), 'x', (size_t)BLOCKS * BLOCK);
	kind.compress = nothing;
	STREQ(send(&kind, 3, &data, data.len, f), "cannot compress: Cannot allocate memory");
	kind.start = few_contexts;
	for (unsigned n = 0; n < 3; n++) {
		contexts = n;
		STREQ(send(&kind, n + 1, &data, data.len, f),
		      "cannot start compression: Cannot allocate memory");
	}
	fclose(f);
}

int main(void)
{
	keeps_order();
	makes_outputs(turning, 0);
	makes_outputs(turning, 2 * BLOCK + 1);
	makes_outputs(turning, (size_t)BLOCKS * BLOCK); /* more than what it takes together */
	for (unsigned jobs = 1; jobs < 5; jobs++) {
		keeps_apart(1, jobs);
		keeps_apart(2 * BLOCK, jobs);
	}
	counts_blocks(0, "0");
	counts_blocks(1, "x");
	counts_blocks(BLOCK, "x");
	counts_blocks(BLOCK + 1, "xx");
	fails();
	fails_later(turning, "told too much");
	struct blockpool_kind without_memory = turning;
	without_memory.compress = not_the_fourth;
	fails_later(without_memory, "cannot compress: Cannot allocate memory");
	return TAP_END;
}
