/* SPDX-License-Identifier: MIT */
#include "tar/zstdchunked.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/digest.h"
#include "tar/blockpool.h"
#include "tar/filepieces.h"
#include "tar/tarpush.h"
#include "tar/tarsplit.h"
#include "tar/zstdblock.h"
#include "tar/zstdpack.h"
#include "tar/zstdtoc.h"

/*
 * A piece of a file and what follows it up to the next, at most TAIL bytes, are one frame: a client
 * takes as many bytes of a frame as the piece has. Headers of files with contents so cost no frame
 * of their own.
 */
enum { LEVEL = 3, TAIL = 4 << 10, BATCH = 64 << 10 };

/* Clients do not read longer tables. */
#define TABLE_MAX (UINT64_C(150) << 20)

enum { SKIPPABLE_HEADER = 8, FOOTER = 64 };

/* A skippable frame of the blob. */
struct part {
	struct zstdpack *pack;
	char hex[DIGEST_HEX_LEN + 1];
	uint64_t offset; /* of what is in it */
};

struct zstdchunked {
	struct out *o;
	struct blockpool *pool;
	struct tarpush *tar;
	struct zstdtoc *toc;
	struct tarsplit *split;
	struct part table, tarsplit;
	bool plain;     /* there will be no table */
	size_t tail;    /* bytes since the last piece, up to TAIL */
	uint64_t left;  /* contents of the file still to come */
	uint64_t frame; /* that the piece begins */
	struct filepieces *cutter;
	bool later;      /* the piece is not the first of its file */
	size_t in_piece; /* bytes of it so far */
	struct digest *file_digest;
};

/* --- frames --- */

static void *start(void)
{
	static const struct zstdblock_setting level = { ZSTD_c_compressionLevel, LEVEL };
	return zstdblock_start(&level, 1);
}

const struct blockpool_kind zstdchunked_kind = { .block = FILEPIECES_LONG + TAIL,
						 .batch = BATCH,
						 .bound = ZSTD_compressBound,
						 .jobs = 3,
						 .buffers = 9,
						 .start = start,
						 .compress = zstdblock_compress,
						 .end = zstdblock_end };

static int frame_written(void *chunked, const struct blockpool_made *frame, struct err *e)
{
	struct zstdchunked *c = chunked;
	return zstdtoc_frame(c->toc, frame->len, frame->digest, e);
}

/* --- what the tar is made of --- */

/* The digest of the first piece is that of the file so far, and nobody else need compute it. */
static void end_piece(struct zstdchunked *c)
{
	unsigned char raw[DIGEST_LEN];
	if (c->later)
		blockpool_digest(c->pool);
	else
		digest_so_far(c->file_digest, raw);
	zstdtoc_piece(c->toc, c->frame, c->in_piece, c->later ? NULL : raw);
	c->in_piece = 0;
	c->later = true;
}

static void end_file(struct zstdchunked *c)
{
	unsigned char whole[DIGEST_LEN];
	end_piece(c);
	digest_raw(c->file_digest, whole);
	zstdtoc_file_end(c->toc, whole);
	c->tail = 0;
	c->later = false;
}

static int between(void *chunked, const void *data, size_t len, struct err *e)
{
	struct zstdchunked *c = chunked;
	const char *from = data;
	if (!c->plain)
		tarsplit_between(c->split, data, len);
	if (!c->plain && tarpush_ended(c->tar) && tarsplit_cut(c->split, e) < 0)
		return -1;
	if (c->tail < TAIL) {
		size_t n = TAIL - c->tail < len ? TAIL - c->tail : len;
		c->tail += n;
		if (blockpool_write(c->pool, from, n, e) < 0 ||
		    (c->tail == TAIL && blockpool_cut(c->pool, e) < 0))
			return -1;
		from += n;
		len -= n;
	}
	return blockpool_write(c->pool, from, len, e);
}

static int member(void *chunked, const struct tar_entry *entry, struct err *e)
{
	struct zstdchunked *c = chunked;
	c->left = entry->size;
	filepieces_file(c->cutter, entry->size);
	if (!c->plain && !zstdtoc_member(c->toc, entry))
		c->plain = true;
	return c->plain ? 0 : tarsplit_member(c->split, entry->name, entry->size, e);
}

/* Contents of one piece. */
static int piece(void *chunked, const void *data, size_t len, bool first, struct err *e)
{
	struct zstdchunked *c = chunked;
	if (first) {
		if (c->in_piece)
			end_piece(c);
		if (blockpool_cut(c->pool, e) < 0)
			return -1;
		c->frame = blockpool_blocks(c->pool);
	}
	digest_add(c->file_digest, data, len);
	c->in_piece += len;
	return blockpool_write(c->pool, data, len, e);
}

static int contents(void *chunked, const void *data, size_t len, struct err *e)
{
	struct zstdchunked *c = chunked;
	if (c->plain)
		return blockpool_write(c->pool, data, len, e);
	c->left -= len;
	if (tarsplit_contents(c->split, data, len, e) < 0 ||
	    filepieces_write(c->cutter, data, len, e) < 0)
		return -1;
	if (c->left == 0)
		end_file(c);
	return 0;
}

static const struct tarpush_parts parts = { between, member, contents };

