/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PLACEMENT_H
#define LAYERPIPE_PLACEMENT_H

/*
 * Where the entries of a new layer go on top of a base. In a base where
 * "bin" is a link to "usr/bin", a layer with a directory "bin" hides the
 * link, and with it every program of the base; what the layer has in "bin"
 * belongs into "usr/bin".
 */

#include "base/err.h"
#include "base/mem.h"
#include "layer/mtree.h"

/*
 * Moves the entries of m (as mtree_read() gives it) that lie below a
 * directory that is a symbolic link in base to where that link leads, links
 * on the way there followed as in a root file system: absolute targets from
 * its root, ".." not above it. The entry of such a directory itself goes.
 * Directories on the new way that m lacks get the attributes they have in
 * base; those that base lacks too are left to their defaults. A non-directory
 * of m replaces a link of base, as ever.
 *
 * Errors, naming the paths: links in a circle, a link that leads to or
 * through what is no directory in base, a non-directory in the place of a
 * link that leads others of m to theirs, two entries that come to the same
 * place unless both are directories (the one that was there by its own name
 * then wins).
 */
MUST_USE int placement_apply(struct mtree *m, const struct mtree *base, struct err *e);

#endif
