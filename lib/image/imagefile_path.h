/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGEFILE_PATH_H
#define LAYERPIPE_IMAGEFILE_PATH_H

/*
 * Names of members, for the parts of imagefile: "a/b", without ".", ".." or
 * empty components. Text only; no file system is looked at.
 */

#include "base/err.h"
#include "base/mem.h"

enum { IMAGEFILE_MAX_NAME = 4096 }; /* bytes */

/*
 * Sets path to the name: "" where it stands for the root. ".." takes the part
 * before it away. Refuses absolute names, those that lead out of the root, and
 * more than IMAGEFILE_MAX_NAME bytes.
 */
MUST_USE int imagefile_path_set(struct buf *path, const char *name, struct err *e);

/*
 * Goes from the directory that path names to where a link's text leads.
 * Refuses an absolute text and ".." at the root, as leading outside.
 */
MUST_USE int imagefile_path_follow(struct buf *path, const char *link, struct err *e);

/* Cuts off the last component: the directory that path is in. */
void imagefile_path_up(struct buf *path);

#endif
