/* SPDX-License-Identifier: MIT */
#ifndef GUEST_UNPACK_H
#define GUEST_UNPACK_H

/*
 * Unpacks a tar into a directory. No symbolic link is followed and no ".."
 * taken, wherever it stands: nothing outside of the directory is reached.
 */

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/source.h"
#include "vm/guest/channel.h"

struct unpack {
	int root; /* where to, an empty directory; borrowed */
	int base; /* what is below it: parents that are missing look as they do there; -1 */
	const char *opaque; /* the tar is a layer, and this attribute marks what hides all below */
	bool lenient;       /* leaves out what this system has no place for: devices, attributes */
	const struct channels *channels; /* where it says what was left out */
	bool has_root;                   /* set: the tar had an entry for the root itself */
};

MUST_USE int unpack_tar(struct unpack *u, struct source *tar, struct err *e);

/* Gives name in the directory to the mode, owner and attributes of another directory. */
MUST_USE int unpack_like(int from, int to, struct err *e);

#endif
