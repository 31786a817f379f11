/* SPDX-License-Identifier: MIT */
#ifndef GUEST_PLACE_H
#define GUEST_PLACE_H

/*
 * Where the guest works: its root directory, a file system of its own, with
 * the directories that PLACE_* name. Made by machine.h or userns.h.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

#define PLACE_DEV    "/dev"
#define PLACE_LOWER  "/lower"
#define PLACE_UPPER  "/upper"
#define PLACE_WORK   "/work"
#define PLACE_MERGED "/merged"
#define PLACE_MOUNTS "/mounts"
#define PLACE_NODES  "/nodes" /* the host's, read-only: its /dev */

struct place {
	bool userns;        /* in namespaces of the host, not in a machine */
	const char *opaque; /* the overlay file system's attribute for a directory that hides all */
};

/* Makes the directories in the current one. */
MUST_USE int place_make(struct err *e);

/* Where the job's mounts lie, the first is 0. Free it. */
char *place_mount(size_t n);

/* Takes the nodes of the host's /dev along, in the current directory. */
MUST_USE int place_take_nodes(struct err *e);

/* Mounts on PLACE_DEV, in the root directory, what a script expects of it: with new nodes, or with
 * those that were taken along. */
MUST_USE int place_make_dev(bool taken, struct err *e);

/* A detached mount of what is at the path. */
MUST_USE int place_clone(const char *path, bool read_only, int *mount, struct err *e);

/* A detached mount of a new file system of that type; -1, and errno. */
int place_new(const char *type);

/* Mounts it at the path, where a directory or file is made for it. */
MUST_USE int place_put(int mount, const char *path, struct err *e);

#endif
