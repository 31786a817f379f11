/* SPDX-License-Identifier: MIT */
#ifndef GUEST_MOUNTS_H
#define GUEST_MOUNTS_H

/* The root directory that the script sees. */

#include "err.h"
#include "job.h"
#include "mem.h"
#include "place.h"

/*
 * Directories and files to mount on that the layers lack, made in a layer of
 * their own between lower and upper; owned. Starts as { 0 }.
 */
struct helpers {
	char **paths; /* relative, a directory before what is in it */
	size_t n, cap;
};

MUST_USE int mounts_prepare(const struct job *j, const struct place *p, struct helpers *h,
			    struct err *e);

/* Takes out of the upper directory what the script left of them, unless something is in it. */
void mounts_forget(const struct helpers *h);

/*
 * Lays upper over places over lower, mounts all there is to mount in it, and makes it the
 * root; for a process in its own mount and process namespaces.
 */
MUST_USE int mounts_enter(const struct job *j, const struct place *p, struct err *e);

#endif
