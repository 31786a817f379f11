/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_ZSTDTOC_H
#define LAYERPIPE_ZSTDTOC_H

/*
 * The table of contents of a zstd:chunked layer: each member of the tar, and
 * of each file the pieces with their digests and where their frames lie in
 * the blob. The form is that of containers/storage, pkg/chunked (its
 * FileMetadata and TOC). Where a frame lies is known later than what is in
 * it, so an entry waits for its frames.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/intern.h"
#include "base/mem.h"
#include "tar/tar.h"
#include "tar/zstdpack.h"

struct zstdtoc;

/* Whether the name, as a client sees it, comes for the first time; it goes into names. */
bool zstdtoc_is_new(struct intern *names, const char *name);

/* Whether a part of the name is '..': it is in no table. */
bool zstdtoc_leads_up(const char *name);

/* Starts one; it goes into the pack (borrowed). */
struct zstdtoc *zstdtoc_new(struct zstdpack *to);

/*
 * A member. Returns whether an entry can stand for it: readers want names as UTF-8 and no name
 * twice.
 */
bool zstdtoc_member(struct zstdtoc *t, const struct tar_entry *entry);

/* The next piece of the file: size bytes, at the front of that frame. NULL: its digest comes with
 * the frame. */
void zstdtoc_piece(struct zstdtoc *t, uint64_t frame, uint64_t size, const unsigned char *digest);

/* The file has had its last piece; the digest is of all of it. */
void zstdtoc_file_end(struct zstdtoc *t, const unsigned char digest[DIGEST_LEN]);

/* The next frame of the blob, of len bytes, has been written; digest is that of the piece in it, or
 * NULL. */
MUST_USE int zstdtoc_frame(struct zstdtoc *t, uint64_t len, const unsigned char *digest,
			   struct err *e);

/* Bytes of all frames so far. */
uint64_t zstdtoc_frames_length(const struct zstdtoc *t);

/* Ends the table; tarsplit is the digest of the tar-split data. */
MUST_USE int zstdtoc_end(struct zstdtoc *t, const char *tarsplit, struct err *e);
void zstdtoc_free(struct zstdtoc *t);

#endif
