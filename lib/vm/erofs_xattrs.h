/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_EROFS_XATTRS_H
#define LAYERPIPE_EROFS_XATTRS_H

/* Extended attributes in an EROFS. For erofs.c only. */

#include "base/err.h"
#include "base/mem.h"
#include "tar/tar.h"

/*
 * Appends what follows the inode: nothing, or a multiple of EROFS_XATTR_ALIGN bytes. Checks
 * that the kernel would let the file have them; path is what messages call it.
 */
MUST_USE int erofs_xattrs(struct buf *b, const struct tar_entry *entry, const char *path,
			  struct err *e);

#endif
