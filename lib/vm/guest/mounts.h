/* SPDX-License-Identifier: MIT */
#ifndef GUEST_MOUNTS_H
#define GUEST_MOUNTS_H

/* The root directory that the script sees. */

#include "base/err.h"
#include "base/mem.h"
#include "vm/guest/job.h"
#include "vm/guest/place.h"

/* Before the script: places that the new layer, in the upper directory, has are its own for good.
 */
void mounts_keep(struct job *j, int upper);

/*
 * After it: takes out of the upper directory what is left of the places that
 * no layer had, unless something is in it.
 */
void mounts_forget(const struct job *j, int upper);

/*
 * Lays upper over lower, mounts all there is to mount in it, and makes it the
 * root; for a process in its own mount and process namespaces.
 */
MUST_USE int mounts_enter(const struct job *j, const struct place *p, struct err *e);

#endif
