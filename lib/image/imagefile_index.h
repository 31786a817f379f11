/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGEFILE_INDEX_H
#define LAYERPIPE_IMAGEFILE_INDEX_H

/* What members an archive has: the part of imagefile that reads tar headers. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/intern.h"
#include "base/mem.h"
#include "base/source.h"
#include "tar/tar.h"

enum { IMAGEFILE_MAX_NAMES = 32 << 20 }; /* bytes of all names and link targets */

/* What is known by one name. */
struct imagefile_index_entry {
	uint64_t offset; /* of the contents, in the source */
	uint64_t size;
	const char *link; /* NULL unless it is one */
	enum tar_type type;
	bool twice; /* several members have the name */
};

/* Starts as { 0 }. */
struct imagefile_index {
	struct intern names;
	struct imagefile_index_entry *entries; /* by the name's number */
	size_t cap;
	uint32_t members;
	size_t text; /* bytes of names and links so far */
};

/*
 * Reads the index of the archive, to the end of the source. size: how many
 * bytes the source has, UINT64_MAX where that is not known.
 */
MUST_USE int imagefile_index_read(struct imagefile_index *x, struct source *s, uint64_t size,
				  struct err *e);

bool imagefile_index_has(const struct imagefile_index *x, const char *name);

/* Finds a regular file, at the end of links; *number is that of its name. */
MUST_USE int imagefile_index_find(const struct imagefile_index *x, const char *name,
				  uint32_t *number, struct err *e);

void imagefile_index_free(struct imagefile_index *x);

#endif
