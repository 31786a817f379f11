/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_SPOOL_H
#define LAYERPIPE_SPOOL_H

/* A place on disk for what has to be known whole before it can be sent. */

#include <stddef.h>

#include "err.h"
#include "mem.h"

/*
 * Opens an empty file without a name in TMPDIR (/tmp where that is not set),
 * to be written and read. It goes when it is closed.
 */
MUST_USE int spool_open(int *fd, struct err *e);

MUST_USE int spool_write(int fd, const void *data, size_t len, struct err *e);

/* Back to the beginning. */
MUST_USE int spool_rewind(int fd, struct err *e);

/* Reads up to len bytes; *got is 0 at the end only. */
MUST_USE int spool_read(int fd, void *data, size_t len, size_t *got, struct err *e);

#endif
