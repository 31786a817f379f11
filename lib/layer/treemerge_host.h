/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_TREEMERGE_HOST_H
#define LAYERPIPE_TREEMERGE_HOST_H

/* Looking at the host for treemerge.h. Failures are told by errno. */

#include <stdbool.h>
#include <sys/stat.h>

#include "layer/treemerge.h"

/* Opens base 0. */
MUST_USE int treemerge_open_root(struct treemerge *m, struct err *e);

void treemerge_close(struct treemerge *m);

/* Adds a base of that name, which is opened when it is used. */
uint32_t treemerge_base(struct treemerge *m, const char *name);

/* open(2) of a place; links are for the path itself only, as no other is part of it. */
int treemerge_open(struct treemerge *m, const struct treemerge_place *place, int flags);

/*
 * Where the path of a place leads, links followed, and what is there. What
 * leaves a base goes on in base 0, but for a relative link that leaves an
 * operand where there is a root_dir: that is ENOENT. Free to->path.
 */
int treemerge_follow(struct treemerge *m, const struct treemerge_place *from,
		     struct treemerge_place *to, struct stat *st);

/* Whether that is a directory, which is quicker to find out. */
bool treemerge_leads_to_dir(struct treemerge *m, const struct treemerge_place *from);

bool treemerge_same_file(struct treemerge *m, const struct treemerge_place *a,
			 const struct treemerge_place *b);

#endif
