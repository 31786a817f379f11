/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_SPOOL_H
#define LAYERPIPE_SPOOL_H

/* A place on disk for what has to be known whole before it can be sent. */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"

/*
 * Opens an empty file without a name in TMPDIR (/tmp where that is not set),
 * to be written and read. It goes when it is closed.
 */
MUST_USE int spool_open(int *fd, struct err *e);

MUST_USE int spool_write(int fd, const void *data, size_t len, struct err *e);

/* For who writes it by other means: says more of an error that is for want of room. Returns -1. */
MUST_USE int spool_full(struct err *e);

/*
 * Copies bytes [offset, offset + size) of it, which must be there, to o; moves
 * its file offset.
 */
MUST_USE int spool_copy(int fd, uint64_t offset, uint64_t size, struct out *o, struct err *e);

/* Back to the beginning. */
MUST_USE int spool_rewind(int fd, struct err *e);

/* Opens it once more, at its beginning: whoever gets this descriptor can read, and never write. */
MUST_USE int spool_open_reader(int fd, int *reader, struct err *e);

/* Reads up to len bytes; *got is 0 at the end only. */
MUST_USE int spool_read(int fd, void *data, size_t len, size_t *got, struct err *e);

#endif
