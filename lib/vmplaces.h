/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_VMPLACES_H
#define LAYERPIPE_VMPLACES_H

/* Places of a root directory to mount on. */

#include "err.h"
#include "layertree.h"
#include "mem.h"

/*
 * Adds what is missing of a path to the tree: directories (0755, 0:0, time 0),
 * and what, an empty file or a directory without a name, as the last part.
 * Nothing is added below a symbolic link, which may lead to the place.
 * Appends the paths of what was added, each with its NUL and a directory
 * before what is in it, to made.
 */
MUST_USE int vmplaces_add(struct layertree *t, const char *path, const struct tar_entry *what,
			  struct buf *made, struct err *e);

#endif
