/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_BLOCKPOOL_H
#define LAYERPIPE_BLOCKPOOL_H

/*
 * Compression in threads, for compress.c and zstdchunked.c: the input is cut
 * into blocks of fixed size, or where the caller says, each is compressed for
 * itself, and the results are written in order. So the bytes do not depend on
 * the number of threads. One pool compresses one output after the other. The
 * caller's thread is one of those that compress: it helps when it would wait.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"

/* How a kind of block is made. */
struct blockpool_kind {
	size_t block;                /* bytes of input in each block that is not cut */
	size_t batch;                /* a thread gets blocks that are cut by so many bytes */
	size_t (*bound)(size_t len); /* the most that len bytes can become, len at least */
	unsigned jobs;               /* threads at most */
	unsigned buffers;            /* of a block and a batch each at most; at least two more than
					threads */

	/* What one thread needs to compress; NULL without memory. */
	void *(*start)(void);
	/* Makes the n-th block, from 0. Returns its length, 0 without memory. */
	size_t (*compress)(void *context, uint64_t n, const void *in, size_t len, void *out,
			   size_t room);
	void (*end)(void *context);
};

struct blockpool;

/* A block that has been compressed: its length, and the digest that blockpool_digest() asked for,
 * or NULL. */
struct blockpool_made {
	size_t len;
	const unsigned char *digest;
};

/* Called for each block that has been written, in order. */
typedef int blockpool_told(void *context, const struct blockpool_made *made, struct err *e);

/* Compresses in up to jobs threads, the caller's among them; kind is borrowed. */
MUST_USE int blockpool_new(const struct blockpool_kind *kind, unsigned jobs,
			   struct blockpool **pool, struct err *e);

/* Begins an output, the first or after blockpool_finish(); o is borrowed. told: or NULL. */
void blockpool_start(struct blockpool *p, struct out *o, blockpool_told *told, void *context);
MUST_USE int blockpool_write(struct blockpool *p, const void *data, size_t len, struct err *e);

/* Ends the current block here, if it has begun. */
MUST_USE int blockpool_cut(struct blockpool *p, struct err *e);

/* Has a thread compute the digest of what the current block holds now; once a block. */
void blockpool_digest(struct blockpool *p);

/* How many blocks were ended: the number, from 0, of the one that the next byte is in. */
uint64_t blockpool_blocks(const struct blockpool *p);

/* Writes what is left and ends the output; an input without bytes is one empty block. */
MUST_USE int blockpool_finish(struct blockpool *p, struct err *e);
void blockpool_free(struct blockpool *p);

#endif
