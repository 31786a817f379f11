/* SPDX-License-Identifier: MIT */
#ifndef GUEST_ATTRIBUTES_H
#define GUEST_ATTRIBUTES_H

/* Extended attributes of files, those of the overlay file system left out. */

#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "tar/tar.h"

/* Starts as { 0 }. */
struct attributes {
	struct tar_xattr *list; /* sorted by name */
	size_t n;
	/* private */
	size_t cap;
	struct buf names, values;
};

/*
 * Reads those of the file name, not those of what it links to. It lies in the
 * working directory; path is what messages call it. Refuses a name that has no
 * place in a tar.
 */
MUST_USE int attributes_read(struct attributes *a, const char *name, const char *path,
			     struct err *e);

void attributes_free(struct attributes *a);
#define AUTO_ATTRIBUTES __attribute__((cleanup(attributes_free)))

#endif
