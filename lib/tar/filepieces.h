/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_FILEPIECES_H
#define LAYERPIPE_FILEPIECES_H

/*
 * Cutting files into pieces so that most are the same when store paths in
 * them have other hashes: a file is seen as blocks of one size, those with
 * store paths are pieces by themselves, and those without are long ones. A
 * hash has the same length as another, so another version is cut in the same
 * places.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/* Fuzz targets take less: buffers cost time. */
#ifndef FILEPIECES_MOST
#define FILEPIECES_MOST (1 << 20)
#endif

/* Bytes of a block, of the longest piece without a store path, and of the longest with one. */
enum {
	FILEPIECES_BLOCK = 4 << 10,
	FILEPIECES_LONG = FILEPIECES_MOST,
	FILEPIECES_SHORT = FILEPIECES_LONG < 64 << 10 ? FILEPIECES_LONG : 64 << 10
};

/* Takes some contents; first: a piece begins with them. */
typedef int filepieces_give(void *context, const void *data, size_t len, bool first, struct err *e);

struct filepieces;

/* context is borrowed. */
struct filepieces *filepieces_new(filepieces_give *give, void *context);

/* The next file, of size bytes. */
void filepieces_file(struct filepieces *f, uint64_t size);

/* Some of its contents; with the last of them all is given out. */
MUST_USE int filepieces_write(struct filepieces *f, const void *data, size_t len, struct err *e);

/* Gives out what there is of a file that ends too early. */
MUST_USE int filepieces_flush(struct filepieces *f, struct err *e);

void filepieces_free(struct filepieces *f);

#endif
