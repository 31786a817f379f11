/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_ZSTDTOCREAD_H
#define LAYERPIPE_ZSTDTOCREAD_H

/*
 * Reads the table of contents of a zstd:chunked layer, zstd-chunked(5): which
 * pieces the files of the layer have, and where in the blob each lies. Neither
 * the table nor the blob is trusted, and no contents are decompressed. So a
 * table can say other than the tar: a client notices that when it has pulled
 * the pieces, and so does who reads the whole layer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"

/* Clients refuse longer tables, be it compressed or not. */
enum { ZSTDTOCREAD_MOST = 150 << 20 };

/* Where a blob lies; all borrowed. */
struct zstdtocread_blob {
	int fd; /* a regular file */
	uint64_t offset, size;
	const char *name; /* what messages about reading call it */
};

/* Some compressed bytes of the blob, and how many they stand for. */
struct zstdtocread_part {
	uint64_t offset, length, raw;
};

struct zstdtocread_place {
	char digest[DIGEST_HEX_LEN + 1]; /* of the compressed table */
	struct zstdtocread_part table, split;
};

/*
 * Where the table is, by what the manifest has as annotations: manifest-checksum, manifest-position
 * and tarsplit-position. Position NULL: the footer of the blob says it, and where the tar-split
 * data is; tarsplit NULL: the table comes without such data, and split is all zeros. Refused: what
 * is not of that form, lies outside of the blob or upon each other, has no header of a skippable
 * frame, or a table beyond ZSTDTOCREAD_MOST.
 */
MUST_USE int zstdtocread_find(const struct zstdtocread_blob *blob, const char *checksum,
			      const char *position, const char *tarsplit,
			      struct zstdtocread_place *place, struct err *e);

/* A piece: the first size bytes of what is in [begin, end) of the blob. */
struct zstdtocread_piece {
	uint64_t begin, end;
	uint64_t size;
	unsigned char digest[DIGEST_LEN];
	bool zeros; /* a client knows that they are zeros, and does not pull them */
};

/* A file that is not empty. Borrowed, during the call. */
struct zstdtocread_file {
	const char *name; /* as in the tar */
	uint64_t size;
	unsigned char digest[DIGEST_LEN];
	const struct zstdtocread_piece *pieces;
	size_t n;
};

typedef int zstdtocread_take(void *context, const struct zstdtocread_file *file, struct err *e);

/*
 * Gives the files in their order, one at a time; on failure some may have been given. Refused: a
 * table of another digest or length, what is no JSON of this form, names, and keys that are
 * looked at, that come twice, names that are empty or lead up, unknown types, files whose pieces do
 * not make up their size in order, and pieces that do not lie behind each other in the blob, all in
 * front of the table. Memory: some 100 bytes for each name, the pieces of one file, and the window
 * that the table's frame asks for, which decompress.h limits.
 */
MUST_USE int zstdtocread_files(const struct zstdtocread_blob *blob,
			       const struct zstdtocread_place *place, zstdtocread_take *take,
			       void *context, struct err *e);

#endif
