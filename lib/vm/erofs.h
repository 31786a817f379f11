/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_EROFS_H
#define LAYERPIPE_EROFS_H

/*
 * Writes a file tree as a file system that the kernel can mount, read-only:
 * EROFS, uncompressed, in blocks of 4 KiB; Linux 5.4 and later, fs/erofs/erofs_fs.h.
 */

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "layer/layertree.h"

/*
 * Names of one file share an inode; times are in whole seconds. layers is a
 * file, borrowed, where the contents of files lie at the tree's offsets. What
 * is made is written in order, in whole blocks; o must be at its beginning.
 * The overlay file system's own attributes are left out.
 *
 * What the kernel could not give back is an error with its errno where it has
 * one, and begins with name: a file's name above 255 bytes, a symbolic link
 * to more than 4095 bytes, owners above 32 bits, device numbers above 12 and
 * 20 bits, attributes the kernel has no place for.
 */
MUST_USE int erofs_write(const struct layertree *t, const char *name, int layers, struct out *o,
			 struct err *e);

#endif
