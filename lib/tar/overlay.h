/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_OVERLAY_H
#define LAYERPIPE_OVERLAY_H

/* How the kernel's overlay file system keeps what a layer says with names. */

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Whether it hides a name of lower layers. */
static inline bool overlay_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* Whether it is one of the kernel's own attributes, which no layer may set and none gets. */
bool overlay_is_private(const char *attribute);

#endif
