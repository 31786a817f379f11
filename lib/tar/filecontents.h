/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_FILECONTENTS_H
#define LAYERPIPE_FILECONTENTS_H

/*
 * A file's bytes on their way into a tar, where the header has announced
 * their number: exactly so many, or an error. path names the file in
 * messages.
 */

#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"

/* Opens the entry name of the directory dir: a regular file of this size, not a link to one. */
MUST_USE int filecontents_open(int dir, const char *name, const char *path, uint64_t size, int *fd,
			       struct err *e);

/* Writes the contents and their padding to the next tar block. */
MUST_USE int filecontents_write(struct out *o, int fd, const char *path, uint64_t size,
				struct err *e);

#endif
