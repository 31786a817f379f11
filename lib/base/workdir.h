/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_WORKDIR_H
#define LAYERPIPE_WORKDIR_H

/* Temporary directories of pipelines. Nothing of the parent directory is inherited when they are
 * made, and nothing else is deleted when they are removed. */

#include "base/err.h"
#include "base/mem.h"

/*
 * Makes a directory that must not exist yet. It is empty and only this user can enter it. It
 * inherits neither the set-group-ID bit nor access control lists of its parent.
 */
MUST_USE int workdir_make(const char *path, struct err *e);

/*
 * Removes a directory and everything in it, whatever the modes. A directory that does not exist is
 * no error. No link is followed. Mounts in it are unmounted. If that is not permitted, the mount
 * and the directories on the way to it stay, and that is an error. A directory of another owner is
 * refused.
 */
MUST_USE int workdir_remove(const char *path, struct err *e);

/* Renames a directory. If there is an empty directory of the new name, it is replaced. */
MUST_USE int workdir_rename(const char *path, const char *to, struct err *e);

#endif
