/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_OCILAYOUT_H
#define LAYERPIPE_OCILAYOUT_H

/*
 * Writing an OCI image layout, or adding an image to one (OCI Image Format
 * Specification, "Image Layout"). Nothing is seen of it before
 * ocilayout_commit(): a new directory then appears by rename; in a layout
 * that is there, blobs get their names and then the index is replaced, under
 * a lock.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/outfile.h"

struct ocilayout;

/*
 * Whether a path stands for an archive rather than a directory: it ends in .tar, .tar.gz or
 * .tar.zst, or is a regular file.
 */
bool ocilayout_is_archive(const char *path);

/* A directory that does not exist yet, that is empty or that is a layout. */
MUST_USE int ocilayout_new(const char *path, struct ocilayout **l, struct err *e);

/* What messages call it. */
const char *ocilayout_path(const struct ocilayout *l);

/*
 * Whether a layout that is there has the blob, going by its size. If so, ocilayout_commit() fails
 * where it is gone by then.
 */
bool ocilayout_expect(struct ocilayout *l, const char *hex, uint64_t size);

/* A file for a blob whose digest is not known yet, where its bytes will stay. */
MUST_USE int ocilayout_blob(struct ocilayout *l, struct outfile **f, struct err *e);

/* Takes the file over: size bytes, all written, with the digest hex; no two have the same. */
void ocilayout_keep(struct ocilayout *l, struct outfile *f, const char *hex, uint64_t size);

/* A blob of text. */
MUST_USE int ocilayout_text(struct ocilayout *l, const char *hex, const struct buf *text,
			    struct err *e);

/*
 * Gives everything its name; index is that of the new image alone. A blob that is there with the
 * same size is kept. Signals that would end the process are put off while names are given.
 */
MUST_USE int ocilayout_commit(struct ocilayout *l, const struct buf *index, struct err *e);

/* Ends it; without ocilayout_commit() nothing is left. */
void ocilayout_free(struct ocilayout *l);

/* For __attribute__((cleanup)). */
void ocilayout_cleanup(struct ocilayout **l);
#define AUTO_OCILAYOUT __attribute__((cleanup(ocilayout_cleanup)))

#endif
