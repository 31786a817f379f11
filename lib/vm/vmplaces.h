/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_VMPLACES_H
#define LAYERPIPE_VMPLACES_H

/* Places of a root directory to mount on. */

#include "base/err.h"
#include "base/mem.h"
#include "layer/layertree.h"
#include "tar/tar.h"

/*
 * Adds what is missing of a path to the tree, all of it 0:0 and of time 0:
 * directories of mode 0755, and as the last part a directory (TAR_DIR) or an
 * empty file (TAR_FILE) of the given mode. Nothing is added below a symbolic
 * link, which may lead to the place. Appends the paths of what was added, each
 * with its NUL and a directory before what is in it, to made.
 */
MUST_USE int vmplaces_add(struct layertree *t, const char *path, enum tar_type type, unsigned mode,
			  struct buf *made, struct err *e);

#endif