/* --- the whole --- */

struct zstdchunked *zstdchunked_new(struct blockpool *pool)
{
	struct zstdchunked *c = xcalloc(1, sizeof *c);
	c->pool = pool;
	c->table.pack = zstdpack_new();
	c->tarsplit.pack = zstdpack_new();
	return c;
}

/* Frees what belongs to one output. */
static void end_output(struct zstdchunked *c)
{
	tarpush_free(c->tar);
	filepieces_free(c->cutter);
	zstdtoc_free(c->toc);
	tarsplit_free(c->split);
	digest_free(c->file_digest);
}

void zstdchunked_start(struct zstdchunked *c, struct out *o)
{
	end_output(c);
	zstdpack_clear(c->table.pack);
	zstdpack_clear(c->tarsplit.pack);
	c->o = o;
	c->cutter = filepieces_new(piece, c);
	c->tar = tarpush_new(&parts, c);
	c->toc = zstdtoc_new(c->table.pack);
	c->split = tarsplit_new(c->tarsplit.pack);
	c->file_digest = digest_new();
	c->plain = c->later = false;
	c->tail = c->in_piece = 0;
	blockpool_start(c->pool, o, frame_written, c);
}

int zstdchunked_write(struct zstdchunked *c, const void *data, size_t len, struct err *e)
{
	if (tarpush_write(c->tar, data, len, e) < 0)
		return -1;
	c->plain = c->plain || !tarpush_understood(c->tar);
	return 0;
}

static void le(char *to, unsigned bytes, uint64_t value)
{
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (char)(value >> 8 * i);
}

static int skippable(struct zstdchunked *c, const void *data, size_t len, struct err *e)
{
	char header[SKIPPABLE_HEADER] = { 0x50, 0x2a, 0x4d, 0x18 };
	le(header + 4, 4, len);
	return out_write(c->o, header, sizeof header, e) < 0 ? -1 : out_write(c->o, data, len, e);
}

static int write_part(struct zstdchunked *c, struct part *part, uint64_t *at, struct err *e)
{
	const struct buf *frame = zstdpack_frame(part->pack);
	part->offset = *at + SKIPPABLE_HEADER;
	*at = part->offset + frame->len;
	return skippable(c, frame->s, frame->len, e);
}

/* What a reader without annotations begins with. */
static int footer(struct zstdchunked *c, struct err *e)
{
	const uint64_t numbers[] = { c->table.offset,
				     zstdpack_frame(c->table.pack)->len,
				     zstdpack_length(c->table.pack),
				     1,
				     c->tarsplit.offset,
				     zstdpack_frame(c->tarsplit.pack)->len,
				     zstdpack_length(c->tarsplit.pack) };
	char data[FOOTER] = "";
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		le(data + 8 * i, 8, numbers[i]);
	memcpy(data + FOOTER - 8, "GNUlInUx", 8);
	return skippable(c, data, sizeof data, e);
}

static int write_table(struct zstdchunked *c, struct err *e)
{
	uint64_t at = zstdtoc_frames_length(c->toc);
	if (tarsplit_end(c->split, e) < 0 ||
	    zstdpack_end(c->tarsplit.pack, c->tarsplit.hex, e) < 0 ||
	    zstdtoc_end(c->toc, c->tarsplit.hex, e) < 0 ||
	    zstdpack_end(c->table.pack, c->table.hex, e) < 0)
		return -1;
	if (zstdpack_length(c->table.pack) > TABLE_MAX ||
	    zstdpack_frame(c->tarsplit.pack)->len > TABLE_MAX) {
		c->plain = true;
		return 0;
	}
	return write_part(c, &c->table, &at, e) < 0 || write_part(c, &c->tarsplit, &at, e) < 0 ||
			       footer(c, e) < 0
		       ? -1
		       : 0;
}

int zstdchunked_finish(struct zstdchunked *c, struct err *e)
{
	if (filepieces_flush(c->cutter, e) < 0 || blockpool_finish(c->pool, e) < 0)
		return -1;
	c->plain = c->plain || !tarpush_ended(c->tar);
	return c->plain ? 0 : write_table(c, e);
}

static void add_place(struct buf *b, const struct part *part)
{
	buf_addf(b, "%" PRIu64 ":%zu:%" PRIu64, part->offset, zstdpack_frame(part->pack)->len,
		 zstdpack_length(part->pack));
}

char *zstdchunked_place(const struct zstdchunked *c)
{
	struct buf b = { 0 };
	if (c->plain)
		return NULL;
	buf_addf(&b, "toc sha256:%s ", c->table.hex);
	add_place(&b, &c->table);
	buf_adds(&b, " tar-split ");
	add_place(&b, &c->tarsplit);
	return b.s;
}

char *zstdchunked_about(void)
{
	return xasprintf("zstd:chunked 1: libzstd %s, level %d, pieces of %d to %d",
			 ZSTD_versionString(), LEVEL, FILEPIECES_BLOCK, FILEPIECES_LONG);
}

void zstdchunked_free(struct zstdchunked *c)
{
	if (!c)
		return;
	end_output(c);
	zstdpack_free(c->table.pack);
	zstdpack_free(c->tarsplit.pack);
	free(c);
}
