/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_OUTFILE_H
#define LAYERPIPE_OUTFILE_H

/*
 * A file that appears by rename, whole or not at all. Until then it has no
 * name (O_TMPFILE) where the file system can do that, so that nothing is left
 * of it however the process ends; elsewhere, and for the moment in which it
 * takes another file's place, it has a temporary name beside its own, which
 * SIGINT, SIGTERM, SIGHUP and SIGPIPE remove too.
 */

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"

struct outfile;

/*
 * Begins a file that shall appear at path, in place of a regular file that is
 * there; a symbolic link is followed. Anything else in its place is refused.
 */
MUST_USE int outfile_new(const char *path, struct outfile **f, struct err *e);

/*
 * Begins a file in a directory; it appears nowhere before outfile_commit_as() says where. Messages
 * until then call it what.
 */
MUST_USE int outfile_new_in(const char *dir, const char *what, struct outfile **f, struct err *e);

/* The temporary name number i of this process in a directory; the caller frees it. */
char *outfile_temporary(const char *dir, unsigned i);

/* Whether a name in a directory is a temporary one, of this process or another. */
bool outfile_is_temporary(const char *name);

/* The directory that path names something in; the caller frees it. */
char *outfile_directory(const char *path);

/* The descriptor to write to, and to read; it stays the file's. */
int outfile_fd(const struct outfile *f);

/* Gives the file its name. */
MUST_USE int outfile_commit(struct outfile *f, struct err *e);

/*
 * Gives a file of outfile_new_in() its name, in the same file system. What has the name is
 * replaced; a link is not followed.
 */
MUST_USE int outfile_commit_as(struct outfile *f, const char *path, struct err *e);

/* Ends it; without outfile_commit() nothing is left. */
void outfile_free(struct outfile *f);

/* For __attribute__((cleanup)). */
void outfile_cleanup(struct outfile **f);
#define AUTO_OUTFILE __attribute__((cleanup(outfile_cleanup)))

#endif
