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

struct place {
	bool userns;        /* in namespaces of the host, not in a machine */
	const char *opaque; /* the overlay file system's attribute for a directory that hides all */
	int *mounts;        /* a detached mount each; the machine makes them from the job */
	size_t nmounts;
};

/* Makes the directories, and what a script expects in /dev: nodes, or where bind is given, those
 * of its /dev. */
MUST_USE int place_make(bool bind, struct err *e);

/* A detached mount of what is at the path. */
MUST_USE int place_clone(const char *path, bool read_only, int *mount, struct err *e);

#endif
