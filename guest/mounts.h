/* SPDX-License-Identifier: MIT */
#ifndef GUEST_MOUNTS_H
#define GUEST_MOUNTS_H

/* The root directory that the script sees. */

#include "err.h"
#include "job.h"
#include "mem.h"
#include "place.h"

/*
 * Takes out of the upper directory what the script left of the places that the
 * layers did not have, unless something is in it.
 */
void mounts_forget(const struct job *j);

/*
 * Lays upper over lower, mounts all there is to mount in it, and makes it the
 * root; for a process in its own mount and process namespaces.
 */
MUST_USE int mounts_enter(const struct job *j, const struct place *p, struct err *e);

#endif
