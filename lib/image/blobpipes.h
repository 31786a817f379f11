/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_BLOBPIPES_H
#define LAYERPIPE_BLOBPIPES_H

/*
 * Named pipes that stand for files which are not there, while a command runs: what a file holds
 * is made when the command opens it, and each time it opens it.
 *
 * A pipe that was opened is replaced by a fresh one before anything is written, so that the next
 * reader gets all of the file. Only readers that open one file at the same moment share what is
 * written: each gets a part.
 */

#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"

/*
 * Writes file number i to o, which is flushed afterwards. threads: how many it may use. It is
 * called by several threads at once. An error ends the command; that the reader is gone (EPIPE)
 * is none.
 */
typedef int blobpipes_make(void *context, size_t i, unsigned threads, struct out *o, struct err *e);

/* All borrowed. */
struct blobpipes {
	const char *dir;          /* where the pipes shall be; nothing is followed below it */
	const char *lock;         /* held by flock(2) while names in dir change; NULL: none */
	const char *const *names; /* of the pipes, n of them; a pipe of that name is replaced */
	size_t n;
	unsigned threads; /* for one file at most, from 1 */
	blobpipes_make *make;
	void *context;
};

/* How the command ended. */
struct blobpipes_end {
	int status; /* as a shell has it; with an error: 126 or 127 if it was not started, or 0 */
	int signal; /* SIGINT, SIGTERM or SIGHUP, which this process got and passed on; 0: none */
};

/*
 * Makes the pipes, runs the command, found on PATH, until it ends, and removes the pipes. SIGINT,
 * SIGTERM and SIGHUP end the command first. What the command leaves in the background can read
 * what it has opened to the end, unless one of these signals comes. A file that takes a pipe's
 * place stays. A directory that another process serves is refused. Call it before there are other
 * threads.
 */
MUST_USE int blobpipes_run(const struct blobpipes *b, char *const command[],
			   struct blobpipes_end *end, struct err *e);

#endif
