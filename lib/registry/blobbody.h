/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_BLOBBODY_H
#define LAYERPIPE_BLOBBODY_H

/*
 * The bytes of a blob on their way into a request. They are hashed as they go, and the last of them
 * is not handed out before the digest is seen to be right. A named pipe, as layer-serve has them,
 * may stand for the file: it is opened without waiting for who writes into it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"

struct blobbody {
	int dir;            /* of the layout; borrowed */
	const char *digest; /* "sha256:HEX" as it must be; borrowed */
	uint64_t size;      /* as it must be */
	/* private */
	int fd;
	bool pipe;
	bool has_first;
	char first; /* the byte by which a pipe was seen to have some */
	uint64_t sent;
	int64_t opened;
	struct digest *hash;
};

enum { BLOBBODY_PATIENCE = 10 /* seconds for somebody to write into a pipe */ };

/* dir and digest are borrowed. */
void blobbody_init(struct blobbody *b, int dir, const char *digest, uint64_t size);

/* Opens the file, from its start, also if it was open. The size of a file must be right. */
MUST_USE int blobbody_open(struct blobbody *b, struct err *e);

/* Whether there are bytes now; else wait for blobbody_fd(), which is -1 where there always are. */
MUST_USE int blobbody_ready(struct blobbody *b, bool *ready, struct err *e);
int blobbody_fd(const struct blobbody *b);

/*
 * The next bytes, at most len; *got is 0 where there are none yet. After size bytes there are no
 * more to ask for. Errors: it ends early, or the digest is another one.
 */
MUST_USE int blobbody_read(struct blobbody *b, void *data, size_t len, size_t *got, struct err *e);

void blobbody_close(struct blobbody *b);

#endif
