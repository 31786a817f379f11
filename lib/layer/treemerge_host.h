/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_TREEMERGE_HOST_H
#define LAYERPIPE_TREEMERGE_HOST_H

/* Looking at the host for treemerge.h, links followed. Failures are told by errno. */

#include <stdbool.h>
#include <sys/stat.h>

#include "layer/treemerge.h"

/* Opens root_dir. */
int treemerge_open_root(struct treemerge *m);

/*
 * open(2) of a path, links followed. Where there is a root_dir, absolute links
 * are from there, and so are links that lie below it; with opt->links the path
 * itself is one below it.
 */
int treemerge_open(const struct treemerge *m, const char *host, int flags);

int treemerge_stat(const struct treemerge *m, const char *host, struct stat *st);

/* The same, and the path of what it leads to, for open(2) without a root_dir. Free it. */
int treemerge_follow(const struct treemerge *m, const char *host, char **real, struct stat *st);

bool treemerge_leads_to_dir(const struct treemerge *m, const char *host);

bool treemerge_same_file(const struct treemerge *m, const char *a, const char *b);

#endif
