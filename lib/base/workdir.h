/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_WORKDIR_H
#define LAYERPIPE_WORKDIR_H

/* Directories that a pipeline works in: made so that their place has no say in what comes into
 * them, removed so that nothing else goes. */

#include "base/err.h"
#include "base/mem.h"

/*
 * Makes a directory, which must not be there yet: ours alone, empty, with neither the set-group-ID
 * bit nor the access control lists that its parent hands down.
 */
MUST_USE int workdir_make(const char *path, struct err *e);

/*
 * Removes a directory with all that is in it, whatever the modes; one that is not there is fine.
 * No link is followed. What is mounted in it is unmounted; where that is not permitted it stays,
 * and so do the directories on the way to it, and that is an error. A directory of another owner
 * is refused.
 */
MUST_USE int workdir_remove(const char *path, struct err *e);

/* Gives a directory the name to; an empty directory of that name makes way. */
MUST_USE int workdir_rename(const char *path, const char *to, struct err *e);

#endif
