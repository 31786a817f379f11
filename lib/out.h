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

#include "err.h"
#include "mem.h"

struct out {
	int fd;           /* borrowed */
	const char *name; /* borrowed; for messages: "<stdout>" or a file name */
	uint64_t written; /* bytes handed to out_write() so far */
	/* private */
	struct buf buf;
	int failed; /* errno of the first failure */
};

void out_init(struct out *o, int fd, const char *name);

/* Writes all of data. Returns -1 after any failure, now or before. */
MUST_USE int out_write(struct out *o, const void *data, size_t len, struct err *e);

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
