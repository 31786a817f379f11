/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGEFILE_DIR_H
#define LAYERPIPE_IMAGEFILE_DIR_H

/* A directory in the place of an archive: the part of imagefile that opens what is in one. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/intern.h"
#include "base/mem.h"

/* Starts as { .fd = a directory }, borrowed. */
struct imagefile_dir {
	int fd;
	/* private: what has been opened, by the name's number */
	struct intern names;
	struct imagefile_dir_file {
		int fd;
		uint64_t size;
	} * files;
	size_t cap;
};

bool imagefile_dir_has(const struct imagefile_dir *d, const char *name);

/*
 * Opens a regular file below the directory; it stays open until
 * imagefile_dir_free(). Symbolic links are followed inside the directory and
 * to the Nix store, or, where the name is a digest, anywhere: whoever reads
 * such a file compares its bytes. *number is that of its name, for
 * names.strings and files.
 */
MUST_USE int imagefile_dir_find(struct imagefile_dir *d, const char *name, uint32_t *number,
				struct err *e);

void imagefile_dir_free(struct imagefile_dir *d);

#endif
