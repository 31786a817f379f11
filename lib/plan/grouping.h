/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_GROUPING_H
#define LAYERPIPE_GROUPING_H

/* Layers that somebody decided on: layer-plan(1) "Groups". */

#include "plan/merge.h"

/*
 * Reads lines of a group's name and a glob (fnmatch(3)). A path belongs to
 * the first line whose glob is like its name, or like the whole path where
 * the glob begins with a slash; a glob behind "source:" counts for all paths
 * of the source of each path that it is like. Where the group is absent, the
 * path belongs to a group of its own. Appends the groups that have paths,
 * closed, to the *n there are; there must be room for one a path.
 */
MUST_USE int grouping_read(const struct graph *g, int fd, const char *name,
			   struct merge_group *groups, uint32_t *n, struct err *e);

#endif
