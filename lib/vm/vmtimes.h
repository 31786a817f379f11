/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_VMTIMES_H
#define LAYERPIPE_VMTIMES_H

/* The times that files had before the script, so that those it wrote are known. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/intern.h"
#include "base/mem.h"
#include "base/source.h"
#include "layer/layertree.h"

/* Starts as { 0 }. */
struct vmtimes {
	/* private */
	struct intern paths;
	int64_t *times; /* by number of the path */
	size_t cap;
};

/* Adds those of the layers below, and then those of the new layer, which count more. */
MUST_USE int vmtimes_add_tree(struct vmtimes *t, const struct layertree *tree, struct err *e);
MUST_USE int vmtimes_add_layer(struct vmtimes *t, struct source *layer, struct err *e);

/* Whether the path, "." or names with single slashes, had this time. */
bool vmtimes_has(const struct vmtimes *t, const char *path, int64_t time);

void vmtimes_free(struct vmtimes *t);
#define AUTO_VMTIMES __attribute__((cleanup(vmtimes_free)))

#endif
