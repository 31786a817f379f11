/* SPDX-License-Identifier: MIT */
#ifndef GUEST_BELOW_H
#define GUEST_BELOW_H

/* Paths below a directory, without a way out of it; errors are in errno. */

/* Opens a directory; no part of the path may be a link. "" is the directory itself. */
int below_dir(int dir, const char *path);

/* Opens a place to mount on, as O_PATH; links lead where they do when the directory is the root. */
int below_place(int root, const char *path);

#endif
