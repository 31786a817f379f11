/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PATHDIFF_H
#define LAYERPIPE_PATHDIFF_H

/* Which paths differ in the layers that two images do not share: image-diff(1), --paths. */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "image/imagesummary.h"

enum pathdiff_status { PATHDIFF_ADDED, PATHDIFF_REMOVED, PATHDIFF_CHANGED };

struct pathdiff_line {
	enum pathdiff_status status;
	char *path;    /* layersummary_name(), owned */
	uint64_t a, b; /* bytes of its contents in each image; of a store path, of all its files */
};

/* In order of path, mtree_compare(). */
struct pathdiff {
	const struct imagesummary *a, *b; /* borrowed */
	struct pathdiff_line *lines;      /* owned */
	size_t n;
	size_t cap;
};

/*
 * Compares what the removed layers hold with what the added ones do. A path
 * that both have is changed if its contents, kind, mode, owner, time, link or
 * attributes differ; of a directory the time does not count. A directory that
 * is added or removed with something in it is left out. Refuses lists. The
 * caller frees it with pathdiff_free(), before the images.
 */
MUST_USE int pathdiff_make(const struct imagesummary *a, const struct imagesummary *b,
			   struct pathdiff *d, struct err *e);

void pathdiff_free(struct pathdiff *d);

#define AUTO_PATHDIFF __attribute__((cleanup(pathdiff_free)))

/* For people. */
void pathdiff_text(const struct pathdiff *d, struct buf *b);

/* A line a path. */
void pathdiff_tsv(const struct pathdiff *d, struct buf *b);

#endif
