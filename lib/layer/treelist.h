/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_TREELIST_H
#define LAYERPIPE_TREELIST_H

/* Directories of the host, merged and listed as an mtree. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "layer/treemerge.h"

/* Strings are borrowed. */
struct treelist {
	struct treemerge_options merge;
	bool in_place;   /* each operand is listed at its own path */
	bool whiteouts;  /* names that delete what lower layers have are listed, too */
	bool keep_mtime; /* the files' own times, not mtime */
	int64_t mtime;
	bool has_owner; /* uid and gid for all, else the files' own */
	uint64_t uid;
	uint64_t gid;
	const char *uname; /* NULL: not listed; with has_owner only */
	const char *gname;
};

/* Merges the n operands in order and writes the lines of layerpipe-mtree(5). */
MUST_USE int treelist_write(const struct treelist *opt, char *const *operands, int n, struct out *o,
			    struct err *e);

#endif
