/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_OUT_H
#define LAYERPIPE_OUT_H

/*
 * Buffered output on a descriptor. An error sticks: later calls do nothing
 * and out_close() reports the first one, so that callers in a loop need to
 * look only where they want to stop early.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"

enum { OUT_BUFFER = 256 << 10 };

/* Takes all of data. */
typedef int out_function(void *context, const void *data, size_t len, struct err *e);

struct out {
	int fd;           /* borrowed */
	const char *name; /* borrowed; for messages: "<stdout>" or a file name */
	uint64_t written; /* bytes handed to the functions below so far */
	/* private */
	struct digest *digest;
	out_function *function;
	void *context;
	struct digest *also;
	int pipe;
	int held;
	struct buf buf;
	int failed; /* errno of the first failure */
};

void out_init(struct out *o, int fd, const char *name);

/*
 * From now on nothing is written before out_flush() or out_close(): who fails
 * until then has written nothing. What is held is in memory.
 */
void out_hold(struct out *o);

/* Output that goes to a function. End it with out_flush() and out_drop(). */
void out_init_function(struct out *o, out_function *function, void *context);

/* Output that is only hashed; the digest is borrowed. End it with out_flush() and out_drop(). */
void out_init_digest(struct out *o, struct digest *digest);

/*
 * From now on what is written is hashed as well, until it is called with NULL. The digest is
 * borrowed. Not with out_hold().
 */
MUST_USE int out_also_digest(struct out *o, struct digest *digest, struct err *e);

/* Writes all of data. Returns -1 after any failure, now or before. */
MUST_USE int out_write(struct out *o, const void *data, size_t len, struct err *e);

/* Writes that many zeros. */
MUST_USE int out_zeros(struct out *o, uint64_t len, struct err *e);

/*
 * Room for len bytes (at most OUT_BUFFER) right in the buffer, to be filled by the caller, who
 * then says with out_commit() how many of them count. NULL after any failure.
 */
char *out_reserve(struct out *o, size_t len, struct err *e);
void out_commit(struct out *o, size_t len);

/*
 * Copies len bytes of the file from, at its file offset; without passing through this process
 * where the system can. *copied is how many there were: fewer than len at the end of the file.
 * what names the file in messages.
 */
MUST_USE int out_copy(struct out *o, int from, const char *what, uint64_t len, uint64_t *copied,
		      struct err *e);

/* Hands what is buffered to the system. */
MUST_USE int out_flush(struct out *o, struct err *e);

/*
 * Flushes, closes the descriptor and frees the buffer: the last act of every
 * success path. A failure of any earlier write is reported here again.
 */
MUST_USE int out_close(struct out *o, struct err *e);

/* Frees the buffer and drops what is in it: for error paths. The descriptor stays open. */
void out_drop(struct out *o);

/*
 * write(2) until all is written; retries EINTR and waits where the descriptor
 * is non-blocking.
 */
MUST_USE int out_write_fd(int fd, const void *data, size_t len);

#endif
